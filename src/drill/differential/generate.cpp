#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "drill/differential/drawing.hpp"

namespace fairlead::drill::differential {
namespace {

constexpr std::uint32_t kStampAge = 5'000;   // how far an old one lies back
constexpr std::uint32_t kFarAway = 100'000;  // beyond any window that is offered here
constexpr Duration kLongTail = 300_ms;       // a delayed ACK and a first timeout fit in

// What the peer knows of itself.
struct Peer {
    std::uint32_t next = 1;  // of its numbers; its SYN had 0
    std::uint32_t highest = 1;
    std::uint16_t window = 65535;
    bool has_timestamps = false;
    bool has_fin = false;
    bool uses_sack = false;
    std::uint16_t mss = 1460;
};

class Generator : Drawing {
public:
    Generator(std::uint64_t seed, const GenerateOptions& options)
        : Drawing{seed}, options_{options} {}

    Plan run() {
        plan_.settings = {{"net.ipv4.tcp_congestion_control", "reno"},
                          {"net.ipv4.tcp_rmem", "4096 131072 6291456"},
                          {"net.ipv4.tcp_wmem", "4096 16384 4194304"}};
        draw_settings();
        if (chance_.chance(3, 5)) {
            open_passively();
        } else {
            open_actively();
        }
        const std::uint64_t steps = chance_.between(4, 16);
        for (std::uint64_t i = 0; i < steps; ++i) draw_step();
        plan_.tail = chance_.chance(1, 2) ? kLongTail : 70_ms;
        return std::move(plan_);
    }

private:
    Duration gap() {
        // None is a multiple of a timer of ours, so that which comes first is no accident.
        return pick<Duration>({0_ms, 0_ms, 0_ms, 3_ms, 3_ms, 10_ms, 10_ms, 18_ms, 65_ms, 125_ms});
    }

    // --- the host ---

    void draw_settings() {
        if (one_in(12)) plan_.settings.push_back({"net.ipv4.tcp_timestamps", "0"});
        if (one_in(12)) plan_.settings.push_back({"net.ipv4.tcp_sack", "0"});
        if (one_in(16)) plan_.settings.push_back({"net.ipv4.tcp_window_scaling", "0"});
        if (one_in(16)) plan_.settings.push_back({"net.ipv4.tcp_moderate_rcvbuf", "0"});
        if (one_in(20)) plan_.settings.push_back({"net.ipv4.tcp_shrink_window", "1"});
        if (one_in(20)) plan_.settings.push_back({"net.ipv4.tcp_rfc1337", "1"});
    }

    // --- options of sockets ---

    void set(Duration after, int fd, const char* level, const char* name, std::int64_t value) {
        call(after, "setsockopt({}, {}, {}, [{}], 4) = ...", fd, level, name, value);
    }

    // Those that say something before there is a connection.
    void draw_early_options(int fd) {
        if (one_in(5)) {
            set(0_ms, fd, "SOL_SOCKET", "SO_RCVBUF", pick({2000, 5000, 10000, 40000, 200000}));
        }
        if (one_in(6)) {
            set(0_ms, fd, "SOL_SOCKET", "SO_SNDBUF", pick({2000, 5000, 10000, 50000, 300000}));
        }
        if (one_in(12)) set(0_ms, fd, "IPPROTO_TCP", "TCP_MAXSEG", pick({100, 536, 1000, 1400}));
        if (one_in(12)) {
            set(0_ms, fd, "IPPROTO_TCP", "TCP_WINDOW_CLAMP", pick({500, 3000, 20000, 100000}));
        }
        if (one_in(10)) set(0_ms, fd, "IPPROTO_TCP", "TCP_NODELAY", 1);
        if (one_in(20)) set(0_ms, fd, "IPPROTO_TCP", "TCP_QUICKACK", pick({0, 1}));
    }

