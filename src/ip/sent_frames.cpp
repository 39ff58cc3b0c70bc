#include "ip/sent_frames.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "link/interface.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kTcpDataOffsetAt = 12;  // in its upper four bits, in words
constexpr std::size_t kTcpFlagsAt = 13;
constexpr std::size_t kUdpLengthAt = 4;
constexpr std::size_t kIpv4TotalAt = 2;
constexpr std::size_t kIpv4TtlAt = 8;
constexpr std::size_t kIpv4ProtocolAt = 9;
constexpr std::size_t kIpv4AddressesAt = 12;
constexpr std::size_t kIpv6PayloadAt = 4;
constexpr std::size_t kIpv6HopLimitAt = 7;
constexpr std::size_t kIpv6AddressesAt = 8;

bool begins_v4(Bytes ip) { return (ip[0] & std::byte{0xf0}) == std::byte{0x40}; }

std::uint8_t protocol_of(Bytes ip) {
    return std::to_integer<std::uint8_t>(
        ip[begins_v4(ip) ? kIpv4ProtocolAt : wire::Ipv6Header::kNextHeaderAt]);
}

Bytes ip_of(const Packet& frame) { return frame.front().subspan(frame.network_offset()); }

// Of what waits for its neighbour the question alone is in the queue.
bool asks_for_neighbour(const Packet& frame, LinkKind link) {
    if (link != LinkKind::Ethernet) return false;
    const Bytes ip = ip_of(frame);
    constexpr std::size_t kTypeAt = wire::EthernetHeader::kBytes - 2;
    const auto type = static_cast<wire::EtherType>(load_be<std::uint16_t>(frame.front(), kTypeAt));
    if (type != wire::EtherType::Ipv6) return type == wire::EtherType::Arp;
    return protocol_of(ip) == kProtocolIcmp6 && ip.size() > wire::Ipv6Header::kBytes &&
           ip[wire::Ipv6Header::kBytes] ==
               static_cast<std::byte>(wire::Icmpv6Type::NeighborSolicitation);
}

std::size_t payload_at(const Packet& frame) {
    const std::size_t transport = frame.transport_offset();
    if (protocol_of(ip_of(frame)) == kProtocolUdp) return transport + wire::UdpHeader::kBytes;
    const std::size_t words =
        std::size_t{load_be<std::uint8_t>(frame.front(), transport + kTcpDataOffsetAt)} / 16;
    return transport + words * 4;
}

void append(std::vector<std::byte>& to, const Packet& frame, std::size_t from) {
    frame.for_each_piece(from, [&](Bytes b) { to.insert(to.end(), b.begin(), b.end()); });
}

// The sum of the pseudo-header alone is in the field of what will be cut.
void write_lengths(MutableBytes ip, std::size_t header_bytes) {
    const auto transport_bytes = static_cast<std::uint16_t>(ip.size() - header_bytes);
    const std::uint8_t protocol = protocol_of(ip);
    const MutableBytes transport = ip.subspan(header_bytes);
    wire::PartialSum pseudo;
    if (begins_v4(ip)) {
        store_be(ip, kIpv4TotalAt, static_cast<std::uint16_t>(ip.size()));
        store_be<std::uint16_t>(ip, wire::Ipv4Header::kChecksumAt, 0);
        wire::PartialSum sum;
        sum.add(ip.first(header_bytes));
        store_be(ip, wire::Ipv4Header::kChecksumAt, sum.checksum());
        pseudo.add(ip.subspan(kIpv4AddressesAt, 8));
    } else {
        store_be(ip, kIpv6PayloadAt,
                 static_cast<std::uint16_t>(ip.size() - wire::Ipv6Header::kBytes));
        pseudo.add(ip.subspan(kIpv6AddressesAt, 32));
    }
    pseudo.add_u16(protocol);
    pseudo.add_u16(transport_bytes);
    const bool is_udp = protocol == kProtocolUdp;
    if (is_udp) store_be(transport, kUdpLengthAt, transport_bytes);
    store_be(transport, is_udp ? wire::UdpHeader::kChecksumAt : wire::TcpHeader::kChecksumAt,
             pseudo.fold());
}

}  // namespace

