// UDP headers and their lengths.
#include <algorithm>
#include <array>

#include "fuzz/fuzz.hpp"
#include "wire/udp.hpp"

using namespace fairlead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes datagram = fuzz::input(data, size);
    const auto header = wire::parse_udp(datagram);
    if (!header) return 0;
    FAIRLEAD_ASSERT(header->total_bytes >= wire::UdpHeader::kBytes && header->total_bytes <= size);
    std::array<std::byte, wire::UdpHeader::kBytes> again{};
    wire::write_udp(again, *header);
    FAIRLEAD_ASSERT(std::ranges::equal(again, datagram.first(again.size())));
    return 0;
}
