// aes_cmac.hpp — a code that only those can make who have the key: AES-128-CMAC (RFC 4493).
//
// Owns:   Aes128 (FIPS 197), in one direction: CMAC never turns a block back. AesCmac: bytes in, sixteen
//         bytes out.
// Why:    TCP-AO asks for it (RFC 5926 §3.2.2).
// Not here: protection against who measures this machine's caches; the table of FIPS 197 is read as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/bytes.hpp"

namespace fairlead {

class Aes128 {
public:
    static constexpr std::size_t kBytes = 16;  // of a block, and of the key
    using Block = std::array<std::byte, kBytes>;

    explicit Aes128(const Block& key);

    void encrypt(Block& block) const;

private:
    static constexpr std::size_t kRounds = 10;

    std::array<Block, kRounds + 1> keys_{};
};

class AesCmac {
public:
    using Digest = Aes128::Block;

    explicit AesCmac(const Aes128::Block& key);

    void add(Bytes bytes);
    // Of all that was added; nothing may be added after it.
    Digest finish();

private:
    Aes128 cipher_;
    Aes128::Block chained_{};
    Aes128::Block rest_{};
    std::size_t filled_ = 0;
};

}  // namespace fairlead
