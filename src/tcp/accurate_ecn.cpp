#include "tcp/accurate_ecn.hpp"

#include <algorithm>
#include <utility>

namespace fairlead::tcp {
namespace {

constexpr std::uint32_t kCounterMask = 0xff'ffff;  // RFC 9768 §3.2.3: 24 bits travel
constexpr std::uint32_t kCounterSign = 0x80'0000;

// The difference of two such counters, which may be negative.
constexpr std::int32_t difference(std::uint32_t told, std::uint32_t known) {
    const std::uint32_t d = (told - known) & kCounterMask;
    return static_cast<std::int32_t>((d ^ kCounterSign) - kCounterSign);
}
static_assert(difference(1, 0xff'ffff) == 2 && difference(0xff'ffff, 1) == -2);

constexpr std::int32_t kAceSize = kAceMask + 1;

}  // namespace

void AccurateEcn::begin(wire::Ecn heard, bool is_syn_ack) {
    heard_ = last_codepoint_ = heard;
    if (!is_syn_ack) return;
    // RFC 9768 REQ-3.2.2.1: table 3
    if (heard == wire::Ecn::Congestion) received_marks_ = untold_ = 1;
    reflects_ = true;
}

// RFC 9768 REQ-3.2.2.3
void AccurateEcn::on_answer(std::uint8_t ace, bool checks) {
    if (checks && !may_become(sent_, codepoint_reflected(ace))) failures_ |= kAceNotHeard;
}

// RFC 9768 REQ-3.2.2.1: table 4. What carries data has the counter in the field.
void AccurateEcn::on_third(std::uint8_t ace, bool is_bare, bool checks) {
    awaits_third_ = is_bare;  // on_ack() passes it over
    if (!is_bare) return;
    if (ace == 0) {
        failures_ |= kAceNotHeard;
        return;
    }
    const bool is_unused = ace == 1 || ace == 5 || ace == 7;
    if (is_unused) return;
    const wire::Ecn reflected = codepoint_reflected(ace);
    if (checks && !may_become(sent_, reflected)) {
        failures_ |= kAceNotHeard;
    } else if (reflected == wire::Ecn::Congestion) {
        delivered_marks_ = 1;
    }
}

// Linux's tcp_ecn_received_counters(): each change is told at once, twice, so that the second tells
// which mark the last had.
// RFC 9768 REQ-3.2.2.5.1
bool AccurateEcn::on_segment(wire::Ecn codepoint, std::uint32_t segments, std::uint32_t payload) {
    constexpr int kLongWay = 22;  // bits: an option goes before the counter can wrap unheard
    const bool is_marked = codepoint == wire::Ecn::Congestion;
    if (codepoint != wire::Ecn::NotCapable) {
        has_seen_ecn_ = true;
        const std::uint32_t marks = is_marked ? std::max(segments, 1u) : 0;
        received_marks_ += marks;
        untold_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(untold_ + marks, UINT8_MAX));
        std::uint32_t& counter = received_bytes_[place_of(codepoint)];
        const std::uint32_t before = std::exchange(counter, counter + payload);
        if (payload > 0) {
            // The option begins with ECT(1): as many counters as reach this one.
            const bool is_first = codepoint == wire::Ecn::Capable1;
            const std::uint8_t needed = is_first ? 1 : is_marked ? 2 : 3;
            least_counters_ = std::max(least_counters_, needed);
            if ((before ^ counter) >> kLongWay != 0) demand_ = std::max<std::uint8_t>(demand_, 1);
        }
    }
    const bool has_changed = codepoint != last_codepoint_;
    last_codepoint_ = codepoint;
    if (has_changed || is_marked) demand_ = kTwice;
    return payload > 0 && (has_changed || untold_ >= kUntoldWithData);
}

