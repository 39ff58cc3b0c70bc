// tcp/signature.hpp — segments with a digest that only those can make who have the key (RFC 2385).
//
// Owns:   Signatures: the keys that sockets were given for their peers (TCP_MD5SIG), and the key of each
//         flow that is signed: of a connection, of a SYN that waits, of one in TIME-WAIT. The digest.
// Rules:  Of a socket's keys that of the longest prefix counts, as on Linux. A flow keeps the key that its
//         socket or listener had when it began, until it is in no table any more.
// Why:    nothing of it lies in a connection: few sign, and the others pay for one question a segment.
// Not here: when a segment is looked at (layer_signature.cpp), where the option lies (wire/tcp_options.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/md5.hpp"
#include "fairlead/error.hpp"
#include "fairlead/packet.hpp"
#include "tcp/flow.hpp"

namespace fairlead::tcp {

struct SignatureKey {
    static constexpr std::size_t kMostBytes = 80;  // TCP_MD5SIG_MAXKEYLEN

    std::array<std::byte, kMostBytes> storage{};
    std::uint8_t size = 0;

    Bytes bytes() const { return Bytes{storage}.first(size); }
};

class Signatures {
public:
    explicit Signatures(const SipKey& secret) : flows_{0, Hash{secret}} {}

    bool is_on() const { return is_on_; }

    // `owner`: a connection's number in the slab. An empty key takes the one of just these peers away:
    // NoSuchEntry where there is none.
    Result<void> set(std::uint32_t owner, const Prefix& peers, Bytes key);
    void forget(std::uint32_t owner);
    // Null: what comes from there and goes there is not signed.
    const SignatureKey* of(std::uint32_t owner, const IpAddress& peer) const;

    void bind(const FlowKey& flow, const SignatureKey& key) { flows_.insert_or_assign(flow, key); }
    void unbind(const FlowKey& flow) { flows_.erase(flow); }
    const SignatureKey* of(const FlowKey& flow) const {
        const auto found = flows_.find(flow);
        return found == flows_.end() ? nullptr : &found->second;
    }

private:
    struct Given {
        std::uint32_t owner = 0;
        Prefix peers{};
        SignatureKey key{};
    };
    struct Hash {
        SipKey secret{};
        std::size_t operator()(const FlowKey& flow) const { return hash_of(flow, secret); }
    };

    bool is_on_ = false;  // some socket has had a key
    std::vector<Given> given_;
    std::unordered_map<FlowKey, SignatureKey, Hash> flows_;
};

inline constexpr std::size_t kSignatureBytes = 20;  // of the option, padded

// RFC 2385 §2.0: the pseudo-header, the header without its options and its checksum, the data, the key.
// `header`: with its options. `data`: what lies in the packet from there on.
Md5::Digest signature_of(const IpAddress& source, const IpAddress& destination, Bytes header,
                         const Packet& packet, std::size_t data, const SignatureKey& key);

// The sixteen bytes of the option, where there is one.
std::optional<Bytes> signature_in(Bytes options);

}  // namespace fairlead::tcp
