// tcp/segment.hpp — one segment, unwrapped, and cut in its two halves.
//
// A segment carries two messages: what their sender says to our receiver, and what their receiver
// says to our sender. Each room is handed only the half that is meant for it. The payload's bytes
// stay in the packet, which travels beside.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "fairlead/time.hpp"
#include "tcp/position.hpp"
#include "wire/ip_protocol.hpp"

namespace fairlead::tcp {

// Bytes [begin, end) of one direction.
struct Range {
    Position begin{};
    Position end{};

    constexpr auto operator<=>(const Range&) const = default;
    constexpr std::int64_t length() const { return end - begin; }
    constexpr bool empty() const { return end <= begin; }
};

// TCP's options in a header.
struct OptionBytes {
    std::uint8_t all = 0;
    std::int8_t extra = 0;  // beside those that were agreed upon for each segment
};

struct ToReceiver {
    Position seq{};
    std::uint32_t payload = 0;   // bytes
    std::uint16_t segments = 1;  // as they were on the wire
    std::uint8_t headers = 40;   // bytes of each of them before the payload
    OptionBytes options{};
    std::uint16_t urgent = 0;  // the pointer, where has_urgent
    bool syn = false;
    bool fin = false;
    bool psh = false;
    bool has_urgent = false;
    bool has_cwr = false;
    wire::Ecn ecn = wire::Ecn::NotCapable;  // of the packet it came in

    constexpr std::int64_t length() const {
        return std::int64_t{payload} + (syn ? 1 : 0) + (fin ? 1 : 0);
    }
    constexpr Position end() const { return seq + length(); }
};

struct ToSender {
    Position ack{};
    std::int64_t window = 0;  // in bytes: already scaled
    std::array<Range, 4> sack_blocks{};
    std::uint8_t sack_count = 0;
    bool has_ece = false;  // with accurate ECN: SendContext::accurate says more

    constexpr std::span<const Range> sacks() const { return {sack_blocks.data(), sack_count}; }
};

struct Timestamps {
    std::uint32_t value = 0;
    std::uint32_t echo = 0;
};

struct InSegment {
    Instant arrived{};  // when the device had it, not when we came to look
    bool rst = false;
    bool has_ece = false;
    bool is_followed = false;  // the next of its stream is there already
    std::uint8_t ace = 0;      // AE, CWR and ECE (RFC 9768)
    std::uint8_t ttl = 0;      // or the hop limit, with which it came
    std::optional<Timestamps> timestamps{};
    ToReceiver data{};
    std::optional<ToSender> ack{};
};

}  // namespace fairlead::tcp
