#include "base/port_set.hpp"

#include <charconv>

namespace fairlead {
namespace {

constexpr std::uint32_t kPorts = 65536;

// Takes a port off the text.
std::optional<std::uint32_t> take_port(std::string_view& text) {
    std::uint32_t port = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (fault != std::errc{} || port >= kPorts) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return port;
}

bool take(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

void PortSet::add(std::uint32_t first, std::uint32_t last) {
    if (words_.empty()) words_.resize(kPorts / 64);
    for (std::uint32_t port = first; port <= last; ++port) {
        words_[port / 64] |= std::uint64_t{1} << port % 64;
    }
}

std::optional<PortSet> PortSet::parse(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
    PortSet set;
    if (text.empty()) return set;
    do {
        const auto first = take_port(text);
        if (!first) return std::nullopt;
        const auto last = take(text, '-') ? take_port(text) : first;
        if (!last || *last < *first) return std::nullopt;
        set.add(*first, *last);
    } while (take(text, ','));
    if (!text.empty()) return std::nullopt;
    return set;
}

std::string PortSet::text() const {
    std::string out;
    const auto has = [&](std::uint32_t port) {
        return port < kPorts && contains(static_cast<std::uint16_t>(port));
    };
    for (std::uint32_t port = 0; port < kPorts; ++port) {
        if (!has(port)) continue;
        const std::uint32_t first = port;
        while (has(port + 1)) ++port;
        if (!out.empty()) out += ',';
        out += std::to_string(first);
        if (port > first) out.append("-").append(std::to_string(port));
    }
    return out;
}

}  // namespace fairlead
