#include "sim/stream.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "sim/content.hpp"

namespace fairlead::sim {

StreamPlan mirrored(const StreamPlan& plan, std::uint64_t to_send) {
    StreamPlan other = plan;
    other.to_send = to_send;
    std::swap(other.content_in, other.content_out);
    return other;
}

Stream::Stream(Host& host, SocketId socket, const StreamPlan& plan)
    : host_{host}, socket_{socket}, plan_{plan} {
    plan_.read_bytes = std::min(plan_.read_bytes, buffer_.size());
    plan_.write_bytes = std::min(plan_.write_bytes, buffer_.size());
    host_.watch(socket, *this);
    const auto set = [&](Option option, std::int64_t value) {
        const auto done = host_.stack().set_option(socket, option, value);
        FAIRLEAD_ASSERT(done);
    };
    if (plan_.no_delay) set(Option::NoDelay, 1);
    if (!plan_.keep_alive) return;
    set(Option::KeepAlive, 1);
    set(Option::KeepIdle, 60);
    set(Option::KeepInterval, 20);
}

Stream::~Stream() { host_.dismiss(*this); }

void Stream::on_event(const SocketEvent&) { pump(); }

void Stream::pump() {
    if (is_over()) return;
    if (const auto error = host_.stack().option(socket_, Option::Error); error && *error != 0) {
        return fail(static_cast<Errc>(*error));
    }
    read_all();
    if (!is_over() && !has_given_up()) write_all();
    if (is_over()) return;
    if (has_given_up() || (saw_end_ && is_shut_)) finish(State::Closed);
}

void Stream::read_all() {
    while (!saw_end_ && !has_given_up()) {
        const auto n =
            host_.stack().receive(socket_, MutableBytes{buffer_}.first(plan_.read_bytes));
        if (!n) {
            const bool is_early = n.error() == Errc::WouldBlock || n.error() == Errc::NotConnected;
            return is_early ? void() : fail(n.error());
        }
        saw_end_ = *n == 0;
        check(Bytes{buffer_}.first(*n));
    }
}

void Stream::check(Bytes bytes) {
    const std::size_t right = first_wrong_content(plan_.content_in, received_, bytes);
    if (right < bytes.size() && !wrong_at_) wrong_at_ = received_ + right;
    received_ += bytes.size();
}

void Stream::write_all() {
    while (sent_ < plan_.to_send && !has_given_up()) {
        const auto most = std::min<std::uint64_t>(plan_.write_bytes, plan_.to_send - sent_);
        const auto piece = MutableBytes{buffer_}.first(static_cast<std::size_t>(most));
        fill_content(plan_.content_out, sent_, piece);
        const auto n = host_.stack().send(socket_, piece);
        if (!n) {
            const bool is_early = n.error() == Errc::WouldBlock || n.error() == Errc::NotConnected;
            return is_early ? void() : fail(n.error());
        }
        sent_ += *n;
    }
    if (sent_ < plan_.to_send || is_shut_ || (plan_.stays_open && !saw_end_)) return;
    const auto done = host_.stack().shutdown(socket_, Shutdown::Write);
    if (!done && done.error() == Errc::NotConnected) return;
    is_shut_ = true;
}

void Stream::fail(Errc error) {
    error_ = error;
    finish(State::Failed);
}

void Stream::finish(State state) {
    state_ = state;
    const auto closed = host_.stack().close(socket_);
    FAIRLEAD_ASSERT(closed);
}

Listener::Listener(Host& host, const Endpoint& at, const StreamPlan& plan, int backlog)
    : host_{host}, plan_{plan} {
    Stack& stack = host.stack();
    const auto socket = stack.socket(at.address.family(), SocketType::Stream);
    FAIRLEAD_ASSERT(socket);
    socket_ = *socket;
    const auto bound = stack.bind(socket_, at);
    FAIRLEAD_ASSERT(bound);
    const auto listening = stack.listen(socket_, backlog);
    FAIRLEAD_ASSERT(listening);
    host.watch(socket_, *this);
}

Listener::~Listener() {
    host_.dismiss(*this);
    (void)host_.stack().close(socket_);
}

void Listener::on_event(const SocketEvent&) {
    while (const auto socket = host_.stack().accept(socket_)) {
        streams_.emplace_back(host_, *socket, plan_).pump();
    }
}

SocketId start_connecting(Host& host, const Endpoint& to, const Endpoint& local) {
    Stack& stack = host.stack();
    const auto socket = stack.socket(to.address.family(), SocketType::Stream);
    FAIRLEAD_ASSERT(socket);
    if (local != Endpoint{}) {
        const auto bound = stack.bind(*socket, local);
        FAIRLEAD_ASSERT(bound);
    }
    const auto started = stack.connect(*socket, to);
    FAIRLEAD_ASSERT(!started && started.error() == Errc::InProgress);
    return *socket;
}

}  // namespace fairlead::sim
