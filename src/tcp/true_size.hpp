// tcp/true_size.hpp — what a segment costs in memory, beside its bytes.
//
// Owns:   TrueSize, the price of a received packet as Linux reckons it (its skb's truesize) where a
//         driver copies each packet into a buffer of its own, as TUN does.
// Why:    SO_RCVBUF bounds memory. What part of it is payload is learned from these prices, and so
//         the window follows from them (receive_window.hpp).
// Source: measured on Linux 6.18 by SO_MEMINFO, with payloads of 1 to 1460 bytes.
#pragma once

#include <bit>
#include <cstdint>

namespace fairlead::tcp {

struct TrueSize {
    std::int32_t charge = 0;
    std::int32_t spare = 0;  // bytes behind the payload, where the next segment's may be copied
};

// Of a packet with so many bytes, from its IP header on.
constexpr TrueSize true_size(std::int64_t packet_bytes) {
    constexpr std::int64_t kHeadroom = 64;
    constexpr std::int64_t kLine = 64;
    constexpr std::int64_t kInformation = 320;  // behind the bytes (struct skb_shared_info)
    constexpr std::int64_t kHandle = 256;       // struct sk_buff
    constexpr std::int64_t kSmallHead = 576;    // of a cache of its own
    const std::int64_t used = kHeadroom + packet_bytes;
    const std::int64_t wanted = (used + kLine - 1) / kLine * kLine + kInformation;
    const auto room =
        wanted <= kSmallHead
            ? kSmallHead
            : static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(wanted)));
    return {.charge = static_cast<std::int32_t>(room + kHandle),
            .spare = static_cast<std::int32_t>(room - kInformation - used)};
}

static_assert(true_size(40 + 1).charge == 832);
static_assert(true_size(40 + 600).charge == 1280);
static_assert(true_size(40 + 1460).charge == 2304);

// Of a train of equal segments under one header; what is spare is the last one's.
constexpr TrueSize true_size(std::int64_t headers, std::int64_t payload, std::int64_t segments) {
    if (segments <= 1) return true_size(headers + payload);
    TrueSize one = true_size(headers + payload / segments);
    one.charge *= static_cast<std::int32_t>(segments);
    return one;
}

// What is charged was taken in pages, and whole ones are given back (sk_forward_alloc).
inline constexpr std::int64_t kPage = 4096;
constexpr std::int64_t rest_of_page(std::int64_t charged) { return -charged & (kPage - 1); }
static_assert(rest_of_page(0) == 0 && rest_of_page(1) == 4095 && rest_of_page(8192) == 0);

}  // namespace fairlead::tcp
