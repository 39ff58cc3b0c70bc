#include "fairlead/config.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <variant>

#include "base/port_set.hpp"

namespace fairlead {
namespace {

using One = std::int64_t Config::*;
using Two = std::array<std::int64_t, 2> Config::*;
using Three = std::array<std::int64_t, 3> Config::*;
using Text = std::string Config::*;
using Keys = FastOpenKeys Config::*;

struct Entry {
    std::string_view name;
    std::variant<One, Two, Three, Text, Keys> field;
    std::int64_t lowest = 0;
    std::int64_t highest = INT32_MAX;
};

constexpr std::int64_t kAny = INT64_MAX;
constexpr std::string_view kDisciplines[] = {"fq", "fq_codel", "pfifo", "pfifo_fast"};

// Sorted by name: names() promises it, and a test holds it to that.
const Entry kEntries[] = {
    {"net.core.default_qdisc", &Config::default_qdisc},
    {"net.core.netdev_budget", &Config::netdev_budget},
    {"net.core.netdev_budget_usecs", &Config::netdev_budget_usecs},
    {"net.core.netdev_max_backlog", &Config::netdev_max_backlog},
    {"net.core.rmem_default", &Config::rmem_default, 2304},
    {"net.core.rmem_max", &Config::rmem_max, 2304},
    {"net.core.somaxconn", &Config::somaxconn},
    {"net.core.tstamp_allow_data", &Config::tstamp_allow_data, 0, 1},
    {"net.core.wmem_default", &Config::wmem_default, 4608},
    {"net.core.wmem_max", &Config::wmem_max, 4608},
    {"net.ipv4.conf.all.accept_source_route", &Config::ip_accept_source_route, 0, 1},
    {"net.ipv4.icmp_echo_ignore_all", &Config::icmp_echo_ignore_all, 0, 1},
    {"net.ipv4.icmp_echo_ignore_broadcasts", &Config::icmp_echo_ignore_broadcasts, 0, 1},
    {"net.ipv4.icmp_msgs_burst", &Config::icmp_msgs_burst},
    {"net.ipv4.icmp_msgs_per_sec", &Config::icmp_msgs_per_sec},
    {"net.ipv4.icmp_ratelimit", &Config::icmp_ratelimit},
    {"net.ipv4.icmp_ratemask", &Config::icmp_ratemask},
    {"net.ipv4.igmp_max_memberships", &Config::igmp_max_memberships},
    {"net.ipv4.igmp_qrv", &Config::igmp_qrv, 1},
    {"net.ipv4.ip_default_ttl", &Config::ip_default_ttl, 1, 255},
    {"net.ipv4.ip_forward", &Config::ip_forward, 0, 1},
    {"net.ipv4.ip_local_port_range", &Config::ip_local_port_range, 1, 65535},
    {"net.ipv4.ip_local_reserved_ports", &Config::ip_local_reserved_ports},
    {"net.ipv4.ip_no_pmtu_disc", &Config::ip_no_pmtu_disc, 0, 3},
    {"net.ipv4.ip_nonlocal_bind", &Config::ip_nonlocal_bind, 0, 1},
    {"net.ipv4.ip_unprivileged_port_start", &Config::ip_unprivileged_port_start, 0, 65535},
    {"net.ipv4.ipfrag_high_thresh", &Config::ipfrag_high_thresh},
    {"net.ipv4.ipfrag_max_dist", &Config::ipfrag_max_dist},
    {"net.ipv4.ipfrag_time", &Config::ipfrag_time},
    {"net.ipv4.neigh.default.base_reachable_time_ms", &Config::neigh_base_reachable_time_ms},
    {"net.ipv4.neigh.default.delay_first_probe_time", &Config::neigh_delay_first_probe_time},
    {"net.ipv4.neigh.default.gc_stale_time", &Config::neigh_gc_stale_time},
    {"net.ipv4.neigh.default.gc_thresh1", &Config::neigh_gc_thresh1},
    {"net.ipv4.neigh.default.gc_thresh3", &Config::neigh_gc_thresh3},
    {"net.ipv4.neigh.default.mcast_solicit", &Config::neigh_mcast_solicit},
    {"net.ipv4.neigh.default.retrans_time_ms", &Config::neigh_retrans_time_ms, 1},
    {"net.ipv4.neigh.default.ucast_solicit", &Config::neigh_ucast_solicit},
    {"net.ipv4.neigh.default.unres_qlen", &Config::neigh_unres_qlen},
    {"net.ipv4.ping_group_range", &Config::ping_group_range, 0, INT32_MAX},
    {"net.ipv4.tcp_abe", &Config::tcp_abe, 0, 1},
    {"net.ipv4.tcp_abort_on_overflow", &Config::tcp_abort_on_overflow, 0, 1},
    {"net.ipv4.tcp_adv_win_scale", &Config::tcp_adv_win_scale, -31, 31},
    {"net.ipv4.tcp_app_win", &Config::tcp_app_win, 0, 31},
    {"net.ipv4.tcp_autocorking", &Config::tcp_autocorking, 0, 1},
    {"net.ipv4.tcp_backlog_ack_defer", &Config::tcp_backlog_ack_defer, 0, 1},
    {"net.ipv4.tcp_base_mss", &Config::tcp_base_mss, 48},
    {"net.ipv4.tcp_challenge_ack_limit", &Config::tcp_challenge_ack_limit},
    {"net.ipv4.tcp_comp_sack_delay_ns", &Config::tcp_comp_sack_delay_ns},
    {"net.ipv4.tcp_comp_sack_nr", &Config::tcp_comp_sack_nr, 0, 255},
    {"net.ipv4.tcp_comp_sack_slack_ns", &Config::tcp_comp_sack_slack_ns},
    {"net.ipv4.tcp_congestion_control", &Config::tcp_congestion_control},
    {"net.ipv4.tcp_cubic_hystart", &Config::tcp_cubic_hystart, 0, 1},
    {"net.ipv4.tcp_cubic_hystart_detect", &Config::tcp_cubic_hystart_detect, 0, 4},
    {"net.ipv4.tcp_cubic_hystart_low_window", &Config::tcp_cubic_hystart_low_window, 0, INT32_MAX},
    {"net.ipv4.tcp_dsack", &Config::tcp_dsack, 0, 1},
    {"net.ipv4.tcp_early_retrans", &Config::tcp_early_retrans, 0, 4},
    {"net.ipv4.tcp_ecn", &Config::tcp_ecn, 0, 5},
    {"net.ipv4.tcp_ecn_fallback", &Config::tcp_ecn_fallback, 0, 1},
    {"net.ipv4.tcp_ecn_option", &Config::tcp_ecn_option, 0, 3},
    {"net.ipv4.tcp_ecn_option_beacon", &Config::tcp_ecn_option_beacon, 0, 3},
    {"net.ipv4.tcp_fastopen", &Config::tcp_fastopen},
    {"net.ipv4.tcp_fastopen_blackhole_timeout_sec", &Config::tcp_fastopen_blackhole_timeout_sec},
    {"net.ipv4.tcp_fastopen_key", &Config::tcp_fastopen_key},
    {"net.ipv4.tcp_fin_timeout", &Config::tcp_fin_timeout},
    {"net.ipv4.tcp_frto", &Config::tcp_frto, 0, 2},
    {"net.ipv4.tcp_invalid_ratelimit", &Config::tcp_invalid_ratelimit},
    {"net.ipv4.tcp_keepalive_intvl", &Config::tcp_keepalive_intvl},
    {"net.ipv4.tcp_keepalive_probes", &Config::tcp_keepalive_probes, 0, 255},
    {"net.ipv4.tcp_keepalive_time", &Config::tcp_keepalive_time},
    {"net.ipv4.tcp_limit_output_bytes", &Config::tcp_limit_output_bytes},
    {"net.ipv4.tcp_max_orphans", &Config::tcp_max_orphans},
    {"net.ipv4.tcp_max_reordering", &Config::tcp_max_reordering},
    {"net.ipv4.tcp_max_syn_backlog", &Config::tcp_max_syn_backlog},
    {"net.ipv4.tcp_max_tw_buckets", &Config::tcp_max_tw_buckets},
    {"net.ipv4.tcp_mem", &Config::tcp_mem, 0, kAny},
    {"net.ipv4.tcp_min_rtt_wlen", &Config::tcp_min_rtt_wlen, 0, 86400},
    {"net.ipv4.tcp_min_snd_mss", &Config::tcp_min_snd_mss, 48, 65535},
    {"net.ipv4.tcp_min_tso_segs", &Config::tcp_min_tso_segs, 1, 65535},
    {"net.ipv4.tcp_moderate_rcvbuf", &Config::tcp_moderate_rcvbuf, 0, 1},
    {"net.ipv4.tcp_mtu_probe_floor", &Config::tcp_mtu_probe_floor, 48},
    {"net.ipv4.tcp_mtu_probing", &Config::tcp_mtu_probing, 0, 2},
    {"net.ipv4.tcp_no_metrics_save", &Config::tcp_no_metrics_save, 0, 255},
    {"net.ipv4.tcp_no_ssthresh_metrics_save", &Config::tcp_no_ssthresh_metrics_save, 0, 1},
    {"net.ipv4.tcp_notsent_lowat", &Config::tcp_notsent_lowat, 0, UINT32_MAX},
    {"net.ipv4.tcp_orphan_retries", &Config::tcp_orphan_retries, 0, 255},
    {"net.ipv4.tcp_pacing_ca_ratio", &Config::tcp_pacing_ca_ratio, 0, 1000},
    {"net.ipv4.tcp_pacing_ss_ratio", &Config::tcp_pacing_ss_ratio, 0, 1000},
    {"net.ipv4.tcp_pingpong_thresh", &Config::tcp_pingpong_thresh, 1, 255},
    {"net.ipv4.tcp_probe_interval", &Config::tcp_probe_interval},
    {"net.ipv4.tcp_probe_threshold", &Config::tcp_probe_threshold},
    {"net.ipv4.tcp_recovery", &Config::tcp_recovery, 0, 255},
    {"net.ipv4.tcp_reordering", &Config::tcp_reordering, 1, 127},
    {"net.ipv4.tcp_retrans_collapse", &Config::tcp_retrans_collapse, 0, 1},
    {"net.ipv4.tcp_retries1", &Config::tcp_retries1, 0, 255},
    {"net.ipv4.tcp_retries2", &Config::tcp_retries2, 0, 255},
    {"net.ipv4.tcp_rfc1337", &Config::tcp_rfc1337, 0, 1},
    {"net.ipv4.tcp_rmem", &Config::tcp_rmem, 1},
    {"net.ipv4.tcp_rto_max_ms", &Config::tcp_rto_max_ms, 1000, 120000},
    {"net.ipv4.tcp_rto_min_us", &Config::tcp_rto_min_us, 1},
    {"net.ipv4.tcp_sack", &Config::tcp_sack, 0, 1},
    {"net.ipv4.tcp_shrink_window", &Config::tcp_shrink_window, 0, 1},
    {"net.ipv4.tcp_slow_start_after_idle", &Config::tcp_slow_start_after_idle, 0, 1},
    {"net.ipv4.tcp_stdurg", &Config::tcp_stdurg, 0, 1},
    {"net.ipv4.tcp_syn_linear_timeouts", &Config::tcp_syn_linear_timeouts, 0, 127},
    {"net.ipv4.tcp_syn_retries", &Config::tcp_syn_retries, 1, 127},
    {"net.ipv4.tcp_synack_retries", &Config::tcp_synack_retries, 0, 255},
    {"net.ipv4.tcp_syncookies", &Config::tcp_syncookies, 0, 2},
    {"net.ipv4.tcp_thin_linear_timeouts", &Config::tcp_thin_linear_timeouts, 0, 1},
    {"net.ipv4.tcp_timestamps", &Config::tcp_timestamps, 0, 2},
    {"net.ipv4.tcp_tso_rtt_log", &Config::tcp_tso_rtt_log, 0, 31},
    {"net.ipv4.tcp_tso_win_divisor", &Config::tcp_tso_win_divisor, 0, 255},
    {"net.ipv4.tcp_tw_reuse", &Config::tcp_tw_reuse, 0, 2},
    {"net.ipv4.tcp_tw_reuse_delay", &Config::tcp_tw_reuse_delay, 1},
    {"net.ipv4.tcp_window_scaling", &Config::tcp_window_scaling, 0, 1},
    {"net.ipv4.tcp_wmem", &Config::tcp_wmem, 1},
    {"net.ipv4.udp_rmem_min", &Config::udp_rmem_min, 1},
    {"net.ipv4.udp_wmem_min", &Config::udp_wmem_min, 1},
    {"net.ipv6.auto_flowlabels", &Config::ip6_auto_flowlabels, 0, 3},
    {"net.ipv6.bindv6only", &Config::ip6_bindv6only, 0, 1},
    {"net.ipv6.conf.all.accept_ra", &Config::ip6_accept_ra, 0, 2},
    {"net.ipv6.conf.all.dad_transmits", &Config::ip6_dad_transmits, 0, 255},
    {"net.ipv6.conf.all.hop_limit", &Config::ip6_hop_limit, 1, 255},
};

const Entry* find(std::string_view name) {
    std::string dotted{name};
    std::ranges::replace(dotted, '/', '.');
    const auto* at = std::ranges::lower_bound(kEntries, dotted, {}, &Entry::name);
    return at != std::end(kEntries) && at->name == dotted ? at : nullptr;
}

// The next blank-separated integer within the entry's range; takes it off the text.
Result<std::int64_t> take_number(std::string_view& text, const Entry& entry) {
    const std::size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return std::unexpected{Errc::InvalidArgument};
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
    std::int64_t value = 0;
    // As Linux reads them: 0x begins a hexadecimal one.
    const std::string_view digits = word.starts_with("0x") ? word.substr(2) : word;
    const int base = word.starts_with("0x") ? 16 : 10;
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (fault != std::errc{} || end != word.data() + word.size() || value < entry.lowest ||
        value > entry.highest) {
        return std::unexpected{Errc::InvalidArgument};
    }
    text.remove_prefix(word.size());
    return value;
}

template <std::size_t N>
Result<void> set_numbers(std::array<std::int64_t, N>& field, std::string_view text,
                         const Entry& entry) {
    std::array<std::int64_t, N> values{};
    for (std::int64_t& value : values) value = FAIRLEAD_TRY(take_number(text, entry));
    if (text.find_first_not_of(" \t\n") != std::string_view::npos) {
        return std::unexpected{Errc::InvalidArgument};
    }
    field = values;
    return {};
}

// proc_tcp_fastopen_key(): four words of up to eight digits each, and perhaps four more.
std::optional<FastOpenKeys> read_keys(std::string_view text) {
    FastOpenKeys keys;
    while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
    while (true) {
        if (keys.count == keys.words.size()) return std::nullopt;
        auto& key = keys.words[keys.count++];
        for (std::size_t i = 0; i < key.size(); ++i) {
            const auto [end, fault] =
                std::from_chars(text.data(), text.data() + text.size(), key[i], 16);
            if (fault != std::errc{}) return std::nullopt;
            text.remove_prefix(static_cast<std::size_t>(end - text.data()));
            if (i + 1 == key.size()) break;
            if (!text.starts_with('-')) return std::nullopt;
            text.remove_prefix(1);
        }
        if (text.empty()) break;
        if (!text.starts_with(',')) return std::nullopt;
        text.remove_prefix(1);
    }
    // A key of zeros, which is how the lack of one is written, is none.
    return keys.words[0] == FastOpenKeys{}.words[0] ? FastOpenKeys{} : keys;
}

std::string write_keys(const FastOpenKeys& keys) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (std::size_t k = 0; k < std::max<std::size_t>(keys.count, 1); ++k) {
        if (k > 0) out += ',';
        for (std::size_t i = 0; i < keys.words[k].size(); ++i) {
            if (i > 0) out += '-';
            for (int shift = 28; shift >= 0; shift -= 4) {
                out += kDigits[keys.words[k][i] >> shift & 0xf];
            }
        }
    }
    return out;
}

}  // namespace

