#include "sim/content.hpp"

#include <bit>
#include <cstring>
#include <span>

#include "base/prng.hpp"

namespace fairlead::sim {
namespace {

// Eight bytes of content at a time; the word that holds a position depends on that position alone.
// As it lies in memory: the lowest byte first, on every machine.
std::uint64_t content_word(std::uint64_t seed, std::uint64_t index) {
    std::uint64_t state = seed * 0x9e37'79b9'7f4a'7c15u ^ index;
    const std::uint64_t word = splitmix64(state);
    return std::endian::native == std::endian::little ? word : std::byteswap(word);
}

std::byte content_byte(std::uint64_t seed, std::uint64_t position) {
    const std::uint64_t word = content_word(seed, position / 8);
    return std::as_bytes(std::span{&word, 1})[position % 8];
}

bool begins_a_word(std::uint64_t position, std::size_t bytes) {
    return position % 8 == 0 && bytes >= 8;
}

}  // namespace

void fill_content(std::uint64_t seed, std::uint64_t position, MutableBytes into) {
    for (std::size_t i = 0; i < into.size();) {
        if (begins_a_word(position + i, into.size() - i)) {
            const std::uint64_t word = content_word(seed, (position + i) / 8);
            std::memcpy(into.data() + i, &word, sizeof word);
            i += sizeof word;
        } else {
            into[i] = content_byte(seed, position + i);
            ++i;
        }
    }
}

std::size_t first_wrong_content(std::uint64_t seed, std::uint64_t position, Bytes bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        while (begins_a_word(position + i, bytes.size() - i)) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data() + i, sizeof word);
            if (word != content_word(seed, (position + i) / 8)) break;
            i += sizeof word;
        }
        if (i < bytes.size() && bytes[i] != content_byte(seed, position + i)) return i;
    }
    return bytes.size();
}

}  // namespace fairlead::sim
