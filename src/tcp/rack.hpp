// tcp/rack.hpp — lost is what was sent well before something that has arrived.
//
// Owns:   the most recently sent segment that was delivered, its round trip, and how long
//         reordering is waited for.
// Knows:  RFC 8985 §6 in Linux's form: no waiting once three segments are SACKed and none ever came
//         late; a quarter of the least round trip else, more with each round that brought DSACKs.
// Not here: which segments are in flight (flight_index.hpp), the alarm (connection_timers.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "fairlead/time.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

// The bits of tcp_recovery. The first, RACK itself, cannot be switched off (as in Linux since 6.17).
inline constexpr std::int64_t kRackFixedWindow = 2;
inline constexpr std::int64_t kRackWithoutDuplicates = 4;

class Rack {
public:
    Rack() = default;
    // `rtt`: of the deliveries before it was there.
    explicit constexpr Rack(Duration rtt) : rtt_{rtt} {}

    struct Delivery {
        Instant sent{};
        Position end{};
        bool was_retransmitted = false;
    };
    constexpr void on_delivered(const Delivery& d, Instant now, Duration least) {
        const Duration rtt = now - d.sent;
        // Faster than the path: what arrived is the one before, whose time is not known.
        if (d.was_retransmitted && rtt < least) return;
        has_news_ = true;
        rtt_ = rtt;
        if (is_before(sent_, end_, d.sent, d.end)) {
            sent_ = d.sent;
            end_ = d.end;
        }
    }

    struct Doubt {
        bool is_recovering = false;
        bool has_enough_sacked = false;  // as many as tcp_reordering says, and they count
        bool has_reordered = false;      // ever
        Duration least{};                // round trips
        Duration smoothed{};
    };
    constexpr Duration window(const Doubt& d) const {
        if (d.smoothed.is_zero()) return {};
        if (!d.has_reordered && (d.is_recovering || d.has_enough_sacked)) return {};
        return std::min(d.least / 4 * steps_, d.smoothed);
    }
    // What was sent before it has been overtaken by something that arrived.
    constexpr bool is_overtaken(Instant sent, Position end) const {
        return is_before(sent, end, sent_, end_);
    }
    // How long it is waited for; nothing, or less: it is lost.
    constexpr Duration rest(Instant sent, Instant now, Duration window) const {
        return rtt_ + window - (now - sent);
    }
    // The longest that may be waited for.
    constexpr Duration longest_rest(Instant now, Duration window) const {
        return rest(sent_, now, window);
    }

    constexpr bool take_news() { return std::exchange(has_news_, false); }
    constexpr void look_again() { has_news_ = true; }

    // A DSACK told of a needless retransmission. `delivered`: segments so far.
    constexpr void on_duplicate() { saw_duplicate_ = true; }
    // tcp_rack_update_reo_wnd(): once a round trip. `delivered_before`: when what is acknowledged
    // now was sent.
    constexpr void adapt(std::uint32_t delivered_before, std::uint32_t delivered) {
        if (static_cast<std::int32_t>(delivered_before - adapted_at_) < 0) saw_duplicate_ = false;
        if (saw_duplicate_) {
            steps_ = static_cast<std::uint8_t>(std::min(steps_ + 1, 255));
            saw_duplicate_ = false;
            adapted_at_ = delivered;
            patience_ = kRecoveries;
        } else if (patience_ == 0) {
            steps_ = 1;
        }
    }
    // A recovery has ended, and nothing of it was needless.
    constexpr void on_recovered() {
        if (patience_ > 0) --patience_;
    }
    constexpr void on_undone() {
        patience_ = static_cast<std::uint8_t>(std::min<int>(kRecoveries, patience_ + 1));
    }
    constexpr int steps() const { return steps_; }

private:
    static constexpr std::uint8_t kRecoveries = 16;  // for so many a wider window is kept
    static constexpr bool is_before(Instant a, Position a_end, Instant b, Position b_end) {
        return a < b || (a == b && a_end < b_end);
    }

    Instant sent_{};
    Position end_{};
    Duration rtt_{};
    std::uint32_t adapted_at_ = 0;
    std::uint8_t steps_ = 1;
    std::uint8_t patience_ = 0;
    bool saw_duplicate_ = false;
    bool has_news_ = false;
};

}  // namespace fairlead::tcp
