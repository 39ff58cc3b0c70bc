// ip/local_ports.hpp — among which ports one is chosen for a socket that named none.
//
// Owns:   LocalPorts: ip_local_port_range, narrowed by what a socket asked for
//         (IP_LOCAL_PORT_RANGE), less ip_local_reserved_ports.
// Not here: which of them are taken, and in which order they are tried (tcp, udp).
#pragma once

#include <cstdint>
#include <string>

#include "base/port_set.hpp"
#include "fairlead/config.hpp"

namespace fairlead::ip {

struct PortRange {
    std::int64_t low = 0;
    std::int64_t high = 0;  // the last of them
    bool is_own = false;    // the socket asked for it

    std::int64_t count() const { return high - low + 1; }
};

// IP_LOCAL_PORT_RANGE. InvalidArgument: it ends before it begins.
inline Result<void> set_port_range(std::uint32_t& range, std::int64_t value) {
    const auto wanted = static_cast<std::uint32_t>(value);
    const std::uint32_t first = wanted & 0xffff;
    const std::uint32_t last = wanted >> 16;
    if (first != 0 && last != 0 && first > last) return std::unexpected{Errc::InvalidArgument};
    range = wanted;
    return {};
}

class LocalPorts {
public:
    explicit LocalPorts(const Config& config) : config_{config} {}

    // `own`: as IP_LOCAL_PORT_RANGE has it, the last port above the first; 0 of either: the host's.
    // What lies outside of the host's range is not asked for.
    PortRange range(std::uint32_t own) const {
        PortRange r{config_.ip_local_port_range[0], config_.ip_local_port_range[1], own != 0};
        const auto within = [&](std::uint32_t port) { return r.low <= port && port <= r.high; };
        const std::uint32_t first = own & 0xffff;
        const std::uint32_t last = own >> 16;
        const std::int64_t low = within(first) ? first : r.low;
        const std::int64_t high = within(last) && last >= low ? last : r.high;
        r.low = low;
        r.high = high;
        return r;
    }
    // Not to be chosen; bind() may name it.
    bool is_reserved(std::uint16_t port) {
        if (config_.ip_local_reserved_ports != text_) {
            text_ = config_.ip_local_reserved_ports;
            reserved_ = PortSet::parse(text_).value_or(PortSet{});
        }
        return reserved_.contains(port);
    }

private:
    const Config& config_;
    std::string text_{};  // what `reserved_` was read from
    PortSet reserved_{};
};

}  // namespace fairlead::ip
