#include "wire/tcp_options.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fairlead::wire {
namespace {

enum Kind : std::uint8_t {
    kEnd = 0,
    kNop = 1,
    kMss = 2,
    kWindowScale = 3,
    kSackPermitted = 4,
    kSack = 5,
    kTimestamps = 8,
    kMd5 = 19,
    kAo = 29,
    kFastOpen = 34,
    kAccurateEcn0 = 172,  // RFC 9768 §6
    kAccurateEcn1 = 174,
    kExperimental = 254,
};
constexpr std::uint16_t kFastOpenMagic = 0xf989;  // RFC 7413 §4.1.1

constexpr std::size_t kMssBytes = 4;
constexpr std::size_t kWindowScaleBytes = 3;
constexpr std::size_t kSackPermittedBytes = 2;
constexpr std::size_t kTimestampsBytes = 10;
constexpr std::size_t kMd5Bytes = 2 + SignatureOption::kMd5Bytes;
constexpr std::size_t kAoHeaderBytes = 4;
constexpr std::size_t kSackBlockBytes = 8;
constexpr std::size_t kCounterBytes = 3;

constexpr std::uint32_t word(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24 | b << 16 | c << 8 | d;
}
static_assert(kPaddedTimestamps == word(kNop, kNop, kTimestamps, kTimestampsBytes));

void read_sack(Bytes body, TcpOptions& out) {
    if (body.empty() || body.size() % kSackBlockBytes != 0) return;
    out.sack_count = static_cast<std::uint8_t>(
        std::min(body.size() / kSackBlockBytes, TcpOptions::kMaxSackBlocks));
    for (std::size_t i = 0; i < out.sack_count; ++i) {
        out.sack_blocks[i] = {.begin = Seq32{load_be<std::uint32_t>(body, i * 8)},
                              .end = Seq32{load_be<std::uint32_t>(body, i * 8 + 4)}};
    }
}

std::uint32_t load_counter(Bytes from, std::size_t offset) {
    return std::uint32_t{load_be<std::uint16_t>(from, offset)} << 8 |
           load_be<std::uint8_t>(from, offset + 2);
}

// Any length that is not a multiple of 3 is cut to one, and what is too long is not looked at.
// RFC 9768 REQ-3.2.3
void read_accurate_ecn(Bytes counters, bool begins_with_ect1, TcpOptions& out) {
    AccurateEcnOption& option = out.accurate_ecn.emplace();
    option.begins_with_ect1 = begins_with_ect1;
    option.count = static_cast<std::uint8_t>(
        std::min(counters.size() / kCounterBytes, AccurateEcnOption::kMostCounters));
    for (std::size_t i = 0; i < option.count; ++i) {
        option.counters[i] = load_counter(counters, i * kCounterBytes);
    }
}

// RFC 7413 REQ-4.1.1
void read_fast_open(Bytes cookie, bool is_experimental, TcpOptions& out) {
    if (cookie.size() % 2 != 0) return;
    const bool is_request = cookie.empty();
    const bool is_cookie =
        cookie.size() >= FastOpenOption::kMinCookie && cookie.size() <= FastOpenOption::kMaxCookie;
    out.fast_open.reset();
    if (!is_request && !is_cookie) return;
    out.fast_open = FastOpenOption{.cookie = cookie, .is_experimental = is_experimental};
}

// One option that counts on a SYN only.
// RFC 7323 REQ-2.3
void read_syn_option(std::uint8_t kind, Bytes body, TcpOptions& out) {
    switch (kind) {
        case kMss:
            if (body.size() + 2 != kMssBytes) return;
            // Zero says nothing, and does not take back what an earlier one said.
            if (const auto mss = load_be<std::uint16_t>(body, 0); mss != 0) out.mss = mss;
            return;
        case kWindowScale:
            if (body.size() + 2 != kWindowScaleBytes) return;
            out.window_scale =
                std::min(load_be<std::uint8_t>(body, 0), TcpOptions::kMaxWindowScale);
            return;
        case kSackPermitted:
            if (body.size() + 2 == kSackPermittedBytes) out.sack_permitted = true;
            return;
        case kFastOpen: read_fast_open(body, false, out); return;
        case kExperimental:
            if (body.size() >= 2 && load_be<std::uint16_t>(body, 0) == kFastOpenMagic) {
                read_fast_open(body.subspan(2), true, out);
            }
            return;
        default: return;
    }
}

SignatureOption read_ao(Bytes body) {
    return {.kind = SignatureOption::Kind::Ao,
            .code_bytes = static_cast<std::uint8_t>(body.size() + 2 - kAoHeaderBytes),
            .key_id = load_be<std::uint8_t>(body, 0),
            .next_key_id = load_be<std::uint8_t>(body, 1)};
}

void read_option(std::uint8_t kind, Bytes body, bool is_syn, TcpOptions& out) {
    switch (kind) {
        case kTimestamps:
            if (body.size() + 2 == kTimestampsBytes) out.timestamps = load_timestamps(body, 0);
            return;
        case kSack: read_sack(body, out); return;
        case kMd5:
            if (body.size() + 2 == kMd5Bytes) out.signature = SignatureOption::md5();
            return;
        case kAo:
            if (body.size() + 2 > kAoHeaderBytes) out.signature = read_ao(body);
            return;
        case kAccurateEcn0: read_accurate_ecn(body, false, out); return;
        case kAccurateEcn1: read_accurate_ecn(body, true, out); return;
        default:
            if (is_syn) read_syn_option(kind, body, out);
            return;
    }
}

std::size_t fast_open_bytes(const FastOpenOption& option) {
    return (option.is_experimental ? 4 : 2) + option.cookie.size();
}

constexpr std::size_t padded(std::size_t n) { return (n + 3) / 4 * 4; }

// Two bytes of it may lie where an option behind it has its padding.
constexpr std::size_t accurate_ecn_bytes(std::size_t counters, bool has_padding) {
    const std::size_t bytes = 2 + counters * kCounterBytes;
    return has_padding && bytes % 4 <= 2 ? bytes / 4 * 4 : padded(bytes);
}
static_assert(accurate_ecn_bytes(3, true) == 12 && accurate_ecn_bytes(2, true) == 8 &&
              accurate_ecn_bytes(1, true) == 4 && accurate_ecn_bytes(1, false) == 8 &&
              accurate_ecn_bytes(0, true) == 0 && accurate_ecn_bytes(0, false) == 4);

// Appends; everything Linux writes is made of 32-bit words.
class Writer {
public:
    explicit Writer(MutableBytes to) : to_{to} {}

