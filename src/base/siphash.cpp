#include "base/siphash.hpp"

namespace fairlead {
namespace {

// Whatever the machine's order, the first byte is the lowest.
std::uint64_t load_little(Bytes from) {
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
        v |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
    }
    return v;
}

template <int Rounds, int FinalRounds>
std::uint64_t of_bytes(const SipKey& key, Bytes message) {
    siphash::State state{key};
    const std::uint64_t length = std::uint64_t{message.size() & 0xff} << 56;
    for (; message.size() >= 8; message = message.subspan(8)) {
        state.add<Rounds>(load_little(message.first<8>()));
    }
    state.add<Rounds>(load_little(message) | length);
    return state.finish<FinalRounds>();
}

}  // namespace

std::uint64_t siphash_2_4(const SipKey& key, Bytes message) { return of_bytes<2, 4>(key, message); }
std::uint64_t siphash_1_3(const SipKey& key, Bytes message) { return of_bytes<1, 3>(key, message); }

}  // namespace fairlead
