// sim/stream.hpp — an application that sends bytes it can tell again and checks those it gets.
//
// Owns:   StreamPlan (how much each way, in which pieces, when to give up), Stream (one end of a
//         connection that carries out a plan), Listener (accepts, and makes a Stream of each).
// Rules:  Content is a function of a seed and a position, so that nothing is stored and any byte
//         that is wrong, doubled, missing or out of place is seen. An end that has sent its bytes
//         shuts that direction down; at the peer's end of stream it closes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "sim/host.hpp"

namespace fairlead::sim {

struct StreamPlan {
    std::uint64_t to_send = 0;
    std::uint64_t content_out = 1;  // the seed of what we send
    std::uint64_t content_in = 2;   // and of what the peer sends
    std::size_t write_bytes = 16384;
    std::size_t read_bytes = 16384;
    // Close without further ado once so many bytes went by, both ways together.
    std::uint64_t give_up_after = UINT64_MAX;
    bool no_delay = false;
    bool keep_alive = false;  // after a minute of silence
    bool stays_open = false;  // closes only after the peer has
};

// As the other end has it.
StreamPlan mirrored(const StreamPlan& plan, std::uint64_t to_send);

class Stream final : public Application {
public:
    enum class State : std::uint8_t { Open, Closed, Failed };

    // Takes over a socket that is connected or connecting.
    Stream(Host& host, SocketId socket, const StreamPlan& plan);
    ~Stream() override;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void on_event(const SocketEvent& event) override;
    // Reads, writes and closes as far as it goes now.
    void pump();

    SocketId socket() const { return socket_; }
    State state() const { return state_; }
    bool is_over() const { return state_ != State::Open; }
    // The peer's stream came to its end, not to a reset.
    bool saw_end() const { return saw_end_; }
    Errc error() const { return error_; }
    const StreamPlan& plan() const { return plan_; }
    std::uint64_t sent() const { return sent_; }
    std::uint64_t received() const { return received_; }
    // The first byte that was not what it should be.
    std::optional<std::uint64_t> wrong_at() const { return wrong_at_; }

private:
    void read_all();
    void write_all();
    void check(Bytes bytes);
    void finish(State state);
    void fail(Errc error);
    bool has_given_up() const { return sent_ + received_ >= plan_.give_up_after; }

    Host& host_;
    SocketId socket_;
    StreamPlan plan_;
    State state_ = State::Open;
    bool is_shut_ = false;
    bool saw_end_ = false;
    Errc error_{};
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::optional<std::uint64_t> wrong_at_{};
    std::array<std::byte, 16384> buffer_{};
};

class Listener final : public Application {
public:
    Listener(Host& host, const Endpoint& at, const StreamPlan& plan, int backlog = 4096);
    ~Listener() override;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void on_event(const SocketEvent& event) override;
    SocketId socket() const { return socket_; }
    const std::deque<Stream>& streams() const { return streams_; }
    std::deque<Stream>& streams() { return streams_; }

private:
    Host& host_;
    SocketId socket_;
    StreamPlan plan_;
    std::deque<Stream> streams_{};
};

// A socket of `host` on its way to `to`; bound first where a local name is given.
SocketId start_connecting(Host& host, const Endpoint& to, const Endpoint& local = {});

}  // namespace fairlead::sim
