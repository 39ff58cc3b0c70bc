// tcp/urgent.hpp — the byte that is urgent, on its way in and on its way out.
//
// Owns:   where the peer's urgent byte lies in the stream and whether it has come and was read;
//         where ours ends.
// Knows:  RFC 9293 §3.8.5, RFC 6093 §2 (the pointer is behind the byte; net.ipv4.tcp_stdurg: at it);
//         Linux's tcp_check_urg(), tcp_urg() and tcp_recv_urg().
// Not here: the stream itself, and how reading goes around the byte (connection_urgent.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tcp/position.hpp"

namespace fairlead::tcp {

class Urgent {
public:
    // --- what comes ---
    // Where a segment's pointer points to.
    static Position pointed_at(Position seq, std::uint16_t pointer, bool is_at_byte) {
        return seq + pointer - (pointer != 0 && !is_at_byte ? 1 : 0);
    }
    // Whether a pointer tells something new to who has read up to `read` and has all before `next`.
    bool is_news(Position at, Position read, Position next) const {
        return at >= read && at >= next && !(is_known() && at <= at_);
    }
    void expect(Position at) {
        at_ = at;
        state_ = State::Awaited;
    }
    void put(std::byte byte) {
        byte_ = byte;
        state_ = State::There;
    }
    // Reading has passed the mark.
    void forget() { state_ = State::None; }

    bool is_known() const { return state_ != State::None; }
    bool is_awaited() const { return state_ == State::Awaited; }
    bool is_there() const { return state_ == State::There; }
    bool was_read() const { return state_ == State::Read; }
    Position at() const { return at_; }
    std::byte peek() const { return byte_; }
    std::byte take() {
        state_ = State::Read;
        return byte_;
    }

    // --- what goes ---
    // The last byte written is urgent.
    void mark(Position end) { send_end_ = end; }
    bool is_sending(Position una) const { return send_end_ > una; }
    // The pointer of a segment that begins there, of a sender that has sent up to `next`.
    std::optional<std::uint16_t> pointer(Position seq, Position una, Position next) const {
        constexpr std::int64_t kFarthest = 0xffff;
        const std::int64_t way = send_end_ - seq;
        if (!is_sending(una) || way <= 0) return std::nullopt;
        if (way <= kFarthest) return static_cast<std::uint16_t>(way);
        // Too far to be told, but it is worth to be told that it comes.
        if (seq + kFarthest > next) return static_cast<std::uint16_t>(kFarthest);
        return std::nullopt;
    }
    // An empty probe can say where it is (tcp_write_wakeup()).
    bool is_near(Position una) const {
        return send_end_ > una && send_end_ - una <= std::int64_t{0xffff};
    }

private:
    enum class State : std::uint8_t { None, Awaited, There, Read };

    Position at_{};
    Position send_end_{};
    std::byte byte_{};
    State state_ = State::None;
};

}  // namespace fairlead::tcp
