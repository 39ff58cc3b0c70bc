// tcp/flight_rate.hpp — how fast a small flow is delivered.
//
// Owns:   FlightRate: what TCP_INFO tells of a sender that has no backroom, in 8 bytes: the best rate
//         of late, and until when the application's pause counts.
// Knows:  Linux's tcp_rate.c, as delivery_rate.hpp. Nothing was SACKed or sent again here, so that of
//         one ACK the last chunk is the one that was sent last; the two times that go on from one
//         ACK to the next send lie with the first chunk in flight (Chunk::flight).
// Not here: a sender that misses something, or is paced (delivery_rate.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"
#include "tcp/chunk.hpp"

namespace fairlead::tcp {

class FlightRate {
public:
    // A rate as both keep it.
    struct Rate {
        std::uint32_t segments = 0;
        std::int64_t interval_us = 0;
        bool was_app_limited = true;

        std::int64_t bytes_per_second(std::int64_t mss) const {
            return interval_us > 0 ? segments * mss * 1'000'000 / interval_us : 0;
        }
    };

    // `first`: of what is in flight, which may be `c` itself.
    void on_sent(Chunk& c, Chunk& first, Instant now) const {
        if (&first == &c) c.flight = {.delivered = now, .sent = now};
        c.delivered_at = first.flight.delivered;
        c.flight_began = first.flight.sent;
        c.is_app_limited = is_limited_;
    }
    // An ACK came, and this was the last that it acknowledges.
    struct Acked {
        Instant delivered_at{};
        Instant flight_began{};
        Instant last_sent{};
        std::uint32_t delivered_before = 0;
        bool is_app_limited = false;
    };
    // `delivered`: segments, ever, these included. `first`: what is in flight still, or null.
    void on_delivered(const Acked& last, std::uint32_t delivered, Duration least, Chunk* first,
                      Instant now) {
        if (is_limited_ && is_beyond(delivered)) is_limited_ = false;
        if (first != nullptr) first->flight = {.delivered = now, .sent = last.last_sent};
        if (last.delivered_at == Instant{}) return;
        const Duration interval =
            std::max(last.last_sent - last.flight_began, now - last.delivered_at);
        // Shorter than any round trip: a retransmission was taken for delivered by mistake.
        if (interval < least) return;
        const std::int64_t us = interval.us();
        const std::int64_t segments = delivered - last.delivered_before;
        // No slower one is believed; one that is as fast, as mostly, tells nothing new.
        const std::int64_t ahead = segments * interval_us_ - std::int64_t{segments_} * us;
        if (last.is_app_limited && (ahead < 0 || (ahead == 0 && was_limited_))) return;
        keep({.segments = static_cast<std::uint32_t>(segments),
              .interval_us = us,
              .was_app_limited = last.is_app_limited});
    }
    // Nothing waits to be sent though the window had room.
    void limit(std::uint32_t delivered, std::int32_t in_flight) {
        limited_until_ = (delivered + static_cast<std::uint32_t>(in_flight)) & kLimitMask;
        is_limited_ = true;
    }
    // 0: it is not limited; otherwise the number of segments, as `delivered` counts them.
    std::uint32_t limited_until(std::uint32_t delivered) const {
        if (!is_limited_) return 0;
        return std::max(delivered + ((limited_until_ - delivered) & kLimitMask), 1u);
    }
    Rate rate() const {
        return {
            .segments = segments_, .interval_us = interval_us_, .was_app_limited = was_limited_};
    }
    void keep(Rate r) {
        while (r.segments > UINT16_MAX || r.interval_us > UINT32_MAX) {
            r.segments /= 2;
            r.interval_us /= 2;
        }
        segments_ = static_cast<std::uint16_t>(r.segments);
        interval_us_ = static_cast<std::uint32_t>(r.interval_us);
        was_limited_ = r.was_app_limited;
    }

private:
    // Of the number the low bits: more than half as many are not in flight without a backroom.
    static constexpr unsigned kLimitBits = 14;
    static constexpr std::uint32_t kLimitMask = (1u << kLimitBits) - 1;
    bool is_beyond(std::uint32_t delivered) const {
        const std::uint32_t beyond = (delivered - limited_until_) & kLimitMask;
        return beyond != 0 && beyond <= kLimitMask / 2;
    }

    std::uint32_t interval_us_ = 1;  // 0 segments in some time
    std::uint16_t segments_ = 0;
    std::uint16_t limited_until_ : kLimitBits = 0;
    bool is_limited_ : 1 = false;
    bool was_limited_ : 1 = true;
};
static_assert(sizeof(FlightRate) == 8);

}  // namespace fairlead::tcp