std::uint8_t AccurateEcn::take_ace(bool has_data) {
    untold_ = 0;
    if (std::exchange(reflects_, false) && !has_data) return reflection_of(heard_);
    return static_cast<std::uint8_t>((received_marks_ + kFirstCep) & kAceMask);
}

// tcp_established_options()
// RFC 9768 REQ-3.2.3.2.3
bool AccurateEcn::wants_option(std::int64_t setting, std::int64_t beacons, Duration smoothed,
                               Instant now) const {
    constexpr std::int64_t kFull = 2;
    constexpr std::int64_t kWhateverIsHeard = 3;
    if (setting == 0) return false;
    if (setting == kWhateverIsHeard) return true;
    if (seen_ == Seen::Nothing || (failures_ & kOptionNotSent) != 0) return false;
    if (setting >= kFull || demand_ > 0) return true;
    return beacons != 0 && (now - option_sent_) * beacons >= smoothed;
}

wire::AccurateEcnOption AccurateEcn::option() const {
    wire::AccurateEcnOption o{.count = wire::AccurateEcnOption::kMostCounters,
                              .begins_with_ect1 = true};
    for (std::size_t i = 0; i < o.count; ++i) {
        const wire::Ecn codepoint = o.codepoint(i);
        o.counters[i] = (received_bytes(codepoint) + first_of(codepoint)) & kCounterMask;
    }
    return o;
}

void AccurateEcn::on_option_sent(Instant now) {
    option_sent_ = now;
    least_counters_ = 0;
    if (demand_ > 0) --demand_;
}

// tcp_accecn_option_init(): a middlebox that zeroes what it does not know.
// RFC 9768 REQ-3.2.3.2.4
void AccurateEcn::hear_option(const wire::AccurateEcnOption& option) {
    if (seen_ >= Seen::Counters) return;
    seen_ = option.count == 0 ? Seen::Empty : Seen::Counters;
    for (std::size_t i = 0; i < option.count; ++i) {
        const bool is_zeroed = first_of(option.codepoint(i)) != 0 && option.counters[i] == 0;
        if (!is_zeroed) continue;
        seen_ = Seen::Zeroed;
        failures_ |= kOptionNotHeard;
    }
}

// False: more than one counter has moved, or one has moved back.
bool AccurateEcn::take_counters(const wire::AccurateEcnOption& option) {
    const bool is_clear = likely_ != wire::Ecn::NotCapable;
    bool is_ambiguous = false;
    bool has_moved = false;
    const wire::Ecn expected = likely_;
    for (std::size_t i = 0; i < option.count; ++i) {
        const wire::Ecn codepoint = option.codepoint(i);
        std::uint32_t& known = delivered_bytes_[place_of(codepoint)];
        const std::int32_t more = difference(option.counters[i] - first_of(codepoint), known);
        known += static_cast<std::uint32_t>(more);
        const bool is_unexpected = more != 0 && codepoint != expected;
        if (more < 0 || (is_unexpected && has_moved)) is_ambiguous = true;
        if (!is_unexpected || has_moved) continue;
        likely_ = codepoint;
        has_moved = true;
    }
    if (is_ambiguous) likely_ = wire::Ecn::NotCapable;
    return is_clear && !is_ambiguous;
}

// tcp_accecn_process_option(). True: delivered_bytes_ can be believed for this ACK.
bool AccurateEcn::take_option(const Told& told) {
    constexpr std::int64_t kTooLate = (1 << 23) - 1;  // a counter may have wrapped unheard
    if ((failures_ & kOptionNotHeard) != 0) return false;
    if (told.option != nullptr) {
        hear_option(*told.option);
        return (failures_ & kOptionNotHeard) == 0 && take_counters(*told.option);
    }
    if (seen_ == Seen::Nothing) {
        if (told.sent_bytes >= kTooLate) {
            seen_ = Seen::Zeroed;
            failures_ |= kOptionNotHeard;
        }
        return false;
    }
    if (likely_ == wire::Ecn::NotCapable) return false;
    delivered_bytes_[place_of(likely_)] += static_cast<std::uint32_t>(told.delivered_bytes);
    return true;
}

