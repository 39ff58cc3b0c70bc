// fairlead/congestion.hpp — the seam for congestion control: how much may be in the network?
//
// Owns:   CongestionWindow (what every controller moves), AckSample (what one ACK taught), with it
//         RateSample (how fast the path delivered) and LossSample (what was lost meanwhile), the
//         operations a controller has, and how a class becomes them.
// Rules:  A controller is a plain value of at most kMostBytes: it holds no pointer to the
//         connection, takes no time but what it is handed, allocates nothing, and is copied as bytes.
//         Windows are in segments, as Linux has them; places in the stream are in bytes.
// Not here: loss recovery, which brings the window down to threshold() by itself (RFC 9937) and
//         takes it back when the loss was none.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>

#include "fairlead/info.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

struct Config;
class Counters;

inline constexpr std::int32_t kInitialWindow = 10;  // RFC 6928 §2

struct CongestionWindow {
    static constexpr std::int32_t kNoThreshold = INT32_MAX;

    std::int32_t segments = kInitialWindow;
    std::int32_t threshold = kNoThreshold;
    std::int32_t credit = 0;  // acknowledged segments not yet turned into window

    constexpr bool is_slow_start() const { return segments < threshold; }
    // Each acknowledged segment opens one more, up to the threshold. Returns those left over.
    constexpr std::int32_t grow_in_slow_start(std::int32_t acked) {
        const std::int32_t grown = std::min(segments + acked, threshold);
        acked -= grown - segments;
        segments = grown;
        return acked;
    }
    // One more for every `each` acknowledged (tcp_cong_avoid_ai).
    constexpr void grow_by_one_in(std::int32_t each, std::int32_t acked) {
        if (credit >= each) credit = 0, ++segments;
        credit += acked;
        if (credit < each) return;
        const std::int32_t more = credit / each;
        credit -= more * each;
        segments += more;
    }
    // After `rtos` timeouts' worth of silence the path may have changed: halved for each
    // (RFC 2861 as Linux has it).
    constexpr void restart(std::int32_t rtos, std::int32_t restart_window) {
        threshold = three_quarters();
        const std::int32_t floor = std::min(restart_window, segments);
        while (rtos-- > 0 && segments > floor) segments >>= 1;
        segments = std::max(segments, floor);
    }
    // What a loss of this very moment would leave (tcp_current_ssthresh).
    constexpr std::int32_t three_quarters() const {
        return std::max(threshold, (segments >> 1) + (segments >> 2));
    }
};

// How much arrived in the time that what arrived now was on its way: the rate at which the path
// delivers (Linux's tcp_rate.c).
struct RateSample {
    std::int32_t delivered = 0;          // segments
    std::uint32_t delivered_before = 0;  // in all, when what arrived now was sent
    std::int32_t lost = 0;               // segments, since then
    std::int32_t sent_in_flight = 0;     // segments, it included
    Duration interval{};                 // in which they were; zero: nothing can be said
    bool is_app_limited = false;         // the application, not the path, set the pace

    constexpr bool is_valid() const { return !interval.is_zero(); }
};

// What was found lost since the last ACK, as the first of it to leave saw it.
struct LossSample {
    std::int32_t segments = 0;        // in all
    std::int32_t lost = 0;            // segments, since that one was sent
    std::int32_t sent_in_flight = 0;  // segments, it included
    bool is_app_limited = false;
};

