#include "stack/authentication_input.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace fairlead {
namespace {

constexpr unsigned kByte = 8;

// Bytes of a number, the lowest first; then one of flags.
template <typename... Bytes>
std::int64_t packed(Bytes... bytes) {
    std::int64_t number = 0;
    unsigned at = 0;
    ((number |= static_cast<std::int64_t>(bytes) << kByte * at++), ...);
    return number;
}
std::uint8_t byte_of(std::int64_t number, unsigned at) {
    return static_cast<std::uint8_t>(number >> kByte * at);
}
bool bit_of(std::int64_t number, unsigned at, unsigned bit) {
    return (byte_of(number, at) >> bit & 1) != 0;
}
template <typename... Bits>
unsigned flags_of(Bits... bits) {
    unsigned flags = 0;
    unsigned at = 0;
    ((flags |= (bits ? 1u : 0u) << at++), ...);
    return flags;
}

std::optional<std::uint8_t> id_of(std::int64_t number, unsigned at, bool is_there) {
    if (!is_there) return std::nullopt;
    return byte_of(number, at);
}

constexpr std::size_t kCounts = 5;
using CountsBytes = std::array<std::uint64_t, kCounts>;

void add_key(const Input& in, Stack& stack) {
    MasterKey key{
        .peers = {in.address, static_cast<std::uint8_t>(in.what)},
        .algorithm = bit_of(in.number, 3, 0) ? KeyAlgorithm::AesCmac : KeyAlgorithm::HmacSha1,
        .send_id = byte_of(in.number, 0),
        .receive_id = byte_of(in.number, 1),
        .code_bytes = byte_of(in.number, 2),
        .skips_options = bit_of(in.number, 3, 1)};
    const Bytes secret = in.bytes.first(std::min(in.bytes.size(), MasterKey::kMostBytes));
    key.bytes = static_cast<std::uint8_t>(secret.size());
    std::ranges::copy(secret, key.storage.begin());
    KeysInUse as;
    if (bit_of(in.number, 3, 2)) as.current = key.send_id;
    if (bit_of(in.number, 3, 3)) as.next = key.receive_id;
    (void)stack.add_key(in.socket, key, as);
}

void remove_key(const Input& in, Stack& stack) {
    (void)stack.remove_key(in.socket,
                           {.peers = {in.address, static_cast<std::uint8_t>(in.what)},
                            .send_id = byte_of(in.number, 0),
                            .receive_id = byte_of(in.number, 1),
                            .is_for_listener = bit_of(in.number, 4, 0),
                            .instead = {.current = id_of(in.number, 2, bit_of(in.number, 4, 1)),
                                        .next = id_of(in.number, 3, bit_of(in.number, 4, 2))}});
}

void set_authentication(const Input& in, Stack& stack) {
    AuthenticationSettings settings{
        .keys = {.current = id_of(in.number, 0, bit_of(in.number, 2, 0)),
                 .next = id_of(in.number, 1, bit_of(in.number, 2, 1))},
        .is_required = bit_of(in.number, 2, 2),
        .accepts_icmps = bit_of(in.number, 2, 3)};
    if (in.bytes.size() == sizeof(CountsBytes)) {
        const auto count = [&](std::size_t i) {
            return load_be<std::uint64_t>(in.bytes, i * sizeof(std::uint64_t));
        };
        settings.counts = AuthenticationCounts{.good = count(0),
                                               .bad = count(1),
                                               .key_not_found = count(2),
                                               .required = count(3),
                                               .dropped_icmps = count(4)};
    }
    (void)stack.set_authentication(in.socket, settings);
}

}  // namespace

Input add_key_input(SocketId socket, const MasterKey& key, const KeysInUse& as) {
    const unsigned flags = flags_of(key.algorithm == KeyAlgorithm::AesCmac, key.skips_options,
                                    as.current.has_value(), as.next.has_value());
    return {.kind = InputKind::AddKey,
            .socket = socket,
            .address = key.peers.address,
            .number = packed(key.send_id, key.receive_id, key.code_bytes, flags),
            .what = key.peers.length,
            .bytes = key.secret()};
}

Input remove_key_input(SocketId socket, const KeyRemoval& removal) {
    const KeysInUse& instead = removal.instead;
    const unsigned flags =
        flags_of(removal.is_for_listener, instead.current.has_value(), instead.next.has_value());
    return {.kind = InputKind::RemoveKey,
            .socket = socket,
            .address = removal.peers.address,
            .number = packed(removal.send_id, removal.receive_id, instead.current.value_or(0),
                             instead.next.value_or(0), flags),
            .what = removal.peers.length};
}

Input set_authentication_input(SocketId socket, const AuthenticationSettings& settings,
                               std::vector<std::byte>& scratch) {
    const unsigned flags =
        flags_of(settings.keys.current.has_value(), settings.keys.next.has_value(),
                 settings.is_required, settings.accepts_icmps);
    scratch.clear();
    if (const auto& c = settings.counts) {
        const CountsBytes all{c->good, c->bad, c->key_not_found, c->required, c->dropped_icmps};
        scratch.resize(sizeof all);
        for (std::size_t i = 0; i < all.size(); ++i) {
            store_be(scratch, i * sizeof all[i], all[i]);
        }
    }
    return {
        .kind = InputKind::SetAuthentication,
        .socket = socket,
        .number = packed(settings.keys.current.value_or(0), settings.keys.next.value_or(0), flags),
        .bytes = scratch};
}

void apply_authentication(const Input& in, Stack& stack) {
    if (in.kind == InputKind::AddKey) return add_key(in, stack);
    if (in.kind == InputKind::RemoveKey) return remove_key(in, stack);
    set_authentication(in, stack);
}

}  // namespace fairlead
