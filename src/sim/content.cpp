#include "sim/content.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "base/prng.hpp"

namespace fairlead::sim {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

// Eight bytes of content at a time; the word that holds a position depends on that position alone,
// and no two words of a stream are the same. As it lies in memory: the lowest byte first, on every
// machine.
class Words {
public:
    explicit Words(std::uint64_t seed) : offset_{splitmix64(seed)} {}

    // What the word at that position is made of; a step to the next is the addition of kOdd. The loops
    // that do so have nothing else in them, so that compilers take several words at once.
    static constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
    std::uint64_t product(std::uint64_t position) const {
        return (offset_ + position / kWord) * kOdd;
    }
    static std::uint64_t word_of(std::uint64_t product) {
        const std::uint64_t word = product ^ product >> 32;  // low bytes vary as high ones
        return std::endian::native == std::endian::little ? word : std::byteswap(word);
    }
    std::byte byte(std::uint64_t position) const {
        const std::uint64_t word = word_of(product(position));
        return std::as_bytes(std::span{&word, 1})[position % kWord];
    }

private:
    std::uint64_t offset_;
};

// Of a piece that begins at `position`: the bytes before the first whole word.
std::size_t before_words(std::uint64_t position, std::size_t bytes) {
    return std::min<std::size_t>(bytes, (kWord - position % kWord) % kWord);
}

void put_words(std::uint64_t product, MutableBytes into) {
    for (std::size_t i = 0; i < into.size(); i += kWord) {
        const std::uint64_t word = Words::word_of(product);
        product += Words::kOdd;
        std::memcpy(into.data() + i, &word, kWord);
    }
}

bool are_words(std::uint64_t product, Bytes bytes) {
    std::uint64_t differs = 0;
    for (std::size_t i = 0; i < bytes.size(); i += kWord) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + i, kWord);
        differs |= word ^ Words::word_of(product);
        product += Words::kOdd;
    }
    return differs == 0;
}

}  // namespace

void fill_content(std::uint64_t seed, std::uint64_t position, MutableBytes into) {
    const Words words{seed};
    const std::size_t head = before_words(position, into.size());
    const std::size_t tail = head + (into.size() - head) / kWord * kWord;
    for (std::size_t i = 0; i < head; ++i) into[i] = words.byte(position + i);
    put_words(words.product(position + head), into.subspan(head, tail - head));
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
    const std::size_t tail = head + (bytes.size() - head) / kWord * kWord;
    if (const std::size_t wrong = wrong_byte(0, head); wrong < head) return wrong;
    const Bytes whole = bytes.subspan(head, tail - head);
    if (!are_words(words.product(position + head), whole)) return wrong_byte(head, tail);
    return wrong_byte(tail, bytes.size());
}

}  // namespace fairlead::sim
