#include "bench/ceiling.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>

#include "bench/machine.hpp"

namespace fairlead::bench {

namespace {

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::size_t kStillWarm = 4096;  // summed while the copy of it is in the nearest cache

// The compiler may not leave out what leads to this value.
template <typename T>
void keep(const T& value) {
    asm volatile("" : : "g"(value) : "memory");
}

// The one's complement sum, not yet folded. Plain enough for the compiler to vectorize; the wider
// form is taken where the processor has it.
#if defined(__x86_64__)
__attribute__((target_clones("default", "avx2")))
#endif
std::uint64_t
sum(const std::byte* bytes, std::size_t size) {
    std::uint64_t total = 0;
    const std::size_t words = size / 4;
    for (std::size_t i = 0; i < words; ++i) {
        std::uint32_t word;
        std::memcpy(&word, bytes + 4 * i, 4);
        total += word;
    }
    for (std::size_t at = 4 * words; at < size; ++at) {
        total += std::uint64_t{std::to_integer<std::uint8_t>(bytes[at])} << (8 * (at % 4));
    }
    return total;
}

std::uint64_t next_random(std::uint64_t x) {  // xorshift64
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

// A number below n from 64 random bits, without a division.
std::uint32_t below(std::uint64_t random, std::uint32_t n) {
    return static_cast<std::uint32_t>(((random >> 32) * n) >> 32);
}

}  // namespace

CopyLoop::CopyLoop(std::size_t piece)
    : piece_{piece}, from_(kBuffer, std::byte{0x5a}), to_(kBuffer) {}

double CopyLoop::copy(std::uint64_t pieces) {
    const Stopwatch watch;
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        if (at + piece_ > kBuffer) at = 0;
        std::memcpy(to_.data() + at, from_.data() + at, piece_);
        keep(to_.data());
        at += piece_;
    }
    return watch.seconds();
}

double CopyLoop::copy_and_sum(std::uint64_t pieces) {
    const Stopwatch watch;
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        if (at + piece_ > kBuffer) at = 0;
        std::uint64_t total = 0;
        for (std::size_t done = 0; done < piece_; done += kStillWarm) {
            const std::size_t size = std::min(kStillWarm, piece_ - done);
            std::memcpy(to_.data() + at + done, from_.data() + at + done, size);
            keep(to_.data());
            total += sum(to_.data() + at + done, size);
        }
        keep(total);
        at += piece_;
    }
    return watch.seconds();
}

__extension__ using Wide = unsigned __int128;

struct FlowTable::Key {
    std::array<std::uint64_t, 5> words{};

    explicit Key(std::uint32_t flow = 0)
        : words{0xfe80'0000'0000'0000u, 0x5054'00ff'fe12'3456u + (flow >> 16),
                0xfe80'0000'0000'0000u, 0x5054'00ff'fe65'4321u,
                std::uint64_t{flow & 0xffffu} << 48 | 0x1389'0000'0001u} {}
    bool operator==(const Key&) const = default;

    // Folded 64x64 multiplications, as quick keyed hashes have them.
    std::uint64_t hash() const {
        std::uint64_t h = 0x9e37'79b9'7f4a'7c15u;
        for (const std::uint64_t w : words) h = fold(h ^ w, 0xff51'afd7'ed55'8ccdu);
        return fold(h, 0x94d0'49bb'1331'11ebu);
    }

    static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        const auto product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
};

struct FlowTable::Slot {
    std::uint32_t hash = 0;
    std::uint32_t block = 0;  // 1 and up; 0: empty
};

// As large as what a stack of ours keeps for a connection, so that as many lie in as much memory.
struct alignas(64) FlowTable::Block {
    Key key{};
    std::uint64_t touched = 0;
    std::array<std::uint64_t, 82> rest{};
};

FlowTable::FlowTable(std::uint32_t flows)
    : flows_{flows},
      mask_{std::bit_ceil(std::uint64_t{flows} * 2) - 1},
      slots_{std::make_unique<Slot[]>(mask_ + 1)},
      blocks_{std::make_unique<Block[]>(flows)} {
    static_assert(sizeof(Key) == 40 && sizeof(Block) == 704);
    for (std::uint32_t flow = 0; flow < flows; ++flow) {
        // Blocks lie in an order that has nothing to do with that of the keys.
        const std::uint32_t block = (flow * 2'654'435'761u) % flows;
        std::uint32_t place = block;
        while (blocks_[place].touched != 0) place = place + 1 == flows ? 0 : place + 1;
        blocks_[place].key = Key{flow};
        blocks_[place].touched = 1;
        const std::uint64_t hash = blocks_[place].key.hash();
        std::uint64_t at = hash & mask_;
        while (slots_[at].block != 0) at = (at + 1) & mask_;
        slots_[at] = {.hash = static_cast<std::uint32_t>(hash >> 32), .block = place + 1};
    }
    for (std::uint32_t i = 0; i < flows; ++i) blocks_[i].touched = 0;
}

FlowTable::~FlowTable() = default;

FlowTable::Block& FlowTable::find(const Key& key, std::uint64_t hash) {
    for (std::uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
        const Slot slot = slots_[at];
        if (slot.block == 0) throw std::logic_error{"a flow is not in its table"};
        if (slot.hash == static_cast<std::uint32_t>(hash >> 32) &&
            blocks_[slot.block - 1].key == key) {
            return blocks_[slot.block - 1];
        }
    }
}

double FlowTable::touch_one_by_one(std::uint64_t count) {
    const Stopwatch watch;
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        random_ = next_random(random_);
        // The block is written with zeros: only we know that `seen` stays zero.
        const Key key{below(random_ ^ seen, flows_)};
        Block& block = find(key, key.hash());
        seen = block.touched;
        block.touched = seen & i;
        keep(block.touched);
    }
    return watch.seconds();
}

double FlowTable::touch_in_batches(std::uint64_t count) {
    constexpr std::size_t kBatch = 32;
    std::array<Key, kBatch> keys;
    std::array<std::uint64_t, kBatch> hashes{};
    const Stopwatch watch;
    for (std::uint64_t done = 0; done < count; done += kBatch) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            random_ = next_random(random_);
            keys[i] = Key{below(random_, flows_)};
            hashes[i] = keys[i].hash();
            __builtin_prefetch(&slots_[hashes[i] & mask_]);
        }
        for (std::size_t i = 0; i < kBatch; ++i) {
            const std::uint32_t block = slots_[hashes[i] & mask_].block;
            if (block != 0) __builtin_prefetch(&blocks_[block - 1], 1);
        }
        for (std::size_t i = 0; i < kBatch; ++i) {
            Block& block = find(keys[i], hashes[i]);
            block.touched ^= done;
            keep(block.touched);
        }
    }
    return watch.seconds();
}

}  // namespace fairlead::bench
