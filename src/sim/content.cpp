#include "sim/content.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "base/prng.hpp"

namespace fairlead::sim {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::size_t kTurn = 4 * kWord;  // compared at once

// Eight bytes of content at a time; the word that holds a position depends on that position alone,
// and no two words of a stream are the same. As it lies in memory: the lowest byte first, on every
// machine.
class Words {
public:
    explicit Words(std::uint64_t seed) : offset_{splitmix64(seed)} {}

    // One after the other: a step is an addition.
    class Run {
    public:
        explicit Run(std::uint64_t product) : product_{product} {}
        std::uint64_t next() {
            const std::uint64_t word = product_ ^ product_ >> 32;  // low bytes vary as high ones
            product_ += kOdd;
            return std::endian::native == std::endian::little ? word : std::byteswap(word);
        }

    private:
        std::uint64_t product_;
    };
    Run from(std::uint64_t position) const { return Run{(offset_ + position / kWord) * kOdd}; }
    std::byte byte(std::uint64_t position) const {
        const std::uint64_t word = from(position).next();
        return std::as_bytes(std::span{&word, 1})[position % kWord];
    }

private:
    static constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;

    std::uint64_t offset_;
};

// Of a piece that begins at `position`: the bytes before the first whole word.
std::size_t before_words(std::uint64_t position, std::size_t bytes) {
    return std::min<std::size_t>(bytes, (kWord - position % kWord) % kWord);
}

}  // namespace

void fill_content(std::uint64_t seed, std::uint64_t position, MutableBytes into) {
    const Words words{seed};
    const std::size_t head = before_words(position, into.size());
    const std::size_t tail = head + (into.size() - head) / kWord * kWord;
    for (std::size_t i = 0; i < head; ++i) into[i] = words.byte(position + i);
    Words::Run run = words.from(position + head);
    for (std::size_t i = head; i < tail; i += kWord) {
        const std::uint64_t word = run.next();
        std::memcpy(into.data() + i, &word, kWord);
    }
    for (std::size_t i = tail; i < into.size(); ++i) into[i] = words.byte(position + i);
}

std::size_t first_wrong_content(std::uint64_t seed, std::uint64_t position, Bytes bytes) {
    const Words words{seed};
    // The place of the first wrong byte from `i` on that is before `end`; none: `end`.
    const auto wrong_byte = [&](std::size_t i, std::size_t end) {
        while (i < end && bytes[i] == words.byte(position + i)) ++i;
        return i;
    };
    const std::size_t head = before_words(position, bytes.size());
    const std::size_t tail = head + (bytes.size() - head) / kTurn * kTurn;
    if (const std::size_t wrong = wrong_byte(0, head); wrong < head) return wrong;
    Words::Run run = words.from(position + head);
    for (std::size_t i = head; i < tail; i += kTurn) {
        std::uint64_t differs = 0;
        for (std::size_t j = 0; j < kTurn; j += kWord) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + i + j, kWord);
            differs |= word ^ run.next();
        }
        if (differs != 0) return wrong_byte(i, i + kTurn);
    }
    return wrong_byte(tail, bytes.size());
}

}  // namespace fairlead::sim