    void draw_option(Duration after, int fd) {
        switch (chance_.below(12)) {
            case 0: return set(after, fd, "IPPROTO_TCP", "TCP_NODELAY", pick({0, 1, 1}));
            case 1: return set(after, fd, "IPPROTO_TCP", "TCP_CORK", pick({0, 1}));
            case 2: return set(after, fd, "IPPROTO_TCP", "TCP_QUICKACK", pick({0, 1, 1}));
            case 3:
                return set(after, fd, "SOL_SOCKET", "SO_RCVBUF", pick({1000, 4000, 30000, 200000}));
            case 4:
                return set(after, fd, "SOL_SOCKET", "SO_SNDBUF", pick({1000, 4000, 30000, 200000}));
            case 5:
                return set(after, fd, "IPPROTO_TCP", "TCP_WINDOW_CLAMP",
                           pick({0, 1000, 10000, 60000}));
            case 6: return set(after, fd, "IPPROTO_TCP", "TCP_MAXSEG", pick({200, 700, 1200}));
            case 7: return set(after, fd, "SOL_SOCKET", "SO_RCVLOWAT", pick({1, 500, 5000}));
            case 8:
                return set(after, fd, "IPPROTO_TCP", "TCP_NOTSENT_LOWAT", pick({1, 1000, 20000}));
            case 9:
                return call(
                    after, "setsockopt({}, SOL_SOCKET, SO_LINGER, {{onoff={}, linger=0}}, 8) = ...",
                    fd, pick({0, 1}));
            case 10: return set(after, fd, "IPPROTO_TCP", "TCP_LINGER2", pick({-1, 0, 1, 10}));
            default: return set(after, fd, "SOL_SOCKET", "SO_KEEPALIVE", 1);
        }
    }

    void ask(Duration after, int fd) {
        constexpr std::array<const char*, 7> kNumbers{
            "SOL_SOCKET, SO_ERROR",     "SOL_SOCKET, SO_RCVBUF",     "SOL_SOCKET, SO_SNDBUF",
            "IPPROTO_TCP, TCP_MAXSEG",  "IPPROTO_TCP, TCP_QUICKACK", "SOL_SOCKET, SO_RCVLOWAT",
            "IPPROTO_TCP, TCP_NODELAY",
        };
        switch (chance_.below(6)) {
            case 0: return call(after, "ioctl({}, SIOCINQ, [...]) = ...", fd);
            case 1: return call(after, "ioctl({}, SIOCOUTQ, [...]) = ...", fd);
            case 2: return call(after, "ioctl({}, SIOCOUTQNSD, [...]) = ...", fd);
            case 3:
                return call(after,
                            "poll([{{fd={}, events=POLLIN|POLLOUT|POLLRDHUP, revents=...}}], 1, 0) "
                            "= ...",
                            fd);
            default:
                return call(after, "getsockopt({}, {}, ..., [4]) = ...", fd,
                            kNumbers[chance_.below(kNumbers.size())]);
        }
    }

    // --- segments ---

    Segment segment(TcpFlags flags, std::uint32_t at, std::uint32_t bytes) {
        Segment s;
        s.body.flags = flags;
        s.body.range = {.begin = at, .end = at + bytes, .bytes = bytes};
        s.body.window = peer_.window;
        if (peer_.has_timestamps) {
            s.body.options = {option::Nop{}, option::Nop{}, option::Timestamp{stamp(), 0}};
        }
        return s;
    }

    std::vector<TcpOption> syn_options() {
        std::vector<TcpOption> options;
        if (!one_in(6)) {
            peer_.mss = pick<std::uint16_t>({1460, 1460, 1460, 1000, 536, 200, 40, 9000});
            options.push_back(option::Mss{peer_.mss});
        } else {
            peer_.mss = 536;
        }
        peer_.uses_sack = chance_.chance(1, 2);
        peer_.has_timestamps = chance_.chance(3, 5);
        if (peer_.has_timestamps) {
            options.push_back(peer_.uses_sack ? TcpOption{option::SackPermitted{}} : option::Nop{});
            if (!peer_.uses_sack) options.push_back(option::Nop{});
            options.push_back(option::Timestamp{stamp(), 0});
        } else if (peer_.uses_sack) {
            options.push_back(option::Nop{});
            options.push_back(option::Nop{});
            options.push_back(option::SackPermitted{});
        }
        if (chance_.chance(3, 5)) {
            options.push_back(option::Nop{});
            options.push_back(option::WindowScale{pick<std::uint8_t>({0, 2, 7, 7, 8, 14})});
        }
        return options;
    }

