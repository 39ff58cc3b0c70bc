#include "fairlead/address.hpp"

#include <algorithm>
#include <charconv>

namespace fairlead {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text, int base, std::uint32_t highest) {
    std::uint32_t value = 0;
    const char* end = text.data() + text.size();
    const auto [at, fault] = std::from_chars(text.data(), end, value, base);
    if (fault != std::errc{} || at != end || value > highest) return std::nullopt;
    return static_cast<T>(value);
}

std::optional<std::uint32_t> parse_v4(std::string_view text) {
    std::uint32_t value = 0;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = text.find('.');
        if ((dot == std::string_view::npos) != (part == 3)) return std::nullopt;
        const std::string_view digits = text.substr(0, dot);
        if (digits.empty() || digits.size() > 3) return std::nullopt;
        const auto byte = parse_number<std::uint8_t>(digits, 10, 255);
        if (!byte) return std::nullopt;
        value = value << 8 | *byte;
        if (part < 3) text.remove_prefix(dot + 1);
    }
    return value;
}

struct Groups {
    std::array<std::uint16_t, 8> at{};
    std::size_t count = 0;
};

// "a:b:c" with, at the end, perhaps "1.2.3.4".
std::optional<Groups> parse_groups(std::string_view text) {
    Groups g;
    while (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view word = text.substr(0, colon);
        if (colon == std::string_view::npos && word.find('.') != std::string_view::npos) {
            const auto v4 = parse_v4(word);
            if (!v4 || g.count > 6) return std::nullopt;
            g.at[g.count++] = static_cast<std::uint16_t>(*v4 >> 16);
            g.at[g.count++] = static_cast<std::uint16_t>(*v4);
            return g;
        }
        if (word.empty() || word.size() > 4 || g.count == 8) return std::nullopt;
        const auto value = parse_number<std::uint16_t>(word, 16, 0xffff);
        if (!value) return std::nullopt;
        g.at[g.count++] = *value;
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
        if (text.empty()) return std::nullopt;  // a trailing single colon
    }
    return g;
}

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
    Groups all;
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) {
        const auto g = parse_groups(text);
        if (!g || g->count != 8) return std::nullopt;
        all = *g;
    } else {
        const auto before = parse_groups(text.substr(0, gap));
        const auto after = parse_groups(text.substr(gap + 2));
        if (!before || !after || before->count + after->count > 7) return std::nullopt;
        std::copy_n(before->at.begin(), before->count, all.at.begin());
        std::copy_n(after->at.begin(), after->count,
                    all.at.end() - static_cast<std::ptrdiff_t>(after->count));
    }
    std::array<std::uint8_t, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[2 * i] = static_cast<std::uint8_t>(all.at[i] >> 8);
        bytes[2 * i + 1] = static_cast<std::uint8_t>(all.at[i]);
    }
    return bytes;
}

void append_hex(std::string& out, std::uint16_t value) {
    std::array<char, 4> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    out.append(digits.data(), end);
}

// RFC 5952 §4.2: the longest run of two or more zero groups is folded, the first of equals.
std::string text_of_v6(const std::array<std::uint8_t, 16>& bytes) {
    std::array<std::uint16_t, 8> groups{};
    for (std::size_t i = 0; i < 8; ++i) {
        groups[i] = static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    std::size_t fold_at = 8;
    std::size_t fold_length = 1;
    for (std::size_t i = 0; i < 8;) {
        std::size_t end = i;
        while (end < 8 && groups[end] == 0) ++end;
        if (end - i > fold_length) fold_at = i, fold_length = end - i;
        i = std::max(end, i + 1);
    }
    std::string out;
    for (std::size_t i = 0; i < 8;) {
        if (i == fold_at) {
            out += "::";
            i += fold_length;
            continue;
        }
        if (!out.empty() && out.back() != ':') out += ':';
        append_hex(out, groups[i++]);
    }
    return out;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.find(':') == std::string_view::npos) {
        const auto value = parse_v4(text);
        if (!value) return std::nullopt;
        return v4(*value);
    }
    InterfaceIndex zone = 0;
    if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
        const auto number = parse_number<std::uint32_t>(text.substr(percent + 1), 10, 0xffff'ffff);
        if (!number) return std::nullopt;
        zone = *number;
        text = text.substr(0, percent);
    }
    const auto bytes = parse_v6(text);
    if (!bytes) return std::nullopt;
    return v6(*bytes, zone);
}

std::string IpAddress::to_string() const {
    if (is_v4()) {
        std::string out;
        for (const std::uint8_t b : wire_bytes()) {
            if (!out.empty()) out += '.';
            out += std::to_string(b);
        }
        return out;
    }
    std::string out = text_of_v6(bytes_);
    if (zone_ != 0) out += '%' + std::to_string(zone_);
    return out;
}

std::string Endpoint::to_string() const {
    const std::string port_text = ':' + std::to_string(port);
    if (address.is_v4()) return address.to_string() + port_text;
    return '[' + address.to_string() + ']' + port_text;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    std::string_view port_text;
    if (!text.empty() && text.front() == '[') {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        port_text = text.substr(close + 1);
        text = text.substr(1, close - 1);
        if (!port_text.empty() && port_text.front() != ':') return std::nullopt;
    } else if (std::ranges::count(text, ':') == 1) {
        const std::size_t colon = text.find(':');
        port_text = text.substr(colon);
        text = text.substr(0, colon);
    }
    const auto address = IpAddress::parse(text);
    if (!address) return std::nullopt;
    if (port_text.empty()) return Endpoint{*address, 0};
    const auto port = parse_number<std::uint16_t>(port_text.substr(1), 10, 65535);
    if (!port) return std::nullopt;
    return Endpoint{*address, *port};
}

std::string Prefix::to_string() const { return address.to_string() + '/' + std::to_string(length); }

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    const std::uint32_t longest = address->is_v4() ? 32 : 128;
    if (slash == std::string_view::npos) {
        return Prefix{*address, static_cast<std::uint8_t>(longest)};
    }
    const auto length = parse_number<std::uint8_t>(text.substr(slash + 1), 10, longest);
    if (!length) return std::nullopt;
    return Prefix{*address, *length};
}

}  // namespace fairlead
