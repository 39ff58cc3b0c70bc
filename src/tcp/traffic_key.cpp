#include "tcp/traffic_key.hpp"

#include <algorithm>

#include "base/aes_cmac.hpp"
#include "base/bytes.hpp"
#include "base/sha1.hpp"
#include "tcp/signed_text.hpp"
#include "wire/tcp.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::size_t kOptionHeader = 4;  // kind, length, and the two numbers of keys

template <typename Digest>
TrafficKey key_from(const Digest& digest) {
    TrafficKey key{.size = static_cast<std::uint8_t>(digest.size())};
    std::ranges::copy(digest, key.storage.begin());
    return key;
}

// RFC 5926 §3.1.1: the counter, the label, the context, how long the key will be.
template <typename Digester>
void add_context(Digester& to, const Direction& d) {
    constexpr std::array<std::uint8_t, 7> kLabel{1, 'T', 'C', 'P', '-', 'A', 'O'};
    constexpr std::uint16_t kBits = sizeof(typename Digester::Digest) * 8;
    std::array<std::byte, 14> rest{};
    store_be<std::uint16_t>(rest, 0, d.source.port);
    store_be<std::uint16_t>(rest, 2, d.target.port);
    store_be<std::uint32_t>(rest, 4, d.source_isn);
    store_be<std::uint32_t>(rest, 8, d.target_isn);
    store_be<std::uint16_t>(rest, 12, kBits);
    to.add(std::as_bytes(std::span{kLabel}));
    to.add(std::as_bytes(std::span{d.source.address.wire_bytes()}));
    to.add(std::as_bytes(std::span{d.target.address.wire_bytes()}));
    to.add(rest);
}

Aes128::Block block_from(Bytes bytes) {
    Aes128::Block block{};
    std::ranges::copy(bytes.first(std::min(bytes.size(), block.size())), block.begin());
    return block;
}

// RFC 5926 §3.1.1.2: a key of another length is made one of 128 bits first.
Aes128::Block cmac_key(const MasterKey& key) {
    if (key.bytes == Aes128::kBytes) return block_from(key.secret());
    AesCmac shortened{Aes128::Block{}};
    shortened.add(key.secret());
    return shortened.finish();
}

// RFC 5925 §5.1: extension, pseudo-header, header, data.
template <typename Digester>
Code digest_segment(Digester digester, const MasterKey& key, const SignedSegment& s,
                    std::size_t at) {
    constexpr std::size_t kLargestHeader = 60;
    std::array<std::byte, 4> extension{};
    store_be<std::uint32_t>(extension, 0, s.extension);
    digester.add(extension);
    const std::size_t bytes = s.header.size() + s.packet.size() - s.data;
    add_pseudo_header(digester, s.direction.source.address, s.direction.target.address,
                      static_cast<std::uint32_t>(bytes));
    std::array<std::byte, kLargestHeader> plain{};
    std::ranges::copy(s.header, plain.begin());
    store_be<std::uint16_t>(plain, wire::TcpHeader::kChecksumAt, 0);
    std::fill_n(plain.begin() + static_cast<std::ptrdiff_t>(at), key.code_bytes, std::byte{0});
    const Bytes header{plain.data(), s.header.size()};
    if (key.skips_options) {
        digester.add(header.first(wire::TcpHeader::kMinBytes));
        digester.add(header.subspan(at - kOptionHeader, kOptionHeader + key.code_bytes));
    } else {
        digester.add(header);
    }
    s.packet.for_each_piece(s.data, [&](Bytes piece) { digester.add(piece); });
    const auto digest = digester.finish();
    Code code{};
    std::copy_n(digest.begin(), code.size(), code.begin());
    return code;
}

}  // namespace

TrafficKey traffic_key(const MasterKey& key, const Direction& direction) {
    if (key.algorithm == KeyAlgorithm::HmacSha1) {
        HmacSha1 hmac{key.secret()};
        add_context(hmac, direction);
        return key_from(hmac.finish());
    }
    AesCmac cmac{cmac_key(key)};
    add_context(cmac, direction);
    return key_from(cmac.finish());
}

Code code_of(const MasterKey& key, const TrafficKey& traffic, const SignedSegment& segment,
             std::size_t at) {
    if (key.algorithm == KeyAlgorithm::HmacSha1) {
        return digest_segment(HmacSha1{traffic.bytes()}, key, segment, at);
    }
    return digest_segment(AesCmac{block_from(traffic.bytes())}, key, segment, at);
}

}  // namespace fairlead::tcp
