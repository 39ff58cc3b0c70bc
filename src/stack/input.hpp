// stack/input.hpp — every input of a stack as a value.
//
// Owns:   InputKind, Input (one call with its arguments, or one moment of time), which of its fields
//         each kind has, and apply(), which makes the call again on another stack.
// Why:    a stack knows nothing but its inputs: whoever gives another the same ones, in the same
//         order, gets the same frames to the bit.
// Not here: frames (record_frame.hpp), how inputs are written down (record_format.hpp).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "fairlead/stack.hpp"

namespace fairlead {

// The numbers are written to files: none is ever given to something else.
enum class InputKind : std::uint8_t {
    Open = 1,
    AddInterface = 2,
    AddAddress = 3,
    RemoveAddress = 4,
    AddRoute = 5,
    RemoveRoute = 6,
    Poll = 7,
    Advance = 8,
    Flush = 9,
    Socket = 10,
    Bind = 11,
    Listen = 12,
    Connect = 13,
    Accept = 14,
    Send = 15,
    Receive = 16,
    SendTo = 17,
    ReceiveFrom = 18,
    Shutdown = 19,
    Close = 20,
    SetOption = 21,
    GetOption = 22,
    SetCongestionControl = 23,
    SetCookie = 24,
    TakeEvents = 25,
    SetConfig = 26,
    Disconnect = 27,
    ReceiveError = 28,
    BindUnprivileged = 29,
    SetFastOpenKey = 30,
    Destroy = 31,
    // What devices did, in the order in which the stack turned to them.
    Received = 32,
    Sent = 33,
    DeviceChanged = 34,
    ForgetDestinations = 35,
    SendFastOpen = 36,
    Stamp = 37,
    SetSignatureKey = 38,
    AddKey = 44,
    RemoveKey = 45,
    SetAuthentication = 46,
    SetHeaderOptions = 47,
    End = 63,
};

std::string_view name_of(InputKind kind);

struct Input {
    InputKind kind{};
    SocketId socket{};
    Endpoint endpoint{};
    IpAddress address{};  // a source, or the address of a prefix
    InterfaceIndex interface = 0;
    std::int64_t number = 0;  // a time, a size, a value
    std::uint32_t what = 0;   // an option, a family and type, flags, a prefix's length
    Route route{};
    std::string_view name{};
    Bytes bytes{};
};

enum InputFields : std::uint16_t {
    kHasSocket = 1,
    kHasEndpoint = 2,
    kHasAddress = 4,
    kHasInterface = 8,
    kHasNumber = 16,
    kHasWhat = 32,
    kHasRoute = 64,
    kHasName = 128,
    kHasBytes = 256,
};

// Which fields a call of that kind has.
std::uint16_t fields_of(InputKind kind);

// Flags as the number they are written as, and back.
constexpr std::uint32_t to_number(const SendFlags& f) {
    return (f.more ? 1u : 0u) | (f.out_of_band ? 2u : 0u) | (f.end_of_record ? 4u : 0u) |
           (f.zero_copy ? 8u : 0u) | (f.waits ? 16u : 0u);
}
constexpr SendFlags send_flags(std::uint32_t n) {
    return {.more = (n & 1) != 0,
            .out_of_band = (n & 2) != 0,
            .end_of_record = (n & 4) != 0,
            .zero_copy = (n & 8) != 0,
            .waits = (n & 16) != 0};
}
constexpr std::uint32_t to_number(const ReceiveFlags& f) {
    return (f.peek ? 1u : 0u) | (f.truncate ? 2u : 0u) | (f.out_of_band ? 4u : 0u);
}
constexpr ReceiveFlags receive_flags(std::uint32_t n) {
    return {.peek = (n & 1) != 0, .truncate = (n & 2) != 0, .out_of_band = (n & 4) != 0};
}

// What a datagram's target has beside its names.
constexpr std::uint32_t to_number(const DatagramTarget& t) {
    return static_cast<std::uint16_t>(t.ttl) | std::uint32_t{static_cast<std::uint16_t>(t.tos)}
                                                   << 16;
}

// And what it is told beside them.
constexpr std::int64_t to_flags(const DatagramTarget& t) {
    return (t.zero_copy ? 1 : 0) | (t.more ? 2 : 0) | (t.confirm ? 4 : 0) |
           std::int64_t{t.segment + 1} << 8 | (std::int64_t{t.stamps} + 1) << 32;
}
constexpr void take_flags(DatagramTarget& t, std::int64_t n) {
    t.zero_copy = (n & 1) != 0;
    t.more = (n & 2) != 0;
    t.confirm = (n & 4) != 0;
    t.segment = static_cast<std::int32_t>(n >> 8 & 0x1'ffff) - 1;
    t.stamps = static_cast<std::int32_t>(n >> 32 & 0xf'ffff) - 1;
}

// Makes the call; what it answers follows from the inputs before it and is nobody's concern.
// `scratch` is where received bytes go. False: no stack would be called like that.
bool apply(const Input& input, Stack& stack, std::vector<std::byte>& scratch);

}  // namespace fairlead
