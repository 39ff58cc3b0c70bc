// tcp/delivery_rate.hpp — how fast the path delivers.
//
// Owns:   DeliveryRate: when something was delivered last, what of that was noted on each chunk as it
//         left, and the sample that an ACK makes of it.
// Knows:  Linux's tcp_rate.c (draft-ietf-ccwg-bbr, delivery rate estimation): between the delivery
//         before a chunk left and its own, so many segments were delivered; the time is the longer of
//         those in which they were sent and acknowledged.
// Not here: what is done with it (congestion/bbr.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "fairlead/congestion.hpp"
#include "tcp/chunk.hpp"
#include "tcp/flight_rate.hpp"

namespace fairlead::tcp {

class DeliveryRate {
public:
    // What was measured without a backroom goes on; `first`: of what is in flight, or null.
    void resume(const FlightRate& before, std::uint32_t delivered, const Chunk* first) {
        limited_until_ = before.limited_until(delivered);
        told_ = before.rate();
        if (first == nullptr) return;
        delivered_at_ = first->flight.delivered;
        first_sent_ = first->flight.sent;
    }
    // And the other way round.
    void hand_back(FlightRate& rate, std::uint32_t delivered, Chunk* first) const {
        rate.keep(told_);
        if (limited_until_ != 0) {
            rate.limit(delivered, static_cast<std::int32_t>(limited_until_ - delivered));
        }
        if (first != nullptr) first->flight = {.delivered = delivered_at_, .sent = first_sent_};
    }
    // It leaves (again). `delivered`: segments, ever; `in_flight`: before it; `is_first`: nothing else
    // is out.
    void on_sent(Chunk& c, std::uint32_t delivered, std::int32_t in_flight, bool is_first,
                 Instant now) {
        if (is_first || delivered_at_ == Instant{}) first_sent_ = delivered_at_ = now;
        c.delivered_before = delivered;
        c.delivered_at = delivered_at_;
        c.flight_began = first_sent_;
        c.is_app_limited = limited_until_ != 0;
        c.lost_before = lost_;
        c.sent_in_flight = in_flight + c.segments;
    }
    // It was acknowledged or SACKed, for the first time.
    void on_delivered(const Chunk& c) {
        if (c.delivered_at == Instant{}) return;
        const bool is_later =
            c.last_sent > first_sent_ || (c.last_sent == first_sent_ && c.end > newest_end_);
        if (has_news_ && !is_later) return;
        has_news_ = true;
        newest_end_ = c.end;
        news_.delivered_before = c.delivered_before;
        news_.is_app_limited = c.is_app_limited;
        news_.lost = static_cast<std::int32_t>(c.lost_before);  // until it is taken
        news_.sent_in_flight = c.sent_in_flight;
        news_at_ = c.delivered_at;
        first_sent_ = c.last_sent;
        send_phase_ = c.last_sent - c.flight_began;
    }
    struct Told {
        std::uint32_t delivered = 0;  // segments, ever
        std::int32_t newly = 0;
        Duration least = Duration::infinite();  // round trip
        bool has_reneged = false;
    };
    // At the end of each ACK (tcp_rate_gen).
    RateSample take(const Told& told, Instant now) {
        // The pause that the application made has come through.
        if (limited_until_ != 0 && is_after(told.delivered, limited_until_)) limited_until_ = 0;
        if (told.newly > 0) delivered_at_ = now;
        RateSample sample = news_;
        const bool is_known = has_news_ && !told.has_reneged;
        has_news_ = false;
        if (!is_known) return {};
        sample.delivered = static_cast<std::int32_t>(told.delivered - sample.delivered_before);
        sample.lost = static_cast<std::int32_t>(lost_ - static_cast<std::uint32_t>(sample.lost));
        sample.interval = std::max(send_phase_, now - news_at_);
        // Shorter than any round trip: a retransmission was taken for delivered by mistake.
        if (sample.interval < told.least) {
            sample.interval = {};
            return sample;
        }
        const bool is_faster = static_cast<std::int64_t>(sample.delivered) * told_.interval_us >=
                               std::int64_t{told_.segments} * sample.interval.us();
        if (!sample.is_app_limited || is_faster) {
            told_ = {.segments = static_cast<std::uint32_t>(sample.delivered),
                     .interval_us = sample.interval.us(),
                     .was_app_limited = sample.is_app_limited};
        }
        return sample;
    }
    // Nothing waits to be sent though the window had room: what is out now says little of the path.
    void limit(std::uint32_t delivered, std::int32_t in_flight) {
        limited_until_ = std::max(delivered + static_cast<std::uint32_t>(in_flight), 1u);
    }
    // `first`: of so many segments the one that left before the others.
    void on_lost(std::int32_t segments, const Chunk* first) {
        lost_ += static_cast<std::uint32_t>(segments);
        if (first == nullptr || first->delivered_at == Instant{}) return;
        if (loss_.segments == 0) {
            loss_.lost = static_cast<std::int32_t>(first->lost_before);  // until it is taken
            loss_.sent_in_flight = first->sent_in_flight;
            loss_.is_app_limited = first->is_app_limited;
        }
        loss_.segments += segments;
    }
    std::uint32_t lost() const { return lost_; }
    // What was lost since this was asked.
    LossSample take_loss() {
        LossSample sample = std::exchange(loss_, {});
        if (sample.segments == 0) return {};
        sample.lost = static_cast<std::int32_t>(lost_ - static_cast<std::uint32_t>(sample.lost));
        return sample;
    }

    // What TCP_INFO tells: the last sample, or the best of those that the application limited.
    const FlightRate::Rate& told() const { return told_; }

private:
    static bool is_after(std::uint32_t a, std::uint32_t b) {
        return static_cast<std::int32_t>(a - b) > 0;
    }

    Instant delivered_at_{};  // the last delivery
    Instant first_sent_{};    // when what was delivered last had been sent
    Position newest_end_{};
    Instant news_at_{};
    Duration send_phase_{};
    RateSample news_{};
    LossSample loss_{};
    FlightRate::Rate told_{};
    std::uint32_t limited_until_ = 0;  // this many are delivered; 0: not
    std::uint32_t lost_ = 0;           // segments, ever
    bool has_news_ = false;
};

}  // namespace fairlead::tcp
