// ICMPv6 messages, the IPv6 packets they quote, and Neighbour Discovery.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "wire/icmpv6.hpp"
#include "wire/nd.hpp"
#include "wire/quoted.hpp"

using namespace fairlead;

namespace {

// What was read can be written, and once written it is read and written the same.
template <typename Parse>
void check_nd(Bytes message, Parse parse) {
    const auto first = parse(message);
    if (!first) return;
    std::vector<std::byte> once(wire::nd_bytes(*first));
    FAIRLEAD_ASSERT(once.size() <= wire::kMaxNdBytes);
    FAIRLEAD_ASSERT(wire::write_nd(once, *first) == once.size());
    const auto second = parse(Bytes{once});
    FAIRLEAD_ASSERT(second.has_value());
    std::vector<std::byte> twice(wire::nd_bytes(*second));
    wire::write_nd(twice, *second);
    FAIRLEAD_ASSERT(once == twice);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes message = fuzz::input(data, size);
    const auto header = wire::parse_icmpv6(message);
    if (!header) return 0;
    std::array<std::byte, wire::Icmpv6Header::kBytes> again{};
    wire::write_icmpv6(again, *header);
    FAIRLEAD_ASSERT(std::ranges::equal(again, message.first(again.size())));
    if (header->is_error()) {
        const auto quoted = wire::parse_quoted_v6(message.subspan(again.size()));
        if (quoted) (void)quoted->seq();
    }
    // Whatever the type says: each parser takes any bytes.
    check_nd(message, wire::parse_router_solicitation);
    check_nd(message, wire::parse_router_advertisement);
    check_nd(message, wire::parse_neighbor_solicitation);
    check_nd(message, wire::parse_neighbor_advertisement);
    check_nd(message, wire::parse_nd_redirect);
    return 0;
}
