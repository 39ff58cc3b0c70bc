// fairlead/bytes.hpp — how bytes are handed around: as spans that own nothing.
#pragma once

#include <cstddef>
#include <span>

namespace fairlead {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

}  // namespace fairlead