Result<void> Config::set(std::string_view name, std::string_view value) {
    const Entry* entry = find(name);
    if (entry == nullptr) return std::unexpected{Errc::NoSuchEntry};
    if (const auto* one = std::get_if<One>(&entry->field)) {
        std::array<std::int64_t, 1> single{};
        if (const auto done = set_numbers(single, value, *entry); !done) return done;
        this->** one = single[0];
        return {};
    }
    if (const auto* two = std::get_if<Two>(&entry->field)) {
        std::array<std::int64_t, 2> range{};
        if (const auto done = set_numbers(range, value, *entry); !done) return done;
        const bool may_be_nobody = *two == &Config::ping_group_range;
        if (range[0] > range[1] && may_be_nobody) range = {1, 0};
        if (range[0] > range[1] && !may_be_nobody) return std::unexpected{Errc::InvalidArgument};
        this->** two = range;
        return {};
    }
    if (const auto* three = std::get_if<Three>(&entry->field)) {
        return set_numbers(this->**three, value, *entry);
    }
    if (const auto* field = std::get_if<Keys>(&entry->field)) {
        const auto keys = read_keys(value);
        if (!keys) return std::unexpected{Errc::InvalidArgument};
        this->** field = *keys;
        return {};
    }
    const Text field = std::get<Text>(entry->field);
    if (field == &Config::ip_local_reserved_ports) {
        const auto ports = PortSet::parse(value);
        if (!ports) return std::unexpected{Errc::InvalidArgument};
        this->*field = ports->text();
        return {};
    }
    if (field == &Config::default_qdisc &&
        std::ranges::find(kDisciplines, value) == std::end(kDisciplines)) {
        return std::unexpected{Errc::NoSuchEntry};
    }
    this->*field = std::string{value};
    return {};
}

Result<std::string> Config::get(std::string_view name) const {
    const Entry* entry = find(name);
    if (entry == nullptr) return std::unexpected{Errc::NoSuchEntry};
    const auto joined = [](const auto& values) {
        std::string out;
        for (const std::int64_t v : values) {
            if (!out.empty()) out += '\t';
            out += std::to_string(v);
        }
        return out;
    };
    if (const auto* one = std::get_if<One>(&entry->field)) return std::to_string(this->**one);
    if (const auto* two = std::get_if<Two>(&entry->field)) return joined(this->**two);
    if (const auto* three = std::get_if<Three>(&entry->field)) return joined(this->**three);
    if (const auto* keys = std::get_if<Keys>(&entry->field)) return write_keys(this->**keys);
    return this->*std::get<Text>(entry->field);
}

std::vector<std::string_view> Config::names() {
    std::vector<std::string_view> out;
    for (const Entry& entry : kEntries) out.push_back(entry.name);
    return out;
}

}  // namespace fairlead
