// tcp/acceptance.hpp — may this segment in?
//
// Owns:   the checks of RFC 9293 §3.10.7.4 (sequence), RFC 5961 §3 and §4 (RST, SYN) and RFC 7323
//         §5 (PAWS), as pure functions, with Linux's readings of them.
// Order:  PAWS, sequence, RST, SYN, ACK. The caller acts on the verdict; nothing changes here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "fairlead/counters.hpp"
#include "tcp/compact_time.hpp"
#include "tcp/segment.hpp"
#include "tcp/state.hpp"

namespace fairlead::tcp {

enum class Verdict : std::uint8_t {
    Accept,
    Drop,
    DuplicateAck,  // the peer is behind or lost: tell it where we are
    ChallengeAck,  // RFC 5961: rate limited by the caller
    Reset,         // the connection ends
};

// What we have and what we offered: the receive sequence space.
struct Window {
    Position last_ack{};  // the ACK we last sent; what lies wholly below it is old
    Position next{};
    std::int64_t size = 0;  // bytes still offered from next on

    constexpr Position end() const { return next + size; }
};

// Timestamps run on 32 bits and compare as neighbours (RFC 7323 §5.2).
constexpr bool is_older_timestamp(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

// The last timestamp taken from the peer, and when.
struct RecentTimestamp {
    LooseInstant taken = Instant::never();
    std::uint32_t value = 0;

    constexpr bool is_set() const { return Instant{taken} != Instant::never(); }

    // Field by field: a value put together elsewhere and then copied has to be waited for.
    void take(std::uint32_t timestamp, Instant now) {
        taken = now;
        value = timestamp;
    }
};

// RFC 7323 §5.5: after 24 days a timestamp says nothing.
inline constexpr Duration kTimestampLife = Duration::from_s(24 * 24 * 3600);

// Linux forgives an established connection one tick.
inline constexpr std::int32_t kPawsSlack = 1;

constexpr bool fails_paws(const Timestamps& theirs, const RecentTimestamp& recent, Instant now,
                          std::int32_t slack) {
    // Some send 0 in their SYN and count from elsewhere afterwards: 0 rejects nothing.
    if (!recent.is_set() || recent.value == 0) return false;
    if (static_cast<std::int32_t>(recent.value - theirs.value) <= slack) return false;
    return now - Instant{recent.taken} < kTimestampLife;
}

// Linux's exception (tcp_disordered_ack_check()): a pure ACK that was overtaken by data is no old
// duplicate, if its timestamp is younger than an RTO and a fifth, and it tells our sender nothing.
constexpr bool may_be_overtaken(const InSegment& s, const Window& window, const Timestamps& theirs,
                                const RecentTimestamp& recent, Duration rto) {
    return s.ack && s.data.length() == 0 && s.data.seq == window.next &&
           static_cast<std::int32_t>(recent.value - theirs.value) <= rto.ms() * 6 / 5;
}

// A pure ACK from below what we have: common, and worth no answer.
constexpr bool is_old_ack(const InSegment& s, const Window& window) {
    return s.ack && s.data.length() == 0 && s.data.seq < window.next;
}

// Linux's tcp_sequence(): old below the last ACK we sent, beyond the right edge of the window. A
// FIN may lie just beyond it: some peers do not count it.
enum class Placement : std::uint8_t { Inside, Old, Beyond, EndsBeyond };
constexpr Placement place(const ToReceiver& data, const Window& window, bool is_queue_empty) {
    if (data.end() < window.last_ack) return Placement::Old;
    if (data.end() <= window.end()) return Placement::Inside;
    if (data.end() + (data.fin ? -1 : 0) <= window.end()) return Placement::Inside;
    if (data.seq > window.end()) return Placement::Beyond;
    return is_queue_empty ? Placement::Inside : Placement::EndsBeyond;
}

// RFC 5961 §3.2: only an exact RST closes; one inside the window is challenged. Linux also takes
// one at the end of the newest SACKed range, and one at next - 1 after the peer's FIN.
constexpr Verdict check_reset(Position seq, const Window& window, State state,
                              std::span<const Range> sacked) {
    if (seq == window.next) return Verdict::Reset;
    const bool fin_was_counted = is_one_of(state, State::CloseWait, State::LastAck, State::Closing);
    if (fin_was_counted && seq + 1 == window.next) return Verdict::Reset;
    if (!sacked.empty()) {
        Position highest = sacked.front().end;
        for (const Range& r : sacked) highest = std::max(highest, r.end);
        if (seq == highest) return Verdict::Reset;
    }
    return Verdict::ChallengeAck;
}

// The first checks of a synchronized connection; ACK and text are not looked at yet.
struct Check {
    Verdict verdict = Verdict::Accept;
    bool failed_paws = false;
    bool out_of_window = false;
    Counter why = Counter::DropTcpFlags;  // of what is not accepted
};
constexpr Counter why_out_of_window(Placement at) {
    switch (at) {
        case Placement::Beyond: return Counter::DropTcpInvalidSequence;
        case Placement::EndsBeyond: return Counter::DropTcpInvalidEndSequence;
        default: return Counter::DropTcpOldSequence;
    }
}
constexpr Check check_segment(const InSegment& s, const Window& window, State state,
                              const RecentTimestamp& recent, bool is_queue_empty,
                              std::span<const Range> sacked) {
    // Before anything else, as Linux: it may not even be answered.
    if (!s.ack && !s.rst && !s.data.syn) return {.verdict = Verdict::Drop};
    if (s.timestamps && fails_paws(*s.timestamps, recent, s.arrived, kPawsSlack) && !s.rst) {
        const Verdict verdict = s.data.syn              ? Verdict::ChallengeAck
                                : is_old_ack(s, window) ? Verdict::Drop
                                                        : Verdict::DuplicateAck;
        return {.verdict = verdict,
                .failed_paws = true,
                .why = s.data.syn                 ? Counter::DropTcpInvalidSyn
                       : verdict == Verdict::Drop ? Counter::DropTcpRfc7323PawsAck
                                                  : Counter::DropTcpRfc7323Paws};
    }
    if (const Placement at = place(s.data, window, is_queue_empty); at != Placement::Inside) {
        if (s.rst) {
            const bool is_for_fin =
                is_one_of(state, State::CloseWait, State::LastAck, State::Closing) &&
                s.data.seq + 1 == window.next;
            return {.verdict = is_for_fin ? Verdict::Reset : Verdict::Drop,
                    .out_of_window = true,
                    .why = why_out_of_window(at)};
        }
        return {.verdict = s.data.syn ? Verdict::ChallengeAck : Verdict::DuplicateAck,
                .out_of_window = true,
                .why = s.data.syn ? Counter::DropTcpInvalidSyn : why_out_of_window(at)};
    }
    if (s.rst) {
        return {.verdict = check_reset(s.data.seq, window, state, sacked),
                .why = Counter::DropTcpReset};
    }
    if (s.data.syn) return {.verdict = Verdict::ChallengeAck, .why = Counter::DropTcpInvalidSyn};
    return {};
}

}  // namespace fairlead::tcp
