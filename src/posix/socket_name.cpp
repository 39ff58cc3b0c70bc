#include "posix/socket_name.hpp"

#include <algorithm>
#include <cstring>

namespace fairlead::posix {
namespace {

std::uint8_t byte_at(Bytes name, std::size_t at) { return std::to_integer<std::uint8_t>(name[at]); }

std::uint16_t port_of(Bytes name) {
    return static_cast<std::uint16_t>(byte_at(name, 2) << 8 | byte_at(name, 3));
}

// Of bytes that are long enough.
Endpoint inet_name(Bytes name) {
    return {IpAddress::v4(byte_at(name, 4), byte_at(name, 5), byte_at(name, 6), byte_at(name, 7)),
            port_of(name)};
}

Endpoint inet6_name(Bytes name) {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), name.data() + 8, bytes.size());
    std::uint32_t zone = 0;
    if (name.size() >= abi::kInet6Name) std::memcpy(&zone, name.data() + 24, sizeof zone);
    const IpAddress address = IpAddress::v6(bytes);
    return {address.needs_zone() ? address.with_zone(zone) : address, port_of(name)};
}

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }

}  // namespace

SocketName write_name(const Endpoint& name, Family family) {
    SocketName out;
    std::byte* to = out.storage.data();
    const auto put = [&](std::size_t at, unsigned value) {
        to[at] = static_cast<std::byte>(value);
    };
    const auto kind = static_cast<std::uint16_t>(family == Family::Inet ? abi::kInet : abi::kInet6);
    std::memcpy(to, &kind, sizeof kind);
    put(2, name.port >> 8);
    put(3, name.port & 0xff);
    if (family == Family::Inet) {
        const auto bytes =
            name.address.is_v4() ? name.address.wire_bytes() : std::span<const std::uint8_t>{};
        std::memcpy(to + 4, bytes.data(), bytes.size());
        out.size = abi::kInetName;
        return out;
    }
    // An IPv6 socket that is bound to nothing shows ::, whatever it hears.
    const bool is_any = name.address.is_any();
    const IpAddress shown = is_any ? IpAddress{} : name.address;
    std::memcpy(to + 8, shown.bytes().data(), 16);
    const std::uint32_t zone = shown.zone();
    std::memcpy(to + 24, &zone, sizeof zone);
    out.size = abi::kInet6Name;
    return out;
}

int family_of(Bytes name) {
    std::uint16_t family = 0;
    if (name.size() >= sizeof family) std::memcpy(&family, name.data(), sizeof family);
    return family;
}

Result<Endpoint> read_bind_name(Bytes name, Family family) {
    if (name.size() > abi::kLargestName) return refused(Errc::InvalidArgument);
    if (family == Family::Inet6) {
        if (name.size() < abi::kOldInet6Name) return refused(Errc::InvalidArgument);
        if (family_of(name) != abi::kInet6) return refused(Errc::FamilyNotSupported);
        return inet6_name(name);
    }
    if (name.size() < abi::kInetName) return refused(Errc::InvalidArgument);
    const Endpoint local = inet_name(name);
    const bool is_old_any = family_of(name) == abi::kUnspecified && local.address.is_any();
    if (family_of(name) != abi::kInet && !is_old_any) return refused(Errc::FamilyNotSupported);
    return local;
}

Result<Endpoint> read_connect_name(Bytes name, Family family, bool is_stream) {
    if (name.size() > abi::kLargestName) return refused(Errc::InvalidArgument);
    if (family == Family::Inet6) {
        // A datagram socket of IPv6 takes the name of an IPv4 one.
        if (!is_stream && family_of(name) == abi::kInet) {
            if (name.size() < abi::kInetName) return refused(Errc::InvalidArgument);
            return inet_name(name);
        }
        if (name.size() < abi::kOldInet6Name) return refused(Errc::InvalidArgument);
        if (family_of(name) != abi::kInet6) return refused(Errc::FamilyNotSupported);
        return inet6_name(name);
    }
    if (name.size() < abi::kInetName) return refused(Errc::InvalidArgument);
    if (family_of(name) != abi::kInet) return refused(Errc::FamilyNotSupported);
    return inet_name(name);
}

Result<Endpoint> read_send_name(Bytes name, Family family, bool is_ping) {
    if (name.size() > abi::kLargestName) return refused(Errc::InvalidArgument);
    Endpoint to;
    if (family == Family::Inet6 && family_of(name) == abi::kInet6) {
        if (name.size() < abi::kOldInet6Name) return refused(Errc::InvalidArgument);
        to = inet6_name(name);
    } else {
        if (name.size() < abi::kInetName) return refused(Errc::InvalidArgument);
        const bool is_inet = family_of(name) == abi::kInet;
        const bool is_none = family_of(name) == abi::kUnspecified;
        if (!is_inet && family == Family::Inet6) return refused(Errc::InvalidArgument);
        if (!is_inet && !is_none) return refused(Errc::FamilyNotSupported);
        to = inet_name(name);
    }
    // What has no ports is sent to any.
    if (is_ping) to.port = 1;
    if (to.port == 0) return refused(Errc::InvalidArgument);
    return to;
}

}  // namespace fairlead::posix
