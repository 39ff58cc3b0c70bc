// fairlead_world.hpp — two of our stacks back to back, and what a byte's way through them is.
//
// Owns:   World (client, server, the link between, a listener on as many addresses as connections
//         need ports), the calls that each measure makes of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "bench/fairlead_calls.hpp"
#include "device/memory.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::bench {

inline constexpr std::uint16_t kPort = 5001;
inline constexpr std::uint32_t kAddresses = 64;  // of the server; each has all the client's ports
inline constexpr IpAddress kClient = IpAddress::v4(10, 9, 0, 1);
inline constexpr IpAddress kServer = IpAddress::v4(10, 9, 0, 2);
// A wire never drops: when we were kept waiting, thousands of delayed ACKs may be due at once.
inline constexpr std::size_t kWireFrames = 1 << 20;
inline constexpr device::MemoryLinkOptions kPlainWire{.queue_frames = kWireFrames};
inline constexpr device::MemoryLinkOptions kOffloads{
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

    // As a program does that waits for events.
    void drain_events() {
        std::array<SocketEvent, 8> events;
        for (Stack* stack : {&client, &server}) {
            while (stack->take_events(events) == events.size()) {
            }
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

inline void send_byte(Stack& stack, SocketId id) {
    const std::byte byte{'x'};
    must(stack.send(id, {&byte, 1}), "send");
}

// Polls until the byte is there: one burst may be full of other connections' ACKs.
inline void receive_byte(World& world, Stack& stack, SocketId id) {
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

}  // namespace fairlead::bench
