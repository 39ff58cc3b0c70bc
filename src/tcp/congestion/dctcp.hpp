// tcp/congestion/dctcp.hpp — the window comes down by as much as was marked.
//
//      alpha <- (1 - g) alpha + g F        once a round trip; F: what part of it was marked
//      a mark: W <- W (1 - alpha / 2)      a loss: W <- W / 2
//
// Knows:  RFC 8257 §3.3 as Linux's tcp_dctcp.c has it: g = 1/16, alpha begins at 1 and is counted in
//         1024ths; growth is NewReno's.
// Not here: the receiver's half, which tells each change of the mark at once (receiver.cpp).
#pragma once

#include <algorithm>
#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/new_reno.hpp"

namespace fairlead::tcp {

class Dctcp {
public:
    static constexpr std::string_view kName = "dctcp";
    static constexpr std::uint8_t kEcnCodepoint = 2;  // ECT(0)
    static constexpr std::uint32_t kWhole = 1024;

    void on_ack(CongestionWindow& window, const AckSample& ack) { NewReno{}.on_ack(window, ack); }
    std::int32_t threshold(const CongestionWindow& window, Instant) {
        return std::max(window.segments >> 1, kLeast);
    }
    std::int32_t threshold_of_mark(const CongestionWindow& window, Instant) {
        const auto segments = static_cast<std::uint32_t>(window.segments);
        return std::max(window.segments - static_cast<std::int32_t>(segments * alpha_ >> 11),
                        kLeast);
    }
    void on_delivered(CongestionWindow&, const AckSample& ack) {
        mss_ = static_cast<std::uint32_t>(ack.mss);
        delivered_ += static_cast<std::uint32_t>(ack.delivered);
        marked_ += static_cast<std::uint32_t>(ack.marked);
        if (ack.acked_to < round_end_) return;
        update();
        round_end_ = ack.next;
        delivered_ = marked_ = 0;
    }

    std::uint32_t alpha() const { return alpha_; }
    // struct tcp_dctcp_info; what the receiver saw last (dctcp_ce_state) is the connection's to add.
    CongestionDetails details() const {
        return {.form = CongestionDetails::Form::Dctcp,
                .bytes = kToldBytes,
                .words = {1, alpha_, marked_ * mss_, delivered_ * mss_}};
    }
    static constexpr std::uint8_t kToldBytes = 16;

private:
    static constexpr std::int32_t kLeast = 2;
    static constexpr int kShift = 4;  // g

    void update() {
        const std::uint32_t part = alpha_ >> kShift;
        alpha_ -= part == 0 ? alpha_ : part;
        if (marked_ == 0) return;
        const std::uint64_t share =
            (std::uint64_t{marked_} << (10 - kShift)) / std::max(delivered_, 1u);
        alpha_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(alpha_ + share, kWhole));
    }

    std::int64_t round_end_ = 0;
    std::uint32_t alpha_ = kWhole;
    std::uint32_t delivered_ = 0;
    std::uint32_t marked_ = 0;
    std::uint32_t mss_ = 0;
};

// What is in its place where the peer does not tell the marks.
class DctcpReno : public NewReno {
public:
    static constexpr std::string_view kName = "dctcp-reno";
    static CongestionDetails details() {
        return {.form = CongestionDetails::Form::Dctcp, .bytes = Dctcp::kToldBytes};
    }
};

}  // namespace fairlead::tcp
