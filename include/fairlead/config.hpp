// fairlead/config.hpp — what may be set, under Linux's sysctl names, with Linux's defaults.
//
// Owns:    Config, and its table of names ("net.ipv4.tcp_sack") with ranges.
// Source:  Documentation/networking/ip-sysctl of Linux 6.18, read off a running kernel. Where the
//          kernel derives a default from the machine's memory, this is what it gives 16 GiB.
// Units:   as Linux has them; the names say so where a reader might doubt.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fairlead/error.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

// What Fast Open cookies are made with (RFC 7413 §4.1.2): the first makes them, the second, if there
// is one, is still good. None: the stack has one of its own, which nobody knows.
struct FastOpenKeys {
    std::array<std::array<std::uint32_t, 4>, 2> words{};
    std::uint8_t count = 0;

    bool operator==(const FastOpenKeys&) const = default;
};

struct Config {
    // --- net.core ---
    std::string default_qdisc = "pfifo_fast";  // or pfifo, fq, fq_codel: of interfaces added after
    std::int64_t somaxconn = 4096;
    std::int64_t rmem_default = 212992;
    std::int64_t wmem_default = 212992;
    std::int64_t rmem_max = 4194304;
    std::int64_t wmem_max = 4194304;
    std::int64_t netdev_max_backlog = 1000;
    std::int64_t netdev_budget = 300;
    std::int64_t netdev_budget_usecs = 8000;
    std::int64_t tstamp_allow_data = 1;

    // --- net.ipv4, IP ---
    std::int64_t ip_accept_source_route = 0;  // net.ipv4.conf.all.accept_source_route
    std::int64_t ip_default_ttl = 64;
    std::int64_t ip_forward = 0;
    std::int64_t ip_no_pmtu_disc = 0;
    std::int64_t ip_unprivileged_port_start = 1024;
    std::int64_t ip_nonlocal_bind = 0;
    std::array<std::int64_t, 2> ip_local_port_range{32768, 60999};
    std::array<std::int64_t, 2> ping_group_range{1, 0};  // who may have a ping socket: nobody
    std::string ip_local_reserved_ports{};               // "8080,9000-9100"
    std::int64_t ipfrag_time = 30;                       // seconds
    std::int64_t ipfrag_high_thresh = 4194304;
    std::int64_t ipfrag_max_dist = 64;
    std::int64_t icmp_echo_ignore_all = 0;
    std::int64_t icmp_echo_ignore_broadcasts = 1;
    std::int64_t icmp_ratelimit = 1000;  // milliseconds between two to one destination
    std::int64_t icmp_ratemask = 6168;
    std::int64_t icmp_msgs_per_sec = 10000;
    std::int64_t icmp_msgs_burst = 10000;
    std::int64_t igmp_max_memberships = 20;
    std::int64_t igmp_qrv = 2;
    std::int64_t ip6_hop_limit = 64;
    std::int64_t ip6_auto_flowlabels = 1;
    std::int64_t ip6_bindv6only = 0;
    std::int64_t ip6_dad_transmits = 1;
    std::int64_t ip6_accept_ra = 1;

    // --- net.ipv4.neigh ---
    std::int64_t neigh_mcast_solicit = 3;
    std::int64_t neigh_ucast_solicit = 3;
    std::int64_t neigh_retrans_time_ms = 1000;
    std::int64_t neigh_base_reachable_time_ms = 30000;
    std::int64_t neigh_delay_first_probe_time = 5;  // seconds
    std::int64_t neigh_gc_stale_time = 60;          // seconds
    std::int64_t neigh_gc_thresh1 = 128;
    std::int64_t neigh_gc_thresh3 = 1024;
    std::int64_t neigh_unres_qlen = 101;  // packets

