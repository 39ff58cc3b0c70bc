// IPv6 headers and the walk over extension headers.
#include <algorithm>
#include <array>

#include "fuzz/fuzz.hpp"
#include "wire/ipv6.hpp"
#include "wire/quoted.hpp"

using namespace fairlead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes packet = fuzz::input(data, size);
    if (const auto quoted = wire::parse_quoted_v6(packet)) {
        FAIRLEAD_ASSERT(quoted->transport.size() >= wire::QuotedPacket::kMinTransport);
        (void)quoted->echo_id();
    }
    // However long the packet is said to be, the walk stays in what there is.
    const auto header = wire::parse_ipv6(packet, 65575);
    if (!header) return 0;
    std::array<std::byte, wire::Ipv6Header::kBytes> again{};
    wire::write_ipv6(again, *header);
    FAIRLEAD_ASSERT(std::ranges::equal(again, packet.first(again.size())));

    const auto upper = wire::walk_extensions(packet, *header);
    if (!upper) {
        FAIRLEAD_ASSERT(upper.error().pointer < packet.size() ||
                        upper.error().fault == wire::ExtensionFault::Truncated ||
                        upper.error().fault == wire::ExtensionFault::TooManyHeaders);
        return 0;
    }
    FAIRLEAD_ASSERT(upper->offset >= wire::Ipv6Header::kBytes && upper->offset <= packet.size());
    FAIRLEAD_ASSERT(packet[upper->next_header_at] == static_cast<std::byte>(upper->protocol));
    if (upper->fragment) {
        std::array<std::byte, wire::Ipv6Fragment::kBytes> fragment{};
        wire::write_ipv6_fragment(fragment, *upper->fragment, upper->protocol);
        const Bytes was = packet.subspan(upper->fragment->header_at, fragment.size());
        FAIRLEAD_ASSERT(std::ranges::equal(Bytes{fragment}.subspan(4), was.subspan(4)));
    }
    return 0;
}
