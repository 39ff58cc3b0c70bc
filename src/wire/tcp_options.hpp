// wire/tcp_options.hpp — what a TCP header carries behind its 20 bytes.
//
// Owns:   TcpOptions, their reading and writing, and how much room they take.
// Knows:  RFC 9293 §3.2 (MSS), RFC 7323 §2.2 and §3.2 (window scale, timestamps), RFC 2018 (SACK),
//         RFC 7413 §4.1.1 (Fast Open, and its experimental form of RFC 6994), RFC 2385 (MD5),
//         RFC 5925 §2.2 (TCP-AO), RFC 9768 §3.2.3 (AccECN: two kinds, which are two orders of the same counters).
//         Read as Linux reads them: a malformed option ends the list and what came before it
//         stands; of two alike the last counts. Written in Linux's order and padding.
// Not here: whether an option was negotiated (tcp/negotiation), signing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/tcp.hpp"

namespace fairlead::wire {

struct TcpTimestamps {
    std::uint32_t value = 0;  // TSval
    std::uint32_t echo = 0;   // TSecr

    constexpr bool operator==(const TcpTimestamps&) const = default;
};

struct SackBlock {
    Seq32 begin{};
    Seq32 end{};  // the first one not covered

    constexpr bool operator==(const SackBlock&) const = default;
};

// An empty cookie asks for one. The span points into the segment (read) or the caller's bytes.
struct FastOpenOption {
    Bytes cookie{};
    bool is_experimental = false;  // kind 254 with 0xF989 instead of kind 34

    static constexpr std::size_t kMinCookie = 4;
    static constexpr std::size_t kMaxCookie = 16;
};

// How many bytes came with each mark, of which 24 bits travel: those of ECT(0), CE, ECT(1), or the other
// way round; at the end some may be missing.
struct AccurateEcnOption {
    static constexpr std::size_t kMostCounters = 3;

    std::array<std::uint32_t, kMostCounters> counters{};
    std::uint8_t count = 0;
    bool begins_with_ect1 = false;

    std::span<const std::uint32_t> told() const { return {counters.data(), count}; }
    // What the counter at that place counts.
    Ecn codepoint(std::size_t place) const {
        if (place == 1) return Ecn::Congestion;
        return (place == 0) == begins_with_ect1 ? Ecn::Capable1 : Ecn::Capable0;
    }
};

// What shows that the segment is from somebody who has the key: the code is the signer's (tcp/signature).
struct SignatureOption {
    enum class Kind : std::uint8_t { None, Md5, Ao };

    static constexpr std::size_t kCodeAt = 4;  // where it lies among all options when written
    static constexpr std::uint8_t kMd5Bytes = 16;

    Kind kind = Kind::None;
    std::uint8_t code_bytes = 0;
    std::uint8_t key_id = 0;       // of RFC 5925: with which key
    std::uint8_t next_key_id = 0;  // and with which the answer is asked for

    constexpr bool operator==(const SignatureOption&) const = default;
    static constexpr SignatureOption md5() { return {.kind = Kind::Md5, .code_bytes = kMd5Bytes}; }
    constexpr explicit operator bool() const { return kind != Kind::None; }
    // With its padding.
    constexpr std::size_t room() const {
        return kind == Kind::None ? 0 : (kCodeAt + code_bytes + 3) / 4 * 4;
    }
};

struct TcpOptions {
    static constexpr std::size_t kMaxBytes = 40;
    static constexpr std::size_t kMaxSackBlocks = 4;
    static constexpr std::uint8_t kMaxWindowScale = 14;

    std::optional<std::uint16_t> mss{};          // never 0
    std::optional<std::uint8_t> window_scale{};  // at most kMaxWindowScale
    bool sack_permitted = false;
    std::uint8_t sack_count = 0;
    SignatureOption signature{};
    std::optional<TcpTimestamps> timestamps{};
    std::array<SackBlock, kMaxSackBlocks> sack_blocks{};
    std::optional<FastOpenOption> fast_open{};
    std::optional<AccurateEcnOption> accurate_ecn{};

