// sim/content.hpp — bytes that can be told again from a seed and where they stand.
//
// Owns:   what the byte at each position of a stream is.
// Rules:  A byte hangs on the seed and its position alone, never on how the stream was cut; the
//         same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fairlead/bytes.hpp"

namespace fairlead::sim {

void fill_content(std::uint64_t seed, std::uint64_t position, MutableBytes into);
// Which of the bytes is the first that does not belong at `position` and on; all do: their number.
std::size_t first_wrong_content(std::uint64_t seed, std::uint64_t position, Bytes bytes);

}  // namespace fairlead::sim
