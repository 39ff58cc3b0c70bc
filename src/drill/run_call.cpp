// Time and system calls of the runner.
#include <utility>

#include <fmt/format.h>

#include "drill/format.hpp"
#include "drill/runner.hpp"
#include "drill/structs.hpp"

namespace fairlead::drill {
namespace {

// A call without a window may block a moment: as long as its timeout, say.
constexpr Duration kMostBlocking = 10_s;
constexpr std::uint64_t kMostIdleSteps = 100'000;
constexpr std::size_t kMostPackets = 100'000;

}  // namespace

Runner::Outgoing Runner::run_call(const Event& event, const Call& call, const Due& due) {
    // One call at a time: the one before returns first.
    if (pending_) {
        if (auto wrong = await_pending(*pending_->due.ends + pending_->due.end_tolerance)) {
            return wrong;
        }
    }
    if (auto wrong = wait_until(due.from)) return wrong;
    if (auto off = timing_.check(due, backend_.now())) {
        return Fault{.message = fmt::format("the call began {}", *off)};
    }
    auto request = calls_.to_request(call);
    if (!request) return request.error();
    note(*request);
    if (auto started = backend_.start(*request); !started) {
        return Fault{
            .place = call.result.place, .message = started.error(), .is_unsupported = true};
    }
    pending_ = Pending{.event = &event, .call = &call, .request = std::move(*request), .due = due};
    if (due.ends) return step(backend_.now());
    return await_pending(backend_.now() + kMostBlocking);
}

// Tells the connections what the call will do, before its first packet leaves.
void Runner::note(const Request& request) {
    if (std::holds_alternative<request::Socket>(request)) connections_.on_socket();
    if (const auto* bind = std::get_if<request::Bind>(&request)) {
        if (const auto local = endpoint_of(bind->name)) connections_.on_bind(local->port);
    }
    if (const auto* connect = std::get_if<request::Connect>(&request)) {
        if (const auto peer = endpoint_of(connect->name)) connections_.on_connect(*peer);
    }
    const auto* send = std::get_if<request::Send>(&request);
    if (send == nullptr) return;
    if (const auto to = endpoint_of(send->name)) connections_.on_connect(*to);
}

// Which descriptor is the connection under test: as in the original, the one last opened either way.
void Runner::follow(const Request& request, const Outcome& outcome) {
    if (std::holds_alternative<request::Accept>(request) && outcome.value >= 0) {
        under_test_ = static_cast<int>(outcome.value);
    }
    if (const auto* connect = std::get_if<request::Connect>(&request)) under_test_ = connect->fd;
    const auto* socket = std::get_if<request::Socket>(&request);
    if (socket != nullptr && under_test_ < 0) under_test_ = static_cast<int>(outcome.value);
    const auto* close = std::get_if<request::Close>(&request);
    if (close != nullptr && close->fd == under_test_) under_test_ = -1;
}

Runner::Outgoing Runner::await_pending(Instant latest) {
    const Event* event = pending_->event;
    // What has returned at once is known after a step that takes no time.
    Outgoing wrong = step(backend_.now());
    while (!wrong && pending_ && backend_.now() < latest) wrong = step(latest);
    if (!wrong && pending_) {
        wrong = Fault{.place = pending_->call->result.place,
                      .message = fmt::format("{} has not returned at {} s", pending_->call->name,
                                             format_seconds(timing_.since_begin(backend_.now())))};
    }
    if (wrong) blamed_ = event;
    return wrong;
}

Runner::Outgoing Runner::wait_until(Instant t) {
    while (backend_.now() < t) {
        if (auto wrong = step(t)) return wrong;
    }
    return std::nullopt;
}

Runner::Outgoing Runner::step(Instant until) {
    const Instant before = backend_.now();
    backend_.step(until);
    idle_steps_ = backend_.now() == before ? idle_steps_ + 1 : 0;
    if (idle_steps_ > kMostIdleSteps) return Fault{.message = "time stands still"};
    collect_packets();
    if (packets_.size() > kMostPackets) return Fault{.message = "packets flood out"};
    return collect_outcome();
}

void Runner::collect_packets() {
    while (auto sent = backend_.take_packet()) {
        if (capture_) capture_(timing_.since_begin(sent->at), true, sent->bytes);
        auto seen = read_packet(*sent);
        if (!seen) {
            malformed_ = Fault{.message = fmt::format("a malformed packet left: {}", seen.error())};
            continue;
        }
        if (!*seen) continue;
        report_.add_packet(dump(timing_.since_begin((*seen)->at), (*seen)->source, (*seen)->target,
                                connections_.readable(**seen)));
        packets_.push_back(std::move(**seen));
    }
}

Runner::Outgoing Runner::collect_outcome() {
    if (!pending_) return std::nullopt;
    auto outcome = backend_.take_outcome();
    if (!outcome) return std::nullopt;
    relate_stamps(outcome->control, timing_.begun() + backend_.wall_ahead());
    outcome->tolerance = timing_.tolerance();
    const Pending done = std::move(*std::exchange(pending_, std::nullopt));
    Outgoing wrong = calls_.check(*done.call, done.request, *outcome);
    if (!wrong) follow(done.request, *outcome);
    if (!wrong && done.due.ends) {
        if (auto off = timing_.check_end(done.due, backend_.now())) {
            wrong = Fault{.place = done.call->result.place,
                          .message = fmt::format("{} returned {}", done.call->name, *off)};
        }
    }
    if (wrong) blamed_ = done.event;
    return wrong;
}

}  // namespace fairlead::drill
