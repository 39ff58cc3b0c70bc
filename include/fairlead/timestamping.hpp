// fairlead/timestamping.hpp — what SO_TIMESTAMPING asks for.
//
// Owns:     its flags, with Linux's numbers (SOF_TIMESTAMPING_...), and which of them go together.
// Told:     in the error queue (Stack::receive_error), origin Timestamping: `info` says what happened
//           (StampKind), `data` which byte or datagram it is about, `when` when.
// Not here: stamps of hardware: there is none.
#pragma once

#include <cstdint>

namespace fairlead {

using Stamps = std::uint32_t;
inline constexpr Stamps kStampSent = 0x2;           // TX_SOFTWARE: handed to the device
inline constexpr Stamps kStampReceived = 0x8;       // RX_SOFTWARE
inline constexpr Stamps kStampTellSoftware = 0x10;  // SOFTWARE: such stamps are told
inline constexpr Stamps kStampNumbered = 0x80;      // OPT_ID: the messages say which
inline constexpr Stamps kStampScheduled = 0x100;    // TX_SCHED: handed to the queue of the device
inline constexpr Stamps kStampAcked = 0x200;        // TX_ACK: the peer has it
inline constexpr Stamps kStampNamed = 0x400;        // OPT_CMSG: with who sent it
inline constexpr Stamps kStampOnly = 0x800;         // OPT_TSONLY: without what was sent
inline constexpr Stamps kStampStatistics = 0x1000;  // OPT_STATS
inline constexpr Stamps kStampOfClock = 0x8000;     // BIND_PHC
inline constexpr Stamps kStampFromWritten = 0x1'0000;  // OPT_ID_TCP: numbered from here on
inline constexpr Stamps kStampAskedOnly = 0x2'0000;    // OPT_RX_FILTER
inline constexpr Stamps kAllStamps = 0x7'ffff;
// What may be asked for each send: by the hardware too, which never has anything to say.
inline constexpr Stamps kSendStamps = 0x4'0301 | kStampSent;

enum class StampKind : std::uint8_t { Sent = 0, Scheduled = 1, Acked = 2 };

constexpr bool are_stamps(std::int64_t flags) {
    return flags >= 0 && (flags & ~std::int64_t{kAllStamps}) == 0 &&
           ((flags & kStampFromWritten) == 0 || (flags & kStampNumbered) != 0);
}
// Statistics stand in the place of what was sent.
constexpr bool go_together(Stamps flags) {
    return (flags & kStampStatistics) == 0 || (flags & kStampOnly) != 0;
}

}  // namespace fairlead
