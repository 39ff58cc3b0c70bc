#include "drill/icmp_names.hpp"

namespace fairlead::drill {
namespace {

constexpr std::uint8_t kFirstInformationalV6 = 128;  // RFC 4443 §2.1

struct Row {
    bool is_v6;
    std::uint8_t type;
    int code;  // -1: the row names the type
    std::string_view name;
};

// Where a kind has two names, the first is the one that is written.
constexpr Row kRows[] = {
    {false, 0, -1, "echo_reply"},
    {false, 3, -1, "unreachable"},
    {false, 3, 0, "net_unreachable"},
    {false, 3, 1, "host_unreachable"},
    {false, 3, 2, "protocol_unreachable"},
    {false, 3, 3, "port_unreachable"},
    {false, 3, 4, "frag_needed"},
    {false, 3, 5, "source_route_failed"},
    {false, 3, 6, "net_unknown"},
    {false, 3, 7, "host_unknown"},
    {false, 3, 8, "source_host_isolated"},
    {false, 3, 9, "net_prohibited"},
    {false, 3, 10, "host_prohibited"},
    {false, 3, 11, "net_unreachable_for_tos"},
    {false, 3, 12, "host_unreachable_for_tos"},
    {false, 3, 13, "packet_filtered"},
    {false, 3, 13, "admin_prohibited"},
    {false, 3, 14, "precedence_violation"},
    {false, 3, 14, "host_precedence_violation"},
    {false, 3, 15, "precedence_cutoff"},
    {false, 4, -1, "source_quench"},
    {false, 5, -1, "redirect"},
    {false, 5, 0, "net_redirect"},
    {false, 5, 1, "host_redirect"},
    {false, 8, -1, "echo_request"},
    {false, 9, -1, "router_advertisement"},
    {false, 10, -1, "router_solicitation"},
    {false, 11, -1, "time_exceeded"},
    {false, 11, 0, "ttl_exceeded"},
    {false, 11, 1, "reassembly_time_exceeded"},
    {false, 12, -1, "parameter_problem"},
    {false, 13, -1, "timestamp_request"},
    {false, 14, -1, "timestamp_reply"},
    {false, 15, -1, "information_request"},
    {false, 16, -1, "information_reply"},
    {false, 17, -1, "address_mask_request"},
    {false, 18, -1, "address_mask_reply"},
    {true, 1, -1, "unreachable"},
    {true, 1, 0, "no_route"},
    {true, 1, 1, "admin_prohibited"},
    {true, 1, 2, "beyond_scope"},
    {true, 1, 2, "not_neighbour"},
    {true, 1, 3, "address_unreachable"},
    {true, 1, 4, "port_unreachable"},
    {true, 1, 5, "source_policy"},
    {true, 1, 6, "reject_route"},
    {true, 2, -1, "packet_too_big"},
    {true, 3, -1, "time_exceeded"},
    {true, 3, 0, "hop_limit_exceeded"},
    {true, 3, 1, "reassembly_time_exceeded"},
    {true, 4, -1, "parameter_problem"},
    {true, 4, 0, "header_field"},
    {true, 4, 1, "next_header"},
    {true, 4, 2, "unknown_option"},
    {true, 128, -1, "echo_request"},
    {true, 129, -1, "echo_reply"},
    {true, 133, -1, "router_solicitation"},
    {true, 134, -1, "router_advertisement"},
    {true, 135, -1, "neighbor_solicitation"},
    {true, 136, -1, "neighbor_advertisement"},
    {true, 137, -1, "redirect"},
};

}  // namespace

std::optional<std::uint8_t> icmp_type(bool is_v6, std::string_view name) {
    for (const Row& row : kRows) {
        if (row.is_v6 == is_v6 && row.code < 0 && row.name == name) return row.type;
    }
    return std::nullopt;
}

std::optional<std::uint8_t> icmp_code(bool is_v6, std::uint8_t type, std::string_view name) {
    for (const Row& row : kRows) {
        if (row.is_v6 == is_v6 && row.type == type && row.code >= 0 && row.name == name) {
            return static_cast<std::uint8_t>(row.code);
        }
    }
    return std::nullopt;
}

std::string icmp_type_name(bool is_v6, std::uint8_t type) {
    for (const Row& row : kRows) {
        if (row.is_v6 == is_v6 && row.type == type && row.code < 0) return std::string{row.name};
    }
    return std::to_string(type);
}

std::string icmp_code_name(bool is_v6, std::uint8_t type, std::uint8_t code) {
    for (const Row& row : kRows) {
        if (row.is_v6 == is_v6 && row.type == type && row.code == code) {
            return std::string{row.name};
        }
    }
    return std::to_string(code);
}

bool is_icmp_error(bool is_v6, std::uint8_t type) {
    if (is_v6) return type < kFirstInformationalV6;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

}  // namespace fairlead::drill
