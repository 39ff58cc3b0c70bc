// What ss writes behind a socket's names: timer, memory, and what TCP_INFO says.
#include <array>

#include <fmt/format.h>

#include "inspect/ss.hpp"

namespace fairlead::inspect {
namespace {

constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

// As a double, in which ss reckons them.
std::string bits_a_second(std::uint64_t bytes) {
    return fmt::format("{:.0f}bps", static_cast<double>(bytes) * 8);
}

double milliseconds(Duration d) { return static_cast<double>(d.us()) / 1000; }

// Appends " name:value" for what is not zero.
class Line {
public:
    void word(bool is_there, std::string_view text) {
        if (is_there) text_ += fmt::format(" {}", text);
    }
    template <typename T>
    void number(std::string_view name, T value) {
        if (value != 0) text_ += fmt::format(" {}:{}", name, value);
    }
    void time(std::string_view name, Duration value) {
        if (value.us() != 0) text_ += fmt::format(" {}:{:g}", name, milliseconds(value));
    }
    void add(std::string_view text) { text_ += text; }
    std::string take() { return std::move(text_); }

private:
    std::string text_{};
};

// " limited:12ms(3.4%)", of the time that the connection was busy.
std::string share(std::string_view name, Duration part, Duration whole) {
    if (part.us() == 0) return {};
    return fmt::format(" {}:{}ms({:.1f}%)", name, part.ms(),
                       100.0 * static_cast<double>(part.us()) / static_cast<double>(whole.us()));
}

void put_round_trip(Line& line, const TcpInfo& t) {
    if (t.rto.us() != 0 && t.rto != 3_s) line.add(fmt::format(" rto:{:g}", milliseconds(t.rto)));
    line.number("backoff", t.backoff);
    if (t.rtt.us() != 0) {
        line.add(fmt::format(" rtt:{:g}/{:g}", milliseconds(t.rtt), milliseconds(t.rtt_variation)));
    }
    line.time("ato", t.ack_timeout);
    line.number("mss", t.send_mss);
    line.number("pmtu", t.path_mtu);
    line.number("rcvmss", t.receive_mss);
    line.number("advmss", t.advertised_mss);
    line.number("cwnd", t.congestion_window_segments);
    const bool has_threshold = t.slow_start_threshold_segments < 0xffff;
    if (has_threshold) line.number("ssthresh", t.slow_start_threshold_segments);
}

void put_amounts(Line& line, const TcpInfo& t) {
    line.number("bytes_sent", t.bytes_sent);
    line.number("bytes_retrans", t.bytes_retransmitted);
    line.number("bytes_acked", t.bytes_acked);
    line.number("bytes_received", t.bytes_received);
    line.number("segs_out", t.segments_out);
    line.number("segs_in", t.segments_in);
    line.number("data_segs_out", t.data_segments_out);
    line.number("data_segs_in", t.data_segments_in);
}

// What a controller tells of itself, as tcp_stats_print() has it.
void put_controller(Line& line, const CongestionDetails& d) {
    constexpr double kGainUnit = 256;
    const auto gain = [&](std::string_view name, std::uint32_t value) {
        if (value != 0) line.add(fmt::format(",{}:{:g}", name, value / kGainUnit));
    };
    if (d.form == CongestionDetails::Form::Dctcp) {
        const bool is_on = (d.words[0] & 0xffff) != 0;
        line.add(is_on ? fmt::format(" dctcp:(ce_state:{},alpha:{},ab_ecn:{},ab_tot:{})",
                                     d.words[0] >> 16, d.words[1], d.words[2], d.words[3])
                       : " dctcp:fallback_mode");
    } else if (d.form == CongestionDetails::Form::Bbr) {
        const std::uint64_t bandwidth = std::uint64_t{d.words[1]} << 32 | d.words[0];
        line.add(fmt::format(" bbr:(bw:{},mrtt:{:g}", bits_a_second(bandwidth),
                             static_cast<double>(d.words[2]) / 1000));
        gain("pacing_gain", d.words[3]);
        gain("cwnd_gain", d.words[4]);
        line.add(")");
    }
}

// Vegas's own round trip, where it has one.
Duration round_trip_of_rate(const TcpInfo& t, const CongestionDetails& d) {
    constexpr std::uint32_t kNone = INT32_MAX;
    const bool is_vegas = d.form == CongestionDetails::Form::Vegas && d.words[0] != 0;
    const bool has_own = is_vegas && d.words[2] != 0 && d.words[2] != kNone;
    return has_own ? Duration::from_us(d.words[2]) : t.rtt;
}

void put_rates(Line& line, const TcpInfo& t, Duration rtt) {
    if (rtt.us() > 0 && t.send_mss != 0 && t.congestion_window_segments != 0) {
        const double bits = static_cast<double>(t.congestion_window_segments) *
                            static_cast<double>(t.send_mss) * 8e6;
        line.add(fmt::format(" send {:.0f}bps", bits / static_cast<double>(rtt.us())));
    }
    line.number("lastsnd", t.last_data_sent.ms());
    line.number("lastrcv", t.last_data_received.ms());
    line.number("lastack", t.last_ack_received.ms());
    const bool is_paced = t.pacing_rate != 0 && t.pacing_rate != kUnlimited;
    const bool has_limit = t.most_pacing_rate != 0 && t.most_pacing_rate != kUnlimited;
    if (is_paced) line.add(fmt::format(" pacing_rate {}", bits_a_second(t.pacing_rate)));
    if (is_paced && has_limit) line.add(fmt::format("/{}", bits_a_second(t.most_pacing_rate)));
    if (t.delivery_rate != 0) {
        line.add(fmt::format(" delivery_rate {}", bits_a_second(t.delivery_rate)));
    }
    line.number("delivered", t.delivered_segments);
    line.number("delivered_ce", t.delivered_marked);
    line.number("received_ce", t.received_marked);
    line.number("delivered_e1_bytes", t.ect1_bytes.delivered);
    line.number("delivered_e0_bytes", t.ect0_bytes.delivered);
    line.number("delivered_ce_bytes", t.marked_bytes.delivered);
    line.number("received_e1_bytes", t.ect1_bytes.received);
    line.number("received_e0_bytes", t.ect0_bytes.received);
    line.number("received_ce_bytes", t.marked_bytes.received);
    line.word(t.is_rate_limited_by_application, "app_limited");
    if (t.busy.us() != 0) {
        line.add(fmt::format(" busy:{}ms", t.busy.ms()));
        line.add(share("rwnd_limited", t.limited_by_window, t.busy));
        line.add(share("sndbuf_limited", t.limited_by_send_buffer, t.busy));
    }
}

void put_flight(Line& line, const TcpInfo& t) {
    constexpr std::uint32_t kUsualReordering = 3;
    line.number("unacked", t.unacked_segments);
    if (t.retransmitted_segments != 0 || t.total_retransmitted != 0) {
        line.add(fmt::format(" retrans:{}/{}", t.retransmitted_segments, t.total_retransmitted));
    }
    line.number("lost", t.lost_segments);
    if (t.state != TcpState::Listen) line.number("sacked", t.sacked_segments);
    line.number("dsack_dups", t.dsack_duplicates);
    if (t.reordering_segments != kUsualReordering) {
        line.add(fmt::format(" reordering:{}", t.reordering_segments));
    }
    line.number("reord_seen", t.reorder_seen);
    line.time("rcv_rtt", t.receive_rtt);
    line.number("rcv_space", t.receive_space);
    line.number("rcv_ssthresh", t.receive_slow_start_threshold);
    line.number("notsent", t.not_sent);
    line.time("minrtt", t.minimum_rtt);
    line.number("rcv_ooopack", t.out_of_order);
    line.number("snd_wnd", t.send_window);
}

}  // namespace

std::string ss_time(Duration left) {
    std::int64_t ms = std::max<std::int64_t>(left.ms(), 0);
    const std::int64_t minutes = ms / 60'000;
    std::int64_t seconds = ms / 1000 % 60;
    ms %= 1000;
    std::string text;
    if (minutes > 0) {
        text = fmt::format("{}min", minutes);
        ms = 0;
        if (minutes > 9) seconds = 0;
    }
    if (seconds > 0) {
        if (seconds > 9) ms = 0;
        text += fmt::format("{}{}", seconds, ms != 0 ? "." : "sec");
    }
    if (ms > 0) text += fmt::format("{:03}ms", ms);
    return text;
}

std::string ss_timer(const SocketInfo& s) {
    constexpr std::array<std::string_view, 5> kNames{"off", "on", "keepalive", "timewait",
                                                     "persist"};
    // What Linux has, and ss has no word for.
    std::string ack = s.ack_left == Duration::infinite()
                          ? std::string{}
                          : fmt::format(" delack:{}", ss_time(s.ack_left));
    if (s.timer == TimerKind::Off) return ack;
    // Tries that failed, of whichever timer it is.
    const bool is_probe = s.timer == TimerKind::KeepAlive || s.timer == TimerKind::Persist;
    return fmt::format(" timer:({},{},{}){}", kNames[static_cast<std::size_t>(s.timer)],
                       ss_time(s.timer_left), is_probe ? s.probes : s.retransmits, ack);
}

std::string ss_memory(const SocketMemory& m) {
    return fmt::format(" skmem:(r{},rb{},t{},tb{},f{},w{},o{},bl{},d{})", m.receive_allocated,
                       m.receive_buffer, m.write_allocated, m.send_buffer, m.forward_allocated,
                       m.write_queued, m.option_memory, m.backlog, m.drops);
}

std::string ss_tcp_info(const SocketRow& row, bool shows_options) {
    const TcpInfo& t = *row.tcp;
    Line line;
    if (shows_options) {
        line.word(t.has_timestamps, "ts");
        line.word(t.has_sack, "sack");
        line.word(t.has_ecn, "ecn");
        line.word(t.has_accurate_ecn, "accecn");
        line.word(t.has_seen_ecn, "ecnseen");
        line.word(t.has_syn_data, "fastopen");
    }
    line.word(!row.congestion.empty(), row.congestion);
    if (t.has_window_scale) {
        line.add(fmt::format(" wscale:{},{}", t.send_window_scale, t.receive_window_scale));
    }
    put_round_trip(line, t);
    put_amounts(line, t);
    put_controller(line, row.congestion_details);
    put_rates(line, t, round_trip_of_rate(t, row.congestion_details));
    put_flight(line, t);
    return line.take();
}

}  // namespace fairlead::inspect
