// md5.hpp — the digest of RFC 1321, for the old protocols that ask for it.
//
// Owns:   Md5: bytes in, sixteen bytes out.
// Not here: any use of it. It proves nothing against who can choose what is digested.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/block_hash.hpp"

namespace fairlead {

class Md5 : public BlockHash<Md5> {
public:
    using Digest = std::array<std::byte, 16>;

    // Of all that was added; nothing may be added after it.
    Digest finish();

private:
    friend BlockHash<Md5>;
    void take(Bytes block);

    std::array<std::uint32_t, 4> state_{0x6745'2301, 0xefcd'ab89, 0x98ba'dcfe, 0x1032'5476};
};

}  // namespace fairlead
