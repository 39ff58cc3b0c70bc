// http/range.hpp — which bytes of a representation were asked for (RFC 9110 §14).
#pragma once

#include <cstdint>
#include <string_view>

namespace fairlead::http {

struct RangeChoice {
    enum class Kind : std::uint8_t {
        Whole,          // no range, one we don't know, or several: the whole is always right
        Part,           // [offset, offset + length)
        Unsatisfiable,  // 416
    };
    Kind kind = Kind::Whole;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    constexpr bool operator==(const RangeChoice&) const = default;
};

// `field` is the value of a Range field, `size` the length of the whole.
RangeChoice choose_range(std::string_view field, std::uint64_t size);

}  // namespace fairlead::http
