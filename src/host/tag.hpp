// host/tag.hpp — what an event of an epoll set is about, in 64 bits.
#pragma once

#include <cstdint>

namespace fairlead::host {

enum class TagKind : std::uint8_t {
    Listener,
    Program,
    Doorbell,
    Closes,
    End,
    CloseWatch,
    Door,
    Plain
};

inline constexpr std::uint32_t kGenerationBits = 24;

constexpr std::uint32_t tag_generation(std::uint32_t generation) {
    return generation & ((1u << kGenerationBits) - 1);
}
constexpr std::uint64_t tag(TagKind kind, std::uint32_t number, std::uint32_t generation) {
    return std::uint64_t{static_cast<std::uint8_t>(kind)} << 56 |
           std::uint64_t{tag_generation(generation)} << 32 | number;
}
constexpr TagKind kind_of(std::uint64_t tag) { return static_cast<TagKind>(tag >> 56); }
constexpr std::uint32_t number_of(std::uint64_t tag) { return static_cast<std::uint32_t>(tag); }
constexpr std::uint32_t generation_of(std::uint64_t tag) {
    return tag_generation(static_cast<std::uint32_t>(tag >> 32));
}

}  // namespace fairlead::host