SentFrames::SentFrames(link::Interface& out, bool is_loopback, std::size_t most, Instant now)
    : out_{out}, now_{now}, is_loopback_{is_loopback} {
    if (out_.queued() + most >= link::Interface::kBurst) out_.flush(now);
    before_ = out_.queued();
    is_watching_ = before_ + most <= link::Interface::kQueueFrames;
    is_holding_ = is_watching_ && most >= link::Interface::kBurst;
    if (is_holding_) out_.hold();
}

SentFrames::~SentFrames() {
    if (is_holding_) out_.flush(now_);
}

std::size_t SentFrames::count() const {
    if (!is_watching_ || out_.queued() <= before_) return 0;
    const std::size_t n = out_.queued() - before_;
    return asks_for_neighbour(out_.newest(n - 1), out_.link()) ? 0 : n;
}

const Packet& SentFrames::frame(std::size_t i) const { return out_.newest(count() - 1 - i); }

// Linux's loopback has a link header, of stations that are all zero.
std::vector<std::byte> SentFrames::copy_of(const Packet& frame) const {
    std::vector<std::byte> bytes;
    bytes.reserve(frame.size() + wire::EthernetHeader::kBytes);
    if (is_loopback_ && out_.link() == LinkKind::Ip) {
        const auto type = begins_v4(frame.front()) ? wire::EtherType::Ipv4 : wire::EtherType::Ipv6;
        bytes.resize(wire::EthernetHeader::kBytes);
        store_be(bytes, bytes.size() - 2, static_cast<std::uint16_t>(type));
    }
    append(bytes, frame, 0);
    return bytes;
}

std::vector<std::byte> SentFrames::first() const {
    return count() == 0 ? std::vector<std::byte>{} : copy_of(frame(0));
}

std::vector<std::byte> SentFrames::with_byte(std::size_t at) const {
    for (std::size_t i = 0; i < count(); ++i) {
        const Packet& f = frame(i);
        const std::size_t payload = f.size() - payload_at(f);
        if (at < payload) return copy_of(f);
        at -= payload;
    }
    return {};
}

std::vector<std::byte> SentFrames::whole() const {
    std::vector<std::byte> bytes = first();
    if (count() < 2) return bytes;
    const Packet& one = frame(0);
    const std::size_t before = bytes.size() - one.size();  // copy_of()'s link header
    const std::size_t from = payload_at(one);
    for (std::size_t i = 1; i < count(); ++i) append(bytes, frame(i), from);
    const std::size_t network = before + one.network_offset();
    const std::size_t transport = before + one.transport_offset();
    if (protocol_of(ip_of(one)) == kProtocolTcp) {
        // CWR is in the first of them, PSH and FIN in the last.
        bytes[transport + kTcpFlagsAt] |=
            frame(count() - 1).front()[one.transport_offset() + kTcpFlagsAt];
    }
    write_lengths(MutableBytes{bytes}.subspan(network), transport - network);
    return bytes;
}

void SentFrames::describe(ErrorMessage& message) const {
    if (count() == 0) return;
    const Bytes ip = ip_of(frame(0));
    message.interface = out_.index();
    if (begins_v4(ip)) {
        message.offender = wire::load_v4(ip, kIpv4AddressesAt);
        message.to.address = wire::load_v4(ip, kIpv4AddressesAt + 4);
        message.ttl = std::to_integer<std::uint8_t>(ip[kIpv4TtlAt]);
        message.tos = std::to_integer<std::uint8_t>(ip[1]);
    } else {
        constexpr unsigned kClassBits = 4;  // behind the version, RFC 8200 §3
        message.offender = wire::load_v6(ip, kIpv6AddressesAt);
        message.to.address = wire::load_v6(ip, kIpv6AddressesAt + 16);
        message.ttl = std::to_integer<std::uint8_t>(ip[kIpv6HopLimitAt]);
        message.tos = static_cast<std::uint8_t>(load_be<std::uint16_t>(ip, 0) >> kClassBits);
    }
}

Departure SentFrames::look(bool is_large) const {
    Departure seen{.first = first()};
    seen.whole = is_large ? whole() : seen.first;
    describe(seen.header);
    return seen;
}

}  // namespace fairlead::ip
