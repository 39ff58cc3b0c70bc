// A connection from a SYN: RFC 7413 §4.2; Linux's tcp_try_fastopen() and what of tcp_check_req()
// differs for such a child. Its request is in no table: the child keeps it until the third segment,
// and the listener counts it.
#include "tcp/layer.hpp"

namespace fairlead::tcp {

// tcp_fastopen_queue_check()
// RFC 7413 REQ-5.1
bool Layer::has_fast_open_room(Connection& listener) {
    FastOpen* kept = listener.fast_open(env_);
    if (kept == nullptr || kept->queue.limit == 0) return false;
    FastOpenQueue& q = kept->queue;
    if (q.length < q.limit) return true;
    Request* oldest = q.first_reset;
    if (oldest == nullptr || oldest->due > env_.now) {
        env_.counters.add(Counter::TcpExtTCPFastOpenListenOverflow);
        return false;
    }
    q.first_reset = oldest->next_of_listener;
    if (q.first_reset == nullptr) q.last_reset = nullptr;
    --q.length;
    requests_.destroy(oldest);
    return true;
}

// RFC 7413 REQ-3.1, REQ-4.2.2
FastOpenAnswer Layer::judge_fast_open(Connection& listener, const Parsed& p) {
    const auto& option = p.options.fast_open;
    if (option && option->cookie.empty()) {
        env_.counters.add(Counter::TcpExtTCPFastOpenCookieReqd);
    }
    const bool is_on = (config_.tcp_fastopen & kFastOpenServer) != 0;
    if (!is_on || !has_fast_open_room(listener)) return {};
    const FastOpen& kept = *listener.fast_open(env_);
    FastOpenSecrets secrets =
        secrets_of(kept.keys.count > 0 ? kept.keys : config_.tcp_fastopen_key);
    if (secrets.count == 0) secrets = {.keys = {fast_open_secret_}, .count = 1};
    const bool needs_none =
        kept.needs_no_cookie || (config_.tcp_fastopen & kFastOpenServerNoCookie) != 0;
    return tcp::judge_fast_open({option, p.key.remote.address, p.key.local.address}, needs_none,
                                secrets);
}

bool Layer::open_fast(Request& r, const Parsed& p, ip::Incoming& in, FastOpenCookie& cookie) {
    Connection& listener = *r.listener;
    const FastOpenAnswer answer = judge_fast_open(listener, p);
    cookie = answer.cookie;
    if (answer.verdict == FastOpenVerdict::Refuse) {
        env_.counters.add(Counter::TcpExtTCPFastOpenPassiveFail);
    }
    const bool is_old = answer.verdict == FastOpenVerdict::AcceptOld;
    if (!is_old && answer.verdict != FastOpenVerdict::Accept) return false;
    Connection* c = make_child(r);
    if (c == nullptr || !c->keep_request(r, env_)) {
        if (c != nullptr) apply(*c, c->abort(env_));
        env_.counters.add(Counter::TcpExtTCPFastOpenPassiveFail);
        return false;
    }
    if (is_old) env_.counters.add(Counter::TcpExtTCPFastOpenPassiveAltKey);
    env_.counters.add(Counter::TcpExtTCPFastOpenPassive);
    FastOpenQueue& q = listener.fast_open(env_)->queue;
    ++q.length;
    r.is_fast_open = true;
    r.next_of_listener = q.first_pending;
    if (q.first_pending != nullptr) q.first_pending->prev_of_listener = &r;
    q.first_pending = &r;
    demux_.insert(p.hash, ref_of(*c));
    c->take_syn_data(r, p.header.window, p.payload, std::move(in.packet), env_);
    send_syn_ack(r, timestamp_clock(env_.now), &cookie);
    offer(*c, listener);
    file_timer(*c);
    return true;
}

void Layer::to_fast_open_child(Connection& c, const Parsed& p, ip::Incoming& in) {
    Request& r = *c.request(env_);
    switch (judge(r, p)) {
        case RequestVerdict::Drop:
        case RequestVerdict::Wrong: return;
        case RequestVerdict::Repeat:
            repeat_syn_ack(r, p);
            c.count_retransmission(env_);
            return;
        case RequestVerdict::Answer: return answer_request(r, p, c.next_number());
        case RequestVerdict::End:
            env_.counters.add(Counter::TcpAttemptFails);
            // A SYN in the window is no reason to end what may serve somebody already.
            if (!p.header.flags.rst) return send_reset(p);
            end_request(c, true);
            return apply(c, c.reset_by_peer(env_));
        case RequestVerdict::Take: break;
    }
    InSegment s = c.unwrap(p.header, p.options, p.payload, p.arrived);
    s.data.segments = p.segments;
    if (c.hears_ecn(p.header.flags)) c.note_ecn(s, p.header.flags, p.tos);
    const Effects effects = c.on_segment(s, p.options, std::move(in.packet), env_);
    if (effects.reset) send_reset(p);
    if (c.is_confirmed(env_)) end_request(c, false);
    apply(c, effects);
}

// reqsk_fastopen_remove(): the handshake is over. What a RST ended goes on counting, if somebody has
// accepted it.
void Layer::end_request(Connection& c, bool was_reset) {
    Request* r = std::exchange(c.fast_open(env_)->request, nullptr);
    if (r->listener == nullptr) return requests_.destroy(r);
    FastOpenQueue& q = r->listener->fast_open(env_)->queue;
    (r->prev_of_listener == nullptr ? q.first_pending : r->prev_of_listener->next_of_listener) =
        r->next_of_listener;
    if (r->next_of_listener != nullptr) r->next_of_listener->prev_of_listener = r->prev_of_listener;
    const bool was_accepted = c.socket() != kInAcceptQueue;
    if (!was_reset || !was_accepted) {
        --q.length;
        return requests_.destroy(r);
    }
    r->due = env_.now + FastOpenQueue::kResetLife;
    r->next_of_listener = r->prev_of_listener = nullptr;
    (q.last_reset == nullptr ? q.first_reset : q.last_reset->next_of_listener) = r;
    q.last_reset = r;
}

void Layer::end_fast_open_queue(Connection& listener) {
    FastOpen* kept = listener.fast_open(env_);
    if (kept == nullptr) return;
    FastOpenQueue& q = kept->queue;
    for (Request* r = q.first_pending; r != nullptr; r = r->next_of_listener) r->listener = nullptr;
    while (Request* r = q.first_reset) {
        q.first_reset = r->next_of_listener;
        requests_.destroy(r);
    }
    q = {.limit = q.limit};
}

}  // namespace fairlead::tcp
