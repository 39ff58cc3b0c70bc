#include "tcp/acceptance.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

// We wait for byte 1000 and offer 500; our last ACK said 1000.
constexpr Window kWindow{.last_ack = at(1000), .next = at(1000), .size = 500};
constexpr Window kShut{.last_ack = at(1000), .next = at(1000), .size = 0};
constexpr Duration kRto = 200_ms;

constexpr ToReceiver text(std::int64_t seq, std::uint32_t payload, bool fin = false) {
    return {.seq = at(seq), .payload = payload, .fin = fin};
}
constexpr InSegment ack_of(ToReceiver data) {
    return {.arrived = ms(1'000'000), .data = data, .ack = ToSender{.ack = at(1), .window = 1000}};
}
constexpr InSegment rst_at(std::int64_t seq) {
    return {.arrived = ms(1'000'000), .rst = true, .data = {.seq = at(seq)}};
}
constexpr InSegment stamped(InSegment s, std::uint32_t value) {
    s.timestamps = Timestamps{.value = value, .echo = 0};
    return s;
}
constexpr Check check(const InSegment& s, State state = State::Established,
                      const RecentTimestamp& recent = {}, std::span<const Range> sacked = {},
                      const Window& window = kWindow) {
    return check_segment(s, window, state, recent, true, sacked);
}
constexpr Verdict verdict(const InSegment& s, State state = State::Established,
                          const RecentTimestamp& recent = {}, std::span<const Range> sacked = {},
                          const Window& window = kWindow) {
    return check(s, state, recent, sacked, window).verdict;
}

// RFC 9293 §3.10.7.4, table 6: no length, no window: only the very number.
static_assert(place(text(1000, 0), kShut, true) == Placement::Inside);
static_assert(place(text(1001, 0), kShut, true) == Placement::Beyond);
static_assert(place(text(999, 0), kShut, true) == Placement::Old);
// No length, a window: RCV.NXT <= SEG.SEQ < RCV.NXT + RCV.WND, and Linux takes its very end.
static_assert(place(text(1000, 0), kWindow, true) == Placement::Inside);
static_assert(place(text(1499, 0), kWindow, true) == Placement::Inside);
static_assert(place(text(1500, 0), kWindow, true) == Placement::Inside);
static_assert(place(text(1501, 0), kWindow, true) == Placement::Beyond);
static_assert(place(text(999, 0), kWindow, true) == Placement::Old);
// Length, a window: some of it lies inside.
static_assert(place(text(1000, 500), kWindow, true) == Placement::Inside);
static_assert(place(text(900, 101), kWindow, true) == Placement::Inside);
static_assert(place(text(900, 99), kWindow, true) == Placement::Old);
static_assert(place(text(1501, 1), kWindow, true) == Placement::Beyond);
// What reaches over the right edge is taken while nothing waits to be read.
static_assert(place(text(1400, 200), kWindow, true) == Placement::Inside);
static_assert(place(text(1400, 200), kWindow, false) == Placement::EndsBeyond);
// A FIN may lie on the edge: some peers do not count it.
static_assert(place(text(1000, 500, true), kWindow, false) == Placement::Inside);
static_assert(place(text(1000, 501, true), kWindow, false) == Placement::EndsBeyond);
// Old is what lies below the last ACK that we sent, not below what we have since.
constexpr Window kAhead{.last_ack = at(900), .next = at(1000), .size = 400};
static_assert(place(text(900, 50), kAhead, true) == Placement::Inside);
static_assert(place(text(800, 99), kAhead, true) == Placement::Old);

// RFC 5961 §3.2: only the very number resets; inside the window it is challenged; outside nothing.
static_assert(verdict(rst_at(1000)) == Verdict::Reset);
static_assert(verdict(rst_at(1001)) == Verdict::ChallengeAck);
static_assert(verdict(rst_at(1499)) == Verdict::ChallengeAck);
static_assert(verdict(rst_at(999)) == Verdict::Drop);
static_assert(verdict(rst_at(1502)) == Verdict::Drop);
static_assert(verdict(rst_at(1000), State::Established, {}, {}, kShut) == Verdict::Reset);
// Linux: one below, where the peer does not count its FIN.
static_assert(verdict(rst_at(999), State::CloseWait) == Verdict::Reset);
static_assert(verdict(rst_at(999), State::LastAck) == Verdict::Reset);
static_assert(verdict(rst_at(999), State::Closing) == Verdict::Reset);
static_assert(verdict(rst_at(999), State::FinWait1) == Verdict::Drop);
// Linux: at the end of what was SACKed highest, for a peer that lost what lies before.
constexpr std::array<Range, 2> kSacked{range(1300, 1350), range(1100, 1200)};
static_assert(verdict(rst_at(1350), State::Established, {}, kSacked) == Verdict::Reset);
static_assert(verdict(rst_at(1200), State::Established, {}, kSacked) == Verdict::ChallengeAck);

