#include "lab/server.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace fairlead::lab {

Server::Server(Stack& stack, const http::Site& site, const ServerOptions& options, AccessLog log)
    : stack_{&stack}, site_{&site}, options_{options}, log_{std::move(log)}, scratch_(kScratch) {}

Result<void> Server::listen() {
    const SocketId socket = FAIRLEAD_TRY(stack_->socket(Family::Inet6, SocketType::Stream));
    const auto prepare = [&]() -> Result<void> {
        if (auto r = stack_->set_option(socket, Option::V6Only, 0); !r) return r;
        if (auto r = stack_->set_option(socket, Option::ReuseAddress, 1); !r) return r;
        const Endpoint any{IpAddress::any(Family::Inet6), options_.port};
        if (auto r = stack_->bind(socket, any); !r) return r;
        if (auto r = stack_->set_cookie(socket, kListener); !r) return r;
        return stack_->listen(socket, options_.backlog);
    };
    if (auto ready = prepare(); !ready) {
        (void)stack_->close(socket);
        return ready;
    }
    listener_ = socket;
    return {};
}

Instant Server::work(Moment now) {
    std::array<SocketEvent, 64> events{};
    for (std::size_t n = stack_->take_events(events); n != 0; n = stack_->take_events(events)) {
        for (const SocketEvent& event : std::span{events}.first(n)) on_event(event, now);
    }
    return on_time(now);
}

bool Server::on_event(const SocketEvent& event, Moment now) {
    if (event.cookie == kListener && event.socket == listener_) {
        accept_all(now);
        return true;
    }
    const std::uint64_t slot = event.cookie ^ kMark;
    if (slot >= slots_.size()) return false;
    const auto session = slots_[slot];
    if (!session || (*session)->socket != event.socket) return false;
    pump(*session, now);
    return true;
}

void Server::accept_all(Moment now) {
    is_full_ = false;
    while (listener_) {
        if (counts_.open >= options_.most_connections) {
            is_full_ = true;
            return;
        }
        const auto socket = stack_->accept(listener_);
        if (!socket) {
            if (socket.error() == Errc::ConnectionAborted) continue;
            return;
        }
        // What it sent may have come before the cookie was set, and its event with another's name.
        if (admit(*socket, now)) pump(std::prev(active_.end()), now);
    }
}

bool Server::admit(SocketId socket, Moment now) {
    const auto peer = stack_->peer_name(socket);
    if (!peer) {  // reset since
        (void)stack_->close(socket);
        return false;
    }
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    active_.push_back({.socket = socket,
                       .peer = *peer,
                       .connection = http::Connection{*site_},
                       .moved = now.stack,
                       .slot = slot});
    slots_[slot] = std::prev(active_.end());
    (void)stack_->set_cookie(socket, kMark | slot);
    (void)stack_->set_option(socket, Option::NoDelay, 1);
    ++counts_.accepted;
    counts_.most_open = std::max(counts_.most_open, ++counts_.open);
    return true;
}

void Server::pump(Sessions::iterator session, Moment now) {
    const std::uint64_t moved_before = counts_.bytes_in + counts_.bytes_out;
    Flow flow = Flow::More;
    while (flow == Flow::More && !session->is_lingering) {
        flow = write_out(*session);
        log(*session);
        if (flow != Flow::More) break;
        if (session->connection.wants_close()) {
            begin_linger(session, now);
        } else {
            flow = read_in(*session, now);
        }
    }
    if (flow == Flow::More) flow = drop_input(*session);
    if (flow == Flow::Ended) return end(session, session->connection.is_broken());
    if (!session->is_lingering && counts_.bytes_in + counts_.bytes_out != moved_before) {
        session->moved = now.stack;
        active_.splice(active_.end(), active_, session);
    }
}