// Everything one ACK taught us.
struct AckSample {
    Instant now{};
    std::int64_t acked_to = 0;       // a place in the stream: all before it has arrived
    std::int64_t next = 0;           // what is sent next
    std::int32_t newly_acked = 0;    // segments below acked_to that were not below it before
    std::int32_t sacked_before = 0;  // of these: those a SACK had reported already
    std::int32_t newly_sacked = 0;   // segments reported by SACK for the first time
    std::int32_t delivered = 0;      // segments that arrived, as far as this ACK tells
    std::int32_t newly_lost = 0;     // segments given up on, now
    std::int32_t in_flight = 0;      // segments, after all of the above
    std::int32_t prior_in_flight = 0;
    std::optional<Duration> rtt{};  // of the first segment acknowledged
    Duration last_rtt{};            // of the last; zero where that tells none
    Duration least_rtt = Duration::infinite();
    std::int64_t pacing_rate = 0;    // bytes a second at which the window would leave
    bool is_window_limited = false;  // the window, not the application, held the sender back
    std::int32_t marked = 0;         // of the segments that arrived: those that had one
    // The following are for a controller that has a state.
    bool is_delayed =
        false;  // perhaps: it acknowledges a single segment, for which the peer waited
    bool is_paced = false;
    std::uint32_t total_delivered = 0;  // segments, ever
    std::uint32_t total_lost = 0;
    std::int32_t mss = 0;
    Duration smoothed_rtt{};
    Duration until_next_departure{};  // of what is paced
    RateSample rate{};
    LossSample loss{};
    Counters* counters = nullptr;  // where a controller counts what it did, if anywhere
};

// What there is when a controller begins.
struct CongestionStart {
    Instant now{};
    const Config& config;
    std::uint32_t chance = 0;  // another for each connection, and of the stack's seed
};

// What a controller does. Only the first two are asked of every one.
template <typename C>
concept CongestionController =
    std::is_trivially_copyable_v<C> && std::default_initializable<C> &&
    requires(C c, CongestionWindow& window, const AckSample& ack, Instant now) {
        { C::kName } -> std::convertible_to<std::string_view>;
        // Data was delivered, and the window may grow.
        { c.on_ack(window, ack) } -> std::same_as<void>;
        // Loss was found: the window to come down to.
        { c.threshold(window, now) } -> std::same_as<std::int32_t>;
    };

// The same as a table, so that a connection can hold any of them.
struct CongestionOperations {
    static constexpr std::size_t kMostBytes = 160;

    std::string_view name{};
    // A window that has only slow start before it needs no state below so many segments.
    std::int32_t stateless_below = 0;
    bool has_state = false;
    // It works by marks alone, and every packet may have one: ECT(1) is 1, ECT(0) 2 (RFC 3168 §5);
    // 0: it does without. Where the peer has no ECN, NewReno acts for it.
    std::uint8_t ecn_codepoint = 0;
    // RFC 8511, where tcp_abe is set: percent of the window that a mark leaves; 0: as threshold() says.
    std::uint8_t kept_at_mark = 0;
    bool needs_accurate_ecn = false;  // of ECN only the accurate form is enough (RFC 9768)
    void (*start)(void* state, const CongestionStart& start) = nullptr;
    void (*on_ack)(void* state, CongestionWindow& window, const AckSample& ack) = nullptr;
    std::int32_t (*threshold)(void* state, const CongestionWindow& window, Instant now) = nullptr;
    // The same for a mark instead of a loss; null: no difference.
    std::int32_t (*threshold_of_mark)(void* state, const CongestionWindow& window,
                                      Instant now) = nullptr;
    // Every ACK of data, in whatever phase.
    void (*on_delivered)(void* state, CongestionWindow& window, const AckSample& ack) = nullptr;
    void (*on_phase)(void* state, CongestionState phase) = nullptr;
    // The first to leave after nothing was in flight.
    void (*on_restart)(void* state, Instant last_sent, Instant now) = nullptr;
    // A loss was none: the window to go back to. `before`: the one it was found at.
    std::int32_t (*undone)(void* state, const CongestionWindow& window,
                           std::int32_t before) = nullptr;
    // Instead of all growth and reduction: the window is the controller's alone.
    void (*control)(void* state, CongestionWindow& window, const AckSample& ack) = nullptr;
    // Whoever has it is paced: bytes a second at which its window leaves; asked after each ACK.
    std::int64_t (*pacing_rate)(const void* state) = nullptr;
    CongestionDetails (*details)(const void* state) = nullptr;
};

