// Urgent data: a byte beside the stream, and a mark in it.
#include <algorithm>

#include "tcp/connection.hpp"

namespace fairlead::tcp {

// tcp_urg(): before the data of the same segment is taken.
// RFC 9293 MUST-30, MUST-31, MUST-32
Readiness Connection::take_urgent(const ToReceiver& data, const Packet* payload, Environment& env) {
    Readiness told = 0;
    if (data.has_urgent) {
        const Position at = Urgent::pointed_at(data.seq, data.urgent, env.config.tcp_stdurg != 0);
        if (note_urgent(at, env)) told |= kPriority;
    }
    if (!has_annex()) return told;
    Urgent& urgent = env.annexes.at(annex_)->urgent;
    const std::int64_t offset = urgent.at() - data.seq;
    if (!urgent.is_awaited() || payload == nullptr || offset < 0 || offset >= data.payload) {
        return told;
    }
    std::byte byte{};
    payload->copy_to(static_cast<std::size_t>(offset), MutableBytes{&byte, 1});
    urgent.put(byte);
    return told | kReadable;
}

// tcp_check_urg(). True: the pointer is new.
bool Connection::note_urgent(Position at, Environment& env) {
    const Position read = receiver_.read_position();
    const Urgent before = has_annex() ? env.annexes.at(annex_)->urgent : Urgent{};
    if (!before.is_news(at, read, receiver_.next())) return false;
    Annex* annex = need_annex(env);
    if (annex == nullptr) return false;
    // The byte before was the next to be read, and is in the stream no more.
    const bool is_next = before.is_known() && before.at() == read;
    if (is_next && !options.out_of_band_inline && receiver_.readable() > 0) receiver_.skip(1);
    annex->urgent.expect(at);
    return true;
}

// RFC 9293 MUST-62
void Connection::point_to_urgent(OutSegment& out, Position seq, const Environment& env) const {
    const Urgent& urgent = env.annexes.at(annex_)->urgent;
    const auto pointer = urgent.pointer(seq, sender_.una(), sender_.next());
    out.flags.urg = pointer.has_value();
    out.urgent = pointer.value_or(0);
}

bool Connection::is_sending_urgent(const Environment& env) const {
    return env.annexes.at(annex_)->urgent.is_sending(sender_.una());
}

// RFC 9293 MUST-33
bool Connection::is_at_mark(const Environment& env) const {
    if (!has_annex()) return false;
    const Urgent& urgent = env.annexes.at(annex_)->urgent;
    return urgent.is_known() && urgent.at() == receiver_.read_position();
}

// tcp_inq()
std::int64_t Connection::readable_to_mark(const Environment& env) const {
    const std::int64_t all = receiver_.readable();
    if (!has_annex() || options.out_of_band_inline) return all;
    const Urgent& urgent = env.annexes.at(annex_)->urgent;
    const bool is_there = urgent.is_known() && urgent.at() < receiver_.next();
    return is_there ? urgent.at() - receiver_.read_position() : all;
}

// What a poller hears of it.
Readiness Connection::urgent_readiness(const Environment& env, std::int64_t low_water) const {
    const Urgent& urgent = env.annexes.at(annex_)->urgent;
    const bool is_hole = !options.out_of_band_inline && is_at_mark(env);
    const bool has_enough = receiver_.readable() >= low_water + (is_hole ? 1 : 0);
    return (has_enough ? kReadable : Readiness{0}) | (urgent.is_there() ? kPriority : Readiness{0});
}

// tcp_recv_urg(): never waits.
Result<std::size_t> Connection::read_urgent(MutableBytes into, ReceiveFlags flags,
                                            Environment& env) {
    if (state_ == State::Listen) return std::unexpected{Errc::NotConnected};
    Urgent none;
    Urgent& urgent = has_annex() ? env.annexes.at(annex_)->urgent : none;
    if (options.out_of_band_inline || !urgent.is_known() || urgent.was_read()) {
        return std::unexpected{Errc::InvalidArgument};
    }
    const bool has_ended = state_ == State::Closed || read_is_shut_ || receiver_.has_fin();
    if (state_ == State::Closed && !receiver_.has_fin()) {
        return std::unexpected{Errc::NotConnected};
    }
    if (!urgent.is_there()) {
        if (has_ended) return std::size_t{0};
        return std::unexpected{Errc::WouldBlock};
    }
    const std::byte byte = flags.peek ? urgent.peek() : urgent.take();
    if (into.empty()) return std::size_t{0};
    if (!flags.truncate) into[0] = byte;
    return std::size_t{1};
}

// tcp_recvmsg(): up to the mark; at it, around the byte, unless the byte belongs to the stream.
std::size_t Connection::read_around_mark(MutableBytes into, ReceiveFlags flags, Environment& env) {
    Urgent& urgent = env.annexes.at(annex_)->urgent;
    if (into.empty() || receiver_.readable() == 0) return 0;
    const auto take = [&](MutableBytes part) {
        return flags.truncate ? receiver_.skip(part.size()) : receiver_.read(part);
    };
    const std::int64_t before = urgent.at() - receiver_.read_position();
    if (before > 0) {
        const MutableBytes part =
            into.first(std::min(into.size(), static_cast<std::size_t>(before)));
        return flags.peek ? receiver_.peek(0, part) : take(part);
    }
    const std::size_t hole = options.out_of_band_inline ? 0 : 1;
    if (flags.peek) return receiver_.peek(hole, into);
    receiver_.skip(hole);
    const std::size_t n = take(into);
    if (receiver_.read_position() > urgent.at()) urgent.forget();
    return n;
}

}  // namespace fairlead::tcp
