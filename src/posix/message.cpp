#include "posix/message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "posix/socket_name.hpp"

namespace fairlead::posix {
namespace {

constexpr std::size_t kHeader = 16;  // cmsg_len (8), cmsg_level (4), cmsg_type (4)

constexpr std::size_t aligned(std::size_t n) { return (n + 7) / 8 * 8; }

// put_cmsg(): what does not fit is cut, and said to be.
class Writer {
public:
    explicit Writer(MutableBytes into) : into_{into} {}

    void put(int level, int type, Bytes data) {
        if (into_.size() < written_.bytes + kHeader) {
            written_.is_truncated = true;
            return;
        }
        const MutableBytes rest = into_.subspan(written_.bytes);
        std::size_t length = kHeader + data.size();
        if (rest.size() < length) {
            written_.is_truncated = true;
            length = rest.size();
        }
        const std::uint64_t told = length;
        std::memcpy(rest.data(), &told, sizeof told);
        std::memcpy(rest.data() + 8, &level, sizeof level);
        std::memcpy(rest.data() + 12, &type, sizeof type);
        std::memcpy(rest.data() + kHeader, data.data(), length - kHeader);
        written_.bytes += std::min(aligned(kHeader + data.size()), rest.size());
    }
    template <typename T>
    void put_value(int level, int type, const T& value) {
        put(level, type, std::as_bytes(std::span{&value, 1}));
    }
    const Written& written() const { return written_; }

private:
    MutableBytes into_;
    Written written_{};
};

using Seconds = std::array<std::int64_t, 2>;  // struct timespec

constexpr Seconds seconds_of(Instant then) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    return {then.ns() / kSecond, then.ns() % kSecond};
}

// __sock_recv_timestamp(): one stamp as the socket asked for it, and those of struct
// scm_timestamping, of which hardware would make the other two.
void put_timestamp(Writer& writer, const Ancillary& asked, Instant then, bool is_report) {
    const Seconds seconds = seconds_of(then + asked.epoch);
    if (asked.timestamp_ns) {
        writer.put_value(abi::kSolSocket, abi::so::kTimestampNs, seconds);
    } else if (asked.timestamp) {
        writer.put_value(abi::kSolSocket, abi::so::kTimestamp,
                         Seconds{seconds[0], seconds[1] / 1000});
    }
    const Stamps asks = kStampTellSoftware | (is_report ? 0 : asked.stamps & kStampAskedOnly);
    const bool is_asked = (asks & kStampAskedOnly) == 0 || (asked.stamps & kStampReceived) != 0;
    if ((asked.stamps & kStampTellSoftware) == 0 || !is_asked) return;
    writer.put_value(abi::kSolSocket, abi::so::kTimestamping,
                     std::array<Seconds, 3>{seconds, Seconds{}, Seconds{}});
}

// struct in_pktinfo; `ours`: the address to answer from.
std::array<std::byte, 12> packet_info(const DatagramInfo& of, const IpAddress& ours) {
    std::array<std::byte, 12> info{};
    std::memcpy(info.data(), &of.interface, 4);
    if (ours.is_v4()) std::memcpy(info.data() + 4, ours.wire_bytes().data(), 4);
    std::memcpy(info.data() + 8, of.to.wire_bytes().data(), 4);
    return info;
}

// struct in6_pktinfo
std::array<std::byte, 20> packet_info6(const DatagramInfo& of) {
    std::array<std::byte, 20> info{};
    std::memcpy(info.data(), of.to.bytes().data(), 16);
    std::memcpy(info.data() + 16, &of.interface, 4);
    return info;
}

int int_of(Bytes data) {
    int value = 0;
    std::memcpy(&value, data.data(), sizeof value);
    return value;
}

std::unexpected<Errc> invalid() { return std::unexpected{Errc::InvalidArgument}; }

Result<void> read_number(Bytes data, int lowest, int highest, std::int16_t& into) {
    if (data.size() != 4) return invalid();
    const int value = int_of(data);
    if (value < lowest || value > highest) return invalid();
    into = static_cast<std::int16_t>(value);
    return {};
}

// ip_cmsg_send()
Result<void> read_ip(int type, Bytes data, DatagramTarget& target) {
    switch (type) {
        case abi::ip::kPacketInfo: {
            if (data.size() != 12) return invalid();
            std::memcpy(&target.interface, data.data(), 4);
            const auto at = [&](std::size_t i) { return std::to_integer<std::uint8_t>(data[i]); };
            target.source = IpAddress::v4(at(4), at(5), at(6), at(7));
            return {};
        }
        case abi::ip::kTtl: return read_number(data, 1, 255, target.ttl);
        case abi::ip::kTos:
            if (data.size() == 1) {
                target.tos = std::to_integer<std::uint8_t>(data[0]);
                return {};
            }
            return read_number(data, 0, 255, target.tos);
        default: return invalid();
    }
}

// ip6_datagram_send_ctl()
Result<void> read_ip6(int type, Bytes data, DatagramTarget& target) {
    switch (type) {
        case abi::ip6::kPacketInfo: {
            if (data.size() < 20) return invalid();
            std::array<std::uint8_t, 16> address{};
            std::memcpy(address.data(), data.data(), address.size());
            std::memcpy(&target.interface, data.data() + 16, 4);
            target.source = IpAddress::v6(address);
            return {};
        }
        case abi::ip6::kHopLimit: return read_number(data, -1, 255, target.ttl);
        case abi::ip6::kClass: return read_number(data, -1, 255, target.tos);
        default: return invalid();
    }
}

// __sock_cmsg_send(); `stamps`: what is to be told of this send alone.
Result<void> read_socket(int type, Bytes data, std::int32_t& stamps) {
    constexpr int kRights = 1;  // passed over here, as AF_UNIX alone has use for them
    constexpr int kCredentials = 2;
    if (type == kRights || type == kCredentials) return {};
    if (type == abi::so::kMark) return std::unexpected{Errc::NotPermitted};
    if (type != abi::so::kTimestamping || data.size() != 4) return invalid();
    const auto wanted = static_cast<Stamps>(int_of(data));
    if ((wanted & ~kSendStamps) != 0) return invalid();
    stamps = static_cast<std::int32_t>(wanted);
    return {};
}

// __udp_cmsg_send()
Result<void> read_udp(int type, Bytes data, DatagramTarget& target) {
    if (type != abi::udp::kSegment || data.size() != 2) return invalid();
    std::uint16_t segment = 0;
    std::memcpy(&segment, data.data(), sizeof segment);
    target.segment = segment;
    return {};
}

template <typename OnMessage>
Result<void> for_each(Bytes control, OnMessage&& on_message) {
    while (control.size() >= kHeader) {
        std::uint64_t length = 0;
        int level = 0;
        int type = 0;
        std::memcpy(&length, control.data(), sizeof length);
        std::memcpy(&level, control.data() + 8, sizeof level);
        std::memcpy(&type, control.data() + 12, sizeof type);
        if (length < kHeader || length > control.size()) return invalid();
        const Bytes data = control.subspan(kHeader, length - kHeader);
        if (const Result<void> taken = on_message(level, type, data); !taken) return taken;
        control = control.subspan(std::min(aligned(length), control.size()));
    }
    return {};
}

// ip_cmsg_recv(), ip6_datagram_recv_ctl(): what the headers said.
void put_headers(Writer& writer, const DatagramInfo& of, const SocketFile& socket,
                 const IpAddress& ours) {
    const Ancillary& asked = socket.ancillary;
    if (asked.packet_info6 && socket.family == Family::Inet6) {
        writer.put_value(abi::kSolIpV6, abi::ip6::kPacketInfo, packet_info6(of));
    }
    const int ttl = of.ttl;
    if (of.to.is_v4()) {
        if (asked.packet_info) writer.put_value(0, abi::ip::kPacketInfo, packet_info(of, ours));
        if (asked.ttl) writer.put_value(abi::kSolIp, abi::ip::kTtl, ttl);
        if (asked.tos) writer.put_value(abi::kSolIp, abi::ip::kTos, of.tos);
    } else {
        const int traffic_class = of.tos;
        if (asked.hop_limit) writer.put_value(abi::kSolIpV6, abi::ip6::kHopLimit, ttl);
        if (asked.traffic_class) writer.put_value(abi::kSolIpV6, abi::ip6::kClass, traffic_class);
    }
}

// Of a stamp: an IPv6 socket is not told whose IPv4 address it was.
void put_sent(Writer& writer, const ErrorMessage& of, const SocketFile& socket) {
    if (of.interface == 0) return;
    const DatagramInfo sent{
        .to = of.to.address, .interface = of.interface, .ttl = of.ttl, .tos = of.tos};
    put_headers(writer, sent, socket, socket.family == Family::Inet ? of.offender : IpAddress{});
}

}  // namespace

