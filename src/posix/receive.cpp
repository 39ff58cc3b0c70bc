// What comes in: read(), recv() and their kin on sockets.
#include <algorithm>

#include "posix/client.hpp"
#include "posix/message.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }
Call failed(Errc e) { return Call{Answer{.value = refused(e)}}; }
Answer error(Errc e) { return {.value = refused(e)}; }
Answer count(std::size_t n) { return {.value = static_cast<std::int64_t>(n)}; }

// What `from` holds goes into the pieces, one after the other.
void scatter(const ReadPieces& into, Bytes from) {
    for (std::size_t i = 0; i < into.count() && !from.empty(); ++i) {
        const MutableBytes part = into.piece(i);
        const std::size_t n = std::min(part.size(), from.size());
        std::ranges::copy(from.first(n), part.begin());
        from = from.subspan(n);
    }
}

}  // namespace

Call Client::read(int fd, ReadPieces into) {
    const auto found = file(fd);
    if (!found) return failed(found.error());
    OpenFile& f = **found;
    if (into.count() > abi::kMostPieces) return failed(Errc::InvalidArgument);
    switch (f.kind) {
        case FileKind::Socket:
            return begin(pending::Receive{.into = into, .is_read = true}, &f, !f.is_nonblocking(),
                         f.socket.receive_timeout);
        case FileKind::PipeReader:
            return begin(pending::PipeRead{.into = into}, &f, !f.is_nonblocking(),
                         Duration::infinite());
        case FileKind::PipeWriter: return failed(Errc::BadDescriptor);
        case FileKind::Epoll: return failed(Errc::InvalidArgument);
        case FileKind::Source: break;
    }
    const auto got = f.source.read(f.source.user, f.source.offset, into.from(0));
    if (!got) return failed(got.error());
    f.source.offset += static_cast<std::int64_t>(*got);
    return Call{count(*got)};
}

Call Client::receive(int fd, const MessageIn& message, int flags) {
    const auto found = socket_file(fd);
    if (!found) return failed(found.error());
    OpenFile& f = **found;
    if (message.into.count() > abi::kMostPieces) return failed(Errc::MessageTooLong);
    const bool may_block = !f.is_nonblocking() && (flags & abi::msg::kDontWait) == 0;
    return begin(pending::Receive{.into = message.into, .control = message.control, .flags = flags},
                 &f, may_block, f.socket.receive_timeout);
}

std::optional<Answer> Client::attempt(pending::Receive& r, OpenFile& f, bool may_wait) {
    if (r.is_read && r.into.size() == 0) return count(0);
    if ((r.flags & abi::msg::kErrorQueue) != 0) return receive_error(r, f);
    if (!f.socket.is_stream) return receive_datagram(r, f, may_wait);
    if ((r.flags & abi::msg::kOutOfBand) != 0) return receive_urgent(r, f);
    if (r.into.size() == 0) return receive_nothing(f, may_wait);
    std::optional<Answer> answer = (r.flags & abi::msg::kPeek) != 0
                                       ? peek_stream(r, f, may_wait)
                                       : receive_stream(r, f, may_wait);
    if (answer && answer->value && !r.is_read) tell_of_stream(r, f, *answer);
    return answer;
}

// When the last of the next `size` bytes came, where somebody asked for that.
void Client::note_arrival(pending::Receive& r, const OpenFile& f, std::size_t size) {
    const Ancillary& asked = f.socket.ancillary;
    const bool is_asked =
        asked.timestamp || asked.timestamp_ns || (asked.stamps & kStampTellSoftware) != 0;
    if (!is_asked || r.is_read) return;
    const std::size_t n = std::min(size, stack_.bytes_to_read(f.socket.id).value_or(0));
    if (n > 0) r.arrived = stack_.arrival(f.socket.id, n - 1).value_or(r.arrived);
}

// tcp_recvmsg()
void Client::tell_of_stream(const pending::Receive& r, const OpenFile& f, Answer& answer) {
    StreamInfo info;
    if (r.arrived != Instant::never()) info.arrived = r.arrived;
    if (f.socket.ancillary.inquires) {
        // Whoever sees that there is something reads on, and so meets the end.
        const TcpState state = state_of(f);
        const bool has_ended = state == TcpState::CloseWait || state == TcpState::LastAck ||
                               state == TcpState::Closing || state == TcpState::Closed;
        info.left =
            static_cast<int>(stack_.bytes_to_read(f.socket.id).value_or(0)) + (has_ended ? 1 : 0);
    }
    const Written written = write_stream_control(info, f.socket, r.control);
    answer.control_bytes = written.bytes;
    if (written.is_truncated) answer.message_flags |= abi::msg::kControlTruncated;
}

// inet_recv_error(): never waits.
Answer Client::receive_error(pending::Receive& r, OpenFile& f) {
    const MutableBytes scratch = files_.scratch();
    const auto got = stack_.receive_error(f.socket.id, scratch);
    if (!got) return error(got.error());
    const std::size_t copied = std::min(got->copied, r.into.size());
    scatter(r.into, scratch.first(copied));
    Answer answer = count(copied);
    answer.message_flags = abi::msg::kErrorQueue;
    if (copied < got->size) answer.message_flags |= abi::msg::kTruncated;
    // ipv4_datagram_support_addr()
    const bool is_named = got->to.port != 0 || (f.socket.is_ping && !got->to.address.is_any());
    if (is_named) answer.name = write_name(got->to, f.socket.family);
    const Written written = write_error(*got, scratch.first(got->copied), f.socket, r.control);
    answer.control_bytes = written.bytes;
    if (written.is_truncated) answer.message_flags |= abi::msg::kControlTruncated;
    return answer;
}

