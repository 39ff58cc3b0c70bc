// The whole way up and down: a stack with a listener, streams in several states and a datagram
// socket, driven by records of frames, calls and time.
//
// An input is a sequence of records, each an opcode byte and its arguments; bytes that are missing
// read as zero. Segments are built near the numbers that the stack really uses and with right
// checksums, so that chance gets past the first checks.
#include <array>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "fuzz/mended.hpp"
#include "property/stranger.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

constexpr std::uint16_t kListens = 80;
constexpr std::uint16_t kHears = 53;
constexpr std::size_t kMostSockets = 32;
constexpr std::size_t kMostRecords = 512;

class Input {
public:
    explicit Input(Bytes bytes) : bytes_{bytes} {}
    bool empty() const { return bytes_.empty(); }
    std::uint8_t u8() {
        if (bytes_.empty()) return 0;
        const auto v = std::to_integer<std::uint8_t>(bytes_.front());
        bytes_ = bytes_.subspan(1);
        return v;
    }
    std::uint16_t u16() { return static_cast<std::uint16_t>(u8() << 8 | u8()); }
    std::uint32_t u32() { return std::uint32_t{u16()} << 16 | u16(); }
    bool chance() { return (u8() & 1) != 0; }
    Frame take(std::size_t n) {
        n = std::min(n, bytes_.size());
        Frame f{bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(n)};
        bytes_ = bytes_.subspan(n);
        return f;
    }
    // A distance from an honest number: mostly none or little, now and then anything.
    std::uint32_t distance() {
        const std::uint8_t kind = u8();
        if (kind < 128) return 0;
        const auto small = static_cast<std::int8_t>(u8());
        if (kind < 200) return static_cast<std::uint32_t>(std::int32_t{small});
        if (kind < 240) return static_cast<std::uint32_t>(std::int32_t{small} * 1460);
        return u32();
    }

private:
    Bytes bytes_;
};

class World {
public:
    World() {
        for (const Family f : {Family::Inet, Family::Inet6}) {
            listeners_.push_back(*stack().socket(f, SocketType::Stream));
            if (f == Family::Inet6) {
                check(stack().set_option(listeners_.back(), Option::V6Only, 1));
            }
            check(stack().bind(listeners_.back(), {IpAddress::any(f), kListens}));
            check(stack().listen(listeners_.back(), 3));
            const SocketId d = own(stack().socket(f, SocketType::Datagram));
            if (f == Family::Inet6) check(stack().set_option(d, Option::V6Only, 1));
            check(stack().bind(d, {IpAddress::any(f), kHears}));
        }
        for (const Family f : {Family::Inet, Family::Inet6}) {
            world_.open(f, kListens, 1000, Stranger::syn_options());
            world_.open(f, kListens, 1001, {});
        }
        for (const SocketId l : listeners_) {
            while (const auto s = stack().accept(l)) sockets_.push_back(*s);
        }
        FAIRLEAD_ASSERT(world_.count(Counter::TcpCurrEstab) == 4);
        // Somebody is asked who says nothing, or all the right things.
        for (const Family f : {Family::Inet, Family::Inet6}) {
            const SocketId c = stream(f);
            (void)stack().connect(c, {world_.peer(f), 7});
            world_.settle();
            const auto port = stack().local_name(c)->port;
            Talk& t = world_.talk(f, port, 7);
            t.ack = t.acked_from = 0;
        }
    }

    void run(Input in) {
        for (std::size_t i = 0; i < kMostRecords && !in.empty(); ++i) {
            record(in);
            FAIRLEAD_ASSERT(world_.settle());
            check_invariants();
        }
    }

