// base/stream_hash.hpp — one number for all bytes that went by, however they were cut.
//
// Owns:   StreamHash: SipHash-1-3 under a key of zero, over words and byte pieces in turn.
// Why:    two runs, two machines or two compilers are compared by one number; bytes fed in one
//         piece or in ten give the same.
// Not here: keyed hashes of small values (siphash.hpp).
#pragma once

#include <cstdint>

#include "base/siphash.hpp"

namespace fairlead {

class StreamHash {
public:
    void add(std::uint64_t word) {
        for (int i = 0; i < 8; ++i) add_byte(static_cast<std::uint8_t>(word >> (8 * i)));
    }
    void add(Bytes bytes) {
        while (!bytes.empty() && filled_ != 0) take_byte(bytes);
        while (bytes.size() >= 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, bytes.data(), 8);
            if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
            state_.add<1>(word);
            count_ += 8;
            bytes = bytes.subspan(8);
        }
        while (!bytes.empty()) take_byte(bytes);
    }
    // Of all so far; more may follow.
    std::uint64_t value() const {
        siphash::State end = state_;
        end.add<1>(partial_);
        end.add<1>(count_);
        return end.finish<3>();
    }

private:
    void take_byte(Bytes& bytes) {
        add_byte(std::to_integer<std::uint8_t>(bytes.front()));
        bytes = bytes.subspan(1);
    }
    void add_byte(std::uint8_t byte) {
        partial_ |= std::uint64_t{byte} << (8 * filled_);
        ++count_;
        if (++filled_ < 8) return;
        state_.add<1>(partial_);
        partial_ = 0;
        filled_ = 0;
    }

    siphash::State state_{SipKey{}};
    std::uint64_t partial_ = 0;
    std::uint64_t count_ = 0;
    unsigned filled_ = 0;
};

}  // namespace fairlead
