#include "tcp/flight_index.hpp"

namespace fairlead::tcp {

void FlightIndex::build(Chunk* first, const Chunk* end) {
    clear();
    for (Chunk* c = first; c != end; c = c->next) {
        c->filing = {};
        if (c->is_sacked) continue;
        insert(*c);
        if (c->is_lost && !c->is_retransmitted) {
            enlist(lost_.last, *c, Chunk::Queue::Lost);
            continue;
        }
        if (c->is_given_up) {
            enlist(given_up_.last, *c, Chunk::Queue::GivenUp);
            continue;
        }
        // What was sent twice lies behind what follows it in the stream.
        Chunk* before = sent_.last;
        while (before != nullptr && before->last_sent > c->last_sent) {
            before = before->filing.before;
        }
        enlist(before, *c, Chunk::Queue::Sent);
    }
}

void FlightIndex::on_sent(Chunk& c) {
    if (c.filing.queue == Chunk::Queue::None) {
        insert(c);
    } else {
        unlist(c);
    }
    enlist(sent_.last, c, Chunk::Queue::Sent);
}

void FlightIndex::on_lost(Chunk& c) {
    if (c.filing.queue == Chunk::Queue::Lost) return;
    if (c.filing.queue == Chunk::Queue::None) {
        insert(c);
    } else {
        unlist(c);
    }
    // From both ends at once: losses come in stream order, and second ones at the front.
    Chunk* low = lost_.first;
    Chunk* high = lost_.last;
    while (high != nullptr && high->begin > c.begin && low->begin < c.begin) {
        low = low->filing.after;
        high = high->filing.before;
        ++steps_;
    }
    Chunk* before = high != nullptr && high->begin < c.begin ? high
                    : low != nullptr                         ? low->filing.before
                                                             : nullptr;
    enlist(before, c, Chunk::Queue::Lost);
}

void FlightIndex::on_given_up(Chunk& c) {
    unlist(c);
    enlist(given_up_.last, c, Chunk::Queue::GivenUp);
}

void FlightIndex::remove(Chunk& c) {
    if (c.filing.queue == Chunk::Queue::None) return;
    take_out(c);
    unlist(c);
}

void FlightIndex::split(Chunk& c, Chunk& rest) {
    if (c.filing.queue == Chunk::Queue::None) return;
    insert(rest);
    enlist(&c, rest, c.filing.queue);
}

Chunk* FlightIndex::first_ending_above(Position place) const {
    Chunk* found = nullptr;
    for (Chunk* c = root_; c != nullptr; ++steps_) {
        if (c->end > place) {
            found = c;
            c = c->filing.left;
        } else {
            c = c->filing.right;
        }
    }
    return found;
}

void FlightIndex::insert(Chunk& c) {
    // A peer cannot see these ranks; that they are the same each time does it no good.
    chance_ ^= chance_ << 13;
    chance_ ^= chance_ >> 17;
    chance_ ^= chance_ << 5;
    c.filing.rank = chance_;
    Chunk** at = &root_;
    while (*at != nullptr && (*at)->filing.rank >= c.filing.rank) {
        at = c.begin < (*at)->begin ? &(*at)->filing.left : &(*at)->filing.right;
        ++steps_;
    }
    // What hangs here is parted in what lies below it and above it.
    Chunk* rest = *at;
    Chunk** low = &c.filing.left;
    Chunk** high = &c.filing.right;
    while (rest != nullptr) {
        if (rest->begin < c.begin) {
            *low = rest;
            low = &rest->filing.right;
            rest = rest->filing.right;
        } else {
            *high = rest;
            high = &rest->filing.left;
            rest = rest->filing.left;
        }
        ++steps_;
    }
    *low = *high = nullptr;
    *at = &c;
}

void FlightIndex::take_out(Chunk& c) {
    Chunk** at = &root_;
    while (*at != &c) {
        FAIRLEAD_ASSERT(*at != nullptr);
        at = c.begin < (*at)->begin ? &(*at)->filing.left : &(*at)->filing.right;
        ++steps_;
    }
    Chunk* low = c.filing.left;
    Chunk* high = c.filing.right;
    while (low != nullptr && high != nullptr) {
        if (low->filing.rank >= high->filing.rank) {
            *at = low;
            at = &low->filing.right;
            low = low->filing.right;
        } else {
            *at = high;
            at = &high->filing.left;
            high = high->filing.left;
        }
        ++steps_;
    }
    *at = low != nullptr ? low : high;
    c.filing.left = c.filing.right = nullptr;
}

void FlightIndex::enlist(Chunk* before, Chunk& c, Chunk::Queue queue) {
    c.filing.queue = queue;
    List& list = list_of(c);
    c.filing.before = before;
    c.filing.after = before == nullptr ? list.first : before->filing.after;
    (before == nullptr ? list.first : before->filing.after) = &c;
    (c.filing.after == nullptr ? list.last : c.filing.after->filing.before) = &c;
}

void FlightIndex::unlist(Chunk& c) {
    List& list = list_of(c);
    (c.filing.before == nullptr ? list.first : c.filing.before->filing.after) = c.filing.after;
    (c.filing.after == nullptr ? list.last : c.filing.after->filing.before) = c.filing.before;
    c.filing.before = c.filing.after = nullptr;
    c.filing.queue = Chunk::Queue::None;
}

FlightIndex::List& FlightIndex::list_of(const Chunk& c) {
    switch (c.filing.queue) {
        case Chunk::Queue::Lost: return lost_;
        case Chunk::Queue::GivenUp: return given_up_;
        case Chunk::Queue::Sent:
        case Chunk::Queue::None: break;
    }
    return sent_;
}

}  // namespace fairlead::tcp
