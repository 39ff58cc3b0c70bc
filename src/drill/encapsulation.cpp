#include "drill/encapsulation.hpp"

#include <algorithm>
#include <span>

#include "base/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

namespace fairlead::drill {
namespace {

using Octets = std::vector<std::uint8_t>;
using Faulty = std::unexpected<std::string>;

constexpr std::uint8_t kTtl = 64;
constexpr std::size_t kMostHeaders = 8;
constexpr std::size_t kGreBytes = 4;
constexpr std::size_t kMplsBytes = 4;

// Linux and RFC 2784 §2.1.
constexpr std::uint16_t kGreChecksum = 0x8000;
constexpr std::uint16_t kGreKey = 0x2000;
constexpr std::uint16_t kGreSequence = 0x1000;
constexpr std::uint16_t kGreKnown = kGreChecksum | kGreKey | kGreSequence;

// What follows a header: the number by which IP and by which an Ethernet type names it.
struct Carried {
    std::uint8_t protocol = 0;
    std::uint16_t ether_type = 0;
};
constexpr Carried kIpv4{4, 0x0800};
constexpr Carried kIpv6{41, 0x86dd};
constexpr Carried kGre{47, 0};
constexpr Carried kMpls{137, 0x8847};

MutableBytes bytes_of(Octets& octets) { return std::as_writable_bytes(std::span{octets}); }

void put_before(Octets& packet, const Octets& header) {
    packet.insert(packet.begin(), header.begin(), header.end());
}

// Each puts one header before what is there, and says what it is now.
struct Wrapper {
    Octets& packet;
    Carried carried;

    Carried operator()(const outer::Ip& ip) const {
        const auto protocol = static_cast<wire::IpProtocol>(carried.protocol);
        const std::size_t bytes = packet.size();
        if (ip.source.is_v4()) {
            Octets header(wire::Ipv4Header::kMinBytes);
            wire::write_ipv4(bytes_of(header),
                             {.total_bytes = static_cast<std::uint16_t>(header.size() + bytes),
                              .dont_fragment = true,
                              .ttl = kTtl,
                              .protocol = protocol,
                              .source = ip.source,
                              .target = ip.target});
            put_before(packet, header);
            return kIpv4;
        }
        Octets header(wire::Ipv6Header::kBytes);
        wire::write_ipv6(bytes_of(header), {.payload_bytes = static_cast<std::uint16_t>(bytes),
                                            .next_header = protocol,
                                            .hop_limit = kTtl,
                                            .source = ip.source,
                                            .target = ip.target});
        put_before(packet, header);
        return kIpv6;
    }

    Carried operator()(const outer::Gre& gre) const {
        const std::size_t bytes = kGreBytes + (gre.has_checksum ? 4u : 0u) + (gre.key ? 4u : 0u) +
                                  (gre.sequence ? 4u : 0u);
        Octets header(bytes);
        const MutableBytes to = bytes_of(header);
        const int flags = (gre.has_checksum ? kGreChecksum : 0) | (gre.key ? kGreKey : 0) |
                          (gre.sequence ? kGreSequence : 0);
        store_be(to, 0, static_cast<std::uint16_t>(flags));
        store_be(to, 2, carried.ether_type);
        std::size_t at = kGreBytes;
        if (gre.has_checksum) {
            store_be(to, at + 2, gre.offset.value_or(0));
            at += 4;
        }
        if (gre.key) {
            store_be(to, at, *gre.key);
            at += 4;
        }
        if (gre.sequence) store_be(to, at, *gre.sequence);
        put_before(packet, header);
        if (gre.has_checksum) {
            wire::PartialSum sum;
            sum.add(bytes_of(packet));
            store_be(bytes_of(packet), kGreBytes, gre.checksum.value_or(sum.checksum()));
        }
        return kGre;
    }