    void put(std::uint32_t w) {
        store_be(to_, at_, w);
        at_ += 4;
    }
    void put(const FastOpenOption& option) {
        const std::size_t bytes = fast_open_bytes(option);
        const std::size_t room = padded(bytes);
        FAIRLEAD_ASSERT(at_ + room <= to_.size());
        std::byte* p = to_.data() + at_;
        std::memset(p, kNop, room);
        p[0] = static_cast<std::byte>(option.is_experimental ? kExperimental : kFastOpen);
        p[1] = static_cast<std::byte>(bytes);
        if (option.is_experimental) store_be(to_, at_ + 2, kFastOpenMagic);
        if (!option.cookie.empty()) {
            std::memcpy(p + (bytes - option.cookie.size()), option.cookie.data(),
                        option.cookie.size());
        }
        at_ += room;
    }
    void put(const SignatureOption& option) {
        const bool is_md5 = option.kind == SignatureOption::Kind::Md5;
        put(is_md5 ? word(kNop, kNop, kMd5, kMd5Bytes)
                   : word(kAo, static_cast<unsigned>(kAoHeaderBytes + option.code_bytes),
                          option.key_id, option.next_key_id));
        const std::size_t room = padded(option.code_bytes);
        FAIRLEAD_ASSERT(at_ + room <= to_.size());
        std::byte* p = to_.data() + at_;
        std::memset(p, kNop, room);
        std::memset(p, 0, option.code_bytes);
        at_ += room;
    }
    // What is left over of it waits for padding that it can take the place of.
    void put(const AccurateEcnOption& option) {
        const std::size_t count =
            std::min<std::size_t>(option.count, AccurateEcnOption::kMostCounters);
        const std::size_t bytes = 2 + count * kCounterBytes;
        std::array<std::uint8_t, padded(2 + AccurateEcnOption::kMostCounters * kCounterBytes)> all;
        all.fill(kNop);
        all[0] = option.begins_with_ect1 ? kAccurateEcn1 : kAccurateEcn0;
        all[1] = static_cast<std::uint8_t>(bytes);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t counter = option.counters[i];
            std::uint8_t* to = all.data() + 2 + i * kCounterBytes;
            to[0] = static_cast<std::uint8_t>(counter >> 16);
            to[1] = static_cast<std::uint8_t>(counter >> 8);
            to[2] = static_cast<std::uint8_t>(counter);
        }
        const bool is_split = bytes % 4 != 0 && bytes % 4 <= 2;
        const std::size_t now = is_split ? bytes / 4 * 4 : padded(bytes);
        for (std::size_t i = 0; i < now; i += 4) {
            put(word(all[i], all[i + 1], all[i + 2], all[i + 3]));
        }
        if (!is_split) return;
        padding_ = word(all[now], all[now + 1], 0, 0);
        has_rest_ = true;
    }
    // The two bytes before an option that needs them.
    std::uint32_t take_padding() {
        has_rest_ = false;
        return std::exchange(padding_, kNops);
    }
    void put_rest() {
        if (has_rest_) put(take_padding() | word(0, 0, kNop, kNop));
    }
    std::size_t written() const { return at_; }

private:
    static constexpr std::uint32_t kNops = word(kNop, kNop, 0, 0);

