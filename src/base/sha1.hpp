// sha1.hpp — the digest of FIPS 180-4 §6.1, and what RFC 2104 makes of it with a key.
//
// Owns:   Sha1: bytes in, twenty bytes out. HmacSha1: the same, which only those can make who have the key.
// Why:    TCP-AO asks for it (RFC 5926 §3.2.1), and there it still holds; nothing new should be built on it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/block_hash.hpp"

namespace fairlead {

class Sha1 : public BlockHash<Sha1> {
public:
    using Digest = std::array<std::byte, 20>;

    // Of all that was added; nothing may be added after it.
    Digest finish();

private:
    friend BlockHash<Sha1>;
    void take(Bytes block);

    std::array<std::uint32_t, 5> state_{0x6745'2301, 0xefcd'ab89, 0x98ba'dcfe, 0x1032'5476,
                                        0xc3d2'e1f0};
};

class HmacSha1 {
public:
    using Digest = Sha1::Digest;

    // Of any length.
    explicit HmacSha1(Bytes key);

    void add(Bytes bytes) { inner_.add(bytes); }
    Digest finish();

private:
    Sha1 inner_{};
    Sha1 outer_{};
};

}  // namespace fairlead
