#include "bench/fairlead_peer.hpp"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "bench/fairlead_calls.hpp"
#include "bench/machine.hpp"
#include "device/memory.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::bench {

namespace {

constexpr std::uint16_t kPort = 5001;
constexpr std::uint32_t kAddresses = 64;  // of the server; each has all the client's ports
constexpr IpAddress kClient = IpAddress::v4(10, 9, 0, 1);
constexpr IpAddress kServer = IpAddress::v4(10, 9, 0, 2);
// A wire never drops: when we were kept waiting, thousands of delayed ACKs may be due at once.
constexpr std::size_t kWireFrames = 1 << 20;
constexpr device::MemoryLinkOptions kPlainWire{.queue_frames = kWireFrames};
constexpr device::MemoryLinkOptions kOffloads{
    .features = {.checksum_out = true, .tso4 = true, .tso6 = true, .uso = true},
    .queue_frames = kWireFrames};

// Two stacks with addresses and routes, joined; the server listens.
struct World {
    explicit World(const device::MemoryLinkOptions& link_options)
        : link{link_options}, client{stack_options(1, &pool)}, server{stack_options(2, &pool)} {
        now = clock_now();
        client.advance(now);
        server.advance(now);
        const auto near = must(client.add_interface(link.left()), "add_interface");
        const auto far = must(server.add_interface(link.right()), "add_interface");
        must(client.add_address(near, {.address = kClient, .length = 24}), "add_address");
        must(server.add_address(far, {.address = kServer, .length = 24}), "add_address");
        for (std::uint32_t i = 0; i < kAddresses; ++i) {
            must(server.add_address(far, {.address = server_address(i), .length = 32}),
                 "add_address");
        }
        must(client.add_route({.destination = {.address = IpAddress::v4(10, 9, 1, 0), .length = 24},
                               .gateway = kServer}),
             "add_route");
        listener = must(server.socket(Family::Inet, SocketType::Stream), "socket");
        const Endpoint any{.address = IpAddress::any(Family::Inet), .port = kPort};
        must(server.bind(listener, any), "bind");
        must(server.listen(listener, 1'000'000), "listen");
    }
    ~World() { link.clear(); }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    static IpAddress server_address(std::uint32_t which) {
        return IpAddress::v4(0x0a09'0101u + which);  // 10.9.1.1 and on
    }

    Instant read_clock() { return now = clock_now() + skipped; }
    void poll_client() { client.poll(read_clock()); }
    void poll_server() { server.poll(read_clock()); }
    // What the calls made ready crosses, and what that causes, until nothing is on the way.
    void exchange() {
        client.flush();
        server.flush();
        while (link.waiting() != 0) {
            poll_server();
            if (link.waiting() != 0) poll_client();
        }
    }

    SocketId begin_connect() {
        const SocketId id = must(client.socket(Family::Inet, SocketType::Stream), "socket");
        bench::begin_connect(
            client, id, {.address = server_address(next_address++ % kAddresses), .port = kPort});
        return id;
    }

    PacketPool pool{};
    device::MemoryLink link;
    Stack client;
    Stack server;
    SocketId listener{};
    Instant now{};
    Duration skipped{};  // time that passed without being waited for
    std::uint32_t next_address = 0;
};

struct Connection {
    SocketId client{};
    SocketId server{};
};

void send_byte(Stack& stack, SocketId id) {
    const std::byte byte{'x'};
    must(stack.send(id, {&byte, 1}), "send");
}

// Polls until the byte is there: one burst may be full of other connections' ACKs.
void receive_byte(World& world, Stack& stack, SocketId id) {
    constexpr int kPatience = 1'000'000;  // polls
    std::byte byte{};
    for (int i = 0; i < kPatience; ++i) {
        const auto n = stack.receive(id, {&byte, 1});
        if (n && *n == 1) return;
        if (n || n.error() != Errc::WouldBlock) break;
        stack.poll(world.read_clock());
    }
    throw std::runtime_error{"a byte did not come"};
}

class FairleadPeer final : public Peer {
public:
    explicit FairleadPeer(const device::MemoryLinkOptions& link) : world_{link} {}

    double bulk(std::uint64_t bytes, std::size_t write_size) override {
        use_stream();
        const std::vector<std::byte> from(write_size, std::byte{'x'});
        std::vector<std::byte> into(write_size);
        const Stopwatch watch;
        std::size_t at = 0;
        for (std::uint64_t received = 0; received < bytes;) {
            const std::size_t sent =
                moved(world_.client.send(stream_.client, Bytes{from}.subspan(at)), "send");
            at = at + sent == from.size() ? 0 : at + sent;
            world_.client.flush();
            world_.poll_server();
            received += drain(into);
            world_.server.flush();
            world_.poll_client();
        }
        return watch.seconds();
    }

    double ping_pong(std::uint64_t count) override {
        use_stream();
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) ping(stream_);
        return watch.seconds();
    }

    double ping_rested(std::uint64_t count) override {
        constexpr Duration kRest = 50_ms;  // longer than an ACK is delayed
        use_stream();
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) {
            ping(stream_);
            world_.skipped = world_.skipped + kRest;
            world_.poll_client();
            world_.poll_server();
        }
        return watch.seconds();
    }

    double connect_close(std::uint64_t count, std::size_t at_once) override {
        const std::uint64_t resets = resets_sent();
        std::vector<Connection> open(at_once);
        const Stopwatch watch;
        for (std::uint64_t done = 0; done < count; done += at_once) connect_and_close(open);
        const double seconds = watch.seconds();
        if (resets_sent() != resets) throw std::runtime_error{"a RST was sent"};
        return seconds;
    }

    void open_idle(std::size_t count) override {
        idle_.reserve(idle_.size() + count);
        for (std::size_t i = 0; i < count; ++i) idle_.push_back(connect_one());
    }