    // --- net.ipv4, TCP: opening ---
    std::int64_t tcp_syn_retries = 6;
    std::int64_t tcp_syn_linear_timeouts = 4;
    std::int64_t tcp_synack_retries = 5;
    std::int64_t tcp_syncookies = 1;
    std::int64_t tcp_max_syn_backlog = 2048;
    std::int64_t tcp_abort_on_overflow = 0;
    std::int64_t tcp_fastopen = 1;
    FastOpenKeys tcp_fastopen_key{};  // "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4", or two with a comma
    std::int64_t tcp_fastopen_blackhole_timeout_sec = 0;
    std::int64_t tcp_window_scaling = 1;
    std::int64_t tcp_timestamps = 1;
    std::int64_t tcp_sack = 1;
    std::int64_t tcp_dsack = 1;
    std::int64_t tcp_ecn = 2;
    std::int64_t tcp_ecn_fallback = 1;
    std::int64_t tcp_ecn_option = 2;
    std::int64_t tcp_ecn_option_beacon = 3;
    std::int64_t tcp_abe = 0;  // ours: a mark takes less of the window than a loss (RFC 8511)
    std::int64_t tcp_base_mss = 1024;
    std::int64_t tcp_min_snd_mss = 48;
    std::int64_t tcp_mtu_probing = 0;
    std::int64_t tcp_mtu_probe_floor = 48;
    std::int64_t tcp_probe_threshold = 8;   // bytes
    std::int64_t tcp_probe_interval = 600;  // seconds
    // --- closing ---
    std::int64_t tcp_fin_timeout = 60;  // seconds
    std::int64_t tcp_max_tw_buckets = 131072;
    std::int64_t tcp_tw_reuse = 2;
    std::int64_t tcp_tw_reuse_delay = 1000;  // milliseconds
    std::int64_t tcp_rfc1337 = 0;
    std::int64_t tcp_orphan_retries = 0;
    std::int64_t tcp_max_orphans = 131072;
    // --- timers ---
    std::int64_t tcp_retries1 = 3;
    std::int64_t tcp_retries2 = 15;
    std::int64_t tcp_rto_min_us = 200000;
    std::int64_t tcp_rto_max_ms = 120000;
    std::int64_t tcp_keepalive_time = 7200;  // seconds
    std::int64_t tcp_keepalive_intvl = 75;   // seconds
    std::int64_t tcp_keepalive_probes = 9;
    // --- memory and windows ---
    std::array<std::int64_t, 3> tcp_rmem{4096, 131072, 33554432};
    std::array<std::int64_t, 3> tcp_wmem{4096, 16384, 4194304};
    std::array<std::int64_t, 3> tcp_mem{287898, 383867, 575796};  // pages of 4096 bytes
    std::int64_t tcp_moderate_rcvbuf = 1;
    std::int64_t tcp_app_win = 31;
    std::int64_t tcp_adv_win_scale = 1;
    std::int64_t tcp_shrink_window = 0;
    std::int64_t tcp_stdurg = 0;  // the urgent pointer is at the byte, not behind it
    std::int64_t tcp_notsent_lowat = 4294967295;
    std::int64_t tcp_limit_output_bytes = 4194304;
    std::int64_t tcp_autocorking = 1;
    std::int64_t tcp_tso_win_divisor = 3;
    // --- what is remembered of a destination ---
    std::int64_t tcp_no_metrics_save = 0;
    std::int64_t tcp_no_ssthresh_metrics_save = 1;
    // --- recovery and congestion ---
    std::string tcp_congestion_control = "cubic";
    std::int64_t tcp_slow_start_after_idle = 1;
    std::int64_t tcp_reordering = 3;
    std::int64_t tcp_max_reordering = 300;
    std::int64_t tcp_recovery = 1;
    std::int64_t tcp_early_retrans = 3;
    std::int64_t tcp_frto = 2;
    std::int64_t tcp_retrans_collapse = 1;
    std::int64_t tcp_thin_linear_timeouts = 0;
    std::int64_t tcp_pacing_ss_ratio = 200;
    std::int64_t tcp_pacing_ca_ratio = 120;
    std::int64_t tcp_min_rtt_wlen = 300;  // seconds
    std::int64_t tcp_min_tso_segs = 2;
    std::int64_t tcp_tso_rtt_log = 9;  // 2^9 us: as far as a path is near
    // On Linux parameters of the module tcp_cubic, with the same words.
    std::int64_t tcp_cubic_hystart = 1;
    std::int64_t tcp_cubic_hystart_detect = 3;  // 1: ACK train, 2: delay; 4: HyStart++, not Linux's
    std::int64_t tcp_cubic_hystart_low_window = 16;
    // --- ACKs that wait for others of their kind ---
    std::int64_t tcp_comp_sack_delay_ns = 1'000'000;
    std::int64_t tcp_comp_sack_slack_ns = 100'000;
    std::int64_t tcp_comp_sack_nr = 44;

    // --- defence ---
    std::int64_t tcp_challenge_ack_limit = 2147483647;
    std::int64_t tcp_invalid_ratelimit = 500;  // milliseconds
    std::int64_t tcp_pingpong_thresh = 1;
    // --- acknowledgements ---
    std::int64_t tcp_backlog_ack_defer = 1;  // what came together is acknowledged together

    // --- UDP ---
    std::int64_t udp_rmem_min = 4096;
    std::int64_t udp_wmem_min = 4096;

    // `name` as sysctl(8) has it, dots or slashes between the words, "net." first; a value as it
    // is printed there ("4096 131072 33554432"). NoSuchEntry: no such name; InvalidArgument: the
    // value is no number or out of its range, and nothing has changed.
    Result<void> set(std::string_view name, std::string_view value);
    Result<std::string> get(std::string_view name) const;
    static std::vector<std::string_view> names();  // sorted
};

}  // namespace fairlead
