// bytes.hpp — reading and writing network byte order, checked at the edges.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/assert.hpp"
#include "fairlead/bytes.hpp"

namespace fairlead {

template <std::unsigned_integral T>
constexpr T to_big_endian(T v) {
    if constexpr (std::endian::native == std::endian::little) return std::byteswap(v);
    return v;
}

template <std::unsigned_integral T>
inline T load_be(Bytes from, std::size_t offset) {
    FAIRLEAD_ASSERT(offset + sizeof(T) <= from.size());
    T v;
    std::memcpy(&v, from.data() + offset, sizeof(T));
    return to_big_endian(v);
}

template <std::unsigned_integral T>
inline void store_be(MutableBytes to, std::size_t offset, T v) {
    FAIRLEAD_ASSERT(offset + sizeof(T) <= to.size());
    v = to_big_endian(v);
    std::memcpy(to.data() + offset, &v, sizeof(T));
}

}  // namespace fairlead