    std::uint64_t memory() override { return resident_bytes(); }

    double ping_random(std::uint64_t count, std::size_t in_flight) override {
        RandomOrder order{idle_.size()};
        const Stopwatch watch;
        for (std::uint64_t done = 0; done < count; done += in_flight) {
            const std::span<const std::uint32_t> chosen = order.next(in_flight);
            for (const std::uint32_t i : chosen) send_byte(world_.client, idle_[i].client);
            world_.client.flush();
            world_.poll_server();
            for (const std::uint32_t i : chosen) {
                receive_byte(world_, world_.server, idle_[i].server);
                send_byte(world_.server, idle_[i].server);
            }
            world_.server.flush();
            world_.poll_client();
            for (const std::uint32_t i : chosen)
                receive_byte(world_, world_.client, idle_[i].client);
        }
        return watch.seconds();
    }

private:
    void ping(const Connection& c) {
        send_byte(world_.client, c.client);
        world_.client.flush();
        world_.poll_server();
        receive_byte(world_, world_.server, c.server);
        send_byte(world_.server, c.server);
        world_.server.flush();
        world_.poll_client();
        receive_byte(world_, world_.client, c.client);
    }

    std::size_t drain(std::vector<std::byte>& into) {
        std::size_t received = 0;
        for (;;) {
            const std::size_t n = moved(world_.server.receive(stream_.server, into), "receive");
            received += n;
            if (n < into.size()) return received;
        }
    }

    Connection connect_one() {
        Connection c{.client = world_.begin_connect()};
        world_.exchange();
        c.server = must(world_.server.accept(world_.listener), "accept");
        must(world_.client.set_option(c.client, Option::NoDelay, 1), "set_option");
        must(world_.server.set_option(c.server, Option::NoDelay, 1), "set_option");
        return c;
    }

    // Of `open` nothing is kept but the room.
    void connect_and_close(std::vector<Connection>& open) {
        for (Connection& c : open) c.client = world_.begin_connect();
        world_.exchange();
        for (Connection& c : open) {
            c.server = must(world_.server.accept(world_.listener), "accept");
        }
        for (const Connection& c : open) send_byte(world_.client, c.client);
        world_.client.flush();
        world_.poll_server();
        for (const Connection& c : open) receive_byte(world_, world_.server, c.server);
        for (const Connection& c : open) must(world_.client.close(c.client), "close");
        world_.client.flush();
        world_.poll_server();
        for (const Connection& c : open) expect_end(c.server);
        for (const Connection& c : open) must(world_.server.close(c.server), "close");
        world_.exchange();
    }

    void expect_end(SocketId id) {
        std::byte byte{};
        if (must(world_.server.receive(id, {&byte, 1}), "receive") != 0) {
            throw std::runtime_error{"bytes behind the end"};
        }
    }

    std::uint64_t resets_sent() const {
        return world_.client.counters()[Counter::TcpOutRsts] +
               world_.server.counters()[Counter::TcpOutRsts];
    }

    void use_stream() {
        if (!stream_.client) stream_ = connect_one();
    }

    World world_;
    Connection stream_{};
    std::vector<Connection> idle_{};
};

// What `entries` half-open connections add to the server. The client's side, and the packets on
// the way, are there before: a first round of SYNs is lost, and the client sends each again.
double syn_received_growth(std::size_t entries) {
    constexpr std::size_t kAtOnce = 256;  // so many SYNs a millisecond, now and when sent again
    World world{kPlainWire};
    Instant now = clock_now();
    const auto lose_answers = [&](bool lose_questions) {
        for (bool more = true; more;) {
            world.client.poll(now);
            if (lose_questions) world.link.clear();
            more = world.link.waiting() != 0;
            while (world.server.poll(now).received != 0) {
            }
            world.link.clear();
        }
    };
    world.begin_connect();  // the neighbours know each other from here on
    world.exchange();
    for (std::size_t i = 0; i < entries; ++i) {
        world.begin_connect();
        if (i % kAtOnce != kAtOnce - 1) continue;
        lose_answers(true);
        now = now + Duration::from_ms(1);
    }
    lose_answers(true);
    const std::uint64_t before = resident_bytes();
    const Instant end = now + Duration::from_ms(1100);  // past the first retransmission of each
    for (; now < end; now = now + Duration::from_ms(1)) lose_answers(false);
    const std::uint64_t grown = resident_bytes() - before;
    std::size_t waiting = 0;
    for (const SocketInfo& s : world.server.sockets()) waiting += s.state == TcpState::SynReceived;
    if (waiting < entries) {
        throw std::runtime_error{fmt::format("{} of {} half open", waiting, entries)};
    }
    return static_cast<double>(grown) / static_cast<double>(entries);
}

double time_wait_growth(std::size_t entries) {
    FairleadPeer peer{kPlainWire};
    peer.connect_close(entries / 100, 1);
    const std::uint64_t before = resident_bytes();
    peer.connect_close(entries, 1);
    return static_cast<double>(resident_bytes() - before) / static_cast<double>(entries);
}

}  // namespace

PeerKind fairlead_over_plain_wire() {
    return {.name = "Fairlead", .make = [] { return std::make_unique<FairleadPeer>(kPlainWire); }};
}

PeerKind fairlead_over_offloads() {
    return {.name = "Fairlead", .make = [] { return std::make_unique<FairleadPeer>(kOffloads); }};
}

double fairlead_syn_received_bytes(std::size_t entries) {
    return in_child([entries] { return syn_received_growth(entries); });
}

double fairlead_time_wait_bytes(std::size_t entries) {
    return in_child([entries] { return time_wait_growth(entries); });
}

}  // namespace fairlead::bench
