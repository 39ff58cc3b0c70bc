#include "tcp/signature.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "tcp/signed_text.hpp"
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
    drop_chain(owner);
}

const SignatureKey* Signatures::of(std::uint32_t owner, const IpAddress& peer) const {
    const Given* best = nullptr;
    for (const Given& g : given_) {
        if (g.owner != owner || !g.peers.contains(peer)) continue;
        if (best == nullptr || g.peers.length > best->peers.length) best = &g;
    }
    return best == nullptr ? nullptr : &best->key;
}

KeyChain* Signatures::chain(std::uint32_t owner) {
    const auto found = chains_.find(owner);
    return found == chains_.end() ? nullptr : &found->second;
}

KeyChain& Signatures::need_chain(std::uint32_t owner) {
    is_on_ = true;
    return chains_[owner];
}

void Signatures::unbind(const FlowKey& flow) {
    const auto found = flows_.find(flow);
    if (found == flows_.end()) return;
    if (const auto& ao = found->second.ao; ao && ao->owner >= kNobody) drop_chain(ao->owner);
    flows_.erase(found);
}

bool Signatures::inherit(const FlowKey& flow, std::uint32_t owner) {
    AuthenticatedFlow* ao = authenticated(flow);
    if (ao == nullptr) return true;
    const KeyChain* theirs = chain(ao->owner);
    if (theirs == nullptr) return false;
    KeyChain own = *theirs;
    own.keep_only(flow.remote.address);
    own.count_anew();
    if (!own.choose({.send = ao->send_id}, {.receive = ao->receive_id})) return false;
    chains_.insert_or_assign(owner, std::move(own));
    ao->owner = owner;
    ao->is_request = false;
    return true;
}

void Signatures::detach(const FlowKey& flow) {
    AuthenticatedFlow* ao = authenticated(flow);
    const KeyChain* keys = ao == nullptr ? nullptr : chain(ao->owner);
    if (keys == nullptr) return;
    KeyChain kept = *keys;
    ao->owner = kNobody | detached_++;
    chains_.insert_or_assign(ao->owner, std::move(kept));
}

KeyChain::Key* Signatures::signing_key(const AuthenticatedFlow& flow) {
    KeyChain* keys = chain(flow.owner);
    if (keys == nullptr) return nullptr;
    return flow.is_request ? keys->any({.send = flow.send_id}) : keys->current();
}

std::optional<wire::SignatureOption> Signatures::option_of(const FlowKey& flow) {
    const auto found = flows_.find(flow);
    if (found == flows_.end()) return wire::SignatureOption{};
    if (found->second.md5) return wire::SignatureOption::md5();
    const AuthenticatedFlow& ao = *found->second.ao;
    const KeyChain::Key* key = signing_key(ao);
    const KeyChain::Key* next = ao.is_request || key == nullptr ? key : chain(ao.owner)->next();
    if (key == nullptr || next == nullptr) return std::nullopt;
    return wire::SignatureOption{.kind = wire::SignatureOption::Kind::Ao,
                                 .code_bytes = key->code_bytes,
                                 .key_id = key->send_id,
                                 .next_key_id = ao.is_request ? ao.receive_id : next->receive_id};
}

namespace {

constexpr std::size_t kCodeAt = wire::TcpHeader::kMinBytes + wire::SignatureOption::kCodeAt;

void put_code(MutableBytes header, Bytes code) {
    std::ranges::copy(code, header.subspan(kCodeAt).begin());
}

}  // namespace

void Signatures::sign(const FlowKey& flow, MutableBytes header, const Packet& packet) {
    const auto found = flows_.find(flow);
    if (found == flows_.end()) return;
    if (!found->second.md5) return authenticate(*found->second.ao, flow, header, packet);
    put_code(header, signature_of(flow.local.address, flow.remote.address, header, packet,
                                  header.size(), *found->second.md5));
}

// RFC 5925 §5.2: a SYN that answers none does not know the peer's number yet.
void Signatures::authenticate(AuthenticatedFlow& flow, const FlowKey& key, MutableBytes header,
                              const Packet& packet) {
    KeyChain::Key* with = signing_key(flow);
    if (with == nullptr) return;
    wire::TcpHeader plain;
    wire::load_tcp(header, plain);
    const bool is_first = plain.flags.syn && !plain.flags.ack;
    const Direction direction{.source = key.local,
                              .target = key.remote,
                              .source_isn = flow.own_isn,
                              .target_isn = is_first ? 0 : flow.peer_isn};
    const std::uint64_t number = extended(flow.sent, static_cast<std::uint32_t>(plain.seq));
    flow.sent = std::max(flow.sent, number);
    const SignedSegment segment{.direction = direction,
                                .header = header,
                                .packet = packet,
                                .data = header.size(),
                                .extension = extension_of(number)};
    const Code code = code_of(*with, with->traffic(direction, true), segment, kCodeAt);
    put_code(header, Bytes{code}.first(with->code_bytes));
}

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

// Linux's tcp_do_parse_auth_options(): what cannot be read ends the list, as in any segment.
FoundSignature signature_in(Bytes options) {
    constexpr std::byte kEnd{0};
    constexpr std::byte kNoOperation{1};
    constexpr std::byte kMd5{19};
    constexpr std::byte kAo{29};
    constexpr std::size_t kAoHeader = 4;
    constexpr FoundSignature kBad{.is_bad = true};
    FoundSignature found;
    while (!options.empty() && options[0] != kEnd) {
        if (options[0] == kNoOperation) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2) break;
        const auto length = std::to_integer<std::size_t>(options[1]);
        if (length < 2 || length > options.size()) break;
        const Bytes option = options.first(length);
        const bool is_md5 = options[0] == kMd5;
        if (is_md5 || options[0] == kAo) {
            const bool is_sized =
                is_md5 ? length == 2 + wire::SignatureOption::kMd5Bytes : length > kAoHeader;
            if (found.option || (!is_sized && !is_md5)) return kBad;
            if (is_sized) found.code = option.subspan(is_md5 ? 2 : kAoHeader);
            wire::TcpOptions parsed;
            wire::parse_any_tcp_options(option, false, parsed);
            found.option = parsed.signature;
        }
        options = options.subspan(length);
    }
    return found;
}

}  // namespace fairlead::tcp
