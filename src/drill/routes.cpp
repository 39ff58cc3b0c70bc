#include "drill/routes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::uint8_t kWholeV4 = 32;
constexpr std::uint8_t kWholeV6 = 128;

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc{} && end == text.data() + text.size();
    return is_whole ? std::optional{value} : std::nullopt;
}

// Milliseconds, or with a unit, as iproute2 reads a round trip.
std::optional<Duration> duration(std::string_view text) {
    constexpr std::int64_t kPerSecond = 1000;
    std::int64_t unit = 1;
    if (text.ends_with("msecs")) {
        text.remove_suffix(5);
    } else if (text.ends_with("msec")) {
        text.remove_suffix(4);
    } else if (text.ends_with("ms")) {
        text.remove_suffix(2);
    } else if (text.ends_with('s')) {
        text.remove_suffix(1);
        unit = kPerSecond;
    }
    const auto n = number(text);
    if (!n) return std::nullopt;
    return Duration::from_ms(std::int64_t{*n} * unit);
}

// Those that are plain numbers.
std::uint32_t* number_of(Route& route, std::string_view name) {
    if (name == "mtu") return &route.mtu;
    if (name == "metric") return &route.metric;
    if (name == "advmss") return &route.hints.advmss;
    if (name == "initcwnd") return &route.hints.initcwnd;
    return name == "initrwnd" ? &route.hints.initrwnd : nullptr;
}

// False: the name or the value is not known.
bool read_one(RouteWords& read, std::string_view name, const std::string& value) {
    Route& route = read.route;
    if (name == "dev") {
        read.device = value;
        return true;
    }
    if (name == "via" || name == "src") {
        const auto address = IpAddress::parse(value);
        (name == "via" ? route.gateway : route.source) = address.value_or(IpAddress{});
        return address.has_value();
    }
    if (name == "rto_min") {
        const auto time = duration(value);
        route.hints.rto_min = time.value_or(Duration{});
        return time.has_value();
    }
    if (name == "congctl") return !value.empty() && route.hints.set_controller(value);
    if (name == "quickack") {
        route.hints.is_quick = value == "1";
        return value == "0" || value == "1";
    }
    if (std::uint32_t* to = number_of(route, name)) {
        const auto n = number(value);
        *to = n.value_or(0);
        return n.has_value();
    }
    return name == "proto" || name == "scope" || name == "table";
}

std::string in_milliseconds(Duration time) {
    const std::int64_t ms = time.ns() / 1'000'000;
    return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

std::string format_destination(const Prefix& to) {
    if (to.length == 0) return "default";
    const bool is_whole = to.length == (to.address.is_v4() ? kWholeV4 : kWholeV6);
    return is_whole ? to.address.to_string()
                    : fmt::format("{}/{}", to.address.to_string(), to.length);
}

}  // namespace

std::optional<Prefix> read_prefix(const std::string& word, Family family) {
    if (word == "default") return Prefix{.address = IpAddress::any(family), .length = 0};
    if (word.find('/') != std::string::npos) return Prefix::parse(word);
    const auto address = IpAddress::parse(word);
    if (!address) return std::nullopt;
    return Prefix{.address = *address, .length = address->is_v4() ? kWholeV4 : kWholeV6};
}

RouteWords read_route(const std::vector<std::string>& words, std::size_t at) {
    RouteWords read;
    for (; at < words.size() && read.fault.empty(); ++at) {
        const std::string& name = words[at];
        const bool is_lock = at + 1 < words.size() && words[at + 1] == "lock";
        if (is_lock) ++at;
        if (is_lock && name == "mtu") read.route.hints.is_mtu_locked = true;
        if (++at >= words.size()) {
            read.fault = fmt::format("a route's {} without a value", name);
        } else if (!read_one(read, name, words[at])) {
            read.fault = fmt::format("a route's {} {}", name, words[at]);
        }
    }
    return read;
}

std::string format_route(const Route& route, std::string_view device) {
    const RouteHints& hints = route.hints;
    std::string line = format_destination(route.destination);
    if (!route.gateway.is_any()) line += fmt::format(" via {}", route.gateway.to_string());
    line += fmt::format(" dev {}", device);
    if (route.gateway.is_any() && route.destination.address.is_v4()) line += " scope link";
    if (!route.source.is_any()) line += fmt::format(" src {}", route.source.to_string());
    if (route.metric != 0) line += fmt::format(" metric {}", route.metric);
    if (route.mtu != 0) {
        line += fmt::format(" mtu {}{}", hints.is_mtu_locked ? "lock " : "", route.mtu);
    }
    if (hints.advmss != 0) line += fmt::format(" advmss {}", hints.advmss);
    if (hints.initcwnd != 0) line += fmt::format(" initcwnd {}", hints.initcwnd);
    if (!hints.rto_min.is_zero()) {
        line += fmt::format(" rto_min lock {}", in_milliseconds(hints.rto_min));
    }
    if (hints.initrwnd != 0) line += fmt::format(" initrwnd {}", hints.initrwnd);
    if (hints.is_quick) line += " quickack 1";
    if (!hints.controller().empty()) line += fmt::format(" congctl {}", hints.controller());
    return line + " ";
}

}  // namespace fairlead::drill