// Bytes that came marked without a packet that did: somebody writes into what is fed back, and nothing
// that leaves may be marked any more.
// RFC 9768 REQ-3.2.3.2.5
void AccurateEcn::compare(const Told& told) {
    if (told.delivered >= kAceSize) may_have_wrapped_ = true;
    if (told.option == nullptr || (failures_ & kOptionNotHeard) != 0) return;
    const wire::AccurateEcnOption& o = *told.option;
    for (std::size_t i = 0; i < o.count; ++i) {
        if (o.codepoint(i) != wire::Ecn::Congestion) continue;
        const bool has_grown = has_compared_ && difference(o.counters[i], compared_bytes_) > 0;
        const bool is_alone = delivered_marks_ == compared_marks_ && !may_have_wrapped_;
        if (has_grown && is_alone) failures_ |= kAceNotHeard;
        has_compared_ = true;
        may_have_wrapped_ = false;
        compared_bytes_ = o.counters[i];
        compared_marks_ = delivered_marks_;
    }
}

namespace {

// RFC 9768, appendix A.2.1: the most marks that have the same three bits.
constexpr std::int32_t safest(std::int32_t least, std::int32_t delivered) {
    return delivered - ((delivered - least) & static_cast<std::int32_t>(kAceMask));
}
static_assert(safest(0, 8) == 8 && safest(1, 8) == 1 && safest(7, 14) == 7 && safest(6, 14) == 14);

// Appendix A.2.2, as Linux's __tcp_accecn_process(): between the least and the most by what the option
// says of bytes.
std::int32_t by_bytes(std::int32_t least, std::int32_t most, std::int64_t marked,
                      const AccurateEcn::Told& told) {
    constexpr std::int32_t kEnough = 2 * kAceSize;  // for an average to mean something
    constexpr int kSafety = 1;                      // a segment may be half as large
    if (marked == 0) return least;
    if (told.delivered >= kEnough && told.counts_well) {
        if (told.delivered_bytes <= marked) return most;
        const std::int64_t about =
            (marked * told.delivered + told.delivered_bytes - 1) / told.delivered_bytes;
        const std::int64_t whole = about & ~std::int64_t{kAceMask};
        return static_cast<std::int32_t>(std::min<std::int64_t>(most, least + whole));
    }
    if (marked > std::int64_t{least} * told.mss) return most;
    return marked < std::int64_t{most} * told.mss >> kSafety ? least : most;
}

}  // namespace

// RFC 9768 REQ-3.2.2.5.2
std::int32_t AccurateEcn::on_ack(const Told& told) {
    if (std::exchange(awaits_third_, false)) return 0;
    // RFC 9768 REQ-3.2.2.4: the field cannot be 0 so early.
    const bool is_first = !std::exchange(has_heard_ace_, true);
    if (is_first && told.has_advanced && told.ace == 0) failures_ |= kAceNotHeard;
    if (!told.is_news) return 0;
    const std::uint32_t marked_before = delivered_bytes_[place_of(wire::Ecn::Congestion)];
    const bool has_bytes = take_option(told);
    if ((failures_ & kAceNotHeard) != 0) return 0;
    const auto least =
        static_cast<std::int32_t>((told.ace - kFirstCep - delivered_marks_) & kAceMask);
    std::int32_t marks = least;
    if (told.delivered >= kAceSize) {
        marks = safest(least, told.delivered);
        if (has_bytes) {
            const std::uint32_t bytes =
                delivered_bytes_[place_of(wire::Ecn::Congestion)] - marked_before;
            marks = by_bytes(least, marks, bytes, told);
        }
    }
    delivered_marks_ += static_cast<std::uint32_t>(marks);
    compare(told);
    return marks;
}

}  // namespace fairlead::tcp
