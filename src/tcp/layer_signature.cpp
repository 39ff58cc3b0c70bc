// What has to be signed, and whether it is: RFC 2385, as Linux's tcp_inbound_hash() has it.
#include <algorithm>

#include "tcp/layer.hpp"

namespace fairlead::tcp {

Result<void> Layer::set_signature(Connection& c, const Prefix& peers, Bytes key) {
    const std::uint32_t owner = connections_.index_of(&c);
    FAIRLEAD_TRY(signatures_.set(owner, peers, key));
    if (!c.filing.is_hashed) return {};
    unsign(c.key);
    sign(c, c.key);
    c.note_signature(env_);
    return {};
}

void Layer::sign(const Connection& owner, const FlowKey& flow) {
    if (!signatures_.is_on()) return;
    const SignatureKey* key = signatures_.of(connections_.index_of(&owner), flow.remote.address);
    if (key != nullptr) signatures_.bind(flow, SignatureKey{*key});
}

bool Layer::is_signed_right(const Parsed& p, const ip::Incoming& in) {
    const SignatureKey* key = signatures_.of(p.key);
    if (key == nullptr && find(p.key, p.hash).kind() == Kind::None) {
        const Connection* listener = binds_.listener(p.key.local, in.interface, p.hash);
        if (listener == nullptr) return true;  // it will be told so, and nothing more
        key = signatures_.of(connections_.index_of(listener), p.key.remote.address);
    }
    const Bytes header = in.packet->front().first(p.header.header_bytes);
    const auto told = signature_in(wire::tcp_options_of(header, p.header));
    if (key == nullptr && !told) return true;
    if (key == nullptr || !told) {
        env_.counters.add(key == nullptr ? Counter::TcpExtTCPMD5Unexpected
                                         : Counter::TcpExtTCPMD5NotFound);
        return false;
    }
    const Md5::Digest right = signature_of(p.key.remote.address, p.key.local.address, header,
                                           *in.packet, header.size(), *key);
    if (std::ranges::equal(*told, right)) return true;
    env_.counters.add(Counter::TcpExtTCPMD5Failure);
    return false;
}

}  // namespace fairlead::tcp
