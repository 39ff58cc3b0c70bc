// block_hash.hpp — what digests of one family have in common: blocks of 64 bytes, and the length at the end.
//
// Owns:   BlockHash: bytes of any number in, whole blocks to `Digester::take()`, the padding of RFC 1321
//         §3.1 and of FIPS 180-4 §5.1.1, which are one but for the order of the length's bytes.
// Not here: what is made of a block (md5, sha1).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"

namespace fairlead {

template <typename Digester>
class BlockHash {
public:
    static constexpr std::size_t kBlockBytes = 64;

    void add(Bytes bytes) {
        std::size_t filled = length_ % kBlockBytes;
        length_ += bytes.size();
        while (!bytes.empty()) {
            const std::size_t n = std::min(bytes.size(), kBlockBytes - filled);
            std::memcpy(rest_.data() + filled, bytes.data(), n);
            bytes = bytes.subspan(n);
            filled += n;
            if (filled < kBlockBytes) return;
            static_cast<Digester&>(*this).take(rest_);
            filled = 0;
        }
    }

protected:
    // After it the state is that of the whole.
    void pad(std::endian order) {
        constexpr std::size_t kLengthAt = 56;
        constexpr std::array kEnd{std::byte{0x80}};
        constexpr std::array kZero{std::byte{0}};
        const std::uint64_t bits = length_ * 8;
        add(kEnd);
        while (length_ % kBlockBytes != kLengthAt) add(kZero);
        std::array<std::byte, sizeof bits> length{};
        store_be(MutableBytes{length}, 0, order == std::endian::big ? bits : std::byteswap(bits));
        add(length);
    }

private:
    friend Digester;
    BlockHash() = default;

    std::uint64_t length_ = 0;  // bytes
    std::array<std::byte, kBlockBytes> rest_{};
};

}  // namespace fairlead
