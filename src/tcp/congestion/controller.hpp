// tcp/congestion/controller.hpp — the controllers that are built in, by the names of TCP_CONGESTION.
#pragma once

#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/fixed_window.hpp"
#include "tcp/congestion/new_reno.hpp"

namespace fairlead::tcp {

inline constexpr const CongestionOperations& kReno = kCongestionOperations<NewReno>;

// Null for an unknown one.
inline const CongestionOperations* controller_by_name(std::string_view name) {
    for (const CongestionOperations* o : {&kReno, &kCongestionOperations<FixedWindow>}) {
        if (name == o->name) return o;
    }
    return nullptr;
}

}  // namespace fairlead::tcp
