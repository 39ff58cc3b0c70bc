#include <algorithm>

#include <fmt/format.h>

#include "drill/differential/drawing.hpp"

namespace fairlead::drill::differential {
namespace {

constexpr std::uint16_t kDefaultMss = 536;  // RFC 9293 §3.7.1
constexpr std::uint64_t kMostSegments = 40;

// None of the times is a multiple of another, nor of a timer of ours, so that which comes first is
// no accident.
class PathGenerator : Drawing {
public:
    explicit PathGenerator(std::uint64_t seed) : Drawing{seed} {}

    Plan run() {
        draw_settings();
        draw_traits();
        for (std::uint64_t n = chance_.between(1, 3); n > 0; --n) draw_faults();
        const bool is_passive = chance_.chance(3, 5);
        is_passive ? open_passively() : open_actively();
        if (one_in(4)) set(fd_, "TCP_NODELAY", 1);
        draw_talk();
        draw_end();
        plan_.path = traits_;
        plan_.tail = pick<Duration>({430_ms, 730_ms, 1'330_ms});
        return std::move(plan_);
    }

private:
    std::uint32_t between(std::uint32_t low, std::uint32_t high) {
        return static_cast<std::uint32_t>(chance_.between(low, high));
    }

    void set(int fd, const char* name, int value) {
        call(0_ms, "setsockopt({}, IPPROTO_TCP, {}, [{}], 4) = ...", fd, name, value);
    }

    // A network of its own may not choose each controller by a setting; a socket may.
    void make_socket() {
        call(0_ms, "socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3");
        if (one_in(3)) call(0_ms, "setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"cubic\", 5) = 0");
    }

    // --- the host, and the peer ---

    void draw_settings() {
        const auto put = [&](const char* name, const char* value) {
            plan_.settings.push_back({fmt::format("net.ipv4.{}", name), value});
        };
        put("tcp_congestion_control", "reno");
        put("tcp_rmem", "4096 131072 6291456");
        put("tcp_wmem", "4096 262144 4194304");
        ecn_ = chance_.chance(2, 5);
        put("tcp_ecn", ecn_ ? "1" : "0");
        stamps_ = !one_in(8);
        if (!stamps_) put("tcp_timestamps", "0");
        sack_ = !one_in(12);
        if (!sack_) put("tcp_sack", "0");
        if (one_in(16)) put("tcp_dsack", "0");
        if (one_in(16)) put("tcp_early_retrans", "0");
        if (one_in(16)) put("tcp_frto", "0");
        if (one_in(16)) put("tcp_recovery", "0");
    }

    void draw_traits() {
        traits_.round_trip = pick<Duration>({12_ms, 22_ms, 22_ms, 46_ms});
        traits_.acks_after = pick<Duration>({0_ms, 0_ms, 29_ms});
        traits_.resends_after = pick<Duration>({67_ms, 143_ms, 251_ms});
        mss_ = pick<std::uint16_t>({1460, 1460, 1000, kDefaultMss});
        traits_.mss = pick<std::uint16_t>({1400, 1000, 200});
        traits_.has_timestamps = stamps_ && chance_.chance(3, 4);
        traits_.has_sack = sack_ && !one_in(6);
        traits_.has_dsack = traits_.has_sack && !one_in(4);
        traits_.has_ecn = ecn_;
        scale_ = pick({-1, 0, 2, 7});
        traits_.window = scale_ > 0 ? pick<std::uint16_t>({1000, 4000, 30000})
                                    : pick<std::uint16_t>({65535, 65535, 14000});
    }

    // --- the path ---

    void harm(bool is_inbound, std::uint32_t which, Harm what, Duration by = {}) {
        add(0_ms, Fault{is_inbound, which, what, by});
    }

    void draw_faults() {
        const bool is_inbound = one_in(3);
        const std::uint32_t first = between(0, pick<std::uint32_t>({4, 12, 12, 30}));
        switch (chance_.below(8)) {
            case 0: return harm(is_inbound, first, Harm::Drop);
            case 1: return draw_each(is_inbound, first, between(2, 4), Harm::Drop);
            case 2: {  // some of a flight
                for (std::uint32_t i = 0; i < between(2, 6); ++i) {
                    harm(is_inbound, first + between(0, 12), Harm::Drop);
                }
                return;
            }
            case 3: {  // one is late, or some are
                const auto by = pick<Duration>({2_ms, 5_ms, 9_ms, 17_ms, 37_ms});
                return draw_each(is_inbound, first, between(1, 3), Harm::Delay, by);
            }
            case 4:
                return draw_each(is_inbound, first, between(1, 2), Harm::Duplicate,
                                 pick<Duration>({0_ms, 2_ms, 19_ms}));
            case 5: return draw_each(is_inbound && ecn_, first, between(1, 4), Harm::Mark);
            case 6: return draw_each(is_inbound, first, between(5, 12), Harm::Drop);
            default:  // the path stands still for a while
                return draw_each(is_inbound, first, between(5, 20), Harm::Delay,
                                 pick<Duration>({283_ms, 391_ms, 587_ms}));
        }
    }
    void draw_each(bool is_inbound, std::uint32_t first, std::uint32_t count, Harm what,
                   Duration by = {}) {
        for (std::uint32_t i = 0; i < count; ++i) harm(is_inbound, first + i, what, by);
    }

    // --- opening ---

    Segment segment(TcpFlags flags, std::uint32_t at) {
        Segment s;
        s.body.flags = flags;
        s.body.range = {.begin = at, .end = at, .bytes = 0};
        s.body.window = traits_.window;
        if (traits_.has_timestamps) {
            s.body.options = {option::Nop{}, option::Nop{}, timestamp()};
        }
        return s;
    }
    option::Timestamp timestamp() const { return {stamp(), 0}; }

    Segment syn(TcpFlags flags) {
        Segment s = segment(flags, 0);
        s.ack_of = flags.ack ? AckOf::Latest : AckOf::Nothing;
        s.body.window = 65535;
        s.body.options = {option::Mss{mss_}};
        if (traits_.has_sack) s.body.options.push_back(option::SackPermitted{});
        if (traits_.has_timestamps) {
            if (!traits_.has_sack) {
                s.body.options.insert(s.body.options.end(), {option::Nop{}, option::Nop{}});
            }
            s.body.options.push_back(timestamp());
        } else if (traits_.has_sack) {
            s.body.options.insert(s.body.options.end(), {option::Nop{}, option::Nop{}});
        }
        if (scale_ >= 0) {
            s.body.options.push_back(option::Nop{});
            s.body.options.push_back(option::WindowScale{static_cast<std::uint8_t>(scale_)});
        }
        return s;
    }

    void open_passively() {
        make_socket();
        call(0_ms, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = ...");
        call(0_ms, "bind(3, ..., ...) = ...");
        call(0_ms, "listen(3, 1) = ...");
        add(0_ms, syn({.syn = true, .ece = ecn_, .cwr = ecn_}));
        add(traits_.round_trip, segment({.ack = true}, 1));
        call(0_ms, "accept(3, ..., ...) = 4");
        call(0_ms, "fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = ...");
        fd_ = 4;
    }

    void open_actively() {
        make_socket();
        call(0_ms, "connect(3, ..., ...) = ...");
        add(traits_.round_trip, syn({.syn = true, .ack = true, .ece = ecn_}));
        fd_ = 3;
    }

    // --- what is said ---

    Duration gap() { return pick<Duration>({0_ms, 0_ms, 7_ms, 33_ms, 129_ms, 311_ms}); }

    void draw_talk() {
        const std::uint64_t count = chance_.between(1, 4);
        const std::uint64_t segments = chance_.between(5, kMostSegments);
        const bool answers = one_in(2);
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t bytes = segments * mss_ / count - chance_.below(mss_);
            call(gap(), "write({}, ..., {}) = ...", fd_, std::max<std::uint64_t>(bytes, 1));
            if (!answers || one_in(2)) continue;
            add(gap(), PeerWrite{.bytes = between(1, 10) * traits_.mss - between(0, 1)});
            if (one_in(2)) call(gap(), "read({}, ..., 100000) = ...", fd_);
        }
    }

    void draw_end() {
        call(pick<Duration>({3_ms, 61_ms, 257_ms}), "ioctl({}, SIOCOUTQ, [...]) = ...", fd_);
        if (one_in(4)) add(0_ms, PeerWrite{.has_fin = true});
        if (one_in(3)) call(gap(), "shutdown({}, SHUT_WR) = ...", fd_);
    }

    PathTraits traits_;
    int fd_ = 3;
    int scale_ = -1;  // -1: none is offered
    std::uint16_t mss_ = kDefaultMss;
    bool ecn_ = false;
    bool stamps_ = true;
    bool sack_ = true;
};

}  // namespace

Plan generate_path(std::uint64_t seed) { return PathGenerator{seed}.run(); }

}  // namespace fairlead::drill::differential
