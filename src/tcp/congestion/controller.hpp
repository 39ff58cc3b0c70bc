// tcp/congestion/controller.hpp — how much may be in the network?
//
// A congestion controller is a value: it is given samples and asked for a window. It holds no
// pointer to the connection, takes no time but what a sample carries, and allocates nothing.
// Windows are in segments.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tcp/ack_sample.hpp"
#include "tcp/congestion/fixed_window.hpp"
#include "tcp/congestion/new_reno.hpp"

namespace fairlead::tcp {

template <typename C>
concept CongestionController =
    std::copyable<C> && requires(C c, const C& view, const AckSample& ack) {
        // Data was delivered outside of recovery.
        { c.on_ack(ack) } -> std::same_as<void>;
        // Loss was found: once per recovery.
        { c.on_loss(ack) } -> std::same_as<void>;
        // RTO: how much is left in flight; whether it is the first for this data.
        { c.on_timeout(std::int32_t{}, bool{}) } -> std::same_as<void>;
        // Before sending after silence: how many RTOs long, and the window to go down to.
        { c.on_idle(std::int32_t{}, std::int32_t{}) } -> std::same_as<void>;
        { c.on_recovered() } -> std::same_as<void>;
        { view.window() } -> std::same_as<std::int32_t>;
        { view.threshold() } -> std::same_as<std::int32_t>;
        { C::name() } -> std::convertible_to<std::string_view>;
    };

static_assert(CongestionController<NewReno>);
static_assert(CongestionController<FixedWindow>);

// Closed set: no virtual call. A controller too large for the hot block of a connection keeps its
// state in a pooled block.
using AnyController = std::variant<NewReno, FixedWindow>;

inline constexpr std::int32_t kInitialWindow = 10;  // RFC 6928 §2

inline std::int32_t window_of(const AnyController& any) {
    return std::visit([](const CongestionController auto& c) { return c.window(); }, any);
}
inline std::int32_t threshold_of(const AnyController& any) {
    return std::visit([](const CongestionController auto& c) { return c.threshold(); }, any);
}
inline std::string_view name_of(const AnyController& any) {
    return std::visit([](const CongestionController auto& c) { return c.name(); }, any);
}

// By the name that TCP_CONGESTION takes; nothing for an unknown one.
inline std::optional<AnyController> controller_by_name(std::string_view name) {
    if (name == NewReno::name()) return NewReno{kInitialWindow};
    if (name == FixedWindow::name()) return FixedWindow{kInitialWindow};
    return std::nullopt;
}

}  // namespace fairlead::tcp
