#include "link/gro.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/bytes.hpp"
#include "packet/sum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

namespace fairlead::link {
namespace {

using wire::EthernetHeader;
using wire::EtherType;
using wire::IpProtocol;
using wire::Ipv4Header;
using wire::Ipv6Header;
using wire::TcpHeader;

// Offsets within the headers: RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1.
constexpr std::size_t kIpv4TotalAt = 2;
constexpr std::size_t kIpv4IdAt = 4;
constexpr std::size_t kIpv4FragmentAt = 6;
constexpr std::size_t kIpv4TtlAt = 8;
constexpr std::size_t kIpv4ProtocolAt = 9;
constexpr std::size_t kIpv4AddressesAt = 12;
constexpr std::size_t kIpv6PayloadAt = 4;
constexpr std::size_t kIpv6HopLimitAt = 7;
constexpr std::size_t kIpv6AddressesAt = 8;
constexpr std::size_t kTcpSequenceAt = 4;
constexpr std::size_t kTcpAckAt = 8;
constexpr std::size_t kTcpFlagsAt = 12;  // data offset, flags and window: 32 bits

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kFragmentMask = 0x3fff;  // more fragments, offset
constexpr std::uint32_t kPsh = 0x0008'0000;
constexpr std::uint32_t kAck = 0x0010'0000;
constexpr std::uint32_t kEcnFlags =
    0x01c0'0000;  // AE, CWR, ECE: a counter (RFC 9768), often the same
constexpr std::uint32_t kFlagMask = 0x0fff'0000;  // the reserved bits with them
constexpr std::size_t kMostIpBytes = 65535;

// RFC 9293 MUST-59
enum class Kind : std::uint8_t {
    Foreign,    // no TCP segment, or one that IP will drop
    Opaque,     // may hold one of any flow, and we can't see which
    Alone,      // a segment that can't be merged
    Mergeable,  // with others of its kind
};

// The lengths were checked when the segment was looked at.
template <typename T>
T at(const std::byte* from, std::size_t offset) {
    T v;
    std::memcpy(&v, from + offset, sizeof v);
    return to_big_endian(v);
}

bool is_equal(const std::byte* a, const std::byte* b, std::size_t n) {
    return std::memcmp(a, b, n) == 0;
}

// RFC 1071 over the 20 bytes of a header without options; inline, for every segment comes by here.
bool is_ipv4_header_whole(const std::byte* ip) {
    std::array<std::uint32_t, Ipv4Header::kMinBytes / 4> words;
    std::memcpy(words.data(), ip, sizeof words);
    std::uint64_t sum = 0;
    for (const std::uint32_t word : words) sum += word;
    sum = (sum >> 32) + (sum & 0xffff'ffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return sum == 0xffff;
}

// The bytes at a packet's front, brought together where a header lies in two pieces.
class Front {
public:
    explicit Front(Packet& packet) : packet_{packet}, bytes_{packet.front()} {}

    Packet& packet() const { return packet_; }
    const std::byte* data() const { return bytes_.data(); }
    bool reaches(std::size_t n) {
        if (bytes_.size() >= n) return true;
        if (!packet_.pull(n)) return false;
        bytes_ = packet_.front();
        return true;
    }

private:
    Packet& packet_;
    Bytes bytes_;
};

bool is_pushed(const GroSegment& segment) {
    return (at<std::uint32_t>(segment.tcp, kTcpFlagsAt) & kPsh) != 0;
}

// Its IP header says that `tcp_bytes` of TCP begin at `transport`.
Kind look_at_tcp(Front& front, std::size_t transport, std::size_t tcp_bytes, GroSegment& segment) {
    if (tcp_bytes < TcpHeader::kMinBytes) return Kind::Foreign;
    if (!front.reaches(transport + TcpHeader::kMinBytes)) return Kind::Foreign;
    const auto flags = at<std::uint32_t>(front.data() + transport, kTcpFlagsAt);
    const std::size_t header_bytes = std::size_t{flags >> 28} * 4;
    if (header_bytes < TcpHeader::kMinBytes || header_bytes > tcp_bytes) return Kind::Foreign;
    if (!front.reaches(transport + header_bytes)) return Kind::Foreign;

    const Packet& packet = front.packet();
    segment.tcp = front.data() + transport;
    segment.tcp_header_bytes = static_cast<std::uint8_t>(header_bytes);
    segment.header_bytes = static_cast<std::uint32_t>(transport + header_bytes);
    segment.payload_bytes = static_cast<std::uint32_t>(tcp_bytes - header_bytes);
    const std::size_t head = packet.head().size();
    const bool is_plain =
        (flags & kFlagMask & ~(kPsh | kEcnFlags)) == kAck && segment.payload_bytes != 0 &&
        packet.size() == transport + tcp_bytes &&
        // The headers can be taken off, and written, without a copy of more.
        (head == 0 ? packet.headroom() >= segment.header_bytes : head == segment.header_bytes) &&
        packet.meta.gso == GsoType::None && packet.meta.checksum != ChecksumState::Partial;
    return is_plain ? Kind::Mergeable : Kind::Alone;
}

Kind look_at_v4(Front& front, std::size_t network, GroSegment& segment) {
    if (!front.reaches(network + Ipv4Header::kMinBytes)) return Kind::Foreign;
    const std::byte* ip = front.data() + network;
    const auto version = at<std::uint8_t>(ip, 0);
    const std::size_t ip_bytes = std::size_t{version & 0xfu} * 4;
    const std::size_t total = at<std::uint16_t>(ip, kIpv4TotalAt);
    if (version >> 4 != 4 || ip_bytes < Ipv4Header::kMinBytes || total < ip_bytes ||
        total > front.packet().size() - network ||
        at<std::uint8_t>(ip, kIpv4ProtocolAt) != static_cast<std::uint8_t>(IpProtocol::Tcp)) {
        return Kind::Foreign;
    }
    if ((at<std::uint16_t>(ip, kIpv4FragmentAt) & kFragmentMask) != 0) return Kind::Opaque;
    const Kind kind = look_at_tcp(front, network + ip_bytes, total - ip_bytes, segment);
    if (kind == Kind::Foreign) return kind;
    segment.is_v4 = true;
    segment.ip = front.data() + network;
    if (ip_bytes != Ipv4Header::kMinBytes) return Kind::Alone;
    return is_ipv4_header_whole(segment.ip) ? kind : Kind::Alone;  // IP drops it, and counts
}

Kind look_at_v6(Front& front, std::size_t network, GroSegment& segment) {
    if (!front.reaches(network + Ipv6Header::kBytes)) return Kind::Foreign;
    const std::byte* ip = front.data() + network;
    const std::size_t payload = at<std::uint16_t>(ip, kIpv6PayloadAt);
    if (at<std::uint8_t>(ip, 0) >> 4 != 6 ||
        payload > front.packet().size() - network - Ipv6Header::kBytes) {
        return Kind::Foreign;
    }
    switch (static_cast<IpProtocol>(at<std::uint8_t>(ip, Ipv6Header::kNextHeaderAt))) {
        case IpProtocol::Tcp: break;
        case IpProtocol::Udp:
        case IpProtocol::Icmpv6:
        case IpProtocol::NoNextHeader: return Kind::Foreign;
        default: return Kind::Opaque;
    }
    const Kind kind = look_at_tcp(front, network + Ipv6Header::kBytes, payload, segment);
    segment.is_v4 = false;
    segment.ip = front.data() + network;
    return kind;
}

Kind look_at(LinkKind link, Packet& packet, GroSegment& segment) {
    Front front{packet};
    segment.vlan = packet.meta.vlan;
    if (link == LinkKind::Ip) {
        if (!front.reaches(1)) return Kind::Foreign;
        const auto version = at<std::uint8_t>(front.data(), 0) >> 4;
        return version == 4 ? look_at_v4(front, 0, segment) : look_at_v6(front, 0, segment);
    }
    if (!front.reaches(EthernetHeader::kBytes)) return Kind::Foreign;
    Kind kind = Kind::Foreign;
    switch (static_cast<EtherType>(at<std::uint16_t>(front.data(), EthernetHeader::kBytes - 2))) {
        case EtherType::Ipv4: kind = look_at_v4(front, EthernetHeader::kBytes, segment); break;
        case EtherType::Ipv6: kind = look_at_v6(front, EthernetHeader::kBytes, segment); break;
        case EtherType::Vlan: return Kind::Opaque;
        default: return Kind::Foreign;
    }
    segment.link = front.data();
    return kind;
}

bool is_same_flow(const GroSegment& a, const GroSegment& b) {
    if (!is_equal(a.tcp, b.tcp, 4) || a.is_v4 != b.is_v4 || a.vlan != b.vlan) return false;
    return a.is_v4 ? is_equal(a.ip + kIpv4AddressesAt, b.ip + kIpv4AddressesAt, 8)
                   : is_equal(a.ip + kIpv6AddressesAt, b.ip + kIpv6AddressesAt, 32);
}

// What a segment of the same flow must have in common with the first one to be cut from one piece.
bool has_same_ip_fields(const GroFlow& flow, const GroSegment& next) {
    const std::byte* a = flow.first.ip;
    const std::byte* b = next.ip;
    if (!flow.first.is_v4) {
        // Traffic class and flow label, and the hop limit.
        return is_equal(a, b, 4) && a[kIpv6HopLimitAt] == b[kIpv6HopLimitAt];
    }
    if (a[1] != b[1] || a[kIpv4TtlAt] != b[kIpv4TtlAt]) return false;
    const auto fragment = at<std::uint16_t>(a, kIpv4FragmentAt);
    if (fragment != at<std::uint16_t>(b, kIpv4FragmentAt)) return false;
    // RFC 6864 §4: the id means something only where the packet may be fragmented.
    const auto id = static_cast<std::uint16_t>(at<std::uint16_t>(a, kIpv4IdAt) + flow.segments);
    return (fragment & kDontFragment) != 0 || at<std::uint16_t>(b, kIpv4IdAt) == id;
}

bool has_same_tcp_fields(const GroSegment& first, const GroSegment& next) {
    const auto differs =
        at<std::uint32_t>(first.tcp, kTcpFlagsAt) ^ at<std::uint32_t>(next.tcp, kTcpFlagsAt);
    return (differs & ~kPsh) == 0 && is_equal(first.tcp + kTcpAckAt, next.tcp + kTcpAckAt, 4) &&
           is_equal(first.tcp + TcpHeader::kMinBytes, next.tcp + TcpHeader::kMinBytes,
                    first.tcp_header_bytes - std::size_t{TcpHeader::kMinBytes});
}

bool continues(const GroFlow& flow, const GroSegment& next) {
    const GroSegment& first = flow.first;
    if (at<std::uint32_t>(next.tcp, kTcpSequenceAt) != flow.next_sequence ||
        next.payload_bytes > first.payload_bytes || !has_same_tcp_fields(first, next) ||
        !has_same_ip_fields(flow, next)) {
        return false;
    }
    const std::size_t link_bytes = first.link == nullptr ? 0 : EthernetHeader::kBytes;
    const std::size_t ip_bytes = first.header_bytes - link_bytes;
    if (ip_bytes + flow.payload_bytes + next.payload_bytes > kMostIpBytes) return false;
    return first.link == nullptr || is_equal(first.link, next.link, EthernetHeader::kBytes);
}

wire::PartialSum address_sum(const GroSegment& segment) {
    wire::PartialSum sum = segment.is_v4 ? wire::sum_of({segment.ip + kIpv4AddressesAt, 8})
                                         : wire::sum_of({segment.ip + kIpv6AddressesAt, 32});
    sum.add_u16(static_cast<std::uint16_t>(IpProtocol::Tcp));
    return sum;
}

bool verify(Packet& packet, const GroSegment& segment, wire::PartialSum sum) {
    if (packet.meta.checksum == ChecksumState::Verified) return true;
    const std::uint32_t tcp_bytes = segment.tcp_header_bytes + segment.payload_bytes;
    sum.add_u16(static_cast<std::uint16_t>(tcp_bytes));
    const std::size_t transport = segment.header_bytes - segment.tcp_header_bytes;
    if (!sum_from(packet, transport, sum).is_valid()) return false;
    packet.meta.checksum = ChecksumState::Verified;
    return true;
}

// Makes the headers say what the packet has become.
void write_headers(const GroFlow& flow, Packet& packet) {
    const GroSegment& first = flow.first;
    const std::size_t link_bytes = first.link == nullptr ? 0 : EthernetHeader::kBytes;
    const std::size_t transport = first.header_bytes - first.tcp_header_bytes;
    const bool is_ours = packet.own_front(first.header_bytes);
    FAIRLEAD_ASSERT(is_ours);
    const MutableBytes ip = packet.head().subspan(link_bytes);
    const MutableBytes tcp = packet.head().subspan(transport);
    const auto tcp_bytes = static_cast<std::uint16_t>(first.tcp_header_bytes + flow.payload_bytes);
    if (first.is_v4) {
        const auto total = static_cast<std::uint16_t>(Ipv4Header::kMinBytes + tcp_bytes);
        const auto before = load_be<std::uint16_t>(ip, kIpv4TotalAt);
        const auto checksum = load_be<std::uint16_t>(ip, Ipv4Header::kChecksumAt);
        store_be(ip, kIpv4TotalAt, total);
        store_be(ip, Ipv4Header::kChecksumAt, wire::updated_checksum(checksum, before, total));
    } else {
        store_be(ip, kIpv6PayloadAt, tcp_bytes);
    }
    wire::PartialSum pseudo = flow.addresses;
    pseudo.add_u16(tcp_bytes);
    store_be(tcp, TcpHeader::kChecksumAt, pseudo.fold());
    if (flow.is_pushed) {
        const auto flags = load_be<std::uint32_t>(tcp, kTcpFlagsAt);
        store_be(tcp, kTcpFlagsAt, flags | kPsh);
    }
    packet.mark_network(link_bytes);
    packet.mark_transport(transport);
}

}  // namespace

std::size_t Gro::merge(LinkKind link, std::span<PacketPtr> burst) {
    if (burst.size() < 2) return burst.size();
    std::size_t kept = 0;
    for (PacketPtr& next : burst) {
        PacketPtr packet = std::move(next);
        if (is_merged(link, *packet, burst.first(kept))) continue;
        burst[kept++] = std::move(packet);
    }
    close_all(burst.first(kept));
    return kept;
}

bool Gro::is_merged(LinkKind link, Packet& packet, std::span<PacketPtr> kept) {
    GroSegment segment;
    const Kind kind = look_at(link, packet, segment);
    if (kind == Kind::Foreign) return false;
    if (kind == Kind::Opaque) {
        close_all(kept);
        return false;
    }
    GroFlow* flow = find(segment);
    const wire::PartialSum addresses = flow != nullptr ? flow->addresses : address_sum(segment);
    if (kind == Kind::Alone || !verify(packet, segment, addresses)) {
        if (flow != nullptr) close(*flow, kept);
        return false;
    }

    const bool is_last = is_pushed(segment);
    if (flow != nullptr) {
        Packet& merged = *kept[flow->place];
        if (continues(*flow, segment) && packet.slice_count() <= merged.slice_room()) {
            packet.trim_front(segment.header_bytes);
            const bool has_room = merged.append_content(packet);
            FAIRLEAD_ASSERT(has_room);
            flow->next_sequence += segment.payload_bytes;
            flow->payload_bytes += segment.payload_bytes;
            ++flow->segments;
            flow->is_pushed = is_last;
            if (is_last || segment.payload_bytes < flow->first.payload_bytes) close(*flow, kept);
            return true;
        }
        close(*flow, kept);
    }
    if (!is_last) open(segment, kept, addresses);
    return false;
}

GroFlow* Gro::find(const GroSegment& segment) {
    if (recent_ < open_ && is_same_flow(flows_[recent_].first, segment)) return &flows_[recent_];
    for (std::size_t i = 0; i < open_; ++i) {
        if (!is_same_flow(flows_[i].first, segment)) continue;
        recent_ = i;
        return &flows_[i];
    }
    return nullptr;
}

// The segment's packet will be the next that is kept.
void Gro::open(const GroSegment& segment, std::span<PacketPtr> kept, wire::PartialSum addresses) {
    if (open_ == kFlows) close(*std::ranges::min_element(flows_, {}, &GroFlow::place), kept);
    recent_ = open_++;
    flows_[recent_] = {
        .first = segment,
        .place = kept.size(),
        .next_sequence = at<std::uint32_t>(segment.tcp, kTcpSequenceAt) + segment.payload_bytes,
        .payload_bytes = segment.payload_bytes,
        .segments = 1,
        .addresses = addresses};
}

void Gro::close(GroFlow& flow, std::span<PacketPtr> kept) {
    if (flow.segments > 1) {
        Packet& packet = *kept[flow.place];
        write_headers(flow, packet);
        packet.meta.gso = flow.first.is_v4 ? GsoType::Tcp4 : GsoType::Tcp6;
        packet.meta.gso_size = static_cast<std::uint16_t>(flow.first.payload_bytes);
        packet.meta.gso_segments = flow.segments;
        packet.meta.checksum_offset = TcpHeader::kChecksumAt;
    }
    flow = flows_[--open_];
}

void Gro::close_all(std::span<PacketPtr> kept) {
    while (open_ != 0) close(flows_[open_ - 1], kept);
}

}  // namespace fairlead::link
