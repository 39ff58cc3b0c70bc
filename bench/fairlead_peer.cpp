#include "bench/fairlead_peer.hpp"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "bench/fairlead_world.hpp"
#include "bench/machine.hpp"

namespace fairlead::bench {

namespace {

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
        for (std::size_t i = 0; i < count; ++i) {
            idle_.push_back(connect_one());
            world_.drain_events();
        }
    }

    // Our own list of the connections is none of theirs.
    std::uint64_t memory() override { return resident_bytes() - idle_.size() * sizeof(Connection); }

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

}  // namespace

PeerKind fairlead_over_plain_wire() {
    return {.name = "Fairlead", .make = [] { return std::make_unique<FairleadPeer>(kPlainWire); }};
}

PeerKind fairlead_over_offloads() {
    return {.name = "Fairlead", .make = [] { return std::make_unique<FairleadPeer>(kOffloads); }};
}

}  // namespace fairlead::bench
