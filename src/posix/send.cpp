// What goes out: write(), send() and their kin on sockets.
#include <algorithm>

#include "posix/client.hpp"
#include "posix/message.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }
Call failed(Errc e) { return Call{Answer{.value = refused(e)}}; }
Answer error(Errc e) { return {.value = refused(e)}; }
Answer count(std::size_t n) { return {.value = static_cast<std::int64_t>(n)}; }

// What lies in several pieces, from that offset on, in one: as much as fits.
Bytes gathered(const WritePieces& from, std::size_t offset, MutableBytes scratch) {
    std::size_t filled = 0;
    while (filled < scratch.size()) {
        const Bytes part = from.from(offset + filled);
        if (part.empty()) break;
        const std::size_t n = std::min(part.size(), scratch.size() - filled);
        std::ranges::copy(part.first(n), scratch.begin() + static_cast<std::ptrdiff_t>(filled));
        filled += n;
    }
    return scratch.first(filled);
}

}  // namespace

Call Client::write(int fd, WritePieces from) {
    const auto found = file(fd);
    if (!found) return failed(found.error());
    OpenFile& f = **found;
    if (from.count() > abi::kMostPieces) return failed(Errc::InvalidArgument);
    switch (f.kind) {
        case FileKind::Socket:
            return begin(pending::Send{.from = from}, &f, !f.is_nonblocking(),
                         f.socket.send_timeout);
        case FileKind::PipeWriter:
            return begin(pending::PipeWrite{.from = from}, &f, !f.is_nonblocking(),
                         Duration::infinite());
        case FileKind::Epoll: return failed(Errc::InvalidArgument);
        case FileKind::PipeReader:
        case FileKind::Source: break;
    }
    return failed(Errc::BadDescriptor);
}

Call Client::send(int fd, const MessageOut& message, int flags) {
    const auto found = socket_file(fd);
    if (!found) return failed(found.error());
    OpenFile& f = **found;
    if (message.from.count() > abi::kMostPieces) return failed(Errc::MessageTooLong);
    if (message.name.size() > abi::kLargestName) return failed(Errc::InvalidArgument);
    const bool may_block = !f.is_nonblocking() && (flags & abi::msg::kDontWait) == 0;
    return begin(
        pending::Send{
            .from = message.from, .name = message.name, .control = message.control, .flags = flags},
        &f, may_block, f.socket.send_timeout);
}

std::optional<Answer> Client::attempt(pending::Send& s, OpenFile& f, bool may_wait) {
    if (!f.socket.is_stream) return send_datagram(s, f);
    std::optional<Answer> answer = send_stream(s, f, may_wait);
    const bool is_broken = answer && answer->value == refused(Errc::BrokenPipe);
    if (is_broken) answer->raises_sigpipe = (s.flags & abi::msg::kNoSignal) == 0;
    return answer;
}

// tcp_sendmsg(): waits until all has been taken; an error after some was taken is for the next call.
std::optional<Answer> Client::send_stream(pending::Send& s, OpenFile& f, bool may_wait) {
    std::int32_t stamps = -1;
    if (const auto good = read_stream_control(s.control, stamps); !good) return error(good.error());
    const std::size_t size = s.from.size();
    if ((s.flags & abi::msg::kFastOpen) != 0 && !s.is_opening && s.done == 0) {
        if (const auto begun = open_fast(s, f); !begun) return error(begun.error());
        if (may_wait) tell_of_rest(s, f);
    }
    if (s.is_opening) {
        if (auto answer = await_opening(s, f, may_wait); answer || s.is_opening) return answer;
        if (s.done == size) return count(size);
    }
    std::optional<Answer> answer = send_bytes(s, f, may_wait);
    const Stamps wanted = stamps >= 0 ? static_cast<Stamps>(stamps) : f.socket.ancillary.stamps;
    if (wanted != 0 && answer && s.done > 0) (void)stack_.stamp(f.socket.id, wanted);
    return answer;
}

