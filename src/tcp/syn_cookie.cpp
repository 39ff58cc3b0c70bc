#include "tcp/syn_cookie.hpp"

#include <array>

namespace fairlead::tcp {
namespace {

constexpr std::uint32_t kIndexMask = 0x00ff'ffff;
constexpr int kMinuteShift = 24;
constexpr std::uint32_t kMostMinutes =
    static_cast<std::uint32_t>(kCookieLife.ns() / Duration{60_s}.ns());

// The segments of the common links: what most peers announce, and some lower ones.
using Table = std::array<std::uint16_t, 4>;
constexpr Table kTableV4{536, 1300, 1440, 1460};
constexpr Table kTableV6{1220, 1420, 1440, 8940};

constexpr std::uint32_t kScaleMask = 0xf;  // all of it: no scale
constexpr std::uint32_t kSackBit = 1 << 4;
constexpr std::uint32_t kEcnBit = 1 << 5;
constexpr int kClockBits = 6;

const Table& table_of(const FlowKey& key) {
    return key.remote.address.is_v4() ? kTableV4 : kTableV6;
}

std::uint32_t minute_of(Instant now) {
    return static_cast<std::uint32_t>(now.ns() / Duration{60_s}.ns());
}

std::uint32_t hash(const FlowKey& key, std::uint32_t minute, const SipKey& secret) {
    siphash::State state{secret};
    for (const IpAddress* a : {&key.local.address, &key.remote.address}) {
        for (const std::size_t at : {0u, 8u}) {
            std::uint64_t half = 0;
            std::memcpy(&half, a->bytes().data() + at, sizeof half);
            state.add<2>(half);
        }
    }
    const std::uint64_t ports = std::uint64_t{key.local.port} << 16 | key.remote.port;
    state.add<2>(ports << 32 | minute);
    return static_cast<std::uint32_t>(state.finish<4>());
}

}  // namespace

std::uint32_t make_cookie(const FlowKey& key, std::uint32_t peer_isn, std::uint16_t peer_mss,
                          Instant now, const CookieKeys& keys) {
    const Table& table = table_of(key);
    std::uint32_t index = 0;
    while (index + 1 < table.size() && peer_mss >= table[index + 1]) ++index;
    const std::uint32_t minute = minute_of(now);
    return hash(key, 0, keys.number) + peer_isn + (minute << kMinuteShift) +
           ((hash(key, minute, keys.index) + index) & kIndexMask);
}

std::optional<std::uint16_t> mss_of_cookie(std::uint32_t cookie, const FlowKey& key,
                                           std::uint32_t peer_isn, Instant now,
                                           const CookieKeys& keys) {
    const std::uint32_t inner = cookie - hash(key, 0, keys.number) - peer_isn;
    const std::uint32_t minute = minute_of(now);
    const std::uint32_t age = (minute - (inner >> kMinuteShift)) & 0xff;
    if (age >= kMostMinutes) return std::nullopt;
    const std::uint32_t index = (inner - hash(key, minute - age, keys.index)) & kIndexMask;
    const Table& table = table_of(key);
    if (index >= table.size()) return std::nullopt;
    return table[index];
}

std::uint32_t cookie_clock(std::uint32_t clock, const Agreement& agreement) {
    const std::uint32_t scale = agreement.has_scale ? agreement.send_scale : kScaleMask;
    const std::uint32_t bits =
        scale | (agreement.has_sack ? kSackBit : 0) | (agreement.has_ecn ? kEcnBit : 0);
    const std::uint32_t value = clock >> kClockBits << kClockBits | bits;
    return value > clock ? value - (1u << kClockBits) : value;
}

std::optional<Agreement> agreement_of_clock(std::uint32_t clock, const Config& config) {
    Agreement a;
    a.has_timestamps = true;
    a.has_sack = (clock & kSackBit) != 0;
    a.has_scale = (clock & kScaleMask) != kScaleMask;
    a.has_ecn = (clock & kEcnBit) != 0 && config.tcp_ecn != 0;
    a.send_scale = a.has_scale ? static_cast<std::uint8_t>(clock & kScaleMask) : std::uint8_t{0};
    const bool is_refused = config.tcp_timestamps == 0 || (a.has_sack && config.tcp_sack == 0) ||
                            (a.has_scale && config.tcp_window_scaling == 0);
    if (is_refused) return std::nullopt;
    return a;
}

}  // namespace fairlead::tcp
