#include "tcp/receive_window.hpp"

#include <bit>

namespace fairlead::tcp {

// RFC 7323 REQ-2.3
InitialWindow initial_window(std::int64_t receive_buffer, std::int64_t clamp, std::int64_t mss,
                             bool may_scale, const Config& config) {
    std::int64_t space = window_from_space(receive_buffer);
    if (clamp > 0) space = std::min(space, clamp);
    if (space > mss && mss > 0) space = space / mss * mss;
    InitialWindow out{.window = std::min(space, kLargestUnscaledWindow)};
    if (!may_scale) return out;
    std::int64_t largest = std::max({space, config.tcp_rmem[2], config.rmem_max});
    if (clamp > 0) largest = std::min(largest, clamp);
    const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(largest))) - 1;
    out.scale = static_cast<std::uint8_t>(std::clamp(bits - 15, 0, int{kLargestScale}));
    return out;
}

void ReceiveWindow::start(const InitialWindow& offered, Position next, std::int64_t buffer,
                          std::int64_t mss, Instant now) {
    acked_ = next;
    offered_ = threshold_ = narrow(offered.window);
    scale_ = offered.scale;
    buffer_ = narrow(buffer);
    const std::int64_t most = kLargestUnscaledWindow << scale_;
    clamp_ = narrow(clamp_ > 0 ? std::min<std::int64_t>(clamp_, most) : most);
    measured_from_ = next;
    measured_space_ = narrow(std::min(offered.window, std::int64_t{10} * mss));
    measured_at_ = now;
}

void ReceiveWindow::settle(std::int64_t mss, const Config& config) {
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
}

void ReceiveWindow::drop_scale() {
    scale_ = 0;
    for (std::int32_t* bytes : {&clamp_, &offered_, &threshold_}) {
        *bytes = narrow(std::min<std::int64_t>(*bytes, kLargestUnscaledWindow));
    }
}

void ReceiveWindow::set_buffer(std::int64_t bytes, bool is_locked) {
    buffer_ = narrow(bytes);
    is_locked_ = is_locked_ || is_locked;
}

// RFC 9293 MUST-39, SHLD-14, MAY-8; RFC 1122 REQ-4.2.3.3
std::int64_t ReceiveWindow::candidate(std::int64_t held, std::int64_t segment,
                                      const Config& config) const {
    const std::int64_t full = std::min<std::int64_t>(clamp_, full_space());
    const std::int64_t mss = std::min(segment, full);
    if (mss <= 0) return 0;
    std::int64_t free = std::clamp<std::int64_t>(full_space() - held, 0, full);
    const std::int64_t unit = std::int64_t{1} << scale_;
    const auto whole_units = [this](std::int64_t bytes) { return bytes >> scale_ << scale_; };
    if (may_shrink(config)) free = whole_units(free);
    if (free < full / 2) {
        // What little there is must not grow by rounding up.
        free = whole_units(free);
        if (free < full_space() / 16 || free < mss) return 0;
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
    return std::min(window, kLargestUnscaledWindow);
}

std::int64_t ReceiveWindow::advertise(Position next, std::int64_t held, std::int64_t segment,
                                      const Config& config) {
    const std::int64_t present = open(next);
    std::int64_t window = candidate(held, segment, config);
    if (window < present && !may_shrink(config)) {
        const std::int64_t unit = std::int64_t{1} << scale_;
        window = (present + unit - 1) >> scale_ << scale_;
    }
    window = std::min(window, kLargestUnscaledWindow << scale_);
    offered_ = narrow(window);
    acked_ = next;
    return window;
}

bool ReceiveWindow::on_data(std::int64_t payload, std::int64_t mss, std::int64_t held) {
    const std::int64_t room =
        std::min<std::int64_t>(clamp_, std::max<std::int64_t>(0, full_space() - held)) - threshold_;
    if (room <= 0) return false;
    const std::int64_t more = std::max(2 * mss, 2 * payload);
    threshold_ = narrow(threshold_ + std::min(room, more));
    return true;
}

void ReceiveWindow::on_read(Position read, std::int64_t mss, Duration rtt, Instant now,
                            const Config& config) {
    if (rtt.is_zero() || now - measured_at_ < rtt) return;
    const std::int64_t copied = read - measured_from_;
    if (copied > measured_space_) {
        if (config.tcp_moderate_rcvbuf != 0 && !is_locked_) {
            // Twice what was read, and the growth once more: a slow start doubles each round.
            std::int64_t wanted = 2 * copied + 16 * mss;
            wanted += wanted * (copied - measured_space_) /
                      std::max<std::int64_t>(measured_space_, 1) * 2;
            const std::int64_t buffer = std::min(space_from_window(wanted), config.tcp_rmem[2]);
            if (buffer > buffer_) {
                buffer_ = narrow(buffer);
                clamp_ =
                    narrow(std::min(window_from_space(buffer), kLargestUnscaledWindow << scale_));
            }
        }
        measured_space_ = narrow(copied);
    }
    measured_from_ = read;
    measured_at_ = now;
}

}  // namespace fairlead::tcp
