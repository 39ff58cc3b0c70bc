// The passive open: SYN, SYN-ACK, third segment, accept queue. RFC 9293 §3.10.7.2, RFC 4987;
// Linux's tcp_conn_request() and tcp_check_req().
#include <algorithm>

#include "tcp/layer.hpp"

namespace fairlead::tcp {

void Layer::on_syn(Connection& c, const Parsed& p, ip::Incoming& in, std::uint32_t isn) {
    Listener& l = *c.filing.listener;
    // A SYN that follows a connection in TIME-WAIT has its number already.
    const bool is_cookie_due = isn == 0 && (config_.tcp_syncookies == 2 || l.is_request_full());
    const bool has_cookies = config_.tcp_syncookies != 0;
    bool is_refused = is_cookie_due && !has_cookies;
    if (is_cookie_due) {
        env_.counters.add(is_refused ? Counter::TcpExtTCPReqQFullDrop
                                     : Counter::TcpExtTCPReqQFullDoCookies);
    }
    if (!is_refused && l.is_accept_full()) {
        env_.counters.add(Counter::TcpExtListenOverflows);
        is_refused = true;
    }
    // Without cookies to fall back on, a quarter of the queue is kept for those who were here before.
    const std::int64_t left = config_.tcp_max_syn_backlog - l.request_count;
    is_refused |=
        isn == 0 && !has_cookies && left < config_.tcp_max_syn_backlog / 4 && !is_known(p.key);
    if (!is_refused) bind_way_back(p, in);
    const std::optional<ip::Path> path = is_refused ? std::nullopt : path_to(p.key);
    if (!path) {
        env_.counters.add(Counter::TcpExtListenDrops);
        return let_go(p.key);
    }
    if (is_cookie_due) {
        Request r;
        describe(r, c, p, *path);
        sign_answers(c, p, static_cast<std::uint32_t>(p.header.seq));
        send_cookie(r, l, *path);
        return let_go(p.key);
    }
    Request* r = requests_.make();
    if (r == nullptr) {
        env_.counters.add(Counter::TcpExtListenDrops);
        return let_go(p.key);
    }
    describe(*r, c, p, *path);
    sign_answers(c, p, static_cast<std::uint32_t>(p.header.seq));
    offer_window(*r, *path);
    r->isn = wire::Seq32{isn != 0 ? isn : make_isn(p.key)};
    note_isn(p.key, r->isn);
    FastOpenCookie cookie;
    const bool may_be_fast = p.options.fast_open || p.payload > 0;
    if (may_be_fast && open_fast(*r, p, in, cookie)) return;
    keep(*r, l, p.hash);
    send_syn_ack(*r, timestamp_clock(env_.now), &cookie);
    r->due = env_.now + syn_ack_timeout(*r);
    request_wheel_.arm(*r, r->due);
}

// tcp_peer_is_proven()
bool Layer::is_known(const FlowKey& key) const {
    const Destination* known = metrics_.find(key.local.address, key.remote.address, env_.now);
    return known != nullptr && !known->rtt.is_zero();
}

void Layer::describe(Request& r, Connection& c, const Parsed& p, const ip::Path& path) const {
    r.key = p.key;
    r.listener = &c;
    r.peer_isn = p.header.seq;
    r.agreement =
        agree(p.options, p.key.remote.address.is_v4(), {.bytes = c.options.max_segment}, config_);
    const std::uint8_t codepoint = c.controller().ecn_codepoint;
    agree_on_ecn(r.agreement, p.header.flags, wire::ecn_of(p.tos), codepoint != 0,
                 c.controller().needs_accurate_ecn, config_);
    r.timestamp_offset = timestamp_offset(p.key);
    // With a signature there is no room for both (tcp_synack_options()).
    const bool is_crowded = signatures_.is_on() && p.options.signature && r.agreement.has_sack;
    r.agreement.has_timestamps = r.agreement.has_timestamps && !is_crowded;
    if (r.agreement.has_timestamps) {
        r.recent.take(p.options.timestamps->value, env_.now);
    }
    r.own_mss = mss_of_mtu(path.mtu, p.key.remote.address.is_v4(), 0);
    r.advertised_mss = announced_mss(env_.network.hints_of(path).advmss, path.mtu,
                                     p.key.remote.address.is_v4(), c.options.max_segment);
    r.tos = c.options.tos;
    if (r.agreement.has_ecn) r.tos = wire::with_ecn(r.tos, static_cast<wire::Ecn>(codepoint));
    r.ttl = c.options.ttl;
    r.dont_fragment = !path.is_mtu_locked && sets_dont_fragment(c.options.mtu_discovery);
    r.sent = env_.now;
}

void Layer::offer_window(Request& r, const ip::Path& path) const {
    const Options& options = r.listener->options;
    const std::int64_t mss = r.advertised_mss - (r.agreement.has_timestamps ? kTimestampBytes : 0);
    r.offered = initial_window(receive_buffer(options, config_), options.window_clamp, mss,
                               r.agreement.has_scale, config_)
                    .of_segments(env_.network.hints_of(path).initrwnd, mss);
}

void Layer::keep(Request& r, Listener& l, std::uint32_t hash) {
    r.next_of_listener = l.first_request;
    if (l.first_request != nullptr) l.first_request->prev_of_listener = &r;
    l.first_request = &r;
    ++l.request_count;
    ++l.young_count;
    demux_.insert(hash, ref_of(r));
}

// RFC 4987 §3.6: nothing is kept. What the peer offered is in the cookie and in our timestamp; without
// timestamps there is room for its MSS only.
void Layer::send_cookie(Request& r, Listener& l, const ip::Path& path) {
    if (!r.agreement.has_timestamps) r.agreement = {.peer_mss = r.agreement.peer_mss};
    offer_window(r, path);
    const auto peer_isn = static_cast<std::uint32_t>(r.peer_isn);
    r.isn = wire::Seq32{make_cookie(r.key, peer_isn, r.agreement.peer_mss, env_.now, cookie_keys_)};
    note_isn(r.key, r.isn);
    l.cookie_sent = env_.now;
    env_.counters.add(Counter::TcpExtSyncookiesSent);
    send_syn_ack(r, cookie_clock(timestamp_clock(env_.now), r.agreement));
}

bool Layer::take_cookie(Connection& listener, const Parsed& p, ip::Incoming& in) {
    Listener& l = *listener.filing.listener;
    const bool is_awaited = config_.tcp_syncookies != 0 && l.cookie_sent != Instant::never() &&
                            env_.now - l.cookie_sent < kCookieLife;
    if (!is_awaited || p.header.flags.syn) return false;
    const std::uint32_t peer_isn = static_cast<std::uint32_t>(p.header.seq) - 1;
    const std::uint32_t cookie = static_cast<std::uint32_t>(p.header.ack) - 1;
    const auto mss = mss_of_cookie(cookie, p.key, peer_isn, env_.now, cookie_keys_);
    env_.counters.add(mss ? Counter::TcpExtSyncookiesRecv : Counter::TcpExtSyncookiesFailed);
    if (mss) bind_way_back(p, in);
    const std::optional<ip::Path> path = mss ? path_to(p.key) : std::nullopt;
    if (!path) return false;
    Request r;
    describe(r, listener, p, *path);
    r.peer_isn = wire::Seq32{peer_isn};
    r.isn = wire::Seq32{cookie};
    r.sent = Instant::never();
    Agreement agreement;
    if (p.options.timestamps) {
        const std::uint32_t clock = p.options.timestamps->echo - r.timestamp_offset;
        const auto said = agreement_of_clock(clock, config_);
        if (!said) return false;
        agreement = *said;
    }
    // RFC 9768 REQ-5.1: the flags tell which form it was.
    agreement.has_accurate_ecn =
        agreement.has_ecn && ace_of(p.header.flags) > 1 &&
        (config_.tcp_ecn >= kTakesAccurateEcn || listener.controller().needs_accurate_ecn);
    r.agreement = agreement;
    r.agreement.peer_mss = *mss;
    offer_window(r, *path);
    if (l.is_accept_full()) {
        env_.counters.add(Counter::TcpExtListenOverflows);
        env_.counters.add(Counter::TcpExtListenDrops);
        env_.counters.add(Counter::DropTcpListenOverflow);
        let_go(p.key);
        return true;
    }
    sign_answers(listener, p, peer_isn);
    note_isn(p.key, r.isn);
    Connection* c = establish(r, p);
    if (c == nullptr) {
        let_go(p.key);
        return true;
    }
    demux_.insert(p.hash, ref_of(*c));
    offer(*c, listener);
    to_connection(*c, p, in);
    return true;
}

void Layer::send_syn_ack(Request& r, std::uint32_t clock, const FastOpenCookie* cookie) {
    r.last_clock = clock;
    if (const auto path = path_to(r.key)) tcp::send_syn_ack(r, clock, cookie, *path, env_);
}

namespace {

// What the SYN came with goes back in three flags. One that goes again has no option, as that may be
// what is lost, and the third is without ECN; the mode stays.
// RFC 9768 REQ-3.1.4.2, REQ-3.2.3.2.1, REQ-3.2.3.2.2
void put_ecn(OutSegment& out, const Request& r, const Config& config) {
    out.ecn = wire::ecn_of(r.tos);
    if (!r.agreement.has_accurate_ecn) {
        out.flags.ece = r.agreement.has_ecn;
        return;
    }
    if (!r.has_fallen_back()) {
        put_ace(out.flags, reflection_of(static_cast<wire::Ecn>(r.agreement.syn_codepoint)));
    }
    if (r.retransmitted == 0 && config.tcp_ecn_option != 0) {
        out.options.accurate_ecn = AccurateEcn{}.option();
    }
}

}  // namespace

void send_syn_ack(const Request& r, std::uint32_t clock, const FastOpenCookie* cookie,
                  const ip::Path& path, Environment& env) {
    OutSegment out{.seq = r.isn,
                   .ack = wire::Seq32{static_cast<std::uint32_t>(r.peer_isn) + 1 + r.syn_data},
                   .window = static_cast<std::uint16_t>(
                       std::min<std::int64_t>(r.offered.window, kLargestUnscaledWindow))};
    out.flags.syn = out.flags.ack = true;
    put_ecn(out, r, env.config);
    // RFC 9293 MUST-14, MUST-67
    out.options.mss = r.advertised_mss;
    out.options.sack_permitted = r.agreement.has_sack;
    if (r.agreement.has_scale) out.options.window_scale = r.offered.scale;
    if (r.agreement.has_timestamps) {
        out.options.timestamps = wire::TcpTimestamps{clock + r.timestamp_offset, r.recent.value};
    }
    if (cookie != nullptr && cookie->size > 0) out.options.fast_open = cookie->option();
    if (out.options.accurate_ecn) {
        fit_accurate_ecn(out.options, 0, wire::TcpOptions::kMaxBytes);
    }
    emit(out, r.key, path, {.ttl = r.ttl, .tos = r.tos, .dont_fragment = r.dont_fragment}, env);
}

Duration Layer::syn_ack_timeout(const Request& r) const {
    const Duration most = Duration::from_ms(config_.tcp_rto_max_ms);
    return std::min(1_s * (std::int64_t{1} << std::min<int>(r.timeouts, 20)), most);
}

void Layer::ring_request(Request& r) {
    // reqsk_timer_handler(): the SYN-ACK goes again until its retries are used up; not while data is
    // waited for, but at the end of that wait, as a last chance.
    Listener& l = *r.listener->filing.listener;
    const std::int64_t retries =
        l.retries_left(r.listener->options.syn_retries != 0 ? r.listener->options.syn_retries
                                                            : config_.tcp_synack_retries);
    const int deferral = r.is_acked ? r.listener->options.defer_accept : 0;
    env_.counters.add(Counter::TcpExtTCPTimeouts);
    if (r.timeouts >= retries && r.timeouts >= deferral) return drop(r);
    if (r.timeouts == 0) --l.young_count;
    const bool is_sent = r.timeouts >= deferral - 1;
    ++r.timeouts;
    if (is_sent) {
        r.count_retransmission();
        env_.counters.add(Counter::TcpRetransSegs);
        env_.counters.add(Counter::TcpExtTCPSynRetrans);
        send_syn_ack(r, timestamp_clock(env_.now));
    }
    r.due = env_.now + syn_ack_timeout(r);
    request_wheel_.arm(r, r.due);
}

void Layer::drop(Request& r) {
    unlist(r);
    demux_.erase(hash(r.key), ref_of(r));
    let_go(r.key);
    requests_.destroy(&r);
}

void Layer::unlist(Request& r) {
    Listener& l = *r.listener->filing.listener;
    (r.prev_of_listener == nullptr ? l.first_request : r.prev_of_listener->next_of_listener) =
        r.next_of_listener;
    if (r.next_of_listener != nullptr) r.next_of_listener->prev_of_listener = r.prev_of_listener;
    --l.request_count;
    if (r.timeouts == 0) --l.young_count;
    request_wheel_.cancel(r);
}

// An ACK that tells the peer where we are, not too often.
void Layer::answer_request(Request& r, const Parsed& p, wire::Seq32 seq) {
    if (!may_answer(p, r.last_answered, Counter::TcpExtTCPACKSkippedSynRecv)) return;
    const std::optional<ip::Path> path = path_to(r.key);
    if (!path) return;
    OutSegment out{
        .seq = seq,
        .ack = wire::Seq32{static_cast<std::uint32_t>(r.peer_isn) + 1 + r.syn_data},
        .window = static_cast<std::uint16_t>(
            std::min<std::int64_t>(r.offered.window, kLargestUnscaledWindow) >> r.offered.scale)};
    out.flags.ack = true;
    if (r.agreement.has_timestamps) {
        out.options.timestamps =
            wire::TcpTimestamps{timestamp_clock(env_.now) + r.timestamp_offset, r.recent.value};
    }
    emit(out, r.key, *path, {.tos = r.tos, .dont_fragment = r.dont_fragment}, env_);
}

// The SYN again: the answer again.
void Layer::repeat_syn_ack(Request& r, const Parsed& p) {
    if (!may_answer(p, r.last_answered, Counter::TcpExtTCPACKSkippedSynRecv)) return;
    r.count_retransmission();
    env_.counters.add(Counter::TcpRetransSegs);
    env_.counters.add(Counter::TcpExtTCPSynRetrans);
    // The peer has not heard us; the timer's own turn comes a full timeout from now.
    r.due = env_.now + syn_ack_timeout(r);
    if (!r.is_fast_open) request_wheel_.arm(r, r.due);
    send_syn_ack(r, timestamp_clock(env_.now));
}

// tcp_check_req(): what a segment means for a handshake that waits for its third.
// RFC 9293 MUST-11
// Not the timestamp of any SYN-ACK that was sent: this is no answer to one.
bool Layer::echoes_another(const Request& r, const Parsed& p) {
    if (r.is_fast_open || !r.agreement.has_timestamps || !p.options.timestamps) return false;
    const std::uint32_t echo = p.options.timestamps->echo;
    const std::uint32_t first = timestamp_clock(r.sent);
    return echo != 0 && echo - r.timestamp_offset - first > r.last_clock - first;
}

Layer::RequestVerdict Layer::judge(const Request& r, const Parsed& p) {
    const wire::TcpFlags& f = p.header.flags;
    // Where it begins, from what we wait for.
    const auto offset =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(p.header.seq) -
                                  static_cast<std::uint32_t>(r.peer_isn) - 1 - r.syn_data);
    const bool is_at_isn = p.header.seq == r.peer_isn;
    const bool reads = r.agreement.has_timestamps && p.options.timestamps.has_value();
    const bool is_old =
        reads && fails_paws({p.options.timestamps->value, p.options.timestamps->echo}, r.recent,
                            env_.now, 0);

