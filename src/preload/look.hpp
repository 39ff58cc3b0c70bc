// preload/look.hpp — looking for a while before a thread sleeps.
//
// Owns:      the budget of each thread for that (host/spin.hpp). Most of it is FAIRLEAD_SPIN in the
//            environment, in microseconds, or what the host says; 0: never.
// Rules:     whoever looks lets others have the core: what is waited for may want to run there.
// Not here:  what is looked for.
#pragma once

#include <cstdint>

#include "host/spin.hpp"

namespace fairlead::preload {

// One wait, from its making to its end.
class Look {
public:
    Look();
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;
    ~Look();

    // Whether it is worth to look (again). It takes a moment.
    bool goes_on();

private:
    host::Spin* spin_ = nullptr;  // null: nobody looks
    std::int64_t begin_ = 0;
};

// In the environment of a program.
inline constexpr const char* kSpinVariable = "FAIRLEAD_SPIN";

}  // namespace fairlead::preload
