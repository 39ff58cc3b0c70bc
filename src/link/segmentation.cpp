#include "link/segmentation.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "packet/sum.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::link {
namespace {

using wire::Ipv4Header;
using wire::Ipv6Header;
using wire::PartialSum;
using wire::TcpHeader;
using wire::UdpHeader;

// Offsets within the headers, RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1, RFC 768.
constexpr std::size_t kIpv4TotalAt = 2;
constexpr std::size_t kIpv4IdAt = 4;
constexpr std::size_t kIpv4AddressesAt = 12;
constexpr std::size_t kIpv6PayloadAt = 4;
constexpr std::size_t kIpv6AddressesAt = 8;
constexpr std::size_t kTcpSequenceAt = 4;
constexpr std::size_t kTcpFlagsAt = 12;
constexpr std::size_t kUdpLengthAt = 4;

constexpr std::uint16_t kFin = 0x0001;
constexpr std::uint16_t kPsh = 0x0008;
constexpr std::uint16_t kCwr = 0x0080;

void clear_u16(MutableBytes header, std::size_t at) { store_be<std::uint16_t>(header, at, 0); }

}  // namespace

bool complete_checksum(Packet& packet) {
    FAIRLEAD_ASSERT(packet.meta.checksum == ChecksumState::Partial);
    const std::size_t transport = packet.transport_offset();
    const std::size_t field = transport + packet.meta.checksum_offset;
    if (!packet.own_front(field + 2)) return false;
    // The field holds the sum of the pseudo-header and is summed with the rest.
    const PartialSum sum = sum_from(packet, transport);
    // As Linux does for every protocol: zero would say "none" in UDP, and both are right in TCP.
    store_be<std::uint16_t>(packet.head(), field, wire::udp_checksum(sum));
    packet.meta.checksum = ChecksumState::None;
    return true;
}

Segmenter::Segmenter(Packet& large, PacketPool& pool, Summing summing)
    : large_{large}, pool_{pool}, summing_{summing} {
    if (!read_headers() || !read_payload()) {
        header_bytes_ = 0;
        return;
    }
    sum_headers();
}

bool Segmenter::read_headers() {
    const PacketMeta& meta = large_.meta;
    const Bytes front = large_.front();
    const std::size_t network = large_.network_offset();
    const std::size_t transport = large_.transport_offset();
    is_tcp_ = meta.gso != GsoType::Udp;
    const std::size_t least = is_tcp_ ? TcpHeader::kMinBytes : UdpHeader::kBytes;
    if (meta.gso_size == 0 || network >= transport || transport + least > front.size()) {
        return false;
    }

    const auto version = std::to_integer<unsigned>(front[network]) >> 4;
    is_v4_ = version == 4;
    if (!is_v4_ && version != 6) return false;
    if (transport - network < (is_v4_ ? Ipv4Header::kMinBytes : Ipv6Header::kBytes)) return false;
    if (is_v4_ && (std::to_integer<std::size_t>(front[network]) & 0xf) * 4 != transport - network) {
        return false;
    }
    std::size_t bytes = transport + least;
    if (is_tcp_) {
        const auto data = std::to_integer<std::size_t>(front[transport + kTcpFlagsAt] >> 4) * 4;
        if (data < TcpHeader::kMinBytes) return false;
        bytes = transport + data;
    }
    if (bytes > front.size() || bytes > header_.size()) return false;
    if (bytes - network + meta.gso_size > 65535) return false;  // no IP packet is that long
    network_ = static_cast<std::uint16_t>(network);
    transport_ = static_cast<std::uint16_t>(transport);
    header_bytes_ = static_cast<std::uint16_t>(bytes);
    std::memcpy(header_.data(), front.data(), bytes);
    return true;
}

// What is left behind the headers; bytes that lie in the packet's own room cannot be shared.
bool Segmenter::read_payload() {
    large_.trim_front(header_bytes_);
    left_ = static_cast<std::uint32_t>(large_.size());
    if (left_ == 0) return false;
    const Bytes own = std::as_const(large_).head();
    if (own.empty()) return true;
    rest_ = pool_.small_buffer();
    if (rest_.empty()) return false;
    std::memcpy(rest_.mutable_bytes().data(), own.data(), own.size());
    rest_.trim_back(static_cast<std::uint32_t>(rest_.size() - own.size()));
    return true;
}