    if (is_at_isn && f.syn && !f.ack && !f.rst && !f.fin && !is_old) return RequestVerdict::Repeat;
    const auto expected = wire::Seq32{static_cast<std::uint32_t>(r.isn) + 1};
    if (f.ack && p.header.ack != expected && !r.is_fast_open) {
        env_.counters.add(Counter::DropTcpFlags);
        return RequestVerdict::Wrong;
    }
    const std::int64_t end = offset + std::int64_t{p.payload} + (f.syn ? 1 : 0) + (f.fin ? 1 : 0);
    // What the SYN-ACK could tell of the window (tcp_synack_window).
    const std::int64_t window = std::min<std::int64_t>(r.offered.window, kLargestUnscaledWindow);
    const bool in_window =
        end == offset ? offset >= 0 && offset <= window : end > 0 && offset < window;
    const bool is_stray = echoes_another(r, p);
    if (is_old || is_stray || !in_window) {
        count_refusal(is_old, is_stray);
        return f.rst ? RequestVerdict::Drop : RequestVerdict::Answer;
    }
    if (f.rst) return judge_reset(offset == 0);
    if (f.syn && !is_at_isn) {
        env_.counters.add(Counter::DropTcpInvalidSyn);
        return RequestVerdict::End;
    }
    if (f.ack) return RequestVerdict::Take;
    env_.counters.add(Counter::DropNotSpecified);
    return RequestVerdict::Drop;
}

