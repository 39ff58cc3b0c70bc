// Sockets of programs without the library: what their rings hold crosses the
// pair, by the host alone.
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "host/host.hpp"
#include "host/tag.hpp"

namespace fairlead::host {
namespace {

bool is_hung(int fd) {
    pollfd entry{.fd = fd, .events = 0, .revents = 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

// It was closed with bytes unread.
bool has_reset(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNRESET;
}

std::array<iovec, 2> vectors_of(const std::array<Piece, 2>& pieces) {
    return {iovec{.iov_base = pieces[0].data(), .iov_len = pieces[0].size()},
            iovec{.iov_base = pieces[1].data(), .iov_len = pieces[1].size()}};
}

}  // namespace

void Host::on_plain_event(std::uint64_t from) {
    ProgramSocket& s = *sockets_[number_of(from)];
    if (s.arena == nullptr || tag_generation(s.generation) != generation_of(from)) return;
    if (s.phase != Phase::Open) {
        if (is_hung(s.end.get())) on_close(s);
        return;
    }
    pump_tx(s);
    if (s.arena != nullptr && s.phase == Phase::Open && !s.is_gone) give_plain(s);
}

// From the program's descriptor into the ring, as its library would have put
// it. False: the program has closed it, and all is done.
bool Host::take_plain(ProgramSocket& s) {
    s.has_more_plain = false;
    if (s.is_gone || !s.end.is_open() || s.tx.room() == 0) {
        s.has_more_plain = !s.is_gone && s.end.is_open();
        return true;
    }
    auto vectors = vectors_of(ring_pieces(s.tx_ring(), s.tx.tail, s.tx.room()));
    const ssize_t got = ::readv(s.end.get(), vectors.data(), vectors.size());
    if (got > 0) {
        s.tx.tail += static_cast<std::uint32_t>(got);
        s.slot().program.tx_tail.store(s.tx.tail, std::memory_order_release);
        s.has_more_plain = true;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (is_hung(s.end.get()) || got < 0) {
        const bool was_unread = got < 0 || has_reset(s.end.get());
        if (was_unread) {
            abort(s, 0);
        } else {
            on_close(s);
        }
        return false;
    }
    if (!s.has_sent_fin) s.has_fin_to_send = true;
    return true;
}

// From the ring into the program's descriptor.
void Host::give_plain(ProgramSocket& s) {
    while (s.rx.used() > 0 && s.end.is_open()) {
        auto vectors = vectors_of(ring_pieces(s.rx_ring(), s.rx.head, s.rx.used()));
        msghdr message{};
        message.msg_iov = vectors.data();
        message.msg_iovlen = vectors.size();
        const ssize_t put = ::sendmsg(s.end.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN) return;
        // Nobody reads there any more: what comes is taken all the same.
        s.rx.head = put < 0 ? s.rx.tail : s.rx.head + static_cast<std::uint32_t>(put);
        s.slot().program.rx_head.store(s.rx.head, std::memory_order_release);
        if (s.is_full) queue(s);
    }
    const bool is_end = (s.status & kStatusReadEnd) != 0 && s.end.is_open();
    if (is_end) (void)::shutdown(s.end.get(), SHUT_WR);
}

// It is over, and the program's descriptor shows the end, behind what it has
// not read.
void Host::end_plain(ProgramSocket& s) {
    if (s.end.is_open()) give_plain(s);
    s.is_gone = true;
    s.end.reset();
    try_release(s);
}

}  // namespace fairlead::host