Server::Flow Server::write_out(Session& session) {
    while (true) {
        const MutableBytes scratch = MutableBytes{scratch_}.first(session.stride);
        const Bytes piece = session.connection.next_output(scratch);
        if (session.connection.is_broken()) return Flow::Ended;
        if (piece.empty()) return Flow::More;
        const auto sent = stack_->send(session.socket, piece);
        if (!sent && sent.error() == Errc::WouldBlock) return Flow::Blocked;
        if (!sent) {
            session.connection.abandon();
            return Flow::Ended;
        }
        session.connection.wrote(*sent);
        counts_.bytes_out += *sent;
        // What does not fit is read again the next time: read about as much as goes.
        const bool fits = *sent == piece.size();
        session.stride = std::clamp(fits ? session.stride * 2 : *sent, kLeastStride, kScratch);
    }
}

Server::Flow Server::read_in(Session& session, Moment now) {
    if (!session.ahead.empty()) {
        feed_ahead(session, now);
        return Flow::More;
    }
    const auto got = stack_->receive(session.socket, scratch_);
    if (!got && got.error() == Errc::WouldBlock) return Flow::Blocked;
    if (!got) {
        session.connection.abandon();
        return Flow::Ended;
    }
    if (*got == 0) {
        session.has_peer_closed = true;
        session.connection.on_peer_closed();
        return Flow::More;
    }
    counts_.bytes_in += *got;
    const Bytes input = Bytes{scratch_}.first(*got);
    const Bytes rest = input.subspan(session.connection.feed(input, now.wall));
    session.ahead.assign(rest.begin(), rest.end());
    return Flow::More;
}

void Server::feed_ahead(Session& session, Moment now) {
    const Bytes rest = Bytes{session.ahead}.subspan(session.ahead_at);
    session.ahead_at += session.connection.feed(rest, now.wall);
    if (session.ahead_at < session.ahead.size()) return;
    std::vector<std::byte>{}.swap(session.ahead);
    session.ahead_at = 0;
}

// Lingering: what still comes is read so that it cannot turn our end into a reset.
Server::Flow Server::drop_input(Session& session) {
    while (true) {
        const auto got = stack_->receive(session.socket, scratch_);
        if (!got && got.error() == Errc::WouldBlock) return Flow::Blocked;
        if (!got || *got == 0) return Flow::Ended;
        counts_.bytes_in += *got;
    }
}

void Server::begin_linger(Sessions::iterator session, Moment now) {
    session->is_lingering = true;
    session->moved = now.stack;
    lingering_.splice(lingering_.end(), active_, session);
    if (!session->has_peer_closed) (void)stack_->shutdown(session->socket, Shutdown::Write);
}

Instant Server::on_time(Moment now) {
    while (!active_.empty() && now.stack - active_.front().moved >= options_.idle_timeout) {
        Session& session = active_.front();
        ++counts_.timeouts;
        // One that waits for its next request ends like any other; one amid something is cut off.
        const bool is_amid = !session.connection.is_idle();
        session.connection.abandon();
        log(session);
        end(active_.begin(), is_amid);
    }
    while (!lingering_.empty() && now.stack - lingering_.front().moved >= options_.linger) {
        end(lingering_.begin(), false);
    }
    // A place came free for somebody in the backlog, of whom no event will tell again.
    if (is_full_ && counts_.open < options_.most_connections) accept_all(now);
    Instant next = Instant::never();
    if (!active_.empty()) next = active_.front().moved + options_.idle_timeout;
    if (!lingering_.empty()) next = std::min(next, lingering_.front().moved + options_.linger);
    return next;
}

void Server::end(Sessions::iterator session, bool with_reset) {
    log(*session);
    if (with_reset) (void)stack_->set_option(session->socket, Option::LingerSeconds, 0);
    (void)stack_->close(session->socket);
    slots_[session->slot].reset();
    free_slots_.push_back(session->slot);
    (session->is_lingering ? lingering_ : active_).erase(session);
    --counts_.open;
}

void Server::log(Session& session) {
    const auto exchange = session.connection.take_exchange();
    if (!exchange) return;
    ++(exchange->is_complete ? counts_.requests : counts_.unfinished);
    if (log_) log_(session.peer, *exchange);
}

void Server::close() {
    if (listener_) (void)stack_->close(listener_);
    listener_ = {};
    while (!lingering_.empty()) end(lingering_.begin(), false);
    while (!active_.empty()) {
        active_.front().connection.abandon();
        end(active_.begin(), false);
    }
}

}  // namespace fairlead::lab