    // All is let go; an hour later nothing may be left of it.
    void end() {
        for (const SocketId s : sockets_) (void)stack().close(s);
        for (const SocketId s : listeners_) (void)stack().close(s);
        world_.answers_neighbours = false;
        FAIRLEAD_ASSERT(world_.wait(Duration::from_s(3600)));
        FAIRLEAD_ASSERT(stack().sockets().empty());
        FAIRLEAD_ASSERT(world_.count(Counter::TcpCurrEstab) == 0);
        FAIRLEAD_ASSERT(world_.pool.usage().packets == 0);
        // One buffer may stay, half full of what was last written.
        FAIRLEAD_ASSERT(world_.pool.usage().buffer_bytes <= PacketPool::kLargeBytes);
    }

private:
    Stack& stack() { return world_.stack; }
    template <typename T>
    static void check(const Result<T>& r) {
        FAIRLEAD_ASSERT(r.has_value());
    }
    SocketId own(Result<SocketId> s) {
        check(s);
        sockets_.push_back(*s);
        return *s;
    }
    SocketId stream(Family f) {
        const auto s = stack().socket(f, SocketType::Stream);
        check(s);
        sockets_.push_back(*s);
        return *s;
    }
    Talk& talk(Input& in) { return world_.talks[in.u8() % world_.talks.size()]; }
    SocketId socket(Input& in) {
        const std::size_t all = sockets_.size();
        return all == 0 ? SocketId{} : sockets_[in.u8() % all];
    }

    void record(Input& in) {
        switch (in.u8() % 16) {
            case 0: return world_.raw(in.take(in.u8()));
            case 1: return world_.raw(fuzz::mended(in.take(in.u16() % 2048)));
            case 2: return any_packet(in);
            case 3:
            case 4:
            case 5:
            case 6: return segment(in);
            case 7: return honest_data(in);
            case 8: return datagram(in);
            case 9: return icmp_error(in);
            case 10: return fragment(in);
            case 11:
            case 12: return call(in);
            case 13: return time(in);
            case 14: return neighbour(in);
            default: return reflected(in);
        }
    }

    void any_packet(Input& in) {
        const Family f = in.chance() ? Family::Inet : Family::Inet6;
        const auto protocol = static_cast<wire::IpProtocol>(in.u8());
        world_.packet(ip(world_.peer(f), world_.us(f), protocol, in.take(in.u8())));
    }

    void segment(Input& in) {
        Talk& t = talk(in);
        Said s{.seq = t.seq + in.distance(), .ack = t.ack + in.distance()};
        const std::uint8_t flags = in.u8();
        s.flags = {.fin = (flags & 1) != 0,
                   .syn = (flags & 2) != 0 && (flags & 0x40) != 0,
                   .rst = (flags & 4) != 0 && (flags & 0x80) != 0,
                   .psh = (flags & 8) != 0,
                   .ack = (flags & 16) == 0,
                   .urg = (flags & 32) != 0};
        const std::uint8_t shape = in.u8();
        if ((shape & 0xc0) != 0) s.window = in.u16();
        if (s.flags.urg) s.urgent = in.u16();
        switch (shape & 7) {
            case 0:
            case 1:
            case 2:
                if (t.has_timestamps) s.options = Stranger::timestamps(t);
                break;
            case 3: s.options = in.take(in.u8() % 41); break;
            case 4: s.options = any_timestamps(in, t); break;
            case 5: s.options = sacks(in, t); break;
            case 6: s.options = Stranger::syn_options(); break;
            case 7: s.options = signature(in); break;
            default: break;
        }
        const std::size_t length = (shape & 8) != 0 ? in.u16() % 1461 : in.u8() % 4;
        if ((shape & 16) != 0) s.payload = Frame(length, std::byte{'x'});
        ++t.time;
        world_.say(t, s);
    }
    static Frame any_timestamps(Input& in, const Talk& t) {
        Talk other = t;
        other.time += in.distance();
        other.stack_time += in.distance();
        return Stranger::timestamps(other);
    }
    static Frame sacks(Input& in, const Talk& t) {
        wire::TcpOptions o;
        if (t.has_timestamps) o.timestamps = wire::TcpTimestamps{t.time, t.stack_time};
        const std::size_t most = t.has_timestamps ? 3 : 4;
        o.sack_count = static_cast<std::uint8_t>(1 + in.u8() % most);
        for (std::size_t i = 0; i < o.sack_count; ++i) {
            const std::uint32_t begin = t.ack - in.u16() + in.distance();
            o.sack_blocks[i] = {wire::Seq32{begin}, wire::Seq32{begin + in.u16() % 8192}};
        }
        return Stranger::options_of(o);
    }
    // RFC 2385's, or RFC 5925's with a code of any length; none is right.
    static Frame signature(Input& in) {
        constexpr std::byte kMd5{19};
        constexpr std::byte kAuthentication{29};
        if (in.chance()) return Frame{kMd5, std::byte{18}} + Frame(16, std::byte{in.u8()});
        const std::uint8_t length = in.u8() % 36;
        const Frame code(length, std::byte{in.u8()});
        return Frame{kAuthentication, static_cast<std::byte>(length + 4),
                     std::byte(in.u8() % kKeyNumbers), std::byte(in.u8() % kKeyNumbers)} +
               code;
    }
    // What a good peer would say, to get anywhere.
    void honest_data(Input& in) {
        Talk& t = talk(in);
        ++t.time;
        world_.say(t, Stranger::honest(t, Frame(in.u16() % 1449, std::byte{'y'})));
    }