    Segment syn(bool acks) {
        peer_.window = pick<std::uint16_t>({65535, 65535, 30000, 4000, 1000, 300, 0});
        Segment s = segment({.syn = true, .ack = acks}, 0, 0);
        s.body.options = syn_options();
        s.ack_of = acks ? AckOf::Latest : AckOf::Nothing;
        if (one_in(25)) s.body.range = {.begin = 0, .end = 10, .bytes = 10};
        return s;
    }

    // --- opening ---

    void open_passively() {
        call(0_ms, "socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3");
        set(0_ms, 3, "SOL_SOCKET", "SO_REUSEADDR", 1);
        draw_early_options(3);
        if (one_in(20)) set(0_ms, 3, "IPPROTO_TCP", "TCP_DEFER_ACCEPT", 1);
        call(0_ms, "bind(3, ..., ...) = ...");
        call(0_ms, "listen(3, {}) = ...", pick({0, 1, 5}));
        if (one_in(15)) add(gap(), segment({.ack = true}, 1, pick<std::uint32_t>({0, 10})));
        const Segment first = syn(false);
        add(0_ms, first);
        if (one_in(8)) draw_odd_opening(first);
        peer_.window = pick<std::uint16_t>({65535, 10000, 2000, 500, 0});
        Segment third = segment({.ack = true}, 1, 0);
        if (one_in(8)) third = segment({.psh = true, .ack = true}, 1, take(some_bytes()));
        if (one_in(20)) third = with_fin(third);
        add(gap(), third);
        call(one_in(4) ? gap() : 0_ms, "accept(3, ..., ...) = 4");
        fd_ = 4;
        if (one_in(2)) call(0_ms, "fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = ...");
        is_nonblocking_ = plan_.steps.back().action.index() == 0 &&
                          std::get<CallLine>(plan_.steps.back().action).text.starts_with("fcntl");
    }

    void open_actively() {
        call(0_ms, "socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3");
        draw_early_options(3);
        call(0_ms, "connect(3, ..., ...) = ...");
        fd_ = 3;
        is_nonblocking_ = true;
        if (one_in(10)) draw_odd_answer();
        if (one_in(20)) {  // it opens as well
            add(gap(), syn(false));
            Segment both = segment({.syn = true, .ack = true}, 0, 0);
            add(gap(), both);
            return;
        }
        add(gap(), syn(true));
        if (one_in(3)) call(gap(), "connect(3, ..., ...) = ...");
    }

    // Between the SYN and the third segment.
    void draw_odd_opening(const Segment& first) {
        switch (chance_.below(7)) {
            case 0: return add(gap(), first);
            case 1: {
                Segment other = first;
                other.body.range = {.begin = 1000, .end = 1000, .bytes = 0};
                return add(gap(), other);
            }
            case 2: return add(gap(), with_ack(segment({.ack = true}, 1, 0), AckOf::Future, 5));
            case 3: return add(gap(), with_ack(segment({.ack = true}, 1, 0), AckOf::Latest, 1));
            case 4: return add(gap(), reset(pick<std::uint32_t>({1, 5, kFarAway})));
            case 5: return add(gap(), segment({.ack = true}, kFarAway, 0));
            default: return add(gap(), segment({.ack = true}, 11, 10));
        }
    }

    // In SYN-SENT.
    void draw_odd_answer() {
        switch (chance_.below(6)) {
            case 0: return add(gap(), with_ack(segment({.ack = true}, 1, 0), AckOf::Latest, 0));
            case 1:
                return add(gap(),
                           with_ack(segment({.syn = true, .ack = true}, 0, 0), AckOf::Future, 5));
            case 2:
                return add(gap(),
                           with_ack(segment({.rst = true, .ack = true}, 0, 0), AckOf::Future, 5));
            case 3: return add(gap(), reset(0));
            case 4: return add(gap(), segment({.fin = true, .ack = true}, 0, 0));
            default: return add(gap(), segment({.rst = true, .ack = true}, 0, 0));
        }
    }

