// The checksum of bytes cut in pieces, against the sum of RFC 1071 a byte pair at a time. The first
// bytes of the input say where it is cut.
#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "wire/checksum.hpp"

using namespace fairlead;

namespace {

std::uint16_t plain_sum(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto v = std::to_integer<std::uint32_t>(bytes[i]);
        sum += i % 2 == 0 ? v << 8 : v;
        if (sum > 0xffff) sum -= 0xffff;
    }
    return static_cast<std::uint16_t>(sum);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes given = fuzz::input(data, size);
    const std::size_t cuts = std::min<std::size_t>(given.size(), 4);
    const Bytes whole = given.subspan(cuts);
    wire::PartialSum added;
    wire::PartialSum copied;
    std::vector<std::byte> copy(whole.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i <= cuts; ++i) {
        const std::size_t left = whole.size() - at;
        const std::size_t n =
            i == cuts ? left : std::min(left, std::to_integer<std::size_t>(given[i]));
        added.add(whole.subspan(at, n));
        copied.append(wire::copy_and_sum(MutableBytes{copy}.subspan(at), whole.subspan(at, n)));
        at += n;
    }
    FAIRLEAD_ASSERT(added.fold() == plain_sum(whole));
    FAIRLEAD_ASSERT(copied.fold() == plain_sum(whole));
    FAIRLEAD_ASSERT(std::ranges::equal(copy, whole));
    return 0;
}
