#include "wire/ipv4.hpp"

namespace fairlead::wire {
namespace {

enum Option : std::uint8_t {
    kEnd = 0,
    kNop = 1,
    kLooseSourceRoute = 131,
    kStrictSourceRoute = 137,
    kRouterAlert = 148,
};

}  // namespace

std::expected<Ipv4Header, Ipv4Fault> parse_quoted_ipv4(Bytes quoted) {
    if (const auto fault = check_ipv4_form(quoted)) return std::unexpected{*fault};
    return load_ipv4(quoted);
}

std::expected<Ipv4Header, Ipv4Fault> parse_ipv4(Bytes packet, std::size_t packet_bytes) {
    if (const auto fault = check_ipv4(packet, packet_bytes)) return std::unexpected{*fault};
    return load_ipv4(packet);
}

std::expected<Ipv4Options, std::uint8_t> parse_ipv4_options(Bytes options) {
    Ipv4Options out;
    std::size_t at = 0;
    while (at < options.size()) {
        const auto kind = load_be<std::uint8_t>(options, at);
        if (kind == kEnd) break;
        if (kind == kNop) {
            ++at;
            continue;
        }
        const std::size_t left = options.size() - at;
        const std::size_t length = left < 2 ? 0 : load_be<std::uint8_t>(options, at + 1);
        if (length < 2 || length > left || (kind == kRouterAlert && length < 4)) {
            return std::unexpected{static_cast<std::uint8_t>(Ipv4Header::kMinBytes + at)};
        }
        if (kind == kLooseSourceRoute || kind == kStrictSourceRoute) out.source_route = true;
        if (kind == kRouterAlert && load_be<std::uint16_t>(options, at + 2) == 0) {
            out.router_alert = true;
        }
        at += length;
    }
    return out;
}

}  // namespace fairlead::wire
