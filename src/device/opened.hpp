// opened.hpp — what opening something of the operating system gives: the thing, or why not and what
// to do about it, in words for the person in front of the screen.
#pragma once

#include <cstring>
#include <expected>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace fairlead::device {

struct OpenError {
    int code = 0;  // errno, 0 where none was set
    std::string text{};
};

template <typename T>
using Opened = std::expected<T, OpenError>;

// "cannot open /dev/net/tun: Permission denied (run as root ...)"
inline std::unexpected<OpenError> cannot(std::string_view what, int code,
                                         std::string_view advice = {}) {
    std::string text = fmt::format("cannot {}", what);
    if (code != 0) text += fmt::format(": {}", std::strerror(code));
    if (!advice.empty()) text += fmt::format(" ({})", advice);
    return std::unexpected{OpenError{.code = code, .text = std::move(text)}};
}

}  // namespace fairlead::device
