// drill/samples.hpp — what a code block sees beside struct tcp_info, field by field.
//
// Owns:   the names of union tcp_cc_info's fields (TCP_CC_INFO), which depend on the congestion
//         control, and of SO_MEMINFO's numbers (include/uapi/linux of Linux 6.18).
// Not here: struct tcp_info (tcp_info.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fairlead::drill {

using Sampled = std::vector<std::pair<std::string, std::uint64_t>>;

// `algorithm` as TCP_CONGESTION names it; one that tells nothing of itself has no fields.
Sampled read_cc_info(std::string_view algorithm, std::span<const std::uint8_t> bytes);
// Only the numbers that lie within the bytes.
Sampled read_memory_info(std::span<const std::uint8_t> bytes);

}  // namespace fairlead::drill
