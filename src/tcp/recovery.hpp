// tcp/recovery.hpp — the phases a sender goes through when something is lost.
//
//      Open -> Disorder -> Recovery -> Open        (found by ACKs)
//      any  -> Loss -> Open                        (found by the timer)
//
// Owns:   the phase, the point at which it ends, how many duplicates make a loss.
// Knows:  RFC 5681 §3.2, RFC 6582 (NewReno: partial ACKs; the hold at its end), RFC 6675 §5.
// Answers: what happened, as a value; the sender marks, tells the controller and sends.
// Not here: marks (scoreboard.hpp), windows (congestion/).
#pragma once

#include <cstdint>

#include "fairlead/info.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

class Recovery {
public:
    enum class Step : std::uint8_t {
        None,
        Enter,       // a loss was found: tell the controller, send the first lost segment at once
        PartialAck,  // without SACK: the next hole's first segment is lost as well
        Leave,       // all that was out at the loss has arrived
    };
    struct Ack {
        Position una{};
        Position next{};
        bool has_advanced = false;
        bool has_sack = false;    // the connection uses SACK
        std::int32_t sacked = 0;  // segments, after this ACK
        std::int32_t lost = 0;
    };

    CongestionState phase() const { return phase_; }
    bool is_recovering() const {
        return phase_ == CongestionState::Recovery || phase_ == CongestionState::Loss;
    }
    // All that was out at the loss has arrived; duplicate ACKs say nothing any more.
    bool is_held(Position una) const { return is_recovering() && una >= end_; }
    std::int32_t threshold() const { return threshold_; }
    void set_threshold(std::int32_t segments) { threshold_ = segments; }

    Step on_ack(const Ack& ack) {
        if (is_recovering()) {
            if (ack.una >= end_) {
                // RFC 6582 §3.2: without SACK stay until something above the end is acknowledged,
                // lest late duplicates start another round, now or when more has been sent.
                if (!ack.has_sack && ack.una == end_) return Step::None;
                phase_ = CongestionState::Open;
                return Step::Leave;
            }
            const bool is_partial = ack.has_advanced && !ack.has_sack;
            return is_partial && phase_ == CongestionState::Recovery ? Step::PartialAck
                                                                     : Step::None;
        }
        const bool is_lost = ack.lost > 0 || (!ack.has_sack && ack.sacked >= threshold_);
        if (is_lost) {
            phase_ = CongestionState::Recovery;
            end_ = ack.next;
            return Step::Enter;
        }
        phase_ = ack.sacked > 0 ? CongestionState::Disorder : CongestionState::Open;
        return Step::None;
    }
    // True when it is the first for this data: the controller's threshold falls once.
    bool on_timeout(Position una, Position next) {
        const bool is_first = !is_recovering() || una >= end_ ||
                              (phase_ == CongestionState::Loss && una > entered_at_);
        phase_ = CongestionState::Loss;
        end_ = next;
        entered_at_ = una;
        return is_first;
    }

    // The path's MTU fell: what was too large goes again. No congestion, no smaller window.
    void on_smaller_mtu(Position next) {
        if (phase_ == CongestionState::Loss) return;
        phase_ = CongestionState::Loss;
        end_ = next;
    }

private:
    CongestionState phase_ = CongestionState::Open;
    std::int32_t threshold_ = 3;  // tcp_reordering
    Position end_{};
    Position entered_at_{};
};

}  // namespace fairlead::tcp
