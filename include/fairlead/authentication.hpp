// authentication.hpp — TCP-AO (RFC 5925): the keys of a socket's segments, and what became of these.
//
// Owns:   MasterKey and what else Stack's calls take and give: Linux's TCP_AO_ADD_KEY, TCP_AO_DEL_KEY,
//         TCP_AO_INFO and TCP_AO_GET_KEYS as values.
// Rules:  As Linux has them. The keys of a socket without a peer are for all whom their prefixes name;
//         connect() keeps those of the peer, and a connection that is accepted gets those of its own.
// Not here: TCP-MD5, which has one call (Stack::set_signature_key).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "fairlead/address.hpp"
#include "fairlead/bytes.hpp"

namespace fairlead {

// RFC 5926 §3.2: the code, and the function that derives the keys of a connection.
enum class KeyAlgorithm : std::uint8_t { HmacSha1, AesCmac };

// RFC 5925 §3.1: a master key tuple.
struct MasterKey {
    static constexpr std::size_t kMostBytes = 80;        // TCP_AO_MAXKEYLEN
    static constexpr std::uint8_t kUsualCodeBytes = 12;  // RFC 5926 §3.2: of both
    static constexpr std::uint8_t kMostCodeBytes = 16;   // a SYN has no room for more

    Prefix peers{};
    KeyAlgorithm algorithm = KeyAlgorithm::HmacSha1;
    std::uint8_t send_id = 0;
    std::uint8_t receive_id = 0;
    std::uint8_t code_bytes = kUsualCodeBytes;
    bool skips_options = false;  // the other options of TCP are not part of what is signed
    std::uint8_t bytes = 0;
    std::array<std::byte, kMostBytes> storage{};

    Bytes secret() const { return Bytes{storage}.first(bytes); }
};

// Which two of a socket's keys are in use; nothing: as it was. A listener has none in use.
struct KeysInUse {
    std::optional<std::uint8_t> current{};  // by what it sends: its own segments are signed with it
    std::optional<std::uint8_t> next{};     // by what it receives: the peer is asked for it
};

struct KeyRemoval {
    Prefix peers{};
    std::uint8_t send_id = 0;
    std::uint8_t receive_id = 0;
    bool is_for_listener = false;  // del_async: another kind of socket has no such call
    KeysInUse instead{};
};

struct AuthenticationCounts {
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    std::uint64_t key_not_found = 0;
    std::uint64_t required = 0;  // segments that had no signature
    std::uint64_t dropped_icmps = 0;

    bool operator==(const AuthenticationCounts&) const = default;
};

struct AuthenticationSettings {
    KeysInUse keys{};
    bool is_required = false;    // also of those for whom there is no key
    bool accepts_icmps = false;  // RFC 5925 §7.8
    std::optional<AuthenticationCounts> counts{};
};

struct AuthenticationInfo {
    KeysInUse keys{};
    bool is_required = false;
    bool accepts_icmps = false;
    AuthenticationCounts counts{};
};

struct MasterKeyInfo {
    MasterKey key{};
    bool is_current = false;
    bool is_next = false;
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
};

}  // namespace fairlead
