#include "tcp/time_wait.hpp"

#include "tcp/acceptance.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::int32_t distance(wire::Seq32 from, wire::Seq32 to) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(to) -
                                     static_cast<std::uint32_t>(from));
}

// Offsets from what we wait for: a segment's place in the little space that is left.
struct Place {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

// RFC 9293 MUST-13, MAY-2; RFC 6191 REQ-2
Place place_of(const TimeWait& entry, const TimeWaitSegment& s) {
    const std::int64_t begin = distance(entry.receive_next, s.header.seq);
    return {begin, begin + s.payload + (s.header.flags.syn ? 1 : 0) + (s.header.flags.fin ? 1 : 0)};
}

TimeWaitVerdict on_fin_wait_2(TimeWait& entry, const TimeWaitSegment& s, const Place& at,
                              bool is_old, Instant now) {
    const wire::TcpFlags& f = s.header.flags;
    const std::int64_t window = entry.window_bytes();
    const bool in_window =
        at.begin == at.end ? at.begin >= 0 && at.begin <= window : at.begin < window && at.end > 0;
    if (is_old || !in_window) return TimeWaitVerdict::Ack;
    if (f.rst) return TimeWaitVerdict::End;
    if (f.syn && at.begin >= 0) return TimeWaitVerdict::Reset;
    if (!f.ack || at.end <= 0 || at.begin == at.end) return TimeWaitVerdict::Drop;
    // New data: nobody is there to read it.
    if (!f.fin || at.end != 1) return TimeWaitVerdict::Reset;
    entry.is_fin_wait_2 = false;
    entry.receive_next = wire::Seq32{static_cast<std::uint32_t>(entry.receive_next) + 1};
    if (s.timestamps) {
        entry.recent_timestamp = s.timestamps->value;
        entry.recent_taken = now;
    }
    return TimeWaitVerdict::Restart;
}

}  // namespace

TimeWaitVerdict on_segment(TimeWait& entry, const TimeWaitSegment& s, const Config& config,
                           Counters& counters, Instant now) {
    const Place at = place_of(entry, s);
    const wire::TcpFlags& f = s.header.flags;
    const bool reads = entry.has_timestamps && s.timestamps.has_value();
    const Duration age = now - entry.recent_taken;
    // Who sends a RST may know no timestamps: for it they count a minute only.
    const bool is_old = reads && entry.recent_timestamp != 0 &&
                        is_older_timestamp(s.timestamps->value, entry.recent_timestamp) &&
                        age < (f.rst ? kTimeWait : kTimestampLife);
    if (entry.is_fin_wait_2) return on_fin_wait_2(entry, s, at, is_old, now);

    if (!is_old && at.begin == 0 && (at.end == 0 || f.rst)) {
        // RFC 1337: by default a RST may end the wait early, as on Linux.
        if (f.rst) return config.tcp_rfc1337 == 0 ? TimeWaitVerdict::End : TimeWaitVerdict::Drop;
        if (reads) {
            entry.recent_timestamp = s.timestamps->value;
            entry.recent_taken = now;
        }
        return TimeWaitVerdict::Prolong;
    }
    const bool is_newer = reads && is_older_timestamp(entry.recent_timestamp, s.timestamps->value);
    if (f.syn && !f.rst && !f.ack && !is_old && (at.begin > 0 || is_newer)) {
        return TimeWaitVerdict::NewConnection;
    }
    if (is_old) {
        counters.add(Counter::TcpExtPAWSTimewait);
        counters.add(Counter::DropTcpRfc7323TwPaws);
    }
    if (f.rst) return TimeWaitVerdict::Drop;
    return is_old || f.ack ? TimeWaitVerdict::Restart : TimeWaitVerdict::Ack;
}

}  // namespace fairlead::tcp
