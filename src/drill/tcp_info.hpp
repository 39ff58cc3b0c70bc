// drill/tcp_info.hpp — Linux's struct tcp_info, field by field.
//
// Owns:   names, places and widths of its fields (include/uapi/linux/tcp.h of Linux 6.18): what
//         getsockopt(TCP_INFO) gave, by name.
// Not here: the bytes of a stack's (posix/tcp_info.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fairlead::drill {

inline constexpr std::size_t kTcpInfoBytes = 280;

// Only the fields that lie within the bytes: an older kernel gives fewer.
std::vector<std::pair<std::string, std::uint64_t>> read_tcp_info(
    std::span<const std::uint8_t> bytes);

// TCPI_OPT_SACK, TCP_CA_Recovery, TCP_ESTABLISHED, ...
std::span<const std::pair<std::string_view, std::uint64_t>> tcp_info_constants();

}  // namespace fairlead::drill
