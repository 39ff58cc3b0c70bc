#include "wire/checksum.hpp"

#include <cstring>

namespace fairlead::wire {
namespace {

// Two or four words at once, in the registers of any 64-bit machine and of AVX2.
using Lanes2 = std::uint64_t __attribute__((vector_size(16)));
using Lanes4 = std::uint64_t __attribute__((vector_size(32)));

// The halves of 64-bit words go into sums of 64 bits, which need no carry; blocks of two loads, so
// that four sums go on side by side.
template <typename Lanes, bool Copies>
[[gnu::always_inline]] inline std::uint64_t sum_blocks(std::byte* to, const std::byte* from,
                                                       std::size_t n) {
    constexpr std::size_t kLoad = sizeof(Lanes);
    Lanes a{};
    Lanes b{};
    Lanes c{};
    Lanes d{};
    for (; n >= 2 * kLoad; n -= 2 * kLoad, from += 2 * kLoad) {
        Lanes x;
        Lanes y;
        std::memcpy(&x, from, kLoad);
        std::memcpy(&y, from + kLoad, kLoad);
        if constexpr (Copies) {
            std::memcpy(to, &x, kLoad);
            std::memcpy(to + kLoad, &y, kLoad);
            to += 2 * kLoad;
        }
        a += x & 0xffff'ffffu;
        b += x >> 32;
        c += y & 0xffff'ffffu;
        d += y >> 32;
    }
    a += b + c + d;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kLoad / 8; ++i) sum += a[i];
    if constexpr (Copies) std::memcpy(to, from, n);
    return sum + sum_short(from, n);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] std::uint64_t sum_wide(const std::byte* from, std::size_t n) {
    return sum_blocks<Lanes4, false>(nullptr, from, n);
}
[[gnu::target("avx2")]] std::uint64_t copy_wide(std::byte* to, const std::byte* from,
                                                std::size_t n) {
    return sum_blocks<Lanes4, true>(to, from, n);
}
// A load and a bit test: the runtime asked the processor before main().
bool is_wide() { return __builtin_cpu_supports("avx2") != 0; }
#else
constexpr bool is_wide() { return false; }
constexpr std::uint64_t sum_wide(const std::byte*, std::size_t) { return 0; }
constexpr std::uint64_t copy_wide(std::byte*, const std::byte*, std::size_t) { return 0; }
#endif

// Below it the wide registers gain nothing; the tests cross it, so that both ways are tested.
constexpr std::size_t kWideFrom = 128;

std::uint64_t copy_words(std::byte* to, const std::byte* from, std::size_t n) {
    if (n >= kWideFrom && is_wide()) return copy_wide(to, from, n);
    return sum_blocks<Lanes2, true>(to, from, n);
}

}  // namespace

std::uint64_t sum_long(const std::byte* from, std::size_t n) {
    if (n >= kWideFrom && is_wide()) return sum_wide(from, n);
    return sum_blocks<Lanes2, false>(nullptr, from, n);
}

PartialSum copy_and_sum(MutableBytes to, Bytes from) {
    FAIRLEAD_ASSERT(to.size() >= from.size());
    PartialSum sum;
    if (from.empty()) return sum;
    sum.words_ = copy_words(to.data(), from.data(), from.size());
    sum.is_odd_ = from.size() % 2 != 0;
    return sum;
}

}  // namespace fairlead::wire