// RFC 5961 §4: a SYN is challenged wherever it lies.
constexpr InSegment syn_at(std::int64_t seq) {
    InSegment s = ack_of({.seq = at(seq), .syn = true});
    return s;
}
static_assert(verdict(syn_at(1000)) == Verdict::ChallengeAck);
static_assert(verdict(syn_at(100)) == Verdict::ChallengeAck);
static_assert(verdict(syn_at(5000)) == Verdict::ChallengeAck);

static_assert(verdict(ack_of(text(1000, 10))) == Verdict::Accept);
static_assert(verdict(ack_of(text(2000, 10))) == Verdict::DuplicateAck);
static_assert(check(ack_of(text(2000, 10))).out_of_window);
static_assert(verdict({.data = text(1000, 10)}) == Verdict::Drop, "no ACK bit");

// RFC 7323 §5.3: PAWS.
constexpr RecentTimestamp kRecent{.taken = ms(999'000), .value = 5000};
constexpr Verdict with_stamp(std::uint32_t value, ToReceiver data = text(1000, 10)) {
    return verdict(stamped(ack_of(data), value), State::Established, kRecent);
}
static_assert(with_stamp(5000) == Verdict::Accept);
static_assert(with_stamp(5001) == Verdict::Accept);
static_assert(with_stamp(4998) == Verdict::DuplicateAck);
static_assert(
    check(stamped(ack_of(text(1000, 10)), 4998), State::Established, kRecent).failed_paws);
static_assert(with_stamp(4999) == Verdict::Accept, "Linux forgives one tick (TCP_PAWS_WINDOW)");
static_assert(with_stamp(5000 + 0x8000'0001u) == Verdict::DuplicateAck);
static_assert(with_stamp(5000 + 0x7fff'ffffu) == Verdict::Accept);

// A RST may be old: who sends it knows no timestamps. A SYN that is old is challenged.
static_assert(verdict(stamped(rst_at(1000), 4000), State::Established, kRecent) == Verdict::Reset);
static_assert(verdict(stamped(syn_at(1000), 4000), State::Established, kRecent) ==
              Verdict::ChallengeAck);

// RFC 7323 §5.5: after 24 days a timestamp is worth nothing.
constexpr RecentTimestamp kAncient{.taken = ms(1'000'000) - kTimestampLife, .value = 5000};
static_assert(verdict(stamped(ack_of(text(1000, 10)), 100), State::Established, kAncient) ==
              Verdict::Accept);
// Some send 0 in their SYN and mean it not: 0 rejects nothing.
constexpr RecentTimestamp kZero{.taken = ms(999'000), .value = 0};
static_assert(verdict(stamped(ack_of(text(1000, 10)), 0xffff'0000u), State::Established, kZero) ==
              Verdict::Accept);
static_assert(verdict(stamped(ack_of(text(1000, 10)), 1), State::Established, {}) ==
              Verdict::Accept);

// Linux's tcp_disordered_ack_check(): a pure ACK that data overtook is heard within an RTO and a fifth,
// if the sender finds that it only repeats another.
constexpr bool is_overtaken(std::uint32_t value, ToReceiver data) {
    const InSegment s = stamped(ack_of(data), value);
    const Check c = check(s, State::Established, kRecent);
    return c.verdict == Verdict::DuplicateAck && c.failed_paws &&
           may_be_overtaken(s, kWindow, *s.timestamps, kRecent, kRto);
}
static_assert(is_overtaken(5000 - 240, text(1000, 0)));
static_assert(!is_overtaken(5000 - 241, text(1000, 0)));
static_assert(!is_overtaken(5000 - 100, text(1001, 0)));
static_assert(!is_overtaken(5000 - 100, text(1000, 10)));
// And one from below what we have is common and old: not a word (PAWSOldAck).
static_assert(with_stamp(5000 - 100, text(900, 0)) == Verdict::Drop);
static_assert(with_stamp(5000 - 100, text(900, 50)) == Verdict::DuplicateAck);

static_assert(is_older_timestamp(0xffff'ffffu, 0));
static_assert(!is_older_timestamp(0, 0xffff'ffffu));

// Whatever comes, only the very number resets, and nothing outside of the window is accepted.
TEST(AcceptanceRoom, NoSegmentOutsideTheWindowGetsIn) {
    for (std::int64_t seq = 0; seq < 2500; seq += 7) {
        for (const std::uint32_t size : {0u, 1u, 100u, 499u, 500u, 501u, 1400u}) {
            const Verdict v = verdict(ack_of(text(seq, size)));
            const std::int64_t end = seq + size;
            const bool is_near = end >= 1000 && seq <= 1500;
            EXPECT_EQ(v == Verdict::Accept, is_near) << seq << '+' << size;
        }
        EXPECT_EQ(verdict(rst_at(seq)) == Verdict::Reset, seq == 1000) << seq;
    }
}

}  // namespace
}  // namespace fairlead::tcp