// RFC 5961 §3.2 holds here too: only an exact RST ends it.
Layer::RequestVerdict Layer::judge_reset(bool is_exact) {
    env_.counters.add(Counter::DropTcpReset);
    if (is_exact) return RequestVerdict::End;
    env_.counters.add(Counter::TcpExtTCPChallengeACK);
    return RequestVerdict::Answer;
}

void Layer::count_refusal(bool is_old, bool is_stray) {
    if (is_old) {
        env_.counters.add(Counter::TcpExtPAWSEstab);
        env_.counters.add(Counter::DropTcpRfc7323Paws);
    } else if (is_stray) {
        env_.counters.add(Counter::TcpExtTSEcrRejected);
        env_.counters.add(Counter::DropTcpRfc7323TsEcr);
    } else {
        env_.counters.add(Counter::DropTcpOverWindow);
    }
}

void Layer::to_request(Request& r, const Parsed& p, ip::Incoming& in) {
    const bool is_reset = p.header.flags.rst;
    switch (judge(r, p)) {
        case RequestVerdict::Drop: return;
        case RequestVerdict::Repeat: return repeat_syn_ack(r, p);
        case RequestVerdict::Wrong:
            if (!is_reset) send_reset(p);
            return;
        case RequestVerdict::Answer:
            return answer_request(r, p, wire::Seq32{static_cast<std::uint32_t>(r.isn) + 1});
        case RequestVerdict::End:
            env_.counters.add(Counter::TcpAttemptFails);
            env_.counters.add(Counter::TcpExtEmbryonicRsts);
            if (!is_reset) send_reset(p);
            return drop(r);
        case RequestVerdict::Take: break;
    }
    complete(r, p, in);
}

