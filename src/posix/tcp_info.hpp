// posix/tcp_info.hpp — struct tcp_info as getsockopt(TCP_INFO) writes it.
//
// Owns:   the layout of Linux 6.18 (280 bytes); who asks for fewer bytes gets the first of them.
// Units:  times in microseconds, the "last" ones in milliseconds.
#pragma once

#include <array>
#include <cstddef>

#include "fairlead/info.hpp"

namespace fairlead::posix {

inline constexpr std::size_t kTcpInfoBytes = 280;

std::array<std::byte, kTcpInfoBytes> write_tcp_info(const TcpInfo& info);

}  // namespace fairlead::posix
