#include "lab/quantity.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace fairlead::lab {
namespace {

struct Unit {
    std::string_view name{};
    double worth = 1;
};

// A number that is not negative, and the unit behind it, if it has one of those.
template <std::size_t N>
std::optional<double> parse(std::string_view text, const std::array<Unit, N>& units) {
    double number = 0;
    const auto [end, fault] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (fault != std::errc{} || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
    const std::string_view name{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    for (const Unit& unit : units) {
        if (unit.name == name) return number * unit.worth;
    }
    return std::nullopt;
}

template <typename T>
std::optional<T> whole(std::optional<double> number, double most) {
    if (!number || *number > most) return std::nullopt;
    return static_cast<T>(std::llround(*number));
}

constexpr double kMostBits = 1e13;
constexpr double kMostNs = 1e15;
constexpr double kMostBytes = 1e12;
constexpr double kMostFrames = 1e6;
constexpr double kAll = 1e6;

}  // namespace

std::optional<std::uint64_t> parse_rate(std::string_view text) {
    constexpr std::array<Unit, 5> kUnits{
        {{"", 1}, {"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}}};
    return whole<std::uint64_t>(parse(text, kUnits), kMostBits);
}

std::optional<Duration> parse_duration(std::string_view text) {
    constexpr std::array<Unit, 5> kUnits{
        {{"", 1e6}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
    const auto ns = whole<std::int64_t>(parse(text, kUnits), kMostNs);
    if (!ns) return std::nullopt;
    return Duration::from_ns(*ns);
}

std::optional<std::uint32_t> parse_share(std::string_view text) {
    constexpr std::array<Unit, 2> kUnits{{{"", 1e4}, {"%", 1e4}}};
    return whole<std::uint32_t>(parse(text, kUnits), kAll);
}

std::optional<QueueLimit> parse_queue(std::string_view text) {
    constexpr std::array<Unit, 1> kFrames{{{"p", 1}}};
    constexpr std::array<Unit, 4> kBytes{{{"", 1}, {"b", 1}, {"k", 1024}, {"m", 1024 * 1024}}};
    if (const auto frames = whole<std::uint32_t>(parse(text, kFrames), kMostFrames)) {
        if (*frames == 0) return std::nullopt;
        // What holds so many of the largest never stops them.
        constexpr std::uint64_t kLargest = 65'550;
        return QueueLimit{.bytes = *frames * kLargest, .frames = *frames};
    }
    const auto bytes = whole<std::uint64_t>(parse(text, kBytes), kMostBytes);
    if (!bytes) return std::nullopt;
    return QueueLimit{.bytes = *bytes};
}

std::optional<link::QueueKind> parse_queue_kind(std::string_view text) {
    if (text == "none") return link::QueueKind::Plain;
    if (text == "codel") return link::QueueKind::Codel;
    if (text == "red") return link::QueueKind::Red;
    if (text == "step") return link::QueueKind::Step;
    return std::nullopt;
}

}  // namespace fairlead::lab