void Layer::complete(Request& r, const Parsed& p, ip::Incoming& in) {
    Connection& parent = *r.listener;
    Listener& l = *parent.filing.listener;
    // TCP_DEFER_ACCEPT: an ACK alone is not worth a wake-up.
    if (r.timeouts < parent.options.defer_accept && p.payload == 0 && !p.header.flags.fin) {
        env_.counters.add(Counter::TcpExtTCPDeferAcceptDrop);
        r.is_acked = true;
        return;
    }
    if (l.is_accept_full()) {
        env_.counters.add(Counter::TcpExtListenOverflows);
        env_.counters.add(Counter::TcpExtListenDrops);
        env_.counters.add(Counter::DropTcpListenOverflow);
        if (config_.tcp_abort_on_overflow != 0) {
            env_.counters.add(Counter::TcpExtEmbryonicRsts);
            send_reset(p);
            return drop(r);
        }
        r.is_acked = true;  // a later segment of data may find room
        return;
    }
    const auto offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(p.header.seq) -
                                                  static_cast<std::uint32_t>(r.peer_isn) - 1);
    if (r.agreement.has_timestamps && p.options.timestamps && offset <= 0) {
        r.recent.take(p.options.timestamps->value, env_.now);
    }
    Connection* c = establish(r, p);
    if (c == nullptr) return;
    demux_.replace(p.hash, ref_of(r), ref_of(*c));
    unlist(r);
    requests_.destroy(&r);
    offer(*c, parent);
    to_connection(*c, p, in);
}