    void datagram(Input& in) {
        const Family f = in.chance() ? Family::Inet : Family::Inet6;
        const std::uint16_t port = in.chance() ? kHears : in.u16();
        Frame d = udp(world_.peer(f), world_.us(f), in.u16(), port, in.take(in.u8()));
        // A length that lies, or a checksum of zero.
        if (in.chance()) d[(f == Family::Inet ? 20u : 40u) + 4 + in.u8() % 4] = std::byte{in.u8()};
        world_.packet(d);
    }

    // About what the stack has just sent, or almost that.
    void icmp_error(Input& in) {
        const std::size_t at = world_.last_sent.size() > 14 ? 14 : 0;
        if (at == 0) return;
        Frame quoted = part(world_.last_sent, at, 40 + in.u8());
        const Family f =
            (quoted[0] & std::byte{0xf0}) == std::byte{0x60} ? Family::Inet6 : Family::Inet;
        if (in.chance()) quoted[in.u8() % quoted.size()] = std::byte{in.u8()};
        const std::uint8_t type = in.u8();
        const std::uint8_t code = in.u8() % 16;
        const Frame rest = bytes({0, 0, in.u8(), in.u8()});
        const std::uint8_t usual = f == Family::Inet ? 3 : static_cast<std::uint8_t>(1 + type % 4);
        world_.packet(icmp(world_.peer(f), world_.us(f), (type & 0x80) != 0 ? type : usual,
                           rest + quoted, code));
    }

    void fragment(Input& in) {
        const std::uint8_t id = in.u8() % 4;
        const std::uint8_t shape = in.u8();
        const auto offset = static_cast<std::uint16_t>(in.u8() % 32 * 8);
        Frame payload = in.take(in.u8());
        if ((shape & 4) != 0) payload.resize(payload.size() / 8 * 8);
        if ((shape & 1) != 0) {
            return world_.packet(
                ipv4({.id = id,
                      .more_fragments = (shape & 2) != 0,
                      .fragment_offset = (shape & 8) != 0 ? std::uint16_t{65528} : offset,
                      .protocol = wire::IpProtocol::Udp,
                      .source = world_.peer4,
                      .target = world_.us4},
                     payload));
        }
        Frame header(8);
        wire::write_ipv6_fragment(header, {.id = id, .offset = offset, .more = (shape & 2) != 0},
                                  static_cast<wire::IpProtocol>((shape & 16) != 0 ? in.u8() : 17));
        world_.packet(ipv6({.next_header = static_cast<wire::IpProtocol>(44),
                            .source = world_.peer6,
                            .target = world_.us6},
                           header + payload));
    }

    void call(Input& in) {
        const SocketId s = socket(in);
        static std::array<std::byte, 65536> room{};
        switch (in.u8() % 18) {
            case 0:
            case 1:
            case 2:
                (void)stack().send(s, Bytes{room}.first(in.u16()), {.more = in.chance()});
                break;
            case 3:
            case 4:
                (void)stack().receive(s, MutableBytes{room}.first(in.u16()),
                                      {.peek = in.chance(), .truncate = in.chance()});
                break;
            case 5: (void)stack().shutdown(s, static_cast<Shutdown>(in.u8() % 3)); break;
            case 6:
                if (in.chance()) forget(s);
                break;
            case 7: set_option(s, option(in), static_cast<std::int32_t>(in.u32())); break;
            case 8: set_option(s, option(in), in.u8()); break;
            case 9: (void)stack().option(s, option(in)); break;
            case 10: take_new(); break;
            case 11: connect(in, s); break;
            case 12: (void)stack().tcp_info(s); break;
            case 13: (void)stack().bind(s, {IpAddress::any(Family::Inet), in.u16()}); break;
            case 14: (void)stack().listen(s, in.u8() % 4); break;
            case 15: sign(in, s); break;
            case 16: authenticate(in, s); break;
            default: make(in); break;
        }
        if (in.chance()) stack().flush();
    }
    // Few numbers, so that those of segments are among them.
    static constexpr std::uint8_t kKeyNumbers = 4;

