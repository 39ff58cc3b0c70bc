// tcp/fast_open.hpp — data in a SYN.
//
// Owns:     the cookie (Linux's SipHash form of RFC 7413 §4.1.2), what a server answers to a SYN, and
//           FastOpen: all that a socket keeps of it, whichever end it is.
// Knows:    RFC 7413; the bits of tcp_fastopen; tcp_try_fastopen() of Linux.
// Not here: who is remembered as a server that has given a cookie (metrics.hpp); the segments
//           (passive_fast_open.cpp, connection_fast_open.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/siphash.hpp"
#include "fairlead/address.hpp"
#include "fairlead/config.hpp"
#include "fairlead/time.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

struct Request;

// Of net.ipv4.tcp_fastopen.
inline constexpr std::int64_t kFastOpenClient = 0x1;
inline constexpr std::int64_t kFastOpenServer = 0x2;
inline constexpr std::int64_t kFastOpenClientNoCookie = 0x4;
inline constexpr std::int64_t kFastOpenServerNoCookie = 0x200;
inline constexpr std::int64_t kFastOpenEveryListener = 0x400;  // without TCP_FASTOPEN

struct FastOpenCookie {
    std::array<std::byte, wire::FastOpenOption::kMaxCookie> bytes{};
    std::uint8_t size = 0;
    bool is_experimental = false;

    Bytes view() const { return Bytes{bytes}.first(size); }
    wire::FastOpenOption option() const { return {view(), is_experimental}; }
};

// Ready to be used.
struct FastOpenSecrets {
    std::array<SipKey, 2> keys{};
    std::uint8_t count = 0;
};
FastOpenSecrets secrets_of(const FastOpenKeys& keys);

// Of the two addresses, so that it is good for every port; eight bytes.
FastOpenCookie make_cookie(const SipKey& key, const IpAddress& client, const IpAddress& server);

// --- the server ---

struct FastOpenSyn {
    std::optional<wire::FastOpenOption> option{};
    IpAddress client{};
    IpAddress server{};
};
enum class FastOpenVerdict : std::uint8_t {
    Ignore,      // an ordinary handshake
    GiveCookie,  // an ordinary handshake, with a cookie in the SYN-ACK
    Refuse,      // as GiveCookie: the cookie was not ours, and what the SYN carries is not taken
    Accept,      // a connection at once
    AcceptOld,   // also, with a fresh cookie: the one it had is of the key before
};
struct FastOpenAnswer {
    FastOpenVerdict verdict = FastOpenVerdict::Ignore;
    FastOpenCookie cookie{};  // where one is given
};
FastOpenAnswer judge_fast_open(const FastOpenSyn& syn, bool needs_no_cookie,
                               const FastOpenSecrets& secrets);

// Connections whose third segment has not come, and those that a RST ended before: for a minute they
// count as well, so that who forges addresses runs into the limit (RFC 7413 §5.1).
struct FastOpenQueue {
    std::int32_t limit = 0;  // TCP_FASTOPEN; 0: none is accepted
    std::int32_t length = 0;
    Request* first_pending = nullptr;
    Request* first_reset = nullptr;
    Request* last_reset = nullptr;

    static constexpr Duration kResetLife = 60_s;
};

// --- the client ---

// What is remembered of a server (tcp_fastopen_metrics).
struct FastOpenMemory {
    FastOpenCookie cookie{};
    std::uint16_t mss = 0;
    // Of the forms of the option: 0 nothing is known; 1 the usual one was not answered, the other is
    // to be tried; 2 neither was.
    std::uint8_t form_to_try = 0;
    std::uint16_t syn_losses = 0;
    Instant last_syn_loss{};
};

// tcpi_fastopen_client_fail
enum class FastOpenFailure : std::uint8_t { None, NoCookie, DataNotAcked, SynRetransmitted };

// What a SYN is to carry.
struct FastOpenPlan {
    std::optional<FastOpenCookie> option{};  // an empty one asks
    bool has_data = false;
    std::uint16_t mss = 0;  // 0: none is remembered
};
FastOpenPlan plan_fast_open(const FastOpenMemory* known, bool is_paused, bool needs_no_cookie);

// A SYN-ACK that answered a SYN of ours with the option.
struct FastOpenReply {
    std::optional<wire::FastOpenOption> option{};
    std::uint16_t mss = 0;
    bool was_repeated = false;  // our SYN
    bool is_data_left = false;  // not acknowledged
};
struct FastOpen;
void learn(FastOpenMemory& memory, const FastOpenReply& reply, const FastOpen& sent, Instant now);

// Where the path loses what Fast Open sends, it rests: as long as
// tcp_fastopen_blackhole_timeout_sec says, twice as long each time, up to 64 times.
class FastOpenPause {
public:
    // False: nothing rests, by the configuration.
    bool begin(std::int64_t seconds, Instant now);
    bool is_on(std::int64_t seconds, Instant now) const;
    // It has rested, and nothing proved that the path is good again.
    bool is_on_trial(std::int64_t seconds) const { return seconds != 0 && times_ > 0; }
    void forgive() { times_ = 0; }

private:
    Instant since_{};
    int times_ = 0;
};

// --- a socket ---

struct FastOpen {
    // As it was set.
    bool needs_no_cookie = false;  // TCP_FASTOPEN_NO_COOKIE
    bool connects_late = false;    // TCP_FASTOPEN_CONNECT
    FastOpenKeys keys{};           // TCP_FASTOPEN_KEY; none: the stack's
    FastOpenQueue queue{};         // of a listener
    // Of a connection that a SYN made: its request, until the third segment comes.
    Request* request = nullptr;
    bool is_child = false;
    bool is_confirmed = false;  // the third segment came
    // Of one that sends such a SYN.
    FastOpenPlan plan{};       // of the SYN that goes first
    bool is_deferred = false;  // connect() was called, and waits for the first write
    bool is_due = false;       // the SYN has not left
    bool has_asked = false;    // the SYN had the option
    bool has_syn_data = false;
    bool is_trial = false;    // the first after a pause
    bool has_writer = false;  // who has more to say sleeps until the connection is open
    FastOpenFailure failure = FastOpenFailure::None;
    // Either end: what the SYN carried has arrived.
    bool syn_data_acked = false;

    // The socket is as new, but for what was set.
    void renew() {
        *this = {.needs_no_cookie = needs_no_cookie,
                 .connects_late = connects_late,
                 .keys = keys,
                 .queue = queue};
    }
    bool is_client() const { return has_asked || has_syn_data; }
};

}  // namespace fairlead::tcp