    std::span<const SackBlock> sacks() const { return {sack_blocks.data(), sack_count}; }
    // As new; the blocks beyond sack_count mean nothing.
    void reset() {
        mss.reset();
        window_scale.reset();
        sack_permitted = false;
        sack_count = 0;
        signature = {};
        timestamps.reset();
        fast_open.reset();
        accurate_ecn.reset();
    }
    // Nothing, or timestamps: as on nearly every segment of a connection.
    bool is_plain() const {
        return sack_count == 0 && !sack_permitted && !signature && !mss && !window_scale &&
               !fast_open && !accurate_ecn;
    }
};

// The general way of the functions below, which know the usual case by heart.
void parse_any_tcp_options(Bytes options, bool is_syn, TcpOptions& out);
std::size_t any_tcp_options_bytes(const TcpOptions& options);
std::size_t write_any_tcp_options(MutableBytes to, const TcpOptions& options);

// `is_syn`: MSS, window scale, SACK-permitted and Fast Open count on a SYN only. Into `out`, of
// which nothing stays (a wide value is not made twice for each segment).
void parse_tcp_options(Bytes options, bool is_syn, TcpOptions& out);
inline TcpOptions parse_tcp_options(Bytes options, bool is_syn) {
    TcpOptions out;
    parse_tcp_options(options, is_syn, out);
    return out;
}

// Nearly every segment of a connection begins its options so (RFC 7323, appendix A): padded, so
// that the timestamps lie on a word.
inline constexpr std::uint32_t kPaddedTimestamps = 0x0101'080a;
inline constexpr std::size_t kPaddedTimestampsBytes = 12;

inline TcpTimestamps load_timestamps(Bytes from, std::size_t offset) {
    return {.value = load_be<std::uint32_t>(from, offset),
            .echo = load_be<std::uint32_t>(from, offset + 4)};
}

inline void parse_tcp_options(Bytes options, bool is_syn, TcpOptions& out) {
    out.reset();
    if (options.size() == kPaddedTimestampsBytes &&
        load_be<std::uint32_t>(options, 0) == kPaddedTimestamps) {
        out.timestamps = load_timestamps(options, 4);
    } else if (!options.empty()) {
        parse_any_tcp_options(options, is_syn, out);
    }
}

// What write_tcp_options() will take; a multiple of 4.
inline std::size_t tcp_options_bytes(const TcpOptions& options) {
    if (!options.is_plain()) return any_tcp_options_bytes(options);
    return options.timestamps ? kPaddedTimestampsBytes : 0;
}

// How many SACK blocks fit beside the other options.
std::size_t sack_blocks_that_fit(const TcpOptions& options);

// Leaves of the AccECN option as many counters as fit into `room` beside the others, but no fewer than
// `least`: for these a SACK block gives way, if two are left. False: they do not fit, and it is gone.
bool fit_accurate_ecn(TcpOptions& options, std::size_t least, std::size_t room);

// Writes and returns how many bytes; `to` has room for tcp_options_bytes(), at most kMaxBytes. For
// a signature it leaves the code zero, for the signer to fill.
inline std::size_t write_tcp_options(MutableBytes to, const TcpOptions& options) {
    // Beside timestamps nothing is left of 12 bytes.
    const bool is_plain = to.size() == (options.timestamps ? kPaddedTimestampsBytes : 0);
    if (!is_plain && !options.is_plain()) return write_any_tcp_options(to, options);
    if (!options.timestamps) return 0;
    FAIRLEAD_ASSERT(to.size() >= kPaddedTimestampsBytes);
    store_be(to, 0, kPaddedTimestamps);
    store_be(to, 4, options.timestamps->value);
    store_be(to, 8, options.timestamps->echo);
    return kPaddedTimestampsBytes;
}

}  // namespace fairlead::wire
