// TCP-AO: the calls, and what comes from the network. RFC 5925 §7; Linux's tcp_inbound_ao_hash().
#include <algorithm>

#include "tcp/layer.hpp"
#include "wire/icmp.hpp"

namespace fairlead::tcp {
namespace {

// The first such call must come before there is a connection.
bool is_idle(const Connection& c) {
    return c.state() == State::Closed || c.state() == State::Listen;
}

bool are_whole(const Prefix& peers) {
    return peers.length <= 8 * peers.address.wire_bytes().size();
}

// It takes as long wherever the two differ.
bool are_equal(Bytes a, Bytes b) {
    std::byte difference{0};
    for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
    return difference == std::byte{0};
}

}  // namespace

Result<KeyChain*> Layer::chain_for_call(Connection& c, const KeysInUse& named) {
    KeyChain* chain = signatures_.chain(connections_.index_of(&c));
    if (chain == nullptr && !is_idle(c)) return std::unexpected{Errc::AlreadyConnected};
    const bool names = named.current || named.next;
    if (names && c.state() == State::Listen) return std::unexpected{Errc::InvalidArgument};
    return chain;
}

Result<void> Layer::add_key(Connection& c, const MasterKey& key, const KeysInUse& as) {
    const bool is_good = are_whole(key.peers) && key.bytes <= MasterKey::kMostBytes;
    if (!is_good) return std::unexpected{Errc::InvalidArgument};
    if (const auto chain = chain_for_call(c, as); !chain) return std::unexpected{chain.error()};
    const bool has_peer = c.filing.is_hashed;
    if (has_peer && !key.peers.contains(c.key.remote.address)) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const std::uint32_t owner = connections_.index_of(&c);
    if (signatures_.of(owner, key.peers.address) != nullptr) {
        return std::unexpected{Errc::KeyRejected};
    }
    const bool is_first = signatures_.chain(owner) == nullptr;
    const auto added = signatures_.need_chain(owner).add(key, as);
    if (!added && is_first) signatures_.drop_chain(owner);
    c.note_options(env_);
    return added;
}

Result<void> Layer::remove_key(Connection& c, const KeyRemoval& removal) {
    KeyChain* chain = FAIRLEAD_TRY(chain_for_call(c, removal.instead));
    if (chain == nullptr) return std::unexpected{Errc::NoSuchEntry};
    if (removal.is_for_listener && c.state() != State::Listen) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const auto removed = chain->remove(removal);
    c.note_options(env_);
    return removed;
}

Result<void> Layer::set_authentication(Connection& c, const AuthenticationSettings& settings) {
    const auto chain = chain_for_call(c, settings.keys);
    if (!chain) return std::unexpected{chain.error()};
    const std::uint32_t owner = connections_.index_of(&c);
    const bool is_first = signatures_.chain(owner) == nullptr;
    const auto done = signatures_.need_chain(owner).set(settings);
    if (!done && is_first) signatures_.drop_chain(owner);
    c.note_options(env_);
    return done;
}

// tcp_connect(): it is not guessed which of the two is meant, and nothing leaves without a key.
Result<void> Layer::check_keys(const Connection& c, const IpAddress& peer) {
    if (!signatures_.is_on()) return {};
    const std::uint32_t owner = connections_.index_of(&c);
    KeyChain* chain = signatures_.chain(owner);
    if (chain == nullptr) return {};
    const bool has_key = chain->find(peer) != nullptr;
    const bool has_md5 = signatures_.of(owner, peer) != nullptr;
    if (has_md5 && !has_key && !chain->is_required()) {
        signatures_.drop_chain(owner);
        return {};
    }
    if (has_md5 || !has_key) return std::unexpected{Errc::KeyRejected};
    return {};
}

// RFC 5925 §7.3 to §7.6: what the two numbers of a connection are, as far as the segment's place tells.
std::optional<Layer::Expected> Layer::expected_of(const Parsed& p, const Signer& s) {
    const auto seq = static_cast<std::uint32_t>(p.header.seq);
    const wire::TcpFlags& f = p.header.flags;
    Expected e{.direction = {.source = p.key.remote, .target = p.key.local, .source_isn = seq},
               .number = seq};
    if (f.syn && !f.ack) return e;
    if (s.flow == nullptr) {
        if (f.syn) return e;
        if (!f.ack) return std::nullopt;
        // Of a SYN cookie perhaps.
        e.direction.source_isn = seq - 1;
        e.direction.target_isn = static_cast<std::uint32_t>(p.header.ack) - 1;
        e.number = extended(seq - 1, seq);
        return e;
    }
    e.direction.target_isn = s.flow->own_isn;
    const bool has_heard = s.connection == nullptr || s.connection->state() != State::SynSent;
    if (!has_heard) return e;
    e.direction.source_isn = s.flow->peer_isn;
    e.number = extended(s.flow->received, seq);
    return e;
}

bool Layer::is_authentic(const Parsed& p, const ip::Incoming& in, const FoundSignature& told,
                         const Signer& s) {
    KeyChain* chain = s.chain;
    KeyChain::Key* key = nullptr;
    if (chain != nullptr) {
        const KeyIds ids{.receive = told.option.key_id};
        KeyChain::Key* asked = s.is_synchronized ? chain->next() : nullptr;
        const bool is_asked = asked != nullptr && asked->receive_id == told.option.key_id;
        key = is_asked ? asked : chain->find(p.key.remote.address, ids);
        if (key == nullptr) ++chain->counts.key_not_found;
    }
    if (key == nullptr) {
        env_.counters.add(Counter::TcpExtTCPAOKeyNotFound);
        return false;
    }
    const auto expected = expected_of(p, s);
    if (!expected) return false;
    const Bytes header = in.packet->front().first(p.header.header_bytes);
    const auto at = static_cast<std::size_t>(told.code.data() - header.data());
    const SignedSegment segment{.direction = expected->direction,
                                .header = header,
                                .packet = *in.packet,
                                .data = header.size(),
                                .extension = extension_of(expected->number)};
    const bool is_right =
        told.code.size() == key->code_bytes &&
        are_equal(told.code, code_of(*key, key->traffic(expected->direction, false), segment, at));
    ++(is_right ? chain->counts.good : chain->counts.bad);
    ++(is_right ? key->good : key->bad);
    env_.counters.add(is_right ? Counter::TcpExtTCPAOGood : Counter::TcpExtTCPAOBad);
    if (is_right && s.flow != nullptr) note_authentic(p, s, expected->number);
    return is_right;
}

void Layer::note_authentic(const Parsed& p, const Signer& s, std::uint64_t number) {
    const wire::TcpFlags& f = p.header.flags;
    if (f.syn) {
        const bool is_answer = s.connection != nullptr && s.connection->state() == State::SynSent;
        if (is_answer) s.flow->hear(static_cast<std::uint32_t>(p.header.seq));
        if (!f.ack) return;
    }
    s.flow->received = std::max(s.flow->received, number);
    if (!s.is_synchronized) return;
    // RFC 5925 §7.5: the peer says with which key it wants to be answered. One that is not there yet
    // changes nothing.
    const KeyChain::Key* current = s.chain->current();
    const std::uint8_t wanted = p.options.signature.next_key_id;
    if (current != nullptr && current->send_id == wanted) return;
    const KeyChain::Key* key = s.chain->any({.send = wanted});
    if (key == nullptr) return;
    s.chain->set_current(*key);
    if (s.connection != nullptr) s.connection->note_options(env_);
}

// RFC 5925 §7.8: hard errors, which anybody can make, do not concern a connection that is there.
bool Layer::ignores(const FlowKey& flow, const ip::IcmpError& e, bool is_synchronized) {
    if (!signatures_.is_on() || !is_synchronized) return false;
    constexpr std::uint8_t kProtocol = 2;
    constexpr std::uint8_t kFragmentationNeeded = 4;
    constexpr std::uint8_t kProhibited6 = 1;
    constexpr std::uint8_t kPort6 = 4;
    const bool is_v4 = flow.remote.address.is_v4();
    const bool is_hard_v4 = e.type == static_cast<std::uint8_t>(wire::IcmpType::Unreachable) &&
                            e.code >= kProtocol && e.code <= kFragmentationNeeded;
    const bool is_hard_v6 = e.type == 1 && (e.code == kProhibited6 || e.code == kPort6);
    if (!(is_v4 ? is_hard_v4 : is_hard_v6)) return false;
    const AuthenticatedFlow* as = signatures_.authenticated(flow);
    KeyChain* chain = as == nullptr ? nullptr : signatures_.chain(as->owner);
    if (chain == nullptr || chain->accepts_icmps()) return false;
    ++chain->counts.dropped_icmps;
    env_.counters.add(Counter::TcpExtTCPAODroppedIcmps);
    return true;
}

}  // namespace fairlead::tcp
