#include "sim/steered_device.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "packet/deep_copy.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip_protocol.hpp"

namespace fairlead::sim {
namespace {

constexpr std::size_t kHeadBytes = 64;  // headers without options, and the ports behind them
constexpr std::size_t kEthernetBytes = 14;

struct Sight {
    IpAddress source{};
    IpAddress target{};
    std::size_t ports_at = 0;  // 0: not in sight
    bool is_ip = false;
};

bool has_ports(std::uint8_t protocol) {
    return protocol == static_cast<std::uint8_t>(wire::IpProtocol::Tcp) ||
           protocol == static_cast<std::uint8_t>(wire::IpProtocol::Udp);
}

Sight look_at_v4(Bytes packet, std::size_t at) {
    if (packet.size() < at + 20) return {};
    Sight s{.source = IpAddress::v4(load_be<std::uint32_t>(packet, at + 12)),
            .target = IpAddress::v4(load_be<std::uint32_t>(packet, at + 16)),
            .is_ip = true};
    const bool is_fragment = (load_be<std::uint16_t>(packet, at + 6) & 0x3fff) != 0;
    const std::size_t ports = at + (std::to_integer<std::size_t>(packet[at]) & 15) * 4;
    const auto protocol = std::to_integer<std::uint8_t>(packet[at + 9]);
    if (!is_fragment && has_ports(protocol) && ports + 4 <= packet.size()) s.ports_at = ports;
    return s;
}

Sight look_at_v6(Bytes packet, std::size_t at) {
    if (packet.size() < at + 40) return {};
    const auto address = [&](std::size_t from) {
        std::array<std::uint8_t, 16> bytes{};
        for (std::size_t i = 0; i < 16; ++i) {
            bytes[i] = std::to_integer<std::uint8_t>(packet[from + i]);
        }
        return IpAddress::v6(bytes);
    };
    Sight s{.source = address(at + 8), .target = address(at + 24), .is_ip = true};
    const auto protocol = std::to_integer<std::uint8_t>(packet[at + 6]);
    if (has_ports(protocol) && at + 44 <= packet.size()) s.ports_at = at + 40;
    return s;
}

}  // namespace

const DeviceInfo& SteeredDevice::info() const {
    info_ = inner_.info();
    info_.queues = steering_.members();
    return info_;
}

std::uint16_t SteeredDevice::queue_of(const Packet& frame) const {
    std::array<std::byte, kHeadBytes> room{};
    const std::size_t n = std::min(frame.size(), room.size());
    const MutableBytes head = MutableBytes{room}.first(n);
    frame.copy_to(0, head);
    Sight s;
    if (inner_.info().link == LinkKind::Ip) {
        const unsigned version = n == 0 ? 0 : std::to_integer<unsigned>(head[0]) >> 4;
        if (version == 4) s = look_at_v4(head, 0);
        if (version == 6) s = look_at_v6(head, 0);
    } else if (n >= kEthernetBytes) {
        const auto type = static_cast<wire::EtherType>(load_be<std::uint16_t>(head, 12));
        if (type == wire::EtherType::Ipv4) s = look_at_v4(head, kEthernetBytes);
        if (type == wire::EtherType::Ipv6) s = look_at_v6(head, kEthernetBytes);
    }
    if (!s.is_ip) return 0;
    if (s.ports_at == 0) return steering_.member_of(s.source, s.target);
    return steering_.member_of({s.source, load_be<std::uint16_t>(head, s.ports_at)},
                               {s.target, load_be<std::uint16_t>(head, s.ports_at + 2)});
}

void SteeredDevice::sort(Instant now) {
    std::array<PacketPtr, 32> burst;
    while (const std::size_t n = inner_.receive(0, now, pool_, burst)) {
        for (PacketPtr& frame : std::span{burst}.first(n)) {
            const std::uint16_t queue = queue_of(*frame);
            queues_[queue].push_back(std::move(frame));
        }
    }
}

std::size_t SteeredDevice::receive(std::uint16_t queue, Instant now, PacketPool& pool,
                                   std::span<PacketPtr> out) {
    sort(now);
    std::size_t n = 0;
    while (n < out.size()) {
        const PacketPtr frame = queues_[queue].pop_front();
        if (frame == nullptr) break;
        out[n] = deep_copy(*frame, pool);
        if (out[n] == nullptr) {
            ++lost_;
            continue;
        }
        out[n++]->meta.queue = queue;
    }
    return n;
}

std::size_t SteeredDevice::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    std::size_t taken = 0;
    for (PacketPtr& frame : burst) {
        std::array<PacketPtr, 1> copy{deep_copy(*frame, pool_)};
        if (copy[0] == nullptr) {
            ++lost_;
        } else if (inner_.send(0, now, copy) == 0) {
            break;
        }
        frame.reset();
        ++taken;
    }
    return taken;
}

}  // namespace fairlead::sim