std::optional<Answer> Client::send_bytes(pending::Send& s, OpenFile& f, bool may_wait) {
    const SocketId id = f.socket.id;
    const std::size_t size = s.from.size();
    SendFlags flags{.more = (s.flags & abi::msg::kMore) != 0,
                    .out_of_band = (s.flags & abi::msg::kOutOfBand) != 0,
                    .end_of_record = (s.flags & abi::msg::kEndOfRecord) != 0,
                    .waits = may_wait};
    for (;;) {
        if (s.done > 0 && stack_.pending_error(id) != Errc{}) return count(s.done);
        // One call is one completion, however many steps it takes.
        flags.zero_copy = s.done == 0 && (s.flags & abi::msg::kZeroCopy) != 0;
        const bool is_one = s.from.count() == 1;
        const Bytes part =
            is_one ? s.from.from(s.done) : gathered(s.from, s.done, files_.scratch());
        const auto sent = stack_.send(id, part, flags);
        if (sent) {
            s.done += *sent;
            if (state_of(f) == TcpState::SynSent) {  // TCP_FASTOPEN_CONNECT
                s.is_opening = true;
                if (may_wait) tell_of_rest(s, f);
                return await_opening(s, f, may_wait);
            }
            if (s.done == size) return count(size);
            if (*sent == part.size()) continue;
        } else if (sent.error() != Errc::WouldBlock) {
            return s.done > 0 ? count(s.done) : error(sent.error());
        }
        if (may_wait) return std::nullopt;
        return s.done > 0 ? count(s.done) : error(Errc::WouldBlock);
    }
}

// tcp_sendmsg_fastopen(), and what of __inet_stream_connect() goes before it.
Result<void> Client::open_fast(pending::Send& s, OpenFile& f) {
    constexpr std::int64_t kClient = 1;
    const bool is_none = s.name.size() >= 2 && family_of(s.name) == abi::kUnspecified;
    if ((stack_.config().tcp_fastopen & kClient) == 0 || is_none) {
        return refused(Errc::NotSupported);
    }
    SocketFile& file = f.socket;
    if (file.stage == Stage::Connected) return refused(Errc::AlreadyConnected);
    if (file.stage == Stage::Disconnecting) return refused(Errc::InvalidArgument);
    if (file.stage == Stage::Connecting) {
        const bool is_deferred = (stack_.readiness(file.id).value_or(0) & kWritable) != 0 &&
                                 state_of(f) == TcpState::SynSent;
        if (is_deferred) return {};
        return refused(Errc::AlreadyInProgress);
    }
    if (state_of(f) != TcpState::Closed) return refused(Errc::AlreadyConnected);
    if (s.name.empty()) return refused(Errc::InvalidArgument);
    Endpoint peer = FAIRLEAD_TRY(read_connect_name(s.name, file.family, true));
    if (peer.address.is_any()) peer.address = own_loopback(peer, file);
    const bool is_one = s.from.count() == 1;
    const Bytes part = is_one ? s.from.from(0) : gathered(s.from, 0, files_.scratch());
    s.done = FAIRLEAD_TRY(stack_.send_fast_open(file.id, peer, part));
    s.is_opening = true;
    file.stage = Stage::Connecting;
    return {};
}

// What the SYN does not take along is written when the connection is open: its ACK rides on that.
void Client::tell_of_rest(const pending::Send& s, const OpenFile& f) {
    if (!s.is_opening || s.done == s.from.size()) return;
    (void)stack_.send(f.socket.id, s.from.from(s.done), {.waits = true});
}

std::optional<Answer> Client::await_opening(pending::Send& s, OpenFile& f, bool may_wait) {
    pending::Connect connect;
    const std::optional<Answer> opened = attempt(connect, f, may_wait);
    if (!opened) return std::nullopt;
    if (opened->value == refused(Errc::InProgress) && s.done > 0) return count(s.done);
    if (!opened->value) return opened;
    s.is_opening = false;
    return std::nullopt;
}

Answer Client::send_datagram(pending::Send& s, OpenFile& f) {
    if ((s.flags & abi::msg::kOutOfBand) != 0) return error(Errc::NotSupported);
    DatagramTarget target{.zero_copy = (s.flags & abi::msg::kZeroCopy) != 0,
                          .more = (s.flags & abi::msg::kMore) != 0,
                          .confirm = (s.flags & abi::msg::kConfirm) != 0};
    // A name of no family in particular is none, to an IPv6 socket.
    const bool is_none = f.socket.family == Family::Inet6 && s.name.size() >= 2 &&
                         family_of(s.name) == abi::kUnspecified;
    if (!s.name.empty() && !is_none) {
        const auto to = read_send_name(s.name, f.socket.family, f.socket.is_ping);
        if (!to) return error(to.error());
        target.to = *to;
        if (to->address.is_multicast()) {
            target.ttl = static_cast<std::int16_t>(f.socket.multicast_ttl);
        }
    }
    if (const auto read = read_control(s.control, f.socket.family, target); !read) {
        return error(read.error());
    }
    const MutableBytes scratch = files_.scratch();
    if (s.from.count() != 1 && s.from.size() > scratch.size()) return error(Errc::MessageTooLong);
    const Bytes bytes = s.from.count() == 1 ? s.from.piece(0) : gathered(s.from, 0, scratch);
    const auto sent = stack_.send_to(f.socket.id, bytes, target);
    if (sent) return count(*sent);
    return error(sent.error());  // a datagram never waits
}

}  // namespace fairlead::posix