    Prefix signer(Input& in) {
        const Family f = in.chance() ? Family::Inet : Family::Inet6;
        const std::uint8_t length = in.chance() ? 0 : f == Family::Inet ? 32 : 128;
        return {in.chance() ? world_.us(f) : world_.peer(f), length};
    }
    void sign(Input& in, SocketId s) {
        const Prefix peers = signer(in);
        (void)stack().set_signature_key(s, peers, in.take(in.u8() % 96));
    }
    static KeysInUse keys_in_use(Input& in) {
        KeysInUse keys;
        if (in.chance()) keys.current = in.u8() % kKeyNumbers;
        if (in.chance()) keys.next = in.u8() % kKeyNumbers;
        return keys;
    }
    void authenticate(Input& in, SocketId s) {
        const Prefix peers = signer(in);
        const std::uint8_t send_id = in.u8() % kKeyNumbers;
        const std::uint8_t receive_id = in.u8() % kKeyNumbers;
        switch (in.u8() % 4) {
            case 0:
                (void)stack().set_authentication(
                    s, {.keys = keys_in_use(in), .is_required = in.chance()});
                break;
            case 1:
                (void)stack().remove_key(s, {.peers = peers,
                                             .send_id = send_id,
                                             .receive_id = receive_id,
                                             .is_for_listener = in.chance(),
                                             .instead = keys_in_use(in)});
                break;
            default:
                (void)stack().add_key(
                    s,
                    {.peers = peers,
                     .algorithm = in.chance() ? KeyAlgorithm::HmacSha1 : KeyAlgorithm::AesCmac,
                     .send_id = send_id,
                     .receive_id = receive_id,
                     .code_bytes = static_cast<std::uint8_t>(in.u8() % 32),
                     .skips_options = in.chance(),
                     .bytes = static_cast<std::uint8_t>(in.u8() % 96)},
                    keys_in_use(in));
                break;
        }
    }
    static Option option(Input& in) {
        return static_cast<Option>(in.u8() % (static_cast<unsigned>(Option::NotSentLowWater) + 1));
    }
    void set_option(SocketId s, Option o, std::int64_t value) {
        // A peer that says nothing may be given weeks: nobody waits here for that.
        if (o == Option::UserTimeout) value %= 600'000;
        (void)stack().set_option(s, o, value);
    }
    void forget(SocketId s) {
        (void)stack().close(s);
        std::erase(sockets_, s);
    }
    void take_new() {
        for (const SocketId l : listeners_) {
            const auto s = stack().accept(l);
            if (s) sockets_.push_back(*s);
        }
    }
    void connect(Input& in, SocketId s) {
        const Family f = in.chance() ? Family::Inet : Family::Inet6;
        const std::uint16_t port = in.u8();
        const bool to_itself = in.chance();
        (void)stack().connect(s, {to_itself ? world_.us(f) : world_.peer(f), port});
        const auto name = stack().local_name(s);
        if (name && world_.talks.size() < kMostSockets) world_.talk(f, name->port, port);
    }
    void make(Input& in) {
        if (sockets_.size() >= kMostSockets) return;
        const Family f = in.chance() ? Family::Inet : Family::Inet6;
        own(stack().socket(f, in.chance() ? SocketType::Stream : SocketType::Datagram));
        if (in.chance() && world_.talks.size() < kMostSockets) {
            world_.open(f, kListens, in.u16(), in.chance() ? Stranger::syn_options() : Frame{});
        }
    }

    void time(Input& in) {
        const std::uint8_t how = in.u8();
        if (how < 64) {
            const Instant next = stack().next_deadline();
            if (next != Instant::never()) world_.now = std::max(world_.now, next);
            return;
        }
        FAIRLEAD_ASSERT(world_.wait(Duration::from_ns(std::int64_t{1} << how % 37)));
    }

