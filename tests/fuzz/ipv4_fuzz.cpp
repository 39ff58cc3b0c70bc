// IPv4 headers and options. The checksum is put right first, or nothing would come past it.
#include <algorithm>
#include <array>
#include <vector>

#include "base/bytes.hpp"
#include "fuzz/fuzz.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/quoted.hpp"

using namespace fairlead;

namespace {

void mend_checksum(std::vector<std::byte>& packet) {
    const auto header = wire::parse_quoted_ipv4(packet);
    if (!header) return;
    const MutableBytes bytes = MutableBytes{packet}.first(header->header_bytes);
    store_be(bytes, wire::Ipv4Header::kChecksumAt, std::uint16_t{0});
    store_be(bytes, wire::Ipv4Header::kChecksumAt, wire::sum_of(bytes).checksum());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes given = fuzz::input(data, size);
    if (const auto quoted = wire::parse_quoted_v4(given)) {
        FAIRLEAD_ASSERT(quoted->transport.size() >= wire::QuotedPacket::kMinTransport);
        (void)quoted->source_port();
        (void)quoted->seq();
    }
    (void)wire::parse_ipv4(given);

    std::vector<std::byte> packet(given.begin(), given.end());
    mend_checksum(packet);
    const auto header = wire::parse_ipv4(packet);
    if (!header) return 0;
    FAIRLEAD_ASSERT(header->total_bytes <= packet.size());
    const Bytes options = wire::ipv4_options_of(packet, *header);
    if (const auto found = wire::parse_ipv4_options(options); !found) {
        FAIRLEAD_ASSERT(found.error() >= wire::Ipv4Header::kMinBytes &&
                        found.error() < header->header_bytes);
    }
    std::array<std::byte, wire::Ipv4Header::kMaxBytes> room{};
    wire::write_ipv4(room, *header, options);
    FAIRLEAD_ASSERT(wire::parse_ipv4(room, packet.size()) == header);
    // The bit of RFC 791 that is reserved is read over and written as zero.
    if ((packet[6] & std::byte{0x80}) == std::byte{0}) {
        FAIRLEAD_ASSERT(std::ranges::equal(Bytes{room}.first(header->header_bytes),
                                           Bytes{packet}.first(header->header_bytes)));
    }
    return 0;
}
