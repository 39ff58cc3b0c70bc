// ICMP messages and the IPv4 packets they quote.
#include <algorithm>
#include <array>

#include "fuzz/fuzz.hpp"
#include "wire/icmp.hpp"
#include "wire/quoted.hpp"

using namespace fairlead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes message = fuzz::input(data, size);
    const auto header = wire::parse_icmp(message);
    if (!header) return 0;
    std::array<std::byte, wire::IcmpHeader::kBytes> again{};
    wire::write_icmp(again, *header);
    FAIRLEAD_ASSERT(std::ranges::equal(again, message.first(again.size())));
    if (!header->is_error()) return 0;
    const auto quoted = wire::parse_quoted_v4(message.subspan(again.size()));
    if (!quoted) return 0;
    FAIRLEAD_ASSERT(quoted->source.is_v4() && quoted->target.is_v4());
    FAIRLEAD_ASSERT(quoted->transport.data() + quoted->transport.size() ==
                    message.data() + message.size());
    (void)quoted->source_port();
    (void)quoted->target_port();
    (void)quoted->seq();
    return 0;
}
