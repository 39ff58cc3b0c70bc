#include "tcp/receive_window.hpp"

#include <bit>

namespace fairlead::tcp {
namespace {

std::uint32_t low_us(Instant t) { return static_cast<std::uint32_t>(t.ns() / 1000); }

}  // namespace

// RFC 7323 REQ-2.3
InitialWindow initial_window(ReceiveBuffer buffer, std::int64_t clamp, std::int64_t mss,
                             bool may_scale, const Config& config) {
    constexpr std::int64_t kLargest = kLargestUnscaledWindow << kLargestScale;
    const std::int64_t full = window_from_space(buffer.bytes);
    if (buffer.is_locked && (clamp == 0 || clamp > full)) clamp = full;
    const std::int64_t most = clamp == 0 ? kLargest : clamp;
    std::int64_t space = std::min(full, most);
    if (space > mss && mss > 0) space = space / mss * mss;
    InitialWindow out{.window = static_cast<std::int32_t>(space)};
    if (may_scale) {
        const std::int64_t largest =
            std::min(std::max({space, config.tcp_rmem[2], config.rmem_max}), most);
        const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(largest))) - 1;
        out.scale = static_cast<std::uint8_t>(std::clamp(bits - 15, 0, int{kLargestScale}));
    }
    out.clamp = static_cast<std::int32_t>(std::min(kLargestUnscaledWindow << out.scale, most));
    return out;
}

void ReceiveWindow::start(const InitialWindow& offered, Position next, ReceiveBuffer buffer) {
    acked_ = next;
    offered_ = threshold_ = offered.window;
    scale_ = offered.scale;
    clamp_ = offered.clamp;
    buffer_ = narrow(buffer.bytes);
    is_locked_ = is_locked_ || buffer.is_locked;
    measured_from_ = low_bits(next);
}

void ReceiveWindow::settle(std::int64_t mss, const Config& config, Instant now) {
    const std::int64_t full = full_space();
    const bool has_app_window = config.tcp_app_win != 0;
    if (clamp_ >= full) {
        clamp_ = narrow(full);
        if (has_app_window && full > 4 * mss) {
            clamp_ = narrow(std::max(full - (full >> config.tcp_app_win), 4 * mss));
        }
    }
    if (has_app_window && clamp_ > 2 * mss && clamp_ + mss > full) {
        clamp_ = narrow(std::max(2 * mss, full - mss));
    }
    threshold_ = std::min(threshold_, clamp_);
    measured_space_ = narrow(
        std::min({std::int64_t{threshold_}, std::int64_t{offered_}, std::int64_t{10} * mss}));
    measured_at_us_ = low_us(now);
}

void ReceiveWindow::drop_scale() {
    scale_ = 0;
    clamp_ = narrow(std::min<std::int64_t>(clamp_, kLargestUnscaledWindow));
}

void ReceiveWindow::set_clamp(std::int64_t bytes) {
    constexpr std::int64_t kLeast = 1152;  // SOCK_MIN_RCVBUF / 2
    const std::int32_t before = clamp_;
    clamp_ = narrow(std::max(kLeast, bytes));
    if (clamp_ < before) threshold_ = std::min(threshold_, clamp_);
    if (clamp_ > before) threshold_ = std::max(threshold_, std::min(offered_, clamp_));
}

void ReceiveWindow::set_buffer(std::int64_t bytes, bool is_locked) {
    buffer_ = narrow(bytes);
    is_locked_ = is_locked_ || is_locked;
}

// RFC 9293 MUST-39, SHLD-14, MAY-8; RFC 1122 REQ-4.2.3.3
std::int64_t ReceiveWindow::candidate(std::int64_t charged, std::int64_t segment,
                                      const Config& config) const {
    const std::int64_t allowed = full_space();
    const std::int64_t full = std::min<std::int64_t>(clamp_, allowed);
    const std::int64_t mss = std::min(segment, full);
    if (mss <= 0) return 0;
    std::int64_t free = space(charged);
    const std::int64_t unit = std::int64_t{1} << scale_;
    const auto whole_units = [this](std::int64_t bytes) { return bytes >> scale_ << scale_; };
    const bool shrinks = may_shrink(config);
    if (shrinks) free = whole_units(free);
    if (free < full >> 1) {
        // What little there is must not grow by rounding up.
        free = whole_units(free);
        if (free < allowed >> 4 || free < mss || (shrinks && free < unit)) return 0;
    }
    free = std::min<std::int64_t>(free, threshold_);
    // Rounded up, as the peer reads whole units; never to zero while there is some.
    if (scale_ > 0) return whole_units(free + unit - 1);
    // RFC 9293 §3.8.6.2.2: move the edge by whole segments only.
    std::int64_t window = offered_;
    if (window <= free - mss || window > free) {
        window = free / mss * mss;
    } else if (mss == full && free > window + full / 2) {
        window = free;
    }
    return window;
}

