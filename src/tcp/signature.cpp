#include "tcp/signature.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "wire/tcp.hpp"

namespace fairlead::tcp {

Result<void> Signatures::set(std::uint32_t owner, const Prefix& peers, Bytes key) {
    const bool is_prefix = peers.length <= 8 * peers.address.wire_bytes().size();
    if (!is_prefix || key.size() > SignatureKey::kMostBytes) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const auto known = std::ranges::find_if(
        given_, [&](const Given& g) { return g.owner == owner && g.peers == peers; });
    if (key.empty()) {
        if (known == given_.end()) return std::unexpected{Errc::NoSuchEntry};
        given_.erase(known);
        return {};
    }
    Given& given =
        known != given_.end() ? *known : given_.emplace_back(Given{.owner = owner, .peers = peers});
    std::ranges::copy(key, given.key.storage.begin());
    given.key.size = static_cast<std::uint8_t>(key.size());
    is_on_ = true;
    return {};
}

void Signatures::forget(std::uint32_t owner) {
    std::erase_if(given_, [&](const Given& g) { return g.owner == owner; });
}

const SignatureKey* Signatures::of(std::uint32_t owner, const IpAddress& peer) const {
    const Given* best = nullptr;
    for (const Given& g : given_) {
        if (g.owner != owner || !g.peers.contains(peer)) continue;
        if (best == nullptr || g.peers.length > best->peers.length) best = &g;
    }
    return best == nullptr ? nullptr : &best->key;
}

namespace {

// As the checksum has it: RFC 9293 §3.1, RFC 8200 §8.1.
void add_pseudo_header(Md5& md5, const IpAddress& source, const IpAddress& destination,
                       std::uint32_t length) {
    constexpr std::uint8_t kTcp = 6;
    std::array<std::byte, 8> rest{};
    md5.add(std::as_bytes(std::span{source.wire_bytes()}));
    md5.add(std::as_bytes(std::span{destination.wire_bytes()}));
    if (source.is_v4()) {
        store_be<std::uint16_t>(rest, 0, kTcp);
        store_be(rest, 2, static_cast<std::uint16_t>(length));
        return md5.add(Bytes{rest}.first(4));
    }
    store_be(rest, 0, length);
    store_be<std::uint32_t>(rest, 4, kTcp);
    md5.add(rest);
}

}  // namespace

Md5::Digest signature_of(const IpAddress& source, const IpAddress& destination, Bytes header,
                         const Packet& packet, std::size_t data, const SignatureKey& key) {
    Md5 md5;
    add_pseudo_header(md5, source, destination,
                      static_cast<std::uint32_t>(header.size() + packet.size() - data));
    std::array<std::byte, wire::TcpHeader::kMinBytes> plain{};
    std::ranges::copy(header.first(plain.size()), plain.begin());
    store_be<std::uint16_t>(plain, wire::TcpHeader::kChecksumAt, 0);
    md5.add(plain);
    packet.for_each_piece(data, [&](Bytes piece) { md5.add(piece); });
    md5.add(key.bytes());
    return md5.finish();
}

std::optional<Bytes> signature_in(Bytes options) {
    constexpr std::byte kEnd{0};
    constexpr std::byte kNoOperation{1};
    constexpr std::byte kSignature{19};
    constexpr std::size_t kBytes = 18;
    while (!options.empty() && options[0] != kEnd) {
        if (options[0] == kNoOperation) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2) return std::nullopt;
        const auto length = std::to_integer<std::size_t>(options[1]);
        if (length < 2 || length > options.size()) return std::nullopt;
        if (options[0] == kSignature && length == kBytes) return options.subspan(2, kBytes - 2);
        options = options.subspan(length);
    }
    return std::nullopt;
}

}  // namespace fairlead::tcp