namespace detail {

// Calls f with the controller: the one that lies at `state`, or, of a class without any, a new one.
template <typename C, typename F>
auto with(void* state, F&& f) {
    if constexpr (std::is_empty_v<C>) {
        C stateless;
        return f(stateless);
    } else {
        return f(*std::launder(static_cast<C*>(state)));
    }
}

template <CongestionController C>
constexpr CongestionOperations congestion_operations() {
    static_assert(sizeof(C) <= CongestionOperations::kMostBytes && alignof(C) <= 8);
    using Window = CongestionWindow;
    CongestionOperations o{.name = C::kName, .has_state = !std::is_empty_v<C>};
    o.start = [](void* state, [[maybe_unused]] const CongestionStart& start) {
        if constexpr (!std::is_empty_v<C>) std::construct_at(static_cast<C*>(state));
        if constexpr (requires(C c) { c.on_start(start); }) {
            with<C>(state, [&](C& c) { c.on_start(start); });
        }
    };
    o.on_ack = [](void* s, Window& w, const AckSample& a) {
        with<C>(s, [&](C& c) { c.on_ack(w, a); });
    };
    o.threshold = [](void* s, const Window& w, Instant now) {
        return with<C>(s, [&](C& c) { return c.threshold(w, now); });
    };
    if constexpr (requires { C::kStatelessBelow; }) o.stateless_below = C::kStatelessBelow;
    if constexpr (requires { C::kEcnCodepoint; }) o.ecn_codepoint = C::kEcnCodepoint;
    if constexpr (requires { C::kKeptAtMark; }) o.kept_at_mark = C::kKeptAtMark;
    if constexpr (requires { C::kNeedsAccurateEcn; }) {
        o.needs_accurate_ecn = C::kNeedsAccurateEcn;
    }
    if constexpr (requires(C c, const Window& w, Instant t) { c.threshold_of_mark(w, t); }) {
        o.threshold_of_mark = [](void* s, const Window& w, Instant now) {
            return with<C>(s, [&](C& c) { return c.threshold_of_mark(w, now); });
        };
    }
    if constexpr (requires(C c, Window& w, const AckSample& a) { c.on_delivered(w, a); }) {
        o.on_delivered = [](void* s, Window& w, const AckSample& a) {
            with<C>(s, [&](C& c) { c.on_delivered(w, a); });
        };
    }
    if constexpr (requires(C c, CongestionState p) { c.on_phase(p); }) {
        o.on_phase = [](void* s, CongestionState p) { with<C>(s, [&](C& c) { c.on_phase(p); }); };
    }
    if constexpr (requires(C c, Instant t) { c.on_restart(t, t); }) {
        o.on_restart = [](void* s, Instant last, Instant now) {
            with<C>(s, [&](C& c) { c.on_restart(last, now); });
        };
    }
    if constexpr (requires(C c, const Window& w) { c.undone(w, 0); }) {
        o.undone = [](void* s, const Window& w, std::int32_t before) {
            return with<C>(s, [&](C& c) { return c.undone(w, before); });
        };
    }
    if constexpr (requires(C c, Window& w, const AckSample& a) { c.control(w, a); }) {
        o.control = [](void* s, Window& w, const AckSample& a) {
            with<C>(s, [&](C& c) { c.control(w, a); });
        };
    }
    if constexpr (requires(const C c) { c.pacing_rate(); }) {
        o.pacing_rate = [](const void* s) {
            return std::launder(static_cast<const C*>(s))->pacing_rate();
        };
    }
    if constexpr (requires(const C c) { c.details(); }) {
        o.details = []([[maybe_unused]] const void* s) {
            if constexpr (std::is_empty_v<C>) {
                return C{}.details();
            } else {
                return std::launder(static_cast<const C*>(s))->details();
            }
        };
    }
    return o;
}

}  // namespace detail

// The table of a class: one object for the program's life.
template <CongestionController C>
inline constexpr CongestionOperations kCongestionOperations = detail::congestion_operations<C>();

}  // namespace fairlead