    static Segment with_ack(Segment s, AckOf of, std::uint32_t bytes) {
        s.ack_of = of;
        s.bytes = bytes;
        return s;
    }
    Segment reset(std::uint32_t at) {
        Segment s = segment({.rst = true}, at, 0);
        s.ack_of = AckOf::Nothing;
        return s;
    }
    Segment with_fin(Segment s) {
        s.body.flags.fin = true;
        peer_.has_fin = true;
        return s;
    }

    // --- what goes on ---

    std::uint32_t some_bytes() {
        const std::uint32_t most = std::min<std::uint32_t>(peer_.mss, 1460);
        const auto n = pick<std::uint32_t>({1, 10, 100, 127, 128, 500, 536, 1000, 1460, 1460});
        return std::min(n, std::max(most, 100u));
    }
    // The next `n` bytes of the peer's; where they begin is what the caller had in `next`.
    std::uint32_t take(std::uint32_t n) {
        peer_.next += n;
        peer_.highest = std::max(peer_.highest, peer_.next);
        return n;
    }

    // The peer misses a segment, or hears nothing for a while.
    void draw_loss() {
        const std::uint64_t count = one_in(3) ? 0 : chance_.between(1, 5);
        if (count == 0) return ask(450_ms, fd_);
        for (std::uint64_t i = 0; i < count; ++i) {
            Segment s = segment({.ack = true}, peer_.next, 0);
            s.ack_of = i == 0 && one_in(2) ? AckOf::Half : AckOf::Same;
            add(i == 0 ? gap() : 3_ms, s);
        }
    }

    void draw_step() {
        if (options_.has_loss && one_in(6)) return draw_loss();
        const std::uint64_t what = chance_.below(100);
        if (what < 24) return draw_write();
        if (what < 42) return draw_data();
        if (what < 57) return draw_ack();
        if (what < 71) return draw_read();
        if (what < 77) return draw_option(gap(), fd_);
        if (what < 82) return ask(gap(), fd_);
        if (what < 90) return draw_disorder();
        if (what < 95) return draw_odd();
        draw_end();
    }

    void draw_write() {
        const auto n = pick<std::uint32_t>(
            {1, 10, 100, 500, 1000, 1448, 1460, 2000, 3000, 5000, 20000, 100000});
        switch (chance_.below(8)) {
            case 0: call(gap(), "send({}, ..., {}, MSG_MORE|MSG_DONTWAIT) = ...", fd_, n); break;
            case 1: call(gap(), "send({}, ..., {}, MSG_EOR|MSG_DONTWAIT) = ...", fd_, n); break;
            case 2: call(gap(), "send({}, ..., {}, MSG_DONTWAIT) = ...", fd_, n); break;
            default:
                if (is_nonblocking_) {
                    call(gap(), "write({}, ..., {}) = ...", fd_, n);
                } else {
                    call(gap(), "send({}, ..., {}, MSG_DONTWAIT) = ...", fd_, n);
                }
        }
        if (chance_.chance(3, 5)) add(gap(), segment({.ack = true}, peer_.next, 0));
    }

    void draw_read() {
        const auto n = pick<std::uint32_t>({1, 10, 100, 1000, 5000, 100000});
        switch (chance_.below(8)) {
            case 0: return call(gap(), "recv({}, ..., {}, MSG_PEEK|MSG_DONTWAIT) = ...", fd_, n);
            case 1: return call(gap(), "recv({}, ..., {}, MSG_TRUNC|MSG_DONTWAIT) = ...", fd_, n);
            default:
                if (is_nonblocking_) return call(gap(), "read({}, ..., {}) = ...", fd_, n);
                return call(gap(), "recv({}, ..., {}, MSG_DONTWAIT) = ...", fd_, n);
        }
    }

    void draw_data() {
        const std::uint64_t count = one_in(4) ? chance_.between(2, 8) : 1;
        const std::uint32_t usual = some_bytes();
        const bool has_push = chance_.chance(1, 2);
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint32_t at = peer_.next;
            const bool is_last = i + 1 == count;
            Segment s = segment({.psh = has_push && is_last, .ack = true}, at, take(usual));
            if (one_in(10)) s.ack_of = AckOf::Same;
            if (is_last && one_in(25)) s = with_fin(s);
            add(i == 0 ? gap() : 0_ms, s);
        }
    }

