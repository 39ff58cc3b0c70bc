#include "inspect/ss.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "inspect/diag_dump.hpp"
#include "unit/inspect/rows.hpp"

namespace fairlead::inspect {
namespace {

TEST(Ss, ARowHasLinuxsColumns) {
    EXPECT_EQ(ss_table(every_kind(), {.shows_all = true, .shows_udp = false}),
              "State     Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
              "ESTAB     21     4344       192.0.2.1:80       192.0.2.2:40000       \n"
              "SYN-RECV  0      0          192.0.2.1:80       192.0.2.9:1024        \n"
              "LISTEN    0      128                *:80               *:*           \n"
              "TIME-WAIT 0      0      [2001:db8::1]:80   [2001:db8::2]:5           \n");
}

TEST(Ss, WhatTcpKnowsStandsOnASecondLine) {
    Snapshot snapshot;
    snapshot.sockets = {busy_stream()};
    EXPECT_EQ(ss_table(snapshot, {.shows_udp = false,
                                  .shows_timers = true,
                                  .shows_details = true,
                                  .shows_memory = true,
                                  .shows_info = true,
                                  .shows_header = false}),
              "ESTAB 21     4344   192.0.2.1:80 192.0.2.2:40000 timer:(on,204ms,2) ino:5 "
              "sk:100000004 <->\n"
              "\t skmem:(r2304,rb131072,t0,tb87040,f0,w4856,o0,bl0,d0) ts sack reno wscale:7,10 "
              "rto:816 backoff:2 rtt:1.125/0.562 ato:40 mss:1448 pmtu:1500 rcvmss:536 advmss:1448 "
              "cwnd:1 ssthresh:7 bytes_sent:121312 bytes_retrans:2896 bytes_acked:114072 "
              "bytes_received:21 segs_out:86 segs_in:10 data_segs_out:84 data_segs_in:1 "
              "send 10296889bps lastsnd:612 lastrcv:1204 lastack:1020 pacing_rate 12356264bps "
              "delivered:80 busy:1500ms rwnd_limited:100ms(6.7%) unacked:3 retrans:1/2 lost:3 "
              "rcv_space:14480 rcv_ssthresh:64088 minrtt:1 snd_wnd:64256\n");
}

TEST(Ss, AControllerTellsOfItselfBeforeTheRates) {
    const auto line = [](std::string_view name, const CongestionDetails& told) {
        SocketRow row;
        row.congestion = name;
        row.congestion_details = told;
        row.tcp = TcpInfo{.reordering_segments = 3, .data_segments_in = 1, .last_data_sent = 5_ms};
        return ss_tcp_info(row, false);
    };
    using Form = CongestionDetails::Form;
    const CongestionDetails bbr{
        .form = Form::Bbr, .bytes = 20, .words = {1'250'000, 0, 40'125, 739, 512}};
    EXPECT_EQ(line("bbr", bbr),
              " bbr data_segs_in:1 bbr:(bw:10000000bps,mrtt:40.125,pacing_gain:2.88672,"
              "cwnd_gain:2) lastsnd:5");
    const CongestionDetails dctcp{
        .form = Form::Dctcp, .bytes = 16, .words = {0x1'0001, 960, 1448, 14480}};
    EXPECT_EQ(line("dctcp", dctcp),
              " dctcp data_segs_in:1 dctcp:(ce_state:1,alpha:960,ab_ecn:1448,ab_tot:14480) "
              "lastsnd:5");
    EXPECT_EQ(line("dctcp-reno", {.form = Form::Dctcp, .bytes = 16}),
              " dctcp-reno data_segs_in:1 dctcp:fallback_mode lastsnd:5");
}

TEST(Ss, AllTimersShowTheirTime) {
    const auto timer = [](TimerKind kind, Duration left) {
        return ss_timer({.timer = kind, .timer_left = left, .retransmits = 3, .probes = 5});
    };
    EXPECT_EQ(timer(TimerKind::Off, 1_s), "");
    EXPECT_EQ(timer(TimerKind::Retransmit, 204_ms), " timer:(on,204ms,3)");
    EXPECT_EQ(timer(TimerKind::KeepAlive, 7199_s), " timer:(keepalive,119min,5)");
    EXPECT_EQ(timer(TimerKind::TimeWait, 60_s), " timer:(timewait,1min,3)");
    EXPECT_EQ(timer(TimerKind::Persist, 4_s), " timer:(persist,4sec,5)");
    EXPECT_EQ(ss_timer({.ack_left = 38_ms}), " delack:038ms");
    EXPECT_EQ(ss_timer({.timer = TimerKind::Retransmit, .timer_left = 204_ms, .ack_left = 38_ms}),
              " timer:(on,204ms,0) delack:038ms");
    EXPECT_EQ(ss_time(4204_ms), "4.204ms");
    EXPECT_EQ(ss_time(59'990_ms), "59sec");
    EXPECT_EQ(ss_time(119_s), "1min59sec");
    EXPECT_EQ(ss_time(Duration{} - 1_s), "");
}

TEST(Ss, OnlyWhatIsAskedForIsShown) {
    const Snapshot all = every_kind();
    EXPECT_EQ(choose(all, {}).size(), 1u) << "the one that is connected";
    EXPECT_EQ(choose(all, {.shows_all = true}).size(), 5u);
    EXPECT_EQ(choose(all, {.shows_listening = true}).size(), 2u) << "UDP's too";
    EXPECT_EQ(choose(all, {.shows_all = true, .shows_v6 = false}).size(), 3u);
    EXPECT_EQ(choose(all, {.shows_all = true, .shows_tcp = false}).size(), 1u);
    EXPECT_EQ(choose(all, {.filter = *parse_filter({"state", "time-wait"})}).size(), 1u);
}

TEST(Ss, TheSummaryCounts) {
    EXPECT_EQ(ss_summary(every_kind()),
              "Total: 3\n"
              "TCP:   3 (estab 1, closed 1, orphaned 0, timewait 1)\n\n"
              "Transport Total     IP        IPv6\n"
              "RAW\t  0         0         0        \n"
              "UDP\t  1         1         0        \n"
              "TCP\t  2         1         1        \n"
              "INET\t  3         2         1        \n"
              "FRAG\t  0         0         0        \n\n");
}

// --- beside the genuine one, which reads what it shows from our messages ---

struct Asked {
    std::string_view flags;
    SsOptions options;
};

const Asked kAsked[] = {
    {"-tan", {.shows_all = true}},
    {"-tn", {}},
    {"-tanH", {.shows_all = true, .shows_header = false}},
    {"-tano", {.shows_all = true, .shows_timers = true}},
    {"-tane", {.shows_all = true, .shows_details = true}},
    {"-tanm", {.shows_all = true, .shows_memory = true}},
    {"-tani", {.shows_all = true, .shows_info = true}},
    {"-tanOi", {.shows_all = true, .shows_info = true, .is_one_line = true}},
    {"-tln", {.shows_listening = true}},
    {"-tnOemoi",
     {.shows_timers = true,
      .shows_details = true,
      .shows_memory = true,
      .shows_info = true,
      .is_one_line = true}},
    {"-taneomi",
     {.shows_all = true,
      .shows_timers = true,
      .shows_details = true,
      .shows_memory = true,
      .shows_info = true}},
};

void compare_with_genuine(const Snapshot& snapshot, const std::string& why) {
    for (const Asked& asked : kAsked) {
        SsOptions options = asked.options;
        options.shows_udp = false;
        const auto dump = diag_dump(choose(snapshot, options),
                                    {.info = options.shows_info, .memory = options.shows_memory});
        const ScratchFile file{
            std::string_view{reinterpret_cast<const char*>(dump.data()), dump.size()}};
        const ToolOutput theirs =
            run_tool("TCPDIAG_FILE=" + file.path() + " ss " + std::string{asked.flags});
        EXPECT_EQ(ss_table(snapshot, options), theirs.text) << why << " ss " << asked.flags;
    }
}

TEST(Ss, PrintsWhatTheGenuineOnePrints) {
    if (!has_tool("ss")) GTEST_SKIP() << "there is no ss";
    compare_with_genuine(every_kind(), "one of each kind");
    compare_with_genuine({}, "nothing");
}

Duration some_time(Prng& prng) {
    return Duration::from_us(
        static_cast<std::int64_t>(prng.below(4) == 0 ? 0 : prng.below(9'000'000)));
}

TcpInfo some_info(Prng& prng, TcpState state) {
    if (state == TcpState::Listen) {  // of which the kernel tells little
        return {.state = state,
                .unacked_segments = static_cast<std::uint32_t>(prng.below(9)),
                .sacked_segments = static_cast<std::uint32_t>(prng.below(9)),
                .congestion_window_segments = 10,
                .reordering_segments = 3};
    }
    const auto number = [&](std::uint64_t most) {
        return static_cast<std::uint32_t>(prng.below(3) == 0 ? 0 : prng.below(most));
    };
    const auto flag = [&] { return prng.below(2) == 0; };
    TcpInfo t{.state = state,
              .backoff = static_cast<std::uint8_t>(number(9)),
              .has_timestamps = flag(),
              .has_sack = flag(),
              .has_window_scale = flag(),
              .has_ecn = flag(),
              .has_seen_ecn = flag(),
              .has_syn_data = flag(),
              .is_rate_limited_by_application = flag(),
              .send_window_scale = static_cast<std::uint8_t>(number(15)),
              .receive_window_scale = static_cast<std::uint8_t>(number(15)),
              .rto = some_time(prng),
              .ack_timeout = some_time(prng),
              .send_mss = number(65536)};
    t.rtt = some_time(prng), t.rtt_variation = some_time(prng), t.minimum_rtt = some_time(prng);
    t.receive_rtt = some_time(prng), t.busy = some_time(prng);
    t.limited_by_window = t.busy / 3, t.limited_by_send_buffer = t.busy / 7;
    t.last_data_sent = some_time(prng), t.last_data_received = some_time(prng);
    t.last_ack_received = some_time(prng);
    t.receive_mss = number(65536), t.advertised_mss = number(65536), t.path_mtu = number(65536);
    t.unacked_segments = number(100), t.sacked_segments = number(100),
    t.lost_segments = number(100);
    t.retransmitted_segments = number(100), t.total_retransmitted = number(1000);
    t.slow_start_threshold_segments = number(100'000), t.congestion_window_segments = number(5000);
    t.reordering_segments = number(300), t.receive_slow_start_threshold = number(1 << 30);
    t.receive_space = number(1 << 30), t.send_window = number(1 << 30),
    t.not_sent = number(1 << 30);
    t.pacing_rate = flag() ? ~std::uint64_t{0} : prng.next() >> 8;
    t.most_pacing_rate = flag() ? ~std::uint64_t{0} : prng.next() >> 8;
    t.delivery_rate = number(1 << 30), t.bytes_acked = prng.next() >> 20;
    t.bytes_received = number(1 << 30), t.bytes_sent = prng.next() >> 20;
    t.bytes_retransmitted = number(1 << 20), t.segments_out = number(1 << 30);
    t.segments_in = number(1 << 30), t.data_segments_out = number(1 << 30);
    t.data_segments_in = number(1 << 30), t.out_of_order = number(99);
    t.dsack_duplicates = number(99), t.reorder_seen = number(99);
    t.delivered_segments = number(1 << 30), t.delivered_marked = number(99);
    return t;
}

CongestionDetails some_details(Prng& prng) {
    using Form = CongestionDetails::Form;
    const std::pair<Form, std::uint8_t> forms[] = {
        {Form::None, 0}, {Form::Vegas, 16}, {Form::Dctcp, 16}, {Form::Bbr, 20}};
    const auto& [form, bytes] = forms[prng.below(std::size(forms))];
    CongestionDetails d{.form = form, .bytes = bytes};
    for (std::uint32_t& word : std::span{d.words}.first(bytes / 4)) {
        word = static_cast<std::uint32_t>(prng.below(4) == 0 ? 0 : prng.below(1u << 31));
    }
    return d;
}

SocketRow some_row(Prng& prng) {
    constexpr std::string_view kNames[] = {"192.0.2.1:80",         "10.255.255.254:65535",
                                           "127.0.0.1:1",          "[2001:db8::1]:443",
                                           "[fe80::1:2:3:4]:5000", "[::1]:8080"};
    const auto state = static_cast<TcpState>(1 + prng.below(11));
    SocketRow row = stream(state == TcpState::Closed ? TcpState::Established : state,
                           kNames[prng.below(std::size(kNames))], "0.0.0.0:0");
    SocketInfo& s = row.info;
    const bool is_v4 = s.local.address.is_v4();
    s.peer = *Endpoint::parse(is_v4 ? "198.51.100.7:40000" : "[2001:db8::99]:40000");
    if (s.state == TcpState::Listen) s.peer = {IpAddress::any(s.family), 0};
    if (is_v4 && prng.below(3) == 0) s.family = Family::Inet6;
    s.socket = {.index = static_cast<std::uint32_t>(prng.below(1'000'000)), .generation = 1};
    s.identity = prng.next();
    s.receive_queue = static_cast<std::uint32_t>(prng.below(10'000'000));
    s.send_queue = static_cast<std::uint32_t>(prng.below(10'000'000));
    s.timer = static_cast<TimerKind>(prng.below(5));
    s.timer_left = Duration::from_ms(static_cast<std::int64_t>(prng.below(9'000'000)) - 1000);
    s.retransmits = static_cast<std::uint8_t>(prng.below(16));
    s.probes = static_cast<std::uint8_t>(prng.below(16));
    s.has_shut_read = prng.below(2) == 0;
    s.has_shut_write = prng.below(2) == 0;
    if (prng.below(8) != 0) {
        row.tcp = some_info(prng, s.state);
        row.congestion = "reno";
        if (s.state != TcpState::Listen) row.congestion_details = some_details(prng);
    } else {
        s.socket = {};
    }
    row.memory = {.receive_allocated = static_cast<std::uint32_t>(prng.below(1'000'000)),
                  .receive_buffer = static_cast<std::uint32_t>(prng.below(1'000'000))};
    return row;
}

TEST(Ss, PrintsWhatTheGenuineOnePrintsOfRandomSockets) {
    if (!has_tool("ss")) GTEST_SKIP() << "there is no ss";
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        Prng prng{seed};
        Snapshot snapshot;
        for (int i = 0; i < 20; ++i) snapshot.sockets.push_back(some_row(prng));
        compare_with_genuine(snapshot, "seed " + std::to_string(seed));
    }
}

TEST(Ss, ATerminalsWidthIsSharedByTheColumns) {
    Snapshot snapshot;
    snapshot.sockets = {stream(TcpState::Established, "127.0.0.1:53756", "127.0.0.1:5000"),
                        stream(TcpState::FinWait2, "127.0.0.1:53770", "127.0.0.1:5000"),
                        stream(TcpState::CloseWait, "127.0.0.1:5000", "127.0.0.1:53770")};
    // As ss 6.1 wrote them to a terminal of 100 columns.
    EXPECT_EQ(
        ss_table(snapshot, {.shows_udp = false, .width = 100}),
        "State         Recv-Q    Send-Q         Local Address:Port          Peer Address:Port   "
        "  Process    \n"
        "ESTAB         0         0                  127.0.0.1:53756            127.0.0.1:5000   "
        "             \n"
        "FIN-WAIT-2    0         0                  127.0.0.1:53770            127.0.0.1:5000   "
        "             \n"
        "CLOSE-WAIT    0         0                  127.0.0.1:5000             127.0.0.1:53770  "
        "             \n");
}

}  // namespace
}  // namespace fairlead::inspect
