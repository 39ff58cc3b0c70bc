#include "tcp/statistics.hpp"

#include <array>
#include <cstring>

namespace fairlead::tcp {
namespace {

class Attributes {
public:
    template <typename T>
    void put(std::uint16_t type, T value) {
        constexpr std::size_t kHeader = 4;
        const auto length = static_cast<std::uint16_t>(kHeader + sizeof value);
        std::byte* at = bytes_.data() + size_;
        std::memcpy(at, &length, sizeof length);
        std::memcpy(at + sizeof length, &type, sizeof type);
        std::memcpy(at + kHeader, &value, sizeof value);
        size_ += (length + 3u) / 4 * 4;
    }
    std::vector<std::byte> take() const { return {bytes_.begin(), bytes_.begin() + size_}; }

private:
    static constexpr std::size_t kMost = 27 * 12;  // as many as are put, of 8 bytes each
    std::array<std::byte, kMost> bytes_{};
    std::ptrdiff_t size_ = 0;
};

// The TCP_NLA_... of linux/tcp.h.
enum Statistic : std::uint16_t {
    kBusy = 1,
    kWindowLimited,
    kSendBufferLimited,
    kDataSegmentsOut,
    kTotalRetransmitted,
    kPacingRate,
    kDeliveryRate,
    kCongestionWindow,
    kReordering,
    kMinimumRtt,
    kRetransmits,
    kIsRateLimited,
    kSendQueue,
    kCongestionState,
    kThreshold,
    kDelivered,
    kDeliveredMarked,
    kBytesSent,
    kBytesRetransmitted,
    kDuplicates,
    kReorderSeen,
    kSmoothedRtt,
    kTimeoutRehash,
    kBytesNotSent,
    kDeparture,
    kTtl,
    kRehash
};

}  // namespace

std::vector<std::byte> statistics(const TcpInfo& t, std::int64_t unacked, Instant now,
                                  std::uint8_t ttl) {
    const auto us = [](Duration d) { return static_cast<std::uint64_t>(d.us()); };
    const auto narrow = [](auto n) { return static_cast<std::uint32_t>(n); };
    Attributes all;
    all.put(kBusy, us(t.busy));
    all.put(kWindowLimited, us(t.limited_by_window));
    all.put(kSendBufferLimited, us(t.limited_by_send_buffer));
    all.put(kDataSegmentsOut, t.data_segments_out);
    all.put(kTotalRetransmitted, std::uint64_t{t.total_retransmitted});
    all.put(kPacingRate, t.pacing_rate);
    all.put(kDeliveryRate, t.delivery_rate);
    all.put(kCongestionWindow, t.congestion_window_segments);
    all.put(kReordering, t.reordering_segments);
    all.put(kMinimumRtt, t.minimum_rtt.is_zero() ? UINT32_MAX : narrow(t.minimum_rtt.us()));
    all.put(kRetransmits, t.retransmits);
    all.put(kIsRateLimited, std::uint8_t{t.is_rate_limited_by_application});
    all.put(kThreshold, t.slow_start_threshold_segments);
    all.put(kDelivered, t.delivered_segments);
    all.put(kDeliveredMarked, t.delivered_marked);
    all.put(kSendQueue, narrow(unacked));
    all.put(kCongestionState, static_cast<std::uint8_t>(t.congestion_state));
    all.put(kBytesSent, t.bytes_sent);
    all.put(kBytesRetransmitted, t.bytes_retransmitted);
    all.put(kDuplicates, t.dsack_duplicates);
    all.put(kReorderSeen, t.reorder_seen);
    all.put(kSmoothedRtt, narrow(t.rtt.us()));
    all.put(kTimeoutRehash, static_cast<std::uint16_t>(t.rehashes));
    all.put(kBytesNotSent, t.not_sent);
    all.put(kDeparture, static_cast<std::uint64_t>(now.ns()));
    if (ttl != 0) all.put(kTtl, ttl);
    all.put(kRehash, t.rehashes);
    return all.take();
}

}  // namespace fairlead::tcp