    void draw_ack() {
        Segment s = segment({.ack = true}, peer_.next, 0);
        switch (chance_.below(10)) {
            case 0: s.ack_of = AckOf::Half; break;
            case 1: s = with_ack(s, AckOf::Latest, pick<std::uint32_t>({1, 10, 1000})); break;
            case 2: s.ack_of = AckOf::Same; break;
            case 3: s = with_ack(s, AckOf::Old, pick<std::uint32_t>({1, 1000, kFarAway})); break;
            case 4: s = with_ack(s, AckOf::Future, pick<std::uint32_t>({1, 1000, kFarAway})); break;
            default: break;
        }
        if (one_in(3)) {
            peer_.window = pick<std::uint16_t>({0, 1, 100, 1000, 1500, 3000, 10000, 65535});
            s.body.window = peer_.window;
        }
        add(gap(), s);
    }

    // Out of order, twice, or at the edge of it.
    void draw_disorder() {
        const std::uint32_t n = some_bytes();
        const std::uint32_t back = std::min(peer_.next - 1, pick<std::uint32_t>({1, 10, 1000}));
        switch (chance_.below(6)) {
            case 0:
            case 1: {  // a gap, and mostly what fills it
                const std::uint32_t hole = some_bytes();
                add(gap(), segment({.ack = true}, peer_.next + hole, n));
                if (one_in(4)) return;
                add(gap(), segment({.ack = true}, peer_.next, hole));
                (void)take(hole + n);
                return;
            }
            case 2: return add(gap(), segment({.ack = true}, peer_.next - back, back));
            case 3: {  // some of it is new
                const std::uint32_t at = peer_.next - back;
                (void)take(n);
                return add(gap(), segment({.ack = true}, at, back + n));
            }
            case 4: return add(gap(), segment({.ack = true}, peer_.next - 1, 0));
            default: return add(gap(), segment({.ack = true}, peer_.next - 1, 1));
        }
    }

    void draw_odd() {
        switch (chance_.below(8)) {
            case 0: return add(gap(), reset(peer_.next));
            case 1: return add(gap(), reset(peer_.next + pick<std::uint32_t>({1, 100, kFarAway})));
            case 2: return add(gap(), reset(peer_.next - 1));
            case 3: {
                Segment s =
                    segment({.syn = true}, pick<std::uint32_t>({0, 1, peer_.next, kFarAway}), 0);
                s.ack_of = AckOf::Nothing;
                return add(gap(), s);
            }
            case 4: return add(gap(), segment({.syn = true, .ack = true}, 0, 0));
            case 5: {  // too old (RFC 7323 §5)
                Segment s = segment({.ack = true}, peer_.next, pick<std::uint32_t>({0, 10}));
                if (peer_.has_timestamps) {
                    std::get<option::Timestamp>(s.body.options.back()).value -= kStampAge;
                }
                return add(gap(), s);
            }
            case 6: return add(gap(), segment({.ack = true}, peer_.next + kFarAway, 10));
            default: {
                Segment s = segment({.psh = true}, peer_.next, 10);
                s.ack_of = AckOf::Nothing;
                return add(gap(), s);
            }
        }
    }

    void draw_end() {
        switch (chance_.below(6)) {
            case 0: return call(gap(), "shutdown({}, SHUT_WR) = ...", fd_);
            case 1:
                return call(gap(), "shutdown({}, {}) = ...", fd_, pick({"SHUT_RD", "SHUT_RDWR"}));
            case 2: return call(gap(), "close({}) = ...", fd_);
            default: {
                if (peer_.has_fin && one_in(2)) return;
                add(gap(), with_fin(segment({.ack = true}, peer_.next, 0)));
                (void)take(1);
            }
        }
    }

    const GenerateOptions& options_;
    Peer peer_;
    int fd_ = 4;
    bool is_nonblocking_ = false;
};

}  // namespace

Plan generate(std::uint64_t seed, const GenerateOptions& options) {
    return Generator{seed, options}.run();
}

}  // namespace fairlead::drill::differential
