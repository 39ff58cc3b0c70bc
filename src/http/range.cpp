#include "http/range.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/text.hpp"

namespace fairlead::http {

namespace {

// A number too large for 64 bits lies beyond the end of anything, which is all that matters.
std::optional<std::uint64_t> parse_position(std::string_view text) {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || stop != end) return std::nullopt;
    return error == std::errc::result_out_of_range ? UINT64_MAX : value;
}

}  // namespace

RangeChoice choose_range(std::string_view field, std::uint64_t size) {
    using Kind = RangeChoice::Kind;
    const RangeChoice whole{.kind = Kind::Whole, .offset = 0, .length = size};
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos ||
        !equals_ignoring_case(field.substr(0, equals), "bytes")) {
        return whole;
    }
    const std::string_view spec = trimmed(field.substr(equals + 1));
    const std::size_t dash = spec.find('-');
    if (dash == std::string_view::npos) return whole;
    const auto first = parse_position(spec.substr(0, dash));
    const auto last = parse_position(spec.substr(dash + 1));

    if (dash == 0) {  // "-N": the last N bytes
        if (!last) return whole;
        if (*last == 0 || size == 0) return {.kind = Kind::Unsatisfiable};
        const std::uint64_t length = std::min(*last, size);
        return {.kind = Kind::Part, .offset = size - length, .length = length};
    }
    const bool is_open = dash + 1 == spec.size();  // "N-"
    if (!first || (!last && !is_open) || (last && *last < *first)) return whole;
    if (*first >= size) return {.kind = Kind::Unsatisfiable};
    const std::uint64_t end = is_open || *last >= size ? size : *last + 1;
    return {.kind = Kind::Part, .offset = *first, .length = end - *first};
}

}  // namespace fairlead::http
