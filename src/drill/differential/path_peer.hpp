// drill/differential/path_peer.hpp — a peer that answers by itself, behind a path that does harm.
//
// Owns:   PathPeer: a receiver (RFC 9293 §3.8.6.3; RFC 2018 blocks, the latest first; RFC 2883
//         for what came twice; RFC 3168 §6.1.3 echoes; RFC 7323 §4.3 timestamps), a plain sender
//         which repeats what is not acknowledged, and the path with its faults in both directions.
// Rules:  Nothing is drawn here. What comes of it hangs on what the other side sends, and when; who
//         plays writes down what came in, and the next player follows that.
// Not here: congestion control; a window that moves; segments that lie (generate.cpp has them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "drill/differential/plan.hpp"

namespace fairlead::drill::differential {

class PathPeer {
public:
    explicit PathPeer(const PathTraits& traits) : traits_{traits} {}

    // What comes in at the host.
    struct Inbound {
        TcpBody body{};
        IpFields ip{};
        std::optional<std::size_t> echoes{};  // whose timestamp: the `left` of on_left()
    };

    void expect(const Fault& fault) { faults_.push_back(fault); }
    void write(Duration now, const PeerWrite& what);
    // A segment has left the host, in the script's numbers; it is the `left`-th that did.
    void on_left(Duration now, const TcpBody& body, EcnMark mark, std::size_t left);

    // When take() has something to do.
    std::optional<Duration> next() const;
    // Nothing came in: it was the peer's own affair.
    std::optional<Inbound> take(Duration now);

private:
    struct Block {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
    };
    struct Piece {  // of what the peer sends
        std::uint32_t begin = 0;
        std::uint32_t bytes = 0;
        bool has_fin = false;
        std::uint32_t end() const { return begin + bytes + (has_fin ? 1u : 0u); }
    };
    struct Arrival {  // at the peer
        TcpBody body{};
        EcnMark mark = EcnMark::NotEct;
        std::size_t left = 0;
    };
    enum class Alarm : std::uint8_t { Ack, Resend };
    struct Event {
        Duration at{};
        std::variant<Alarm, Arrival, Inbound> what{};
    };

    void arrive(Duration now, const Arrival& arrival);
    void take_ack(Duration now, const TcpBody& body);
    void take_data(Duration now, const Arrival& arrival);
    // Whether it was all there before.
    bool store(const Block& block);
    void absorb();
    void acknowledge(Duration now, const std::optional<Block>& twice = std::nullopt);
    void send(Duration now, const Piece& piece, bool is_new);
    void resend(Duration now);
    Inbound segment(Duration now, std::uint32_t at) const;
    // Through the path: how often, and when.
    template <typename T>
    void carry(Duration now, bool is_inbound, T what);
    void add(Duration at, std::variant<Alarm, Arrival, Inbound> what);
    void stop(Alarm alarm);

    PathTraits traits_;
    std::vector<Fault> faults_;
    std::vector<Event> events_;  // in the order in which they were made
    std::uint32_t left_ = 0;     // segments on their way, in each direction
    std::uint32_t sent_ = 0;

    // As a receiver.
    std::uint32_t next_in_ = 1;
    std::vector<Block> blocks_;  // beyond a hole, the latest first
    bool owes_ack_ = false;
    bool echoes_congestion_ = false;
    std::optional<std::size_t> stamped_by_;

    // As a sender.
    std::uint32_t next_out_ = 1;
    std::uint32_t acknowledged_ = 1;
    std::vector<Piece> pieces_;
    bool owes_cwr_ = false;
    bool is_resending_ = false;
};

}  // namespace fairlead::drill::differential