    void neighbour(Input& in) {
        if (in.chance()) {
            Frame f(14);
            wire::write_ethernet(f, {.target = in.chance() ? wire::kBroadcastMac : world_.our_mac,
                                     .source = world_.peer_mac,
                                     .type = wire::EtherType::Arp});
            Frame arp(wire::ArpPacket::kBytes);
            wire::write_arp(arp, {.operation = in.chance() ? wire::ArpOperation::Request
                                                           : wire::ArpOperation::Reply,
                                  .sender_mac = {2, 0, 0, 0, 0, in.u8()},
                                  .sender = IpAddress::v4(0xc0000200u | in.u8()),
                                  .target_mac = world_.our_mac,
                                  .target = IpAddress::v4(0xc0000200u | in.u8())});
            if (in.chance()) arp[in.u8() % arp.size()] = std::byte{in.u8()};
            return world_.raw(f + arp);
        }
        // Router and neighbour messages: types 133 to 137, the body by chance, the rest right.
        const auto type = static_cast<std::uint8_t>(133 + in.u8() % 5);
        const bool to_group = in.chance();
        const IpAddress target = to_group ? address("ff02::1") : world_.us6;
        const IpAddress source = in.chance() ? address("fe80::2") : world_.peer6;
        Frame body = in.take(4 + in.u8() % 100);
        body.resize(std::max<std::size_t>(body.size(), 4));
        const Frame message = icmp_message(source, target, body, type);
        const Frame packet = ipv6({.next_header = wire::IpProtocol::Icmpv6,
                                   .hop_limit = 255,
                                   .source = source,
                                   .target = target},
                                  message);
        world_.raw(ethernet(to_group ? wire::multicast_mac(target) : world_.our_mac,
                            world_.peer_mac, packet));
    }

    // The stack's own frame comes back to it, from its peer and a little changed; mostly with right
    // checksums.
    void reflected(Input& in) {
        Frame f = world_.last_sent;
        if (f.size() < 14) return;
        std::copy_n(f.begin() + 6, 6, f.begin());
        const std::uint8_t how = in.u8();
        if ((how & 4) != 0) turn_round(f);
        for (int i = how % 4; i > 0; --i) f[in.u16() % f.size()] = std::byte{in.u8()};
        world_.raw((how & 0x80) != 0 ? std::move(f) : fuzz::mended(std::move(f)));
    }

    // As if the peer had sent it: addresses and ports change places.
    static void turn_round(Frame& f) {
        const bool is_v4 = f.size() >= 14 + 24 && f[12] == std::byte{0x08} && f[13] == std::byte{0};
        const bool is_v6 = f.size() >= 14 + 44 && f[12] == std::byte{0x86};
        if (!is_v4 && !is_v6) return;
        const std::ptrdiff_t address = is_v4 ? 4 : 16;
        const auto source = f.begin() + 14 + (is_v4 ? 12 : 8);
        std::swap_ranges(source, source + address, source + address);
        const auto ports = f.begin() + 14 + (is_v4 ? 20 : 40);
        std::swap_ranges(ports, ports + 2, ports + 2);
    }

    void check_invariants() {
        std::array<SocketEvent, 8> events{};
        while (stack().take_events(events) == events.size()) {
        }
        std::uint64_t established = 0;
        for (const SocketInfo& row : stack().sockets()) {
            established += row.type == SocketType::Stream &&
                           (row.state == TcpState::Established || row.state == TcpState::CloseWait);
            if (row.socket) {
                (void)stack().readiness(row.socket);
                (void)stack().tcp_info(row.socket);
            }
        }
        FAIRLEAD_ASSERT(world_.count(Counter::TcpCurrEstab) == established);
        FAIRLEAD_ASSERT(world_.pool.usage().buffer_bytes < std::size_t{64} << 20);
        FAIRLEAD_ASSERT(world_.pool.usage().packets < 32768);
        FAIRLEAD_ASSERT(world_.pool.usage().refused == 0);
        FAIRLEAD_ASSERT(world_.count(Counter::TimeWentBack) == 0);
    }

    Stranger world_{};
    std::vector<SocketId> listeners_{};
    std::vector<SocketId> sockets_{};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    world.run(Input{fuzz::input(data, size)});
    world.end();
    return 0;
}
