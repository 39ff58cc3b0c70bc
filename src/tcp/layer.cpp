#include "tcp/layer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/prefetch.hpp"

namespace fairlead::tcp {
namespace {

SipKey key_from(std::span<const std::uint8_t, 16> bytes) {
    SipKey key;
    std::memcpy(&key.k0, bytes.data(), 8);
    std::memcpy(&key.k1, bytes.data() + 8, 8);
    return key;
}

}  // namespace

Layer::Layer(const Config& config, Counters& counters, PacketPool& pool, ip::Network& network,
             std::span<const std::uint8_t, 16> key)
    : config_{config},
      secret_{key_from(key)},
      isn_secret_{secret_.k1 ^ 0x6973'6e00u, secret_.k0},
      cookie_keys_{.number = {secret_.k0 ^ 0x636f'6f6bu, secret_.k1},
                   .index = {secret_.k1, secret_.k0 ^ 0x696e'6465u}},
      arena_{pool},
      metrics_{{secret_.k0 ^ 0x6d65'7472u, secret_.k1}},
      fast_open_secret_{secret_.k1 ^ 0x6661'7374u, secret_.k0 ^ 0x6f70'656eu},
      challenges_{isn_secret_},
      signatures_{secret_},
      header_options_{secret_},
      env_{config,      counters,        pool,     network,          {chunks_, arena_, backrooms_},
           gaps_,       annexes_,        metrics_, fast_open_pause_, challenges_,
           signatures_, header_options_, budget_,  woken_,           Instant{}},
      local_ports_{config} {}

Layer::~Layer() {
    const auto end_all = [&](auto& slab, auto&& end) {
        for (std::uint32_t i = 0; i < slab.capacity(); ++i) {
            if (slab.is_live(i)) end(*slab.at(i));
        }
    };
    end_all(listeners_, [&](Listener& l) { listeners_.destroy(&l); });
    end_all(requests_, [&](Request& r) {
        request_wheel_.cancel(r);
        requests_.destroy(&r);
    });
    end_all(time_waits_, [&](TimeWait& t) {
        time_wait_wheel_.cancel(t);
        time_waits_.destroy(&t);
    });
    end_all(connections_, [&](Connection& c) {
        c.drop_all(env_);
        c.end_annex(env_);
        wheel_.cancel(c);
        connections_.destroy(&c);
    });
}

Ref Layer::find(const FlowKey& key, std::uint32_t hash) const {
    return demux_.find(hash, [&](Ref ref) {
        switch (ref.kind()) {
            case Kind::Connection: return connections_.at(ref.index())->key == key;
            case Kind::Request: return requests_.at(ref.index())->key == key;
            case Kind::TimeWait:
            case Kind::None: break;
        }
        return time_waits_.at(ref.index())->key() == key;
    });
}

// --- time ---

Instant Layer::next_deadline() const {
    return std::min({wheel_.next(), request_wheel_.next(), time_wait_wheel_.next(), unfiled_lowest_,
                     to_file_lowest_});
}

void Layer::file_timers(std::vector<std::uint32_t>& numbers, std::uint8_t round) {
    for (const std::uint32_t number : numbers) {
        if (!connections_.is_live(number)) continue;
        Connection& c = *connections_.at(number);
        if (c.filing.unfiled_in != round) continue;  // it was listed anew, or filed
        c.filing.unfiled_in = 0;
        wheel_.arm_lazily(c, c.next_deadline());
    }
    numbers.clear();
}

void Layer::expire() {
    if (!to_file_.empty()) file_timers(to_file_, last_round());
    to_file_lowest_ = Instant::never();
    if (unfiled_lowest_ <= env_.now) {
        file_timers(unfiled_, round_);
        unfiled_lowest_ = Instant::never();
    }
    wheel_.expire(
        env_.now,
        [&](TimerEntry& entry) {
            auto& c = static_cast<Connection&>(entry);
            if (c.next_deadline() > env_.now) return file_timer(c);
            apply(c, c.on_timer(env_));
        },
        [](const TimerEntry& soon) { prefetch_object(static_cast<const Connection*>(&soon)); });
    request_wheel_.expire(env_.now,
                          [&](TimerEntry& entry) { ring_request(static_cast<Request&>(entry)); });
    time_wait_wheel_.expire(
        env_.now, [&](TimerEntry& entry) { forget(static_cast<TimeWait&>(entry)); },
        [&](const TimerEntry& soon) {
            demux_.prefetch(hash(static_cast<const TimeWait&>(soon).key()));
        });
}

void Layer::flush() {
    Connection* next = ready_first_;
    ready_first_ = ready_last_ = nullptr;
    while (next != nullptr) {
        Connection& c = *next;
        next = c.filing.next_ready;
        if (next != nullptr) prefetch_object(next);
        c.filing.next_ready = nullptr;
        c.filing.is_ready = false;
        if (c.filing.has_ended) {
            if (c.is_orphan()) release(c);  // else its socket still has it
            continue;
        }
        // A full device keeps the rest on the list, for the flush after it has taken some.
        if (!c.flush(env_)) make_ready(c);
        file_timer(c);
    }
}

// --- filing ---

// In the next round, after its segments, if none of them changes it again: what the application does
// in between often decides otherwise (its answer carries the ACK that was to wait), and so does the
// peer's ACK of what was sent. One that rests is taken out, for else its memory is fetched for nothing
// when it rings.
void Layer::file_timer(Connection& c) {
    const Instant due = c.next_deadline();
    if (due == Instant::never()) return wheel_.cancel(c);
    if (c.is_filed() && c.filed_at() <= due) return;
    unfiled_lowest_ = std::min(unfiled_lowest_, due);
    if (c.filing.unfiled_in == round_) return;
    c.filing.unfiled_in = round_;
    unfiled_.push_back(connections_.index_of(&c));
}

void Layer::wake(Connection& c, Readiness what) {
    if (c.socket() >= kInAcceptQueue) return;
    if (c.filing.woken == 0) woken_.push_back(c.socket());
    c.filing.woken |= what;
}

void Layer::clear_woken() { woken_.clear(); }

void Layer::make_ready(Connection& c) {
    if (c.filing.is_ready) return;
    c.filing.is_ready = true;
    (ready_last_ == nullptr ? ready_first_ : ready_last_->filing.next_ready) = &c;
    ready_last_ = &c;
}

void Layer::apply(Connection& c, const Effects& effects) {
    weigh(c, kLittle);
    if (effects.wake != 0) wake(c, effects.wake);
    if (effects.time_wait) remember(c, effects);
    if (effects.ended) {
        unfile(c);
        c.filing.has_ended = true;
        if (c.is_orphan()) release(c);
        return;
    }
    if (effects.ready) make_ready(c);
    file_timer(c);
}

// Takes it out of every table; the object stays for its socket.
void Layer::unfile(Connection& c) {
    wheel_.cancel(c);
    if (const FastOpen* f = c.fast_open(env_); f != nullptr && f->request != nullptr) {
        end_request(c, false);
    }
    if (c.filing.is_hashed) {
        demux_.erase(hash(c.key), ref_of(c));
        let_go(c.key);
        c.filing.is_hashed = false;
    }
    if (!c.filing.is_port_locked || c.is_orphan()) binds_.remove(c);
}

void Layer::release(Connection& c) {
    // Still in the ready list: flush() comes back to it.
    if (c.filing.is_ready) return;
    if (c.filing.is_counted_orphan) --orphans_;
    if (c.fast_open(env_) != nullptr) judge_end(c);
    c.drop_all(env_);
    weigh(c);
    c.end_annex(env_);
    if (signatures_.is_on()) signatures_.forget(connections_.index_of(&c));
    if (header_options_.is_on()) header_options_.forget(connections_.index_of(&c));
    connections_.destroy(&c);
}

namespace {

constexpr Duration kShortWait = 4_s;  // one that Linux counts by another name

}  // namespace

void Layer::remember(Connection& c, const Effects& effects) {
    const auto most = static_cast<std::size_t>(config_.tcp_max_tw_buckets);
    TimeWait* t = time_waits_.size() < most ? time_waits_.make() : nullptr;
    if (t == nullptr) {
        env_.counters.add(Counter::TcpExtTCPTimeWaitOverflow);
        return;
    }
    const Connection::Last last = c.last();
    t->set_key(c.key);
    t->send_next = last.send_next;
    t->receive_next = last.receive_next;
    t->window = last.window;
    t->window_scale = last.window_scale & 0xf;
    t->recent_timestamp = last.recent_timestamp;
    t->recent_taken = last.recent_taken;
    t->timestamp_offset = last.timestamp_offset;
    t->has_timestamps = last.has_timestamps;
    t->set_tos(c.options.tos);
    t->is_fin_wait_2 = effects.time_wait_state == State::FinWait2;
    demux_.replace(hash(c.key), ref_of(c), ref_of(*t));
    if (signatures_.is_on()) signatures_.detach(c.key);
    c.filing.is_hashed = false;
    t->reuse_address = c.options.reuse_address;
    t->reuse_port = c.options.reuse_port;
    t->v6_only = c.options.v6_only;
    t->is_v6 = c.options.is_v6;
    binds_.add_time_wait(*t);
    // As Linux, when the wait begins.
    env_.counters.add(effects.time_wait_for > kShortWait ? Counter::TcpExtTW
                                                         : Counter::TcpExtTWKilled);
    time_wait_wheel_.arm(*t, env_.now + effects.time_wait_for);
}

void Layer::restart(TimeWait& t) { time_wait_wheel_.arm(t, env_.now + kTimeWait); }

void Layer::forget(TimeWait& t) {
    time_wait_wheel_.cancel(t);
    demux_.erase(hash(t.key()), ref_of(t));
    let_go(t.key());
    binds_.remove_time_wait(t);
    time_waits_.destroy(&t);
}

}  // namespace fairlead::tcp