// Takes what changes out of the template and sums the rest once.
void Segmenter::sum_headers() {
    const MutableBytes header{header_.data(), header_bytes_};
    const MutableBytes ip = header.subspan(network_);
    const MutableBytes transport = header.subspan(transport_);
    if (is_v4_) {
        id_ = load_be<std::uint16_t>(ip, kIpv4IdAt);
        clear_u16(ip, kIpv4TotalAt);
        clear_u16(ip, kIpv4IdAt);
        clear_u16(ip, Ipv4Header::kChecksumAt);
        network_sum_.add(ip.first(static_cast<std::size_t>(transport_ - network_)));
        pseudo_sum_.add(ip.subspan(kIpv4AddressesAt, 8));
    } else {
        pseudo_sum_.add(ip.subspan(kIpv6AddressesAt, 32));
    }
    const auto protocol = is_tcp_ ? wire::IpProtocol::Tcp : wire::IpProtocol::Udp;
    pseudo_sum_.add_u16(static_cast<std::uint16_t>(protocol));
    if (is_tcp_) {
        sequence_ = load_be<std::uint32_t>(transport, kTcpSequenceAt);
        flags_ = load_be<std::uint16_t>(transport, kTcpFlagsAt);
        store_be<std::uint32_t>(transport, kTcpSequenceAt, 0);
        clear_u16(transport, kTcpFlagsAt);
        clear_u16(transport, TcpHeader::kChecksumAt);
    } else {
        clear_u16(transport, kUdpLengthAt);
        clear_u16(transport, UdpHeader::kChecksumAt);
    }
    transport_sum_ = pseudo_sum_;
    transport_sum_.add(transport);
}

void Segmenter::patch_network(MutableBytes header, std::uint16_t transport_bytes) {
    const MutableBytes ip = header.subspan(network_);
    const auto before = static_cast<std::uint16_t>(transport_ - network_);
    if (!is_v4_) {
        const auto payload =
            static_cast<std::uint16_t>(before - Ipv6Header::kBytes + transport_bytes);
        store_be(ip, kIpv6PayloadAt, payload);
        return;
    }
    const auto total = static_cast<std::uint16_t>(before + transport_bytes);
    PartialSum sum = network_sum_;
    sum.add_u16(total);
    sum.add_u16(id_);
    store_be(ip, kIpv4TotalAt, total);
    store_be(ip, kIpv4IdAt, id_);
    store_be(ip, Ipv4Header::kChecksumAt, sum.checksum());
    // RFC 6864 lets an atomic datagram have any id; counting on is what receivers that merge
    // expect.
    ++id_;
}

void Segmenter::patch_tcp(MutableBytes transport, PartialSum& sum, bool is_last) {
    std::uint16_t flags = flags_;
    if (!is_last) flags = static_cast<std::uint16_t>(flags & ~(kFin | kPsh));
    // A counter of accurate ECN is in all of them.
    // RFC 9768 REQ-3.3.3
    if (!is_first_ && !large_.meta.repeats_cwr) {
        flags = static_cast<std::uint16_t>(flags & ~kCwr);
    }
    store_be(transport, kTcpSequenceAt, sequence_);
    store_be(transport, kTcpFlagsAt, flags);
    sum.add_u16(static_cast<std::uint16_t>(sequence_ >> 16));
    sum.add_u16(static_cast<std::uint16_t>(sequence_));
    sum.add_u16(flags);
}

PartialSum Segmenter::share_payload(Packet& segment, std::uint32_t bytes) {
    PartialSum sum;
    while (bytes > 0) {
        if (rest_.empty()) rest_ = large_.slices()[next_slice_++];
        const std::uint32_t n = std::min(bytes, rest_.size());
        Slice piece = rest_.part(0, n);
        if (summing_ == Summing::Complete) sum.add(piece.bytes());
        const bool has_room = segment.append(std::move(piece));
        FAIRLEAD_ASSERT(has_room);
        rest_.trim_front(n);
        bytes -= n;
    }
    return sum;
}

PacketPtr Segmenter::next() {
    PacketPtr segment = pool_.packet();
    if (segment == nullptr) return nullptr;
    const std::uint32_t bytes = std::min<std::uint32_t>(left_, large_.meta.gso_size);
    const bool is_last = bytes == left_;

    const MutableBytes header = segment->push_front(header_bytes_);
    std::memcpy(header.data(), header_.data(), header_bytes_);
    const MutableBytes transport = header.subspan(transport_);
    const auto transport_bytes = static_cast<std::uint16_t>(transport.size() + bytes);
    patch_network(header, transport_bytes);

    PartialSum sum = transport_sum_;
    if (is_tcp_) {
        patch_tcp(transport, sum, is_last);
    } else {
        store_be(transport, kUdpLengthAt, transport_bytes);
        sum.add_u16(transport_bytes);
    }
    sum.add_u16(transport_bytes);  // of the pseudo-header
    sum.append(share_payload(*segment, bytes));

    PacketMeta& meta = segment->meta;
    meta = large_.meta;
    meta.gso = GsoType::None;
    meta.gso_size = 0;
    meta.gso_segments = 1;
    if (!is_last) meta.cookie = 0;  // complete when the last of them is
    const auto field = is_tcp_ ? TcpHeader::kChecksumAt : UdpHeader::kChecksumAt;
    meta.checksum_offset = static_cast<std::uint8_t>(field);
    if (summing_ == Summing::Complete) {
        meta.checksum = ChecksumState::None;
        store_be(transport, field, wire::udp_checksum(sum));
    } else {
        PartialSum pseudo = pseudo_sum_;
        pseudo.add_u16(transport_bytes);
        meta.checksum = ChecksumState::Partial;
        store_be(transport, field, pseudo.fold());
    }
    segment->mark_network(network_);
    segment->mark_transport(transport_);

    sequence_ += bytes;
    left_ -= bytes;
    is_first_ = false;
    return segment;
}

}  // namespace fairlead::link
