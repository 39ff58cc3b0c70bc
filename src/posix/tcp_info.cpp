#include "posix/tcp_info.hpp"

#include <cstring>

namespace fairlead::posix {
namespace {

class Writer {
public:
    template <typename T>
    void put(T value) {
        std::memcpy(bytes_.data() + at_, &value, sizeof value);
        at_ += sizeof value;
    }
    void put_us(Duration d) { put(static_cast<std::uint32_t>(d.us())); }
    void put_ms(Duration d) { put(static_cast<std::uint32_t>(d.ms())); }
    const std::array<std::byte, kTcpInfoBytes>& bytes() const { return bytes_; }

private:
    std::array<std::byte, kTcpInfoBytes> bytes_{};
    std::size_t at_ = 0;
};

std::uint8_t options_of(const TcpInfo& info) {
    const int bits = (info.has_timestamps ? 1 : 0) | (info.has_sack ? 2 : 0) |
                     (info.has_window_scale ? 4 : 0) | (info.has_ecn ? 8 : 0) |
                     (info.has_seen_ecn ? 16 : 0) | (info.has_syn_data ? 32 : 0) |
                     (info.is_fast_open ? 128 : 0);
    return static_cast<std::uint8_t>(bits);
}

void put_first(Writer& w, const TcpInfo& info) {
    w.put(static_cast<std::uint8_t>(info.state));
    w.put(static_cast<std::uint8_t>(info.congestion_state));
    w.put(info.retransmits);
    w.put(info.probes);
    w.put(info.backoff);
    w.put(options_of(info));
    w.put(static_cast<std::uint8_t>(info.send_window_scale | info.receive_window_scale << 4));
    w.put(static_cast<std::uint8_t>((info.is_rate_limited_by_application ? 1 : 0) |
                                    info.fast_open_failure << 1));
    w.put_us(info.rto);
    w.put_us(info.ack_timeout);
    w.put(info.send_mss);
    w.put(info.receive_mss);
    w.put(info.unacked_segments);
    w.put(info.sacked_segments);
    w.put(info.lost_segments);
    w.put(info.retransmitted_segments);
    w.put(std::uint32_t{0});  // tcpi_fackets
    w.put_ms(info.last_data_sent);
    w.put(std::uint32_t{0});  // tcpi_last_ack_sent, which Linux does not keep either
    w.put_ms(info.last_data_received);
    w.put_ms(info.last_ack_received);
    w.put(info.path_mtu);
    w.put(info.receive_slow_start_threshold);
    w.put_us(info.rtt);
    w.put_us(info.rtt_variation);
    w.put(info.slow_start_threshold_segments);
    w.put(info.congestion_window_segments);
    w.put(info.advertised_mss);
    w.put(info.reordering_segments);
    w.put_us(info.receive_rtt);
    w.put(info.receive_space);
    w.put(info.total_retransmitted);
    w.put(info.pacing_rate);
    w.put(info.most_pacing_rate);
}

void put_rest(Writer& w, const TcpInfo& info) {
    w.put(info.bytes_acked);
    w.put(info.bytes_received);
    w.put(static_cast<std::uint32_t>(info.segments_out));
    w.put(static_cast<std::uint32_t>(info.segments_in));
    w.put(info.not_sent);
    w.put(info.minimum_rtt.is_zero() ? ~std::uint32_t{0}
                                     : static_cast<std::uint32_t>(info.minimum_rtt.us()));
    w.put(static_cast<std::uint32_t>(info.data_segments_in));
    w.put(static_cast<std::uint32_t>(info.data_segments_out));
    w.put(info.delivery_rate);
    w.put(static_cast<std::uint64_t>(info.busy.us()));
    w.put(static_cast<std::uint64_t>(info.limited_by_window.us()));
    w.put(static_cast<std::uint64_t>(info.limited_by_send_buffer.us()));
    w.put(info.delivered_segments);
    w.put(info.delivered_marked);
    w.put(info.bytes_sent);
    w.put(info.bytes_retransmitted);
    w.put(info.dsack_duplicates);
    w.put(info.reorder_seen);
    w.put(info.out_of_order);
    w.put(info.send_window);
    w.put(info.receive_window);
    w.put(info.rehashes);
    w.put(info.total_timeouts);
    w.put(info.timeout_recoveries);
    w.put_ms(info.time_in_timeouts);
    w.put(info.received_marked);
    w.put(info.ect1_bytes.delivered);
    w.put(info.ect0_bytes.delivered);
    w.put(info.marked_bytes.delivered);
    w.put(info.ect1_bytes.received);
    w.put(info.ect0_bytes.received);
    w.put(info.marked_bytes.received);
    w.put(std::uint16_t{info.accurate_ecn_failures});
    w.put(std::uint16_t{info.accurate_ecn_option_seen});
}

}  // namespace

std::array<std::byte, kTcpInfoBytes> write_tcp_info(const TcpInfo& info) {
    Writer w;
    put_first(w, info);
    // Of a listener Linux tells no more.
    if (info.state != TcpState::Listen) put_rest(w, info);
    return w.bytes();
}

}  // namespace fairlead::posix
