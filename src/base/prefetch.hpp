// prefetch.hpp — asks for memory before it is needed.
//
// Owns:   prefetch_object(): every cache line of one object, asked for at once, so that a cold one
//         costs one wait for memory and not one for each of its lines.
// Not here: when it is worth it; the callers know what they will touch next.
#pragma once

#include <cstddef>

namespace fairlead {

inline constexpr std::size_t kCacheLine = 64;

template <typename T>
inline void prefetch_object(const T* object) {
    const auto* bytes = reinterpret_cast<const std::byte*>(object);
    for (std::size_t at = 0; at < sizeof(T); at += kCacheLine) __builtin_prefetch(bytes + at);
    // Of one that does not begin with a line.
    __builtin_prefetch(bytes + sizeof(T) - 1);
}

}  // namespace fairlead
