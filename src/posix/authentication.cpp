#include "posix/authentication.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "posix/abi.hpp"
#include "posix/socket_name.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }

constexpr unsigned kOfInterface = 1;   // TCP_AO_KEYF_IFINDEX
constexpr unsigned kSkipsOptions = 2;  // TCP_AO_KEYF_EXCLUDE_OPT
constexpr unsigned kSetsCurrent =
    1;  // in all of these: the flags of what is a bit in Linux's structs
constexpr unsigned kSetsNext = 2;
constexpr unsigned kIsAsync = 4;     // of tcp_ao_del
constexpr unsigned kIsRequired = 4;  // of tcp_ao_info_opt
constexpr unsigned kSetsCounts = 8;
constexpr unsigned kAcceptsIcmps = 16;
constexpr unsigned kAll = 4;  // of tcp_ao_getsockopt

using Name = std::array<std::byte, abi::kLargestName>;
using Algorithm = std::array<char, 64>;
using Secret = std::array<std::byte, MasterKey::kMostBytes>;

struct alignas(8) AddedKey {  // struct tcp_ao_add
    Name peer{};
    Algorithm algorithm{};
    std::int32_t interface = 0;
    std::uint32_t flags = 0;
    std::uint16_t reserved = 0;
    std::uint8_t prefix = 0;
    std::uint8_t send_id = 0;
    std::uint8_t receive_id = 0;
    std::uint8_t code_bytes = 0;
    std::uint8_t key_flags = 0;
    std::uint8_t key_bytes = 0;
    Secret key{};
};
static_assert(sizeof(AddedKey) == 288);

struct alignas(8) DeletedKey {  // struct tcp_ao_del
    Name peer{};
    std::int32_t interface = 0;
    std::uint32_t flags = 0;
    std::uint16_t reserved = 0;
    std::uint8_t prefix = 0;
    std::uint8_t send_id = 0;
    std::uint8_t receive_id = 0;
    std::uint8_t current = 0;
    std::uint8_t next = 0;
    std::uint8_t key_flags = 0;
};
static_assert(sizeof(DeletedKey) == 144);

struct alignas(8) Info {  // struct tcp_ao_info_opt
    std::uint32_t flags = 0;
    std::uint16_t reserved = 0;
    std::uint8_t current = 0;
    std::uint8_t next = 0;
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    std::uint64_t key_not_found = 0;
    std::uint64_t required = 0;
    std::uint64_t dropped_icmps = 0;
};
static_assert(sizeof(Info) == 48);

struct alignas(8) KeyRecord {  // struct tcp_ao_getsockopt
    Name peer{};
    Algorithm algorithm{};
    Secret key{};
    std::uint32_t count = 0;
    std::uint16_t flags = 0;
    std::uint8_t send_id = 0;
    std::uint8_t receive_id = 0;
    std::uint8_t prefix = 0;
    std::uint8_t code_bytes = 0;
    std::uint8_t key_flags = 0;
    std::uint8_t key_bytes = 0;
    std::int32_t interface = 0;
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
};
static_assert(sizeof(KeyRecord) == kKeyRecordBytes);

// copy_struct_from_sockptr(): of a longer one, which a later kernel may know, the rest must be zero.
template <typename T>
Result<T> read(Bytes value, std::size_t least) {
    T all;
    if (value.size() < least) return refused(Errc::InvalidArgument);
    const Bytes rest = value.subspan(std::min(value.size(), sizeof all));
    if (std::ranges::any_of(rest, [](std::byte b) { return b != std::byte{0}; })) {
        return refused(Errc::TooBig);
    }
    std::memcpy(static_cast<void*>(&all), value.data(), std::min(value.size(), sizeof all));
    return all;
}

template <typename T>
std::size_t write(MutableBytes value, const T& from) {
    const std::size_t size = std::min(value.size(), sizeof from);
    std::memcpy(value.data(), &from, size);
    return size;
}

