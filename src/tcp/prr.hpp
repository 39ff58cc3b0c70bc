// tcp/prr.hpp — proportional rate reduction: the window comes down as segments arrive.
//
// Owns:   what was delivered and sent since the reduction began, and the window before it.
// Knows:  RFC 9937 §6.2 in Linux's form (tcp_cwnd_reduction).
// Not here: the threshold it comes down to (the controller's), the phases (recovery.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead::tcp {

class RateReduction {
public:
    constexpr void begin(std::int32_t window) {
        before_ = window;
        delivered_ = out_ = 0;
    }
    constexpr void on_sent(std::int32_t segments) { out_ += segments; }

    struct Ack {
        std::int32_t delivered = 0;
        std::int32_t in_flight = 0;
        std::int32_t threshold = 0;
        bool is_safe = false;  // it advanced, and nothing more was found lost
    };
    // How many segments may leave now.
    constexpr std::int32_t allowance(const Ack& ack) {
        delivered_ += ack.delivered;
        const std::int32_t room = ack.threshold - ack.in_flight;
        std::int64_t most = 0;
        if (room < 0) {
            const std::int64_t share = std::int64_t{ack.threshold} * delivered_ + before_ - 1;
            most = share / std::max(before_, 1) - out_;
        } else {
            most = std::max(delivered_ - out_, ack.delivered) + (ack.is_safe ? 1 : 0);
            most = std::min<std::int64_t>(most, room);
        }
        // The first retransmission goes whatever the window says.
        return static_cast<std::int32_t>(std::max<std::int64_t>(most, out_ > 0 ? 0 : 1));
    }
    constexpr std::int32_t before() const { return before_; }
    // RTO: the window is another's to set, but how large it was may be asked for.
    constexpr void remember(std::int32_t window) { before_ = window; }

private:
    std::int32_t before_ = 0;
    std::int32_t delivered_ = 0;
    std::int32_t out_ = 0;
};

}  // namespace fairlead::tcp
