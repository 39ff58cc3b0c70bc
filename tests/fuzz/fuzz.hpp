// fuzz.hpp — what every fuzz target begins with.
//
// A property that does not hold is our bug: it stops the target, as a read out of bounds does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "fairlead/bytes.hpp"

namespace fairlead::fuzz {

inline Bytes input(const std::uint8_t* data, std::size_t size) {
    return std::as_bytes(std::span{data, size});
}

}  // namespace fairlead::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