// tcp_ao_verify_ipv4(), tcp_ao_verify_ipv6(): any port, and nothing behind the prefix.
Result<Prefix> peers_in(const Name& name, std::uint8_t length, const SocketFile& s) {
    const int family = s.family == Family::Inet ? abi::kInet : abi::kInet6;
    if (family_of(name) != family) return refused(Errc::InvalidArgument);
    const Endpoint peer = FAIRLEAD_TRY(read_bind_name(name, s.family));
    if (peer.port != 0) return refused(Errc::InvalidArgument);
    const bool is_mapped = s.family == Family::Inet6 && peer.address.is_v4();
    const Prefix peers{peer.address, length};
    const bool is_all = length == 0 && peer.address.is_any() && !is_mapped;
    if (is_all) return peers;
    const std::size_t most = 8 * peer.address.wire_bytes().size();
    if (length == 0 || length > most || peer.address.is_any()) {
        return refused(Errc::InvalidArgument);
    }
    const auto bytes = peer.address.wire_bytes();
    for (std::size_t bit = length; bit < most; ++bit) {
        if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return refused(Errc::InvalidArgument);
    }
    return peers;
}

Result<KeyAlgorithm> algorithm_in(const AddedKey& in) {
    const std::string_view all{in.algorithm.data(), in.algorithm.size() - 1};
    const std::string_view name = all.substr(0, all.find('\0'));
    if (name == "hmac(sha1)") return KeyAlgorithm::HmacSha1;
    constexpr std::uint8_t kAesKey = 16;
    const bool is_cmac = name == "cmac(aes128)" || (name == "cmac(aes)" && in.key_bytes == kAesKey);
    if (is_cmac) return KeyAlgorithm::AesCmac;
    return refused(Errc::NoSuchEntry);
}

// An interface is a VRF's, or none.
Result<void> check_interface(std::int32_t interface) {
    if (interface != 0) return refused(Errc::InvalidArgument);
    return {};
}

Result<void> add_key(Stack& stack, const SocketFile& s, Bytes value) {
    const auto in = FAIRLEAD_TRY(read<AddedKey>(value, sizeof(AddedKey)));
    const bool is_good = in.key_bytes <= MasterKey::kMostBytes && in.reserved == 0 &&
                         (in.flags & ~(kSetsCurrent | kSetsNext)) == 0 &&
                         (in.key_flags & ~(kOfInterface | kSkipsOptions)) == 0;
    if (!is_good) return refused(Errc::InvalidArgument);
    const Prefix peers = FAIRLEAD_TRY(peers_in(in.peer, in.prefix, s));
    if (const auto good = check_interface(in.interface); !good) return good;
    MasterKey key{.peers = peers,
                  .algorithm = FAIRLEAD_TRY(algorithm_in(in)),
                  .send_id = in.send_id,
                  .receive_id = in.receive_id,
                  .code_bytes = in.code_bytes != 0 ? in.code_bytes : MasterKey::kUsualCodeBytes,
                  .skips_options = (in.key_flags & kSkipsOptions) != 0,
                  .bytes = in.key_bytes};
    std::copy_n(in.key.begin(), in.key_bytes, key.storage.begin());
    KeysInUse as;
    if ((in.flags & kSetsCurrent) != 0) as.current = in.send_id;
    if ((in.flags & kSetsNext) != 0) as.next = in.receive_id;
    return stack.add_key(s.id, key, as);
}

KeysInUse keys_in(std::uint32_t flags, std::uint8_t current, std::uint8_t next) {
    KeysInUse keys;
    if ((flags & kSetsCurrent) != 0) keys.current = current;
    if ((flags & kSetsNext) != 0) keys.next = next;
    return keys;
}

Result<void> delete_key(Stack& stack, const SocketFile& s, Bytes value) {
    const auto in = FAIRLEAD_TRY(read<DeletedKey>(value, sizeof(DeletedKey)));
    const bool is_good = in.reserved == 0 &&
                         (in.flags & ~(kSetsCurrent | kSetsNext | kIsAsync)) == 0 &&
                         (in.key_flags & ~(kOfInterface | kSkipsOptions)) == 0;
    if (!is_good) return refused(Errc::InvalidArgument);
    if (const auto good = check_interface(in.interface); !good) return good;
    // What no key can have is no fault here: there is no such key.
    const Endpoint peer = FAIRLEAD_TRY(read_bind_name(in.peer, s.family));
    if (peer.port != 0) return refused(Errc::InvalidArgument);
    return stack.remove_key(s.id, {.peers = {peer.address, in.prefix},
                                   .send_id = in.send_id,
                                   .receive_id = in.receive_id,
                                   .is_for_listener = (in.flags & kIsAsync) != 0,
                                   .instead = keys_in(in.flags, in.current, in.next)});
}