// Null: there is no way to the peer, or no room.
Connection* Layer::make_child(const Request& r) {
    const std::optional<ip::Path> path = path_to(r.key);
    Connection* c = path ? connections_.make(kInAcceptQueue) : nullptr;
    if (c == nullptr) return nullptr;
    if (signatures_.is_on() && !signatures_.inherit(r.key, connections_.index_of(c))) {
        connections_.destroy(c);
        return nullptr;
    }
    c->options = r.listener->options;
    if (const Stamps flags = r.listener->timestamping(env_); flags != 0) {
        (void)c->set_timestamping(flags, env_);
    }
    c->set_controller(r.listener->controller());
    follow_route(*c, *path);
    const std::int64_t most = r.listener->most_pacing_rate();
    // Where there is no memory for it, the child is not held back.
    if (most != Pacer::kUnbounded) (void)c->set_most_pacing_rate(most, env_);
    c->take_request(r, *path, env_);
    env_.counters.add(Counter::TcpPassiveOpens);
    c->filing.is_hashed = true;
    binds_.add(*c);
    return c;
}

Connection* Layer::establish(const Request& r, const Parsed& p) {
    Connection* c = make_child(r);
    if (c == nullptr) {
        env_.counters.add(Counter::TcpExtListenDrops);
        return nullptr;
    }
    c->open_accepted(r, std::int64_t{p.header.window} << r.agreement.send_scale, env_);
    return c;
}

// To the accept queue.
void Layer::offer(Connection& c, Connection& parent) {
    Listener& l = *parent.filing.listener;
    (l.last_accept == nullptr ? l.first_accept : l.last_accept->filing.next_accept) = &c;
    l.last_accept = &c;
    ++l.accept_count;
    wake(parent, kReadable);
}

void Layer::stop_listening(Connection& c) {
    Listener& l = *c.filing.listener;
    while (l.first_request != nullptr) drop(*l.first_request);
    while (Connection* child = l.first_accept) {
        l.first_accept = child->filing.next_accept;
        child->set_socket(kNoSocket);
        if (child->filing.has_ended) {
            release(*child);
        } else {
            apply(*child, child->abort(env_));
        }
    }
    end_fast_open_queue(c);
    listeners_.destroy(&l);
    c.filing.next_accept = nullptr;
    c.stop_listening(env_);
    if (!c.filing.is_port_locked) binds_.remove(c);
    wake(c, kEverything);
}

}  // namespace fairlead::tcp
