// base/stream_hash.hpp — one number for all bytes that went by, however they were cut.
//
// Owns:   StreamHash: words in turn into four lanes, each multiplied and folded; SipHash-1-3 under a
//         key of zero over the lanes at the end.
// Why:    two runs, two machines or two compilers are compared by one number; bytes fed in one
//         piece or in ten give the same. Every simulated frame goes through it, hence the lanes: a
//         processor works on four multiplications at once.
// Not here: a defence against one who chooses the bytes; keyed hashes of small values (siphash.hpp).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/siphash.hpp"

namespace fairlead {

class StreamHash {
public:
    void add(std::uint64_t word) { take_word(word); }
    void add(Bytes bytes) {
        while (partial_bits_ != 0 && !bytes.empty()) take_byte(bytes);
        while (words_ % kLanes != 0 && bytes.size() >= kWord) take_word(next_word(bytes));
        take_turns(bytes);
        while (bytes.size() >= kWord) take_word(next_word(bytes));
        while (!bytes.empty()) take_byte(bytes);
    }
    // Of all so far; more may follow.
    std::uint64_t value() const {
        siphash::State end{SipKey{}};
        for (const std::uint64_t lane : lanes_) end.add<1>(lane);
        end.add<1>(partial_);
        end.add<1>(words_ * kWord + partial_bits_ / 8);
        return end.finish<3>();
    }

private:
    static constexpr std::size_t kLanes = 4;
    static constexpr std::size_t kWord = sizeof(std::uint64_t);
    static constexpr unsigned kWordBits = 64;

    // For each lane a one-to-one map of the word, and for each word one of the lane.
    static std::uint64_t mixed(std::uint64_t lane, std::uint64_t word) {
        constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
        const std::uint64_t product = (lane ^ word) * kOdd;
        return product ^ product >> (kWordBits / 2);
    }
    static std::uint64_t next_word(Bytes& bytes) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), kWord);
        bytes = bytes.subspan(kWord);
        return std::endian::native == std::endian::little ? word : std::byteswap(word);
    }
    // Whole turns of the lanes, in registers.
    void take_turns(Bytes& bytes) {
        std::array<std::uint64_t, kLanes> lanes = lanes_;
        for (; bytes.size() >= kLanes * kWord; words_ += kLanes) {
            for (std::uint64_t& lane : lanes) lane = mixed(lane, next_word(bytes));
        }
        lanes_ = lanes;
    }
    void take_word(std::uint64_t word) {
        if (partial_bits_ != 0) {  // ends the one that was begun; its own rest waits
            const std::uint64_t whole = partial_ | word << partial_bits_;
            partial_ = word >> (kWordBits - partial_bits_);
            word = whole;
        }
        std::uint64_t& lane = lanes_[words_++ % kLanes];
        lane = mixed(lane, word);
    }
    void take_byte(Bytes& bytes) {
        partial_ |= std::to_integer<std::uint64_t>(bytes.front()) << partial_bits_;
        bytes = bytes.subspan(1);
        partial_bits_ += 8;
        if (partial_bits_ < kWordBits) return;
        partial_bits_ = 0;
        take_word(std::exchange(partial_, 0));
    }

    std::array<std::uint64_t, kLanes> lanes_{};
    std::uint64_t words_ = 0;
    std::uint64_t partial_ = 0;  // bytes that are no word yet, from the lowest
    unsigned partial_bits_ = 0;
};

}  // namespace fairlead
