#include "drill/capabilities.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::string_view kNames[] = {
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
};
constexpr std::uint64_t kAll = (std::uint64_t{1} << std::size(kNames)) - 1;
constexpr std::string_view kOperators = "=+-";

// Of a list with commas; nothing: one of them is no capability.
std::optional<std::uint64_t> bits_of(std::string_view list) {
    std::uint64_t bits = 0;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(','), list.size());
        const std::string_view name = list.substr(0, end);
        const auto* found = std::ranges::find(kNames, name);
        if (found == std::end(kNames) && name != "all") return std::nullopt;
        bits |= name == "all" ? kAll : std::uint64_t{1} << (found - kNames);
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return bits;
}

// `=` names the flags that these have, `+` and `-` what changes in them.
bool apply(CapabilitySets& sets, std::uint64_t bits, char sign, std::string_view flags) {
    struct Flag {
        char letter;
        std::uint64_t CapabilitySets::* set;
    };
    constexpr Flag kFlags[] = {{'e', &CapabilitySets::effective},
                               {'p', &CapabilitySets::permitted},
                               {'i', &CapabilitySets::inheritable}};
    if (flags.find_first_not_of("epi") != std::string_view::npos) return false;
    for (const auto& [letter, set] : kFlags) {
        const bool is_named = flags.find(letter) != std::string_view::npos;
        if (sign == '=' || (sign == '-' && is_named)) sets.*set &= ~bits;
        if (sign != '-' && is_named) sets.*set |= bits;
    }
    return true;
}

bool apply_clause(CapabilitySets& sets, std::string_view clause) {
    std::size_t at = clause.find_first_of(kOperators);
    if (at == std::string_view::npos) return false;
    const auto bits = at == 0 ? kAll : bits_of(clause.substr(0, at));
    if (!bits) return false;
    while (at < clause.size()) {
        const std::size_t next = std::min(clause.find_first_of(kOperators, at + 1), clause.size());
        if (!apply(sets, *bits, clause[at], clause.substr(at + 1, next - at - 1))) return false;
        at = next;
    }
    return true;
}

}  // namespace

std::expected<CapabilitySets, std::string> read_capabilities(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\n";
    CapabilitySets sets;
    while (true) {
        const std::size_t begin = text.find_first_not_of(kBlanks);
        if (begin == std::string_view::npos) return sets;
        const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
        const std::string_view clause = text.substr(begin, end - begin);
        if (!apply_clause(sets, clause)) {
            return std::unexpected{fmt::format("'{}' names no capabilities", clause.substr(0, 64))};
        }
        text.remove_prefix(end);
    }
}

}  // namespace fairlead::drill
