// What has to be signed, and whether it is: RFC 2385 and RFC 5925, as Linux's tcp_inbound_hash() has it.
#include <algorithm>

#include "tcp/layer.hpp"

namespace fairlead::tcp {

Result<void> Layer::set_signature(Connection& c, const Prefix& peers, Bytes key) {
    const std::uint32_t owner = connections_.index_of(&c);
    KeyChain* chain = signatures_.chain(owner);
    // One peer has one kind.
    const bool is_rejected = !key.empty() && chain != nullptr &&
                             (chain->is_required() || chain->find(peers, {}) != nullptr);
    if (is_rejected) return std::unexpected{Errc::KeyRejected};
    FAIRLEAD_TRY(signatures_.set(owner, peers, key));
    if (!c.filing.is_hashed || chain != nullptr) return {};
    signatures_.unbind(c.key);
    if (const SignatureKey* of_peer = signatures_.of(owner, c.key.remote.address)) {
        signatures_.bind(c.key, SignatureKey{*of_peer});
    }
    c.note_options(env_);
    return {};
}

void Layer::sign(const Connection& c, const FlowKey& flow, std::uint32_t isn) {
    if (!signatures_.is_on()) return;
    const std::uint32_t owner = connections_.index_of(&c);
    if (KeyChain* chain = signatures_.chain(owner)) {
        chain->keep_only(flow.remote.address);
        if (!chain->choose({}, {})) return;
        AuthenticatedFlow as{.owner = owner};
        as.begin(isn);
        return signatures_.bind(flow, as);
    }
    const SignatureKey* key = signatures_.of(owner, flow.remote.address);
    if (key != nullptr) signatures_.bind(flow, SignatureKey{*key});
}

void Layer::sign_answers(const Connection& listener, const Parsed& p, std::uint32_t peer_isn) {
    if (!signatures_.is_on()) return;
    const std::uint32_t owner = connections_.index_of(&listener);
    const wire::SignatureOption& told = p.options.signature;
    if (told.kind == wire::SignatureOption::Kind::Ao) {
        AuthenticatedFlow as{.owner = owner,
                             .is_request = true,
                             .send_id = told.next_key_id,
                             .receive_id = told.key_id};
        as.hear(peer_isn);
        return signatures_.bind(p.key, as);
    }
    const SignatureKey* key = signatures_.of(owner, p.key.remote.address);
    if (key != nullptr) signatures_.bind(p.key, SignatureKey{*key});
}

// Linux looks for who listens at the port that the segment comes from: it may be an answer to what this
// host sent before it was started anew.
const SignatureKey* Layer::key_of_nobody(const Parsed& p, InterfaceIndex interface) {
    const Endpoint once{p.key.local.address, p.key.remote.port};
    const Connection* listener = binds_.listener(once, interface, p.hash);
    if (listener == nullptr) return nullptr;
    return signatures_.of(connections_.index_of(listener), p.key.remote.address);
}

Layer::Signer Layer::signer_of(const Parsed& p, const ip::Incoming& in) {
    Signer s;
    const Ref ref = find(p.key, p.hash);
    const auto hold_to = [&](const Connection& listener) {
        const std::uint32_t owner = connections_.index_of(&listener);
        s.chain = signatures_.chain(owner);
        s.md5 = signatures_.of(owner, p.key.remote.address);
    };
    switch (ref.kind()) {
        case Kind::Connection:
            s.connection = connections_.at(ref.index());
            s.is_synchronized = s.connection->state() != State::SynReceived &&
                                is_synchronized(s.connection->state());
            break;
        case Kind::TimeWait: s.is_synchronized = true; break;
        case Kind::Request:
            s.is_request = true;
            hold_to(*requests_.at(ref.index())->listener);
            break;
        case Kind::None:
            if (const auto* l = binds_.listener(p.key.local, in.interface, p.hash)) {
                hold_to(*l);
            } else {
                s.is_nobody = true;
                s.md5 = key_of_nobody(p, in.interface);
            }
            return s;
    }
    s.flow = signatures_.authenticated(p.key);
    if (!s.is_request) s.md5 = signatures_.of(p.key);
    if (!s.is_request && s.flow != nullptr) s.chain = signatures_.chain(s.flow->owner);
    return s;
}

bool Layer::may_be_plain(const Parsed& p, const Signer& s) {
    KeyChain* chain = s.chain;
    if (chain != nullptr &&
        (chain->is_required() || chain->find(p.key.remote.address) != nullptr)) {
        ++chain->counts.required;
        env_.counters.add(Counter::TcpExtTCPAORequired);
        return false;
    }
    if (s.md5 != nullptr) env_.counters.add(Counter::TcpExtTCPMD5NotFound);
    return s.md5 == nullptr;
}

bool Layer::is_signed_right(const Parsed& p, const ip::Incoming& in) {
    using Way = wire::SignatureOption::Kind;
    const Bytes header = in.packet->front().first(p.header.header_bytes);
    const FoundSignature told = signature_in(wire::tcp_options_of(header, p.header));
    if (told.is_bad) return false;
    const Signer s = signer_of(p, in);
    if (s.is_nobody && told.option.kind != Way::Md5) return true;
    const bool is_ao = told.option.kind == Way::Ao;
    if (s.is_request && is_ao != (s.flow != nullptr)) {
        env_.counters.add(Counter::TcpExtTCPAOBad);
        return false;
    }
    if (is_ao) return is_authentic(p, in, told, s);
    if (told.option.kind == Way::None) return may_be_plain(p, s);
    if (s.md5 == nullptr) {
        env_.counters.add(Counter::TcpExtTCPMD5Unexpected, s.is_nobody ? 0 : 1);
        return false;
    }
    const Md5::Digest right = signature_of(p.key.remote.address, p.key.local.address, header,
                                           *in.packet, header.size(), *s.md5);
    if (std::ranges::equal(told.code, right)) return true;
    env_.counters.add(Counter::TcpExtTCPMD5Failure, s.is_nobody ? 0 : 1);
    return false;
}

}  // namespace fairlead::tcp