std::int64_t ReceiveWindow::advertise(Position next, std::int64_t charged, std::int64_t segment,
                                      const Config& config) {
    const std::int64_t present = open(next);
    std::int64_t window = candidate(charged, segment, config);
    is_held_open_ = false;
    if (window < present && !may_shrink(config)) {
        is_held_open_ = window == 0;
        const std::int64_t unit = std::int64_t{1} << scale_;
        window = (present + unit - 1) >> scale_ << scale_;
    }
    offered_ = narrow(window);
    acked_ = next;
    return std::min(window, kLargestUnscaledWindow << scale_);
}

void ReceiveWindow::on_full_segment(std::int64_t payload, std::int64_t charge) {
    if (charge <= 0) return;
    const auto ratio =
        static_cast<std::uint8_t>(std::clamp<std::int64_t>((payload << 8) / charge, 1, UINT8_MAX));
    if (ratio == ratio_) return;
    ratio_ = ratio;
    set_clamp(full_space());
    measured_space_ = std::min(measured_space_, clamp_);
}

bool ReceiveWindow::on_data(const QueuedSegment& s, std::int64_t charged, const Config& config) {
    const std::int64_t room = std::min<std::int64_t>(clamp_, space(charged)) - threshold_;
    if (room <= 0) return false;
    std::int64_t more = 0;
    std::int64_t cost = window_from_space(s.charge, ratio_);
    if (cost <= s.payload) {
        more = 2 * s.advertised_mss;
    } else {
        // Small ones pay more for each byte: they open it while it is far from what may be.
        std::int64_t far = window_from_space(config.tcp_rmem[2], ratio_) >> 1;
        for (cost >>= 1; threshold_ <= far; cost >>= 1, far >>= 1) {
            if (cost > s.payload) continue;
            more = 2 * s.usual;
            break;
        }
    }
    if (more == 0) return false;
    threshold_ = narrow(threshold_ + std::min(room, std::max(more, 2 * s.payload)));
    return true;
}

void ReceiveWindow::on_overrun(std::int64_t charged, std::int64_t mss, bool may_grow,
                               const Config& config) {
    if (buffer_ < config.tcp_rmem[2] && !is_locked_ && may_grow) {
        buffer_ = narrow(std::min(charged, config.tcp_rmem[2]));
    }
    if (charged > buffer_) threshold_ = narrow(std::min<std::int64_t>(clamp_, 2 * mss));
}

void ReceiveWindow::on_read(Position read, std::int64_t unread, std::int64_t early, Duration rtt,
                            Instant now, const Config& config) {
    const auto trip = static_cast<std::uint64_t>(rtt.us());
    if (rtt.is_zero() || low_us(now) - measured_at_us_ < trip) return;
    const std::int64_t copied = std::int64_t{low_bits(read) - measured_from_} - unread;
    if (copied > measured_space_) grow_buffer(copied, early, config);
    measured_from_ = low_bits(read);
    measured_at_us_ = low_us(now);
}

// tcp_rcvbuf_grow: twice what was read, and the growth once more, as a slow start doubles each round.
void ReceiveWindow::grow_buffer(std::int64_t copied, std::int64_t early, const Config& config) {
    const std::int64_t before = std::max<std::int64_t>(measured_space_, 1);
    measured_space_ = narrow(copied);
    if (config.tcp_moderate_rcvbuf == 0 || is_locked_) return;
    std::int64_t wanted = 2 * copied;
    wanted += wanted * (copied - before) / before * 2;
    wanted += early;
    const std::int64_t buffer = std::min(space_from_window(wanted, ratio_), config.tcp_rmem[2]);
    if (buffer <= buffer_) return;
    buffer_ = narrow(buffer);
    clamp_ = narrow(full_space());
}

}  // namespace fairlead::tcp
