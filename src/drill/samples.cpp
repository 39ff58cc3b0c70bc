#include "drill/samples.hpp"

#include <array>

namespace fairlead::drill {
namespace {

struct Field {
    std::string_view name;
    std::uint8_t offset;
    std::uint8_t bytes;
};

constexpr Field kVegas[] = {
    {"tcpv_enabled", 0, 4},
    {"tcpv_rttcnt", 4, 4},
    {"tcpv_rtt", 8, 4},
    {"tcpv_minrtt", 12, 4},
};
constexpr Field kDctcp[] = {
    {"dctcp_enabled", 0, 2}, {"dctcp_ce_state", 2, 2}, {"dctcp_alpha", 4, 4},
    {"dctcp_ab_ecn", 8, 4},  {"dctcp_ab_tot", 12, 4},
};
constexpr Field kBbr[] = {
    {"bbr_bw_lo", 0, 4},        {"bbr_bw_hi", 4, 4},      {"bbr_min_rtt", 8, 4},
    {"bbr_pacing_gain", 12, 4}, {"bbr_cwnd_gain", 16, 4},
};
constexpr Field kMemory[] = {
    {"SK_MEMINFO_RMEM_ALLOC", 0, 4}, {"SK_MEMINFO_RCVBUF", 4, 4},
    {"SK_MEMINFO_WMEM_ALLOC", 8, 4}, {"SK_MEMINFO_SNDBUF", 12, 4},
    {"SK_MEMINFO_FWD_ALLOC", 16, 4}, {"SK_MEMINFO_WMEM_QUEUED", 20, 4},
    {"SK_MEMINFO_OPTMEM", 24, 4},    {"SK_MEMINFO_BACKLOG", 28, 4},
    {"SK_MEMINFO_DROPS", 32, 4},
};

Sampled read(std::span<const Field> fields, std::span<const std::uint8_t> bytes) {
    Sampled all;
    for (const Field& field : fields) {
        if (std::size_t{field.offset} + field.bytes > bytes.size()) break;
        std::uint64_t value = 0;
        for (std::size_t i = field.bytes; i-- > 0;) value = value << 8 | bytes[field.offset + i];
        all.emplace_back(field.name, value);
    }
    return all;
}

}  // namespace

Sampled read_cc_info(std::string_view algorithm, std::span<const std::uint8_t> bytes) {
    if (algorithm == "bbr" || algorithm == "bbr3") return read(kBbr, bytes);
    if (algorithm == "dctcp") return read(kDctcp, bytes);
    // Others that measure round trips tell it in the form of Vegas.
    constexpr std::array<std::string_view, 4> kLikeVegas{"vegas", "veno", "westwood", "illinois"};
    for (const std::string_view name : kLikeVegas) {
        if (name == algorithm) return read(kVegas, bytes);
    }
    return {};
}

Sampled read_memory_info(std::span<const std::uint8_t> bytes) { return read(kMemory, bytes); }

}  // namespace fairlead::drill
