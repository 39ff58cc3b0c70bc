// TCP headers and options.
#include <algorithm>
#include <array>

#include "fuzz/fuzz.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

using namespace fairlead;

namespace {

using OptionRoom = std::array<std::byte, wire::TcpOptions::kMaxBytes>;

// What was read can be written where it fits, and once written it is read and written the same.
void check_options(Bytes bytes, bool is_syn) {
    const wire::TcpOptions options = wire::parse_tcp_options(bytes, is_syn);
    FAIRLEAD_ASSERT(options.sack_count <= wire::TcpOptions::kMaxSackBlocks);
    FAIRLEAD_ASSERT(!options.mss || *options.mss != 0);
    const std::size_t size = wire::tcp_options_bytes(options);
    if (size > wire::TcpOptions::kMaxBytes) return;
    OptionRoom once{};
    FAIRLEAD_ASSERT(wire::write_tcp_options(once, options) == size);
    const Bytes written = Bytes{once}.first(size);
    OptionRoom twice{};
    FAIRLEAD_ASSERT(wire::write_tcp_options(twice, wire::parse_tcp_options(written, is_syn)) ==
                    size);
    FAIRLEAD_ASSERT(once == twice);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes segment = fuzz::input(data, size);
    const auto header = wire::parse_tcp(segment);
    if (!header) return 0;
    std::array<std::byte, wire::TcpHeader::kMinBytes> again{};
    wire::write_tcp(again, *header);
    FAIRLEAD_ASSERT(wire::parse_tcp(segment) == header);
    // Three reserved bits are read over and written as zero.
    if ((segment[12] & std::byte{0x0e}) == std::byte{0}) {
        FAIRLEAD_ASSERT(std::ranges::equal(again, segment.first(again.size())));
    }
    const Bytes options = wire::tcp_options_of(segment, *header);
    FAIRLEAD_ASSERT(options.size() <= wire::TcpOptions::kMaxBytes);
    check_options(options, true);
    check_options(options, false);
    return 0;
}