Result<void> set_info(Stack& stack, const SocketFile& s, Bytes value) {
    const auto in = FAIRLEAD_TRY(read<Info>(value, sizeof(Info)));
    constexpr unsigned kKnown =
        kSetsCurrent | kSetsNext | kIsRequired | kSetsCounts | kAcceptsIcmps;
    if (in.reserved != 0 || (in.flags & ~kKnown) != 0) return refused(Errc::InvalidArgument);
    AuthenticationSettings settings{.keys = keys_in(in.flags, in.current, in.next),
                                    .is_required = (in.flags & kIsRequired) != 0,
                                    .accepts_icmps = (in.flags & kAcceptsIcmps) != 0};
    if ((in.flags & kSetsCounts) != 0) {
        settings.counts = AuthenticationCounts{.good = in.good,
                                               .bad = in.bad,
                                               .key_not_found = in.key_not_found,
                                               .required = in.required,
                                               .dropped_icmps = in.dropped_icmps};
    }
    return stack.set_authentication(s.id, settings);
}

Result<std::size_t> get_info(Stack& stack, const SocketFile& s, MutableBytes value) {
    if (value.empty()) return refused(Errc::InvalidArgument);
    const auto in = FAIRLEAD_TRY(read<Info>(value, 0));
    constexpr unsigned kKnown =
        kSetsCurrent | kSetsNext | kIsRequired | kSetsCounts | kAcceptsIcmps;
    if (in.reserved != 0 || (in.flags & ~kKnown) != 0) return refused(Errc::InvalidArgument);
    const AuthenticationInfo info = FAIRLEAD_TRY(stack.authentication(s.id));
    const std::uint32_t flags =
        (info.keys.current ? kSetsCurrent : 0) | (info.keys.next ? kSetsNext : 0) |
        (info.is_required ? kIsRequired : 0) | (info.accepts_icmps ? kAcceptsIcmps : 0);
    return write(value, Info{.flags = flags,
                             .current = info.keys.current.value_or(0),
                             .next = info.keys.next.value_or(0),
                             .good = info.counts.good,
                             .bad = info.counts.bad,
                             .key_not_found = info.counts.key_not_found,
                             .required = info.counts.required,
                             .dropped_icmps = info.counts.dropped_icmps});
}

// --- TCP_AO_GET_KEYS ---

// Which of the keys are asked for.
struct Question {
    KeyRecord in{};
    std::optional<Prefix> peers{};

    bool means(const MasterKeyInfo& k) const {
        if ((in.flags & kAll) != 0) return true;
        if ((in.flags & (kSetsCurrent | kSetsNext)) != 0) {
            return ((in.flags & kSetsCurrent) != 0 && k.is_current) ||
                   ((in.flags & kSetsNext) != 0 && k.is_next);
        }
        const bool is_peer = peers->address.is_any()
                                 ? peers->address.is_v4() == k.key.peers.address.is_v4()
                                 : peers->contains(k.key.peers.address);
        return is_peer && in.send_id == k.key.send_id && in.receive_id == k.key.receive_id;
    }
};

Result<Question> question_in(const KeyRecord& in, const SocketFile& s) {
    const bool is_picked = (in.flags & (kSetsCurrent | kSetsNext)) != 0;
    const bool is_all = (in.flags & kAll) != 0;
    const bool is_good = in.good == 0 && in.bad == 0 && (in.key_flags & ~kOfInterface) == 0 &&
                         (in.flags & ~(kSetsCurrent | kSetsNext | kAll)) == 0 &&
                         !(is_picked && is_all);
    if (!is_good) return refused(Errc::InvalidArgument);
    if (const auto good = check_interface(in.interface); !good) return refused(good.error());
    Question q{.in = in};
    if (family_of(in.peer) != 0) {
        const auto peer = read_bind_name(in.peer, s.family);
        if (!peer) return refused(Errc::FamilyNotSupported);
        if (peer->port != 0) return refused(Errc::InvalidArgument);
        q.peers = Prefix{peer->address, in.prefix};
    }
    if (is_picked || is_all) {
        const bool says_more = (q.peers && !q.peers->address.is_any()) || in.prefix != 0 ||
                               in.send_id != 0 || in.receive_id != 0;
        if (says_more) return refused(Errc::InvalidArgument);
    } else if (!q.peers) {
        return refused(Errc::FamilyNotSupported);
    }
    const bool is_long = q.peers && in.prefix > 8 * q.peers->address.wire_bytes().size();
    if (is_long) return refused(Errc::InvalidArgument);
    return q;
}