// The urgent byte. This never waits.
Answer Client::receive_urgent(pending::Receive& r, OpenFile& f) {
    const SocketId id = f.socket.id;
    const bool is_there = (stack_.readiness(id).value_or(0) & kPriority) != 0;
    const auto got = stack_.receive(id, r.into.from(0),
                                    {.peek = (r.flags & abi::msg::kPeek) != 0,
                                     .truncate = (r.flags & abi::msg::kTruncated) != 0,
                                     .out_of_band = true});
    if (!got) return error(got.error());
    Answer answer = count(*got);
    if (is_there) {
        answer.message_flags = abi::msg::kOutOfBand | (*got == 0 ? abi::msg::kTruncated : 0);
    }
    return answer;
}

// sock_rcvlowat()
std::size_t Client::wanted(const pending::Receive& r, OpenFile& f) {
    if ((r.flags & abi::msg::kWaitAll) != 0) return r.into.size();
    const auto low = stack_.option(f.socket.id, Option::ReceiveLowWater).value_or(1);
    return std::min(static_cast<std::size_t>(low), r.into.size());
}

// tcp_recvmsg(): waits until as much is there as is wanted; what is there is never held back by an
// error, which the next call gets.
std::optional<Answer> Client::receive_stream(pending::Receive& r, OpenFile& f, bool may_wait) {
    const SocketId id = f.socket.id;
    const ReceiveFlags flags{.truncate = (r.flags & abi::msg::kTruncated) != 0};
    for (;;) {
        const MutableBytes part = r.into.from(r.done);
        if (part.empty()) return count(r.done);
        if (r.done > 0 && stack_.pending_error(id) != Errc{}) return count(r.done);
        // Nothing is read across the mark in one call.
        if (r.done > 0 && stack_.is_at_mark(id).value_or(false)) return count(r.done);
        note_arrival(r, f, part.size());
        const auto got = stack_.receive(id, part, flags);
        if (got) {
            r.done += *got;
            if (*got == 0) return count(r.done);
            if (*got < part.size() && r.done >= wanted(r, f)) return count(r.done);
            continue;
        }
        if (got.error() != Errc::WouldBlock) return r.done > 0 ? count(r.done) : error(got.error());
        if (r.done > 0 && (!may_wait || r.done >= wanted(r, f))) return count(r.done);
        if (!may_wait) return error(Errc::WouldBlock);
        return std::nullopt;
    }
}

std::optional<Answer> Client::peek_stream(pending::Receive& r, OpenFile& f, bool may_wait) {
    const SocketId id = f.socket.id;
    const MutableBytes scratch = files_.scratch();
    const bool is_one = r.into.count() == 1;
    const MutableBytes into =
        is_one ? r.into.piece(0) : scratch.first(std::min(scratch.size(), r.into.size()));
    note_arrival(r, f, into.size());
    const auto got = stack_.receive(id, into, {.peek = true});
    if (may_wait && got.value_or(0) < wanted(r, f)) {
        // What ends a wait: an error, the end, the urgent byte.
        constexpr Readiness kEnds = kError | kReadHangup | kHangup | kPriority;
        const bool has_ended = (stack_.readiness(id).value_or(kError) & kEnds) != 0;
        if (got ? !has_ended : got.error() == Errc::WouldBlock) return std::nullopt;
    }
    if (!got) return error(got.error());
    if (!is_one) scatter(r.into, into.first(*got));
    return count(*got);
}

// A call for no bytes at all waits until there are some.
std::optional<Answer> Client::receive_nothing(OpenFile& f, bool may_wait) {
    std::byte one{};
    const auto got = stack_.receive(f.socket.id, MutableBytes{&one, 1}, {.peek = true});
    if (got) return count(0);
    if (got.error() == Errc::WouldBlock && may_wait) return std::nullopt;
    return error(got.error());
}

std::optional<Answer> Client::receive_datagram(pending::Receive& r, OpenFile& f, bool may_wait) {
    const ReceiveFlags flags{.peek = (r.flags & abi::msg::kPeek) != 0};
    const MutableBytes scratch = files_.scratch();
    const bool is_one = r.into.count() == 1;
    const MutableBytes into =
        is_one ? r.into.piece(0) : scratch.first(std::min(scratch.size(), r.into.size()));
    const auto got = stack_.receive_from(f.socket.id, into, flags);
    if (!got) {
        if (got.error() == Errc::WouldBlock && may_wait) return std::nullopt;
        return error(got.error());
    }
    const bool is_shut = got->interface == 0;  // nothing came, and nothing will
    // After shutdown() only who may wait is told of the end: the others ask first whether to wait.
    if (is_shut && !may_wait) return error(Errc::WouldBlock);
    if (!is_one) scatter(r.into, into.first(got->copied));
    const bool tells_size = (r.flags & abi::msg::kTruncated) != 0;
    Answer answer = count(tells_size ? got->size : got->copied);
    if (got->copied < got->size) answer.message_flags |= abi::msg::kTruncated;
    if (!is_shut) {
        answer.name = write_name(got->from, f.socket.family);
        const Written written = write_control(*got, f.socket, r.control);
        answer.control_bytes = written.bytes;
        if (written.is_truncated) answer.message_flags |= abi::msg::kControlTruncated;
    }
    return answer;
}

}  // namespace fairlead::posix
