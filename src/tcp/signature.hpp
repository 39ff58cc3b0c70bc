// tcp/signature.hpp — segments with a code that only those can make who have the key (RFC 2385, RFC 5925).
//
// Owns:   Signatures: the keys that sockets were given for their peers (TCP_MD5SIG; TCP-AO's in a KeyChain),
//         and how each flow is signed: a connection, a SYN that waits, one in TIME-WAIT. The option of what
//         is sent, and its code.
// Rules:  Of a socket's MD5 keys that of the longest prefix counts, as on Linux. A flow keeps the key that
//         its socket or listener had when it began, until it is in no table any more; with TCP-AO a
//         connection has a chain of its own, and what waits for one its listener's.
// Why:    nothing of it lies in a connection: few sign, and the others pay for one question a segment.
// Not here: when a segment is looked at (layer_signature.cpp, layer_authentication.cpp), where the option
//         lies (wire/tcp_options.hpp).
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
#include "tcp/key_chain.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

struct SignatureKey {
    static constexpr std::size_t kMostBytes = 80;  // TCP_MD5SIG_MAXKEYLEN

    std::array<std::byte, kMostBytes> storage{};
    std::uint8_t size = 0;

    Bytes bytes() const { return Bytes{storage}.first(size); }
};

// A flow that is signed as RFC 5925 has it.
struct AuthenticatedFlow {
    std::uint32_t owner = 0;  // whose keys
    std::uint32_t own_isn = 0;
    std::uint32_t peer_isn = 0;
    bool is_request = false;  // it has no chain of its own; its SYN said with which key to answer:
    std::uint8_t send_id = 0;
    std::uint8_t receive_id = 0;
    std::uint64_t sent = 0;  // the furthest numbers yet, with their extension
    std::uint64_t received = 0;

    void begin(std::uint32_t own) { sent = own_isn = own; }
    void hear(std::uint32_t peer) { received = peer_isn = peer; }
};

class Signatures {
public:
    explicit Signatures(const SipKey& secret) : flows_{0, Hash{secret}} {}

    bool is_on() const { return is_on_; }

    // `owner`: a connection's number in the slab. An empty key takes the one of just these peers away:
    // NoSuchEntry where there is none.
    Result<void> set(std::uint32_t owner, const Prefix& peers, Bytes key);
    void forget(std::uint32_t owner);
    // Null: what comes from there and goes there is not signed so.
    const SignatureKey* of(std::uint32_t owner, const IpAddress& peer) const;
    KeyChain* chain(std::uint32_t owner);
    KeyChain& need_chain(std::uint32_t owner);
    void drop_chain(std::uint32_t owner) { chains_.erase(owner); }

    void bind(const FlowKey& flow, const SignatureKey& key) {
        flows_.insert_or_assign(flow, Flow{.md5 = key});
    }
    void bind(const FlowKey& flow, const AuthenticatedFlow& as) {
        flows_.insert_or_assign(flow, Flow{.ao = as});
    }
    void unbind(const FlowKey& flow);
    const SignatureKey* of(const FlowKey& flow) const {
        const auto found = flows_.find(flow);
        return found == flows_.end() || !found->second.md5 ? nullptr : &*found->second.md5;
    }
    AuthenticatedFlow* authenticated(const FlowKey& flow) {
        const auto found = flows_.find(flow);
        return found == flows_.end() || !found->second.ao ? nullptr : &*found->second.ao;
    }
    // A connection comes of what waited: those of the listener's keys that are for its peer are its own.
    // False: there are none any more.
    bool inherit(const FlowKey& flow, std::uint32_t owner);
    // The connection goes, and the flow is still known.
    void detach(const FlowKey& flow);

    // What a segment of that flow has; nothing: it must not be sent, for the key is not there.
    std::optional<wire::SignatureOption> option_of(const FlowKey& flow);
    // Of a packet that begins with its header, in which there is such an option.
    void sign(const FlowKey& flow, MutableBytes header, const Packet& packet);

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
    struct Flow {  // one of the two
        std::optional<SignatureKey> md5{};
        std::optional<AuthenticatedFlow> ao{};
    };
    static constexpr std::uint32_t kNobody =
        0x8000'0000;  // from here on: of flows without a socket

    KeyChain::Key* signing_key(const AuthenticatedFlow& flow);
    void authenticate(AuthenticatedFlow& flow, const FlowKey& key, MutableBytes header,
                      const Packet& packet);

    bool is_on_ = false;  // some socket has had a key
    std::uint32_t detached_ = 0;
    std::vector<Given> given_;
    std::unordered_map<std::uint32_t, KeyChain> chains_;
    std::unordered_map<FlowKey, Flow, Hash> flows_;
};

// RFC 2385 §2.0: the pseudo-header, the header without its options and its checksum, the data, the key.
// `header`: with its options. `data`: what lies in the packet from there on.
Md5::Digest signature_of(const IpAddress& source, const IpAddress& destination, Bytes header,
                         const Packet& packet, std::size_t data, const SignatureKey& key);

// The signature among the options: what it says of itself, and its code.
struct FoundSignature {
    wire::SignatureOption option{};
    Bytes code{};
    bool is_bad = false;  // there is more than one, or the options cannot be read
};
FoundSignature signature_in(Bytes options);

}  // namespace fairlead::tcp