KeyRecord record_of(const MasterKeyInfo& k, Family family) {
    KeyRecord out{.flags = static_cast<std::uint16_t>((k.is_current ? kSetsCurrent : 0) |
                                                      (k.is_next ? kSetsNext : 0)),
                  .send_id = k.key.send_id,
                  .receive_id = k.key.receive_id,
                  .prefix = k.key.peers.length,
                  .code_bytes = k.key.code_bytes,
                  .key_flags = static_cast<std::uint8_t>(k.key.skips_options ? kSkipsOptions : 0),
                  .key_bytes = k.key.bytes,
                  .good = k.good,
                  .bad = k.bad};
    const SocketName name = write_name({k.key.peers.address, 0}, family);
    std::ranges::copy(name.bytes(), out.peer.begin());
    // The kernel's own name for it.
    const std::string_view algorithm =
        k.key.algorithm == KeyAlgorithm::HmacSha1 ? "hmac(sha1)" : "cmac(aes)";
    std::ranges::copy(algorithm, out.algorithm.begin());
    std::ranges::copy(k.key.secret(), out.key.begin());
    return out;
}

Result<std::size_t> get_keys(Stack& stack, const SocketFile& s, MutableBytes value) {
    if (value.empty()) return refused(Errc::InvalidArgument);
    const auto keys = FAIRLEAD_TRY(stack.keys(s.id));
    const std::size_t size = std::min(value.size(), kKeyRecordBytes);
    const auto in = FAIRLEAD_TRY(read<KeyRecord>(value.first(size), 0));
    const Question question = FAIRLEAD_TRY(question_in(in, s));
    std::uint32_t count = 0;
    for (const MasterKeyInfo& k : keys) {
        if (!question.means(k)) continue;
        const std::size_t at = count++ * size;
        const bool has_room = count <= in.count && at + size <= value.size();
        if (has_room) write(value.subspan(at, size), record_of(k, s.family));
    }
    constexpr std::size_t kCountAt = offsetof(KeyRecord, count);
    if (size >= kCountAt + sizeof count) {
        std::memcpy(value.data() + kCountAt, &count, sizeof count);
    }
    return kKeyRecordBytes;
}

}  // namespace

std::size_t records_asked_for(Bytes first_record) {
    std::uint32_t count = 0;
    std::memcpy(&count, first_record.data() + offsetof(KeyRecord, count), sizeof count);
    return std::max<std::size_t>(count, 1);
}

std::optional<Result<void>> set_authentication(Stack& stack, const SocketFile& s, int name,
                                               Bytes value) {
    const bool is_one = name == abi::tcp::kAddKey || name == abi::tcp::kDeleteKey ||
                        name == abi::tcp::kAuthentication;
    if (!is_one) return std::nullopt;
    if (value.size() < sizeof(int)) return refused(Errc::InvalidArgument);
    // The first of them comes before there is a connection.
    if (!stack.authentication(s.id)) {
        const TcpInfo info = FAIRLEAD_TRY(stack.tcp_info(s.id));
        if (info.state != TcpState::Closed && info.state != TcpState::Listen) {
            return refused(Errc::AlreadyConnected);
        }
    }
    if (name == abi::tcp::kAddKey) return add_key(stack, s, value);
    if (name == abi::tcp::kDeleteKey) return delete_key(stack, s, value);
    return set_info(stack, s, value);
}

std::optional<Result<std::size_t>> get_authentication(Stack& stack, const SocketFile& s, int name,
                                                      MutableBytes value) {
    if (name == abi::tcp::kAuthentication) return get_info(stack, s, value);
    if (name == abi::tcp::kKeys) return get_keys(stack, s, value);
    return std::nullopt;
}

}  // namespace fairlead::posix
