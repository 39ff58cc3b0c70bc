// Ethernet headers and the ARP packets behind them: what is accepted is written back as it was.
#include <algorithm>
#include <array>

#include "fuzz/fuzz.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"

using namespace fairlead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes frame = fuzz::input(data, size);
    const auto header = wire::parse_ethernet(frame);
    if (!header) return 0;
    std::array<std::byte, wire::EthernetHeader::kTaggedBytes> room{};
    wire::write_ethernet(room, *header);
    FAIRLEAD_ASSERT(
        std::ranges::equal(Bytes{room}.first(header->bytes()), frame.first(header->bytes())));

    const Bytes payload = frame.subspan(header->bytes());
    const auto arp = wire::parse_arp(payload);
    if (!arp) return 0;
    std::array<std::byte, wire::ArpPacket::kBytes> again{};
    wire::write_arp(again, *arp);
    FAIRLEAD_ASSERT(std::ranges::equal(again, payload.first(again.size())));
    return 0;
}
