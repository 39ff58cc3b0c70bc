// tcp/loss_probe.hpp — the tail loss probe: one segment, well before the timeout.
//
// Owns:   whether a probe is out, and where the stream ended when it left.
// Knows:  RFC 8985 §7 in Linux's form: after two round trips and 2 ms (RFC: 10 ms), or with one
//         segment out and the least RTO; what the ACKs that follow say of it.
// Not here: which segment it is (output.cpp), the alarm (connection_timers.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

class LossProbe {
public:
    enum class Verdict : std::uint8_t {
        Waiting,
        Needless,  // what it was sent for had arrived, or it was new data
        Repaired,  // it filled a hole: there was congestion that nothing else will tell of
    };

    // After how long without an ACK it leaves. `out`: segments in flight.
    static constexpr Duration wait(Duration smoothed, std::int32_t out, Duration least_rto) {
        return smoothed * 2 + (out == 1 ? least_rto : kShortest);
    }

    constexpr bool is_out() const { return is_out_ != 0; }
    constexpr bool is_retransmission_out() const { return is_out() && is_retransmission_ != 0; }
    constexpr void on_sent(Position next, bool is_retransmission) {
        end_ = static_cast<std::uint32_t>(next.value()) & kMask;
        is_out_ = 1;
        is_retransmission_ = is_retransmission ? 1 : 0;
    }
    constexpr void forget() { is_out_ = 0; }
    // Where the stream ended when it left. `next`: where it ends now.
    constexpr Position end(Position next) const {
        return next -
               static_cast<std::int64_t>((static_cast<std::uint32_t>(next.value()) - end_) & kMask);
    }

    struct Ack {
        Position una{};  // after it
        Position next{};
        bool is_news = false;    // it acknowledged or SACKed something, or moved the window
        bool names_end = false;  // its DSACK ends where the probe did: both copies arrived
    };
    constexpr Verdict on_ack(const Ack& ack) {
        const Position end_now = end(ack.next);
        if (!is_out() || ack.una < end_now) return Verdict::Waiting;
        const bool is_repair = is_retransmission_ != 0 && !ack.names_end;
        if (is_repair && ack.una == end_now && ack.is_news) return Verdict::Waiting;
        forget();
        return is_repair && ack.una > end_now ? Verdict::Repaired : Verdict::Needless;
    }

private:
    static constexpr Duration kShortest = 2_ms;
    static constexpr std::uint32_t kMask = (1u << 30) - 1;  // no window is larger

    std::uint32_t end_ : 30 = 0;
    std::uint32_t is_out_ : 1 = 0;
    std::uint32_t is_retransmission_ : 1 = 0;
};
static_assert(sizeof(LossProbe) == 4);

}  // namespace fairlead::tcp
