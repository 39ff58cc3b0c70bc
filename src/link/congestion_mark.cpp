#include "link/congestion_mark.hpp"

#include <optional>

#include "base/bytes.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

namespace fairlead::link {
namespace {

constexpr std::uint16_t kNotCapable = 0;
constexpr std::uint16_t kCongestion = 3;
constexpr unsigned kVersionShift = 12;
constexpr unsigned kIpv6Shift = 4;  // of the traffic class in the first two bytes

// The first two bytes of an IP header hold both its version and its traffic class.
struct Field {
    std::size_t ip = 0;  // where the header begins
    std::uint16_t word = 0;

    bool is_v4() const { return word >> kVersionShift == 4; }
    unsigned shift() const { return is_v4() ? 0 : kIpv6Shift; }
    std::uint16_t ecn() const { return word >> shift() & kCongestion; }
};

std::optional<Field> field_of(const Packet& frame, LinkKind link) {
    const Bytes front = frame.front();
    Field field{.ip = link == LinkKind::Ethernet ? std::size_t{wire::EthernetHeader::kBytes} : 0};
    if (front.size() < field.ip + wire::Ipv4Header::kMinBytes) return std::nullopt;
    auto type = wire::EtherType::Ipv4;
    if (link == LinkKind::Ethernet) {
        type = static_cast<wire::EtherType>(load_be<std::uint16_t>(front, field.ip - 2));
    }
    if (type != wire::EtherType::Ipv4 && type != wire::EtherType::Ipv6) return std::nullopt;
    field.word = load_be<std::uint16_t>(front, field.ip);
    const unsigned version = field.word >> kVersionShift;
    if (version != 4 && version != 6) return std::nullopt;
    return field;
}

}  // namespace

bool is_congestion_markable(const Packet& frame, LinkKind link) {
    const auto field = field_of(frame, link);
    return field && field->ecn() != kNotCapable;
}

bool mark_congestion(Packet& frame, LinkKind link) {
    const auto field = field_of(frame, link);
    const std::size_t header_bytes = wire::Ipv4Header::kMinBytes;
    if (!field || !frame.own_front(field->ip + header_bytes)) return false;
    const MutableBytes ip = frame.head().subspan(field->ip);
    const auto marked = static_cast<std::uint16_t>(field->word | kCongestion << field->shift());
    store_be(ip, 0, marked);
    if (!field->is_v4()) return true;
    const auto checksum = load_be<std::uint16_t>(ip, wire::Ipv4Header::kChecksumAt);
    store_be(ip, wire::Ipv4Header::kChecksumAt,
             wire::updated_checksum(checksum, field->word, marked));
    return true;
}

}  // namespace fairlead::link
