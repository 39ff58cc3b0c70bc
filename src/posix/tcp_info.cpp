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
    void skip(std::size_t bytes) { at_ += bytes; }
    const std::array<std::byte, kTcpInfoBytes>& bytes() const { return bytes_; }

private:
    std::array<std::byte, kTcpInfoBytes> bytes_{};
    std::size_t at_ = 0;
};

std::uint8_t options_of(const TcpInfo& info) {
    const int bits = (info.has_timestamps ? 1 : 0) | (info.has_sack ? 2 : 0) |
                     (info.has_window_scale ? 4 : 0) | (info.has_ecn ? 8 : 0);
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
    w.put(std::uint8_t{0});  // tcpi_delivery_rate_app_limited, tcpi_fastopen_client_fail
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
    w.put(std::uint32_t{0});  // tcpi_rcv_rtt
    w.put(info.receive_space);
    w.put(info.total_retransmitted);
}

void put_rest(Writer& w, const TcpInfo& info) {
    constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
    w.put(kUnlimited);  // tcpi_pacing_rate: nothing is paced
    w.put(kUnlimited);  // tcpi_max_pacing_rate
    w.put(info.bytes_acked);
    w.put(info.bytes_received);
    w.put(static_cast<std::uint32_t>(info.segments_out));
    w.put(static_cast<std::uint32_t>(info.segments_in));
    w.put(info.not_sent);
    w.put(info.minimum_rtt.is_zero() ? ~std::uint32_t{0}
                                     : static_cast<std::uint32_t>(info.minimum_rtt.us()));
    w.put(static_cast<std::uint32_t>(info.data_segments_in));
    w.put(static_cast<std::uint32_t>(info.data_segments_out));
    w.skip(8);   // tcpi_delivery_rate
    w.skip(24);  // tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited
    w.put(info.delivered_segments);
    w.skip(4);  // tcpi_delivered_ce
    w.put(info.bytes_sent);
    w.put(info.bytes_retransmitted);
    w.put(info.dsack_duplicates);
    w.put(info.reorder_seen);
    w.put(info.out_of_order);
    w.put(info.send_window);
    w.put(info.receive_window);
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