Written write_control(const DatagramInfo& of, const SocketFile& socket, MutableBytes into) {
    Writer writer{into};
    const Ancillary& asked = socket.ancillary;
    put_timestamp(writer, asked, of.arrived, false);
    if (of.segment != 0) writer.put_value(abi::kUdp, abi::udp::kGro, int{of.segment});
    // A group's address is none of ours.
    const bool is_group = of.to.is_multicast() || of.to.is_limited_broadcast();
    put_headers(writer, of, socket, is_group ? IpAddress{} : of.to);
    return writer.written();
}

Written write_stream_control(const StreamInfo& of, const SocketFile& socket, MutableBytes into) {
    Writer writer{into};
    if (of.arrived) put_timestamp(writer, socket.ancillary, *of.arrived, false);
    if (of.left) writer.put_value(abi::kSolTcp, abi::tcp::kInquire, *of.left);
    return writer.written();
}

Written write_error(const ErrorMessage& of, Bytes bytes, const SocketFile& socket,
                    MutableBytes into) {
    constexpr std::size_t kFixed = 16;
    std::array<std::byte, kFixed + abi::kInet6Name> value{};
    const std::array<std::uint8_t, 4> kind{static_cast<std::uint8_t>(of.origin), of.type, of.code};
    const int number = to_errno(of.error);
    std::memcpy(value.data(), &number, sizeof number);
    std::memcpy(value.data() + 4, kind.data(), kind.size());
    std::memcpy(value.data() + 8, &of.info, sizeof of.info);
    std::memcpy(value.data() + 12, &of.data, sizeof of.data);
    const bool is_v4 = socket.family == Family::Inet;
    const bool is_icmp = of.origin == ErrorOrigin::Icmp || of.origin == ErrorOrigin::Icmp6;
    const bool is_stamp = of.origin == ErrorOrigin::Timestamping;
    // What is given back; in its place are statistics, which nobody sent.
    const bool is_packet = is_stamp && !of.offender.is_any() && !bytes.empty();
    // ipv4_datagram_support_cmsg(), ip6_datagram_support_cmsg(): of what went by a device.
    const bool is_asked = !is_v4 || (socket.ancillary.stamps & kStampNamed) != 0;
    const bool is_named =
        is_packet && is_asked && of.info != static_cast<std::uint32_t>(StampKind::Acked);
    if (is_icmp || is_named) {
        const SocketName name = write_name({of.offender, 0}, socket.family);
        std::ranges::copy(name.bytes(), value.begin() + kFixed);
    }
    Writer writer{into};
    put_timestamp(writer, socket.ancillary, of.when, true);
    const bool is_told = is_stamp && !is_packet && !bytes.empty();
    if (is_told && (socket.ancillary.stamps & kStampTellSoftware) != 0) {
        writer.put(abi::kSolSocket, abi::so::kStampStatistics, bytes);
    }
    if (is_named) put_sent(writer, of, socket);
    const std::size_t size = kFixed + (is_v4 ? abi::kInetName : abi::kInet6Name);
    writer.put(is_v4 ? abi::kSolIp : abi::kSolIpV6,
               is_v4 ? abi::ip::kReceiveError : abi::ip6::kReceiveError, Bytes{value}.first(size));
    return writer.written();
}

Result<void> read_control(Bytes control, Family family, DatagramTarget& target) {
    return for_each(control, [&](int level, int type, Bytes data) -> Result<void> {
        if (level == abi::kSolSocket) return read_socket(type, data, target.stamps);
        if (level == abi::kUdp) return read_udp(type, data, target);
        const bool is_v4 = family == Family::Inet || target.to.address.is_v4();
        if (level == abi::kSolIp && is_v4) return read_ip(type, data, target);
        if (level == abi::kSolIpV6 && family == Family::Inet6) return read_ip6(type, data, target);
        return {};  // another level's
    });
}

Result<void> read_stream_control(Bytes control, std::int32_t& stamps) {
    return for_each(control, [&](int level, int type, Bytes data) -> Result<void> {
        if (level == abi::kSolSocket) return read_socket(type, data, stamps);
        return {};
    });
}

}  // namespace fairlead::posix
