#include "drill/differential/round_trips.hpp"

#include <algorithm>
#include <deque>

namespace fairlead::drill::differential {
namespace {

class Measuring {
public:
    void on_left(const TcpBody& body, Duration at) {
        const std::uint32_t end =
            body.range.end + (body.flags.syn ? 1u : 0u) + (body.flags.fin ? 1u : 0u);
        if (end == body.range.begin) return;
        if (end > highest_) {
            out_.push_back({.end = end, .at = at});
            highest_ = end;
            return;
        }
        for (Sent& sent : out_) {
            if (sent.end <= body.range.begin || sent.end > end) continue;
            sent.at = at;
            sent.went_again = true;
        }
    }

    void on_arrived(const Arrived& in, Duration at) {
        // What lies before all that is awaited is not looked at.
        if (!in.body.flags.syn && in.body.range.end < next_) return;
        const bool follows = in.body.range.begin <= next_;
        if (follows) next_ = std::max(next_, in.body.range.end);
        if (in.body.ack) on_ack(*in.body.ack, in.echoes.has_value(), at);
    }

    const std::optional<RoundTrips>& told() const { return told_; }

private:
    struct Sent {
        std::uint32_t end = 0;
        Duration at{};
        bool went_again = false;
    };

    void on_ack(std::uint32_t ack, bool has_echo, Duration at) {
        if (ack > highest_ || out_.empty() || out_.front().end > ack) return;
        Duration first = at - out_.front().at;
        Duration last;
        bool went_again = false;
        for (; !out_.empty() && out_.front().end <= ack; out_.pop_front()) {
            last = at - out_.front().at;
            if (!out_.front().went_again) continue;
            went_again = true;
            first = last;
        }
        if (went_again && !has_echo) return;
        constexpr std::int64_t kPart = 8;
        if (!told_) {
            told_ = RoundTrips{first, last};
            return;
        }
        told_->smoothed = told_->smoothed - told_->smoothed / kPart + first / kPart;
        told_->shortest = std::min({told_->shortest, first, last});
    }

    std::deque<Sent> out_;
    std::uint32_t highest_ = 0;
    std::uint32_t next_ = 1;  // of the peer's
    std::optional<RoundTrips> told_;
};

}  // namespace

std::optional<RoundTrips> round_trips(const Trace& trace, std::size_t count) {
    Measuring trips;
    for (std::size_t i = 0; i < count && i < trace.entries.size(); ++i) {
        const Entry& entry = trace.entries[i];
        if (const auto* left = std::get_if<Left>(&entry.what); left != nullptr) {
            if (left->other.empty()) trips.on_left(left->body, entry.at);
        } else if (const auto* in = std::get_if<Arrived>(&entry.what); in != nullptr) {
            trips.on_arrived(*in, entry.at);
        }
    }
    return trips.told();
}

}  // namespace fairlead::drill::differential
