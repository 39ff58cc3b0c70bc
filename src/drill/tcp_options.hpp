// drill/tcp_options.hpp — the options of a script as they travel.
//
// Owns:   kinds, lengths and bytes of every option the language can name, the wrong ones included:
//         a script may say what the stack under test never would.
// Knows:  RFC 9293 §3.1, RFC 7323, RFC 2018, RFC 7413, RFC 2385, RFC 9768 §3.2.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "drill/script.hpp"

namespace fairlead::drill {

inline constexpr std::size_t kMostOptionBytes = 40;

enum class OptionKind : std::uint8_t {
    EndOfList = 0,
    Nop = 1,
    Mss = 2,
    WindowScale = 3,
    SackPermitted = 4,
    Sack = 5,
    Timestamp = 8,
    Md5 = 19,
    FastOpen = 34,
    AccurateEcn0 = 172,  // E0B comes first
    AccurateEcn1 = 174,  // E1B comes first
    Experiment = 254,    // RFC 6994: two bytes of magic follow
};
inline constexpr std::uint16_t kFastOpenMagic = 0xf989;

std::size_t wire_size(const TcpOption& option);
// The bytes, filled up with end-of-list to a multiple of four, as a header has them.
std::vector<std::uint8_t> encode_options(const std::vector<TcpOption>& options);
// Reads what a packet carries; what is malformed from some byte on comes as one Unknown.
std::vector<TcpOption> decode_options(const std::vector<std::uint8_t>& bytes);

}  // namespace fairlead::drill