    MutableBytes to_;
    std::size_t at_ = 0;
    std::uint32_t padding_ = kNops;
    bool has_rest_ = false;  // of the AccECN option, in the padding
};

}  // namespace

// RFC 9293 MUST-4, MUST-6, MUST-7, MUST-64
void parse_any_tcp_options(Bytes options, bool is_syn, TcpOptions& out) {
    std::size_t at = 0;
    if (options.size() >= kPaddedTimestampsBytes &&
        load_be<std::uint32_t>(options, 0) == kPaddedTimestamps) {
        out.timestamps = load_timestamps(options, 4);
        at = kPaddedTimestampsBytes;
    }
    while (at < options.size()) {
        const auto kind = load_be<std::uint8_t>(options, at);
        if (kind == kEnd) break;
        if (kind == kNop) {
            ++at;
            continue;
        }
        const std::size_t left = options.size() - at;
        if (left < 2) break;
        const std::size_t length = load_be<std::uint8_t>(options, at + 1);
        if (length < 2 || length > left) break;
        read_option(kind, options.subspan(at + 2, length - 2), is_syn, out);
        at += length;
    }
}

std::size_t any_tcp_options_bytes(const TcpOptions& options) {
    std::size_t n = options.signature.room();
    if (options.mss) n += kMssBytes;
    if (options.timestamps) n += kPaddedTimestampsBytes;
    if (options.sack_permitted && !options.timestamps) n += 4;
    if (options.window_scale) n += padded(kWindowScaleBytes);
    if (options.sack_count != 0) n += 4 + options.sack_count * kSackBlockBytes;
    if (options.accurate_ecn) {
        const bool has_padding = (options.sack_permitted && !options.timestamps) ||
                                 (options.sack_count != 0 && !options.window_scale);
        n += accurate_ecn_bytes(options.accurate_ecn->count, has_padding);
    }
    if (options.fast_open) n += padded(fast_open_bytes(*options.fast_open));
    return n;
}

std::size_t sack_blocks_that_fit(const TcpOptions& options) {
    TcpOptions others = options;
    others.sack_count = 0;
    const std::size_t taken = tcp_options_bytes(others) + 4;
    if (taken >= TcpOptions::kMaxBytes) return 0;
    return std::min((TcpOptions::kMaxBytes - taken) / kSackBlockBytes, TcpOptions::kMaxSackBlocks);
}

// Linux's tcp_options_fit_accecn()
// RFC 9768 REQ-3.2.3.3
bool fit_accurate_ecn(TcpOptions& options, std::size_t least, std::size_t room) {
    AccurateEcnOption& option = *options.accurate_ecn;
    option.count = AccurateEcnOption::kMostCounters;
    while (tcp_options_bytes(options) > room) {
        if (option.count > least) {
            --option.count;
        } else if (least > 0 && options.sack_count > 2) {
            --options.sack_count;
            option.count = AccurateEcnOption::kMostCounters;
        } else {
            options.accurate_ecn.reset();
            return false;
        }
    }
    return true;
}

// RFC 9293 MUST-14, MUST-68, MUST-69
std::size_t write_any_tcp_options(MutableBytes to, const TcpOptions& options) {
    FAIRLEAD_ASSERT(tcp_options_bytes(options) <= std::min(to.size(), TcpOptions::kMaxBytes));
    Writer out{to};
    if (options.signature) out.put(options.signature);
    if (options.mss) out.put(word(kMss, kMssBytes, 0, 0) | *options.mss);
    // SACK-permitted takes the place of the padding where there are timestamps.
    const bool is_paired = options.sack_permitted && options.timestamps;
    if (options.timestamps) {
        out.put(is_paired ? word(kSackPermitted, kSackPermittedBytes, kTimestamps, kTimestampsBytes)
                          : kPaddedTimestamps);
        out.put(options.timestamps->value);
        out.put(options.timestamps->echo);
    }
    if (options.accurate_ecn) out.put(*options.accurate_ecn);
    if (options.sack_permitted && !is_paired) {
        out.put(out.take_padding() | word(0, 0, kSackPermitted, kSackPermittedBytes));
    }
    if (options.window_scale) {
        out.put_rest();  // there is one byte of padding, and two would be left
        out.put(word(kNop, kWindowScale, kWindowScaleBytes, *options.window_scale));
    }
    if (options.sack_count != 0) {
        out.put(out.take_padding() |
                word(0, 0, kSack, static_cast<unsigned>(2 + options.sack_count * kSackBlockBytes)));
        for (const SackBlock& block : options.sacks()) {
            out.put(std::to_underlying(block.begin));
            out.put(std::to_underlying(block.end));
        }
    }
    out.put_rest();
    if (options.fast_open) out.put(*options.fast_open);
    return out.written();
}

}  // namespace fairlead::wire
