// tcp/congestion/controller.hpp — the controllers that are built in, by the names of TCP_CONGESTION.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/bbr.hpp"
#include "tcp/congestion/bbr3.hpp"
#include "tcp/congestion/cubic.hpp"
#include "tcp/congestion/dctcp.hpp"
#include "tcp/congestion/fixed_window.hpp"
#include "tcp/congestion/new_reno.hpp"
#include "tcp/congestion/prague.hpp"
#include "tcp/congestion/vegas.hpp"

namespace fairlead::tcp {

inline constexpr const CongestionOperations& kReno = kCongestionOperations<NewReno>;
inline constexpr const CongestionOperations& kDctcpReno = kCongestionOperations<DctcpReno>;

inline constexpr std::array<const CongestionOperations*, 8> kBuiltIn{
    &kCongestionOperations<Cubic>, &kReno,
    &kCongestionOperations<Bbr>,   &kCongestionOperations<Bbr3>,
    &kCongestionOperations<Dctcp>, &kCongestionOperations<Prague>,
    &kCongestionOperations<Vegas>, &kCongestionOperations<FixedWindow>};

// Those of the application come first (StackOptions::controllers). Null for an unknown one.
inline const CongestionOperations* controller_by_name(
    std::string_view name, std::span<const CongestionOperations* const> own = {}) {
    for (const CongestionOperations* o : own) {
        if (name == o->name) return o;
    }
    for (const CongestionOperations* o : kBuiltIn) {
        if (name == o->name) return o;
    }
    return nullptr;
}

}  // namespace fairlead::tcp