    Carried operator()(const outer::Mpls& mpls) const {
        Octets header(kMplsBytes * mpls.entries.size());
        std::size_t at = 0;
        for (const outer::MplsEntry& e : mpls.entries) {
            const std::uint32_t entry = e.label << 12 | std::uint32_t{e.traffic_class} << 9 |
                                        (e.is_bottom ? 1u << 8 : 0u) | e.ttl;
            store_be(bytes_of(header), at, entry);
            at += kMplsBytes;
        }
        put_before(packet, header);
        return kMpls;
    }
};

// What lies behind an IP header, and what it is.
struct Behind {
    outer::Ip ip{};
    std::uint8_t protocol = 0;
    Bytes payload{};
};

std::expected<Behind, std::string> behind_ip(Bytes packet) {
    if (packet.empty()) return Faulty{"it is empty"};
    if (static_cast<std::uint8_t>(packet[0]) >> 4 == 4) {
        const auto ip = wire::parse_ipv4(packet);
        if (!ip) return Faulty{"its IPv4 header is malformed, or its checksum wrong"};
        if (ip->total_bytes != packet.size()) return Faulty{"its IPv4 total length is wrong"};
        return Behind{{ip->source, ip->target},
                      static_cast<std::uint8_t>(ip->is_fragment() ? wire::IpProtocol::Fragment
                                                                  : ip->protocol),
                      packet.subspan(ip->header_bytes)};
    }
    const auto ip = wire::parse_ipv6(packet);
    if (!ip) return Faulty{"its IPv6 header is malformed"};
    if (wire::Ipv6Header::kBytes + ip->payload_bytes != packet.size()) {
        return Faulty{"its IPv6 payload length is wrong"};
    }
    return Behind{{ip->source, ip->target},
                  static_cast<std::uint8_t>(ip->next_header),
                  packet.subspan(wire::Ipv6Header::kBytes)};
}

struct BehindGre {
    outer::Gre gre{};
    std::uint16_t ether_type = 0;
    Bytes payload{};
};

std::expected<BehindGre, std::string> behind_gre(Bytes bytes) {
    if (bytes.size() < kGreBytes) return Faulty{"its GRE header is cut"};
    BehindGre behind;
    const auto flags = load_be<std::uint16_t>(bytes, 0);
    behind.ether_type = load_be<std::uint16_t>(bytes, 2);
    const std::size_t words = ((flags & kGreChecksum) != 0 ? 1u : 0u) +
                              ((flags & kGreKey) != 0 ? 1u : 0u) +
                              ((flags & kGreSequence) != 0 ? 1u : 0u);
    if ((flags & ~kGreKnown) != 0) return Faulty{"its GRE header has flags of no meaning"};
    if (bytes.size() < kGreBytes + 4 * words) return Faulty{"its GRE header is cut"};
    std::size_t at = kGreBytes;
    if ((flags & kGreChecksum) != 0) {
        wire::PartialSum sum;
        sum.add(bytes);
        if (sum.checksum() != 0) return Faulty{"its GRE checksum is wrong"};
        behind.gre.has_checksum = true;
        behind.gre.checksum = load_be<std::uint16_t>(bytes, at);
        behind.gre.offset = load_be<std::uint16_t>(bytes, at + 2);
        at += 4;
    }
    if ((flags & kGreKey) != 0) {
        behind.gre.key = load_be<std::uint32_t>(bytes, at);
        at += 4;
    }
    if ((flags & kGreSequence) != 0) {
        behind.gre.sequence = load_be<std::uint32_t>(bytes, at);
        at += 4;
    }
    behind.payload = bytes.subspan(at);
    return behind;
}

std::expected<outer::Mpls, std::string> read_labels(Bytes& bytes) {
    outer::Mpls mpls;
    do {
        if (bytes.size() < kMplsBytes || mpls.entries.size() == kMostHeaders) {
            return Faulty{"its stack of MPLS labels has no bottom"};
        }
        const auto entry = load_be<std::uint32_t>(bytes, 0);
        mpls.entries.push_back({.label = entry >> 12,
                                .traffic_class = static_cast<std::uint8_t>(entry >> 9 & 7),
                                .is_bottom = (entry & 1u << 8) != 0,
                                .ttl = static_cast<std::uint8_t>(entry)});
        bytes = bytes.subspan(kMplsBytes);
    } while (!mpls.entries.back().is_bottom);
    return mpls;
}

// A label does not say what it carries; an IP packet shows its version.
bool is_ip(Bytes bytes) {
    if (bytes.empty()) return false;
    const int version = static_cast<std::uint8_t>(bytes[0]) >> 4;
    return version == 4 || version == 6;
}

bool is_same(const outer::Gre& scripted, const outer::Gre& live) {
    return scripted.has_checksum == live.has_checksum && scripted.key == live.key &&
           scripted.sequence == live.sequence &&
           (!scripted.checksum || scripted.checksum == live.checksum) &&
           (!scripted.offset || scripted.offset == live.offset);
}

}  // namespace

std::vector<std::uint8_t> encapsulate(const std::vector<OuterHeader>& headers,
                                      std::vector<std::uint8_t> packet) {
    Carried carried = packet[0] >> 4 == 4 ? kIpv4 : kIpv6;
    for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
        carried = std::visit(Wrapper{packet, carried}, *header);
    }
    return packet;
}

std::expected<std::optional<Unwrapped>, std::string> unwrap(Bytes packet) {
    Unwrapped unwrapped{.packet = packet};
    while (unwrapped.headers.size() < kMostHeaders) {
        auto behind = behind_ip(unwrapped.packet);
        if (!behind) return Faulty{behind.error()};
        const bool carries =
            behind->protocol == kIpv4.protocol || behind->protocol == kIpv6.protocol ||
            behind->protocol == kGre.protocol || behind->protocol == kMpls.protocol;
        if (!carries) return unwrapped;
        unwrapped.headers.emplace_back(behind->ip);
        bool has_labels = behind->protocol == kMpls.protocol;
        if (behind->protocol == kGre.protocol) {
            const auto gre = behind_gre(behind->payload);
            if (!gre) return Faulty{gre.error()};
            unwrapped.headers.emplace_back(gre->gre);
            behind->payload = gre->payload;
            has_labels = gre->ether_type == kMpls.ether_type;
        }
        if (has_labels) {
            const auto labels = read_labels(behind->payload);
            if (!labels) return Faulty{labels.error()};
            unwrapped.headers.emplace_back(*labels);
        }
        if (!is_ip(behind->payload)) return std::nullopt;
        unwrapped.packet = behind->payload;
    }
    return Faulty{"its headers nest too deep"};
}

bool is_same_encapsulation(const std::vector<OuterHeader>& scripted,
                           const std::vector<OuterHeader>& live) {
    return std::ranges::equal(scripted, live, [](const OuterHeader& a, const OuterHeader& b) {
        const auto* x = std::get_if<outer::Gre>(&a);
        const auto* y = std::get_if<outer::Gre>(&b);
        return x != nullptr && y != nullptr ? is_same(*x, *y) : a == b;
    });
}

}  // namespace fairlead::drill
