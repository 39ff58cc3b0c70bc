// hex.hpp — digests as the standards print them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fairlead/bytes.hpp"

namespace fairlead::testing_hex {

inline std::string hex(Bytes bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::byte b : bytes) {
        text += kDigits[std::to_integer<std::size_t>(b) >> 4];
        text += kDigits[std::to_integer<std::size_t>(b) & 15];
    }
    return text;
}

inline std::vector<std::byte> from_hex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
    }
    return bytes;
}

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

}  // namespace fairlead::testing_hex
