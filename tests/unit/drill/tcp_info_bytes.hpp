// drill/tcp_info_bytes.hpp — a TcpInfo as getsockopt(TCP_INFO) would give it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "posix/tcp_info.hpp"

namespace fairlead::drill {

inline std::vector<std::uint8_t> tcp_info_bytes(const TcpInfo& info) {
    const auto written = posix::write_tcp_info(info);
    std::vector<std::uint8_t> bytes(written.size());
    std::ranges::transform(written, bytes.begin(),
                           [](std::byte b) { return static_cast<std::uint8_t>(b); });
    return bytes;
}

}  // namespace fairlead::drill
