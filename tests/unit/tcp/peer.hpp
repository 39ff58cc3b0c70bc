// unit/tcp/peer.hpp — a connection of a stack whose other end is the test, segment by segment, at
// exact times, over an interface of IP packets.
//
// Sequence numbers are relative: 0 is the SYN, 1 the first byte, on both sides.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "fairlead/stack.hpp"
#include "unit/ip/packets.hpp"
#include "unit/tcp/stream.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

struct Segment {
    std::int64_t seq = 0;
    std::int64_t ack = 0;
    wire::TcpFlags flags{.ack = true};
    std::uint16_t window = 65535;
    std::uint32_t payload = 0;
    wire::TcpOptions options{};
    Instant when{};
};

class HandPeer : public ::testing::Test {
protected:
    HandPeer() {
        device.settings().features = {.checksum_out = false};
        interface = *stack.add_interface(device);
        EXPECT_TRUE(stack.add_address(interface, fairlead::testing::prefix("192.0.2.1/24")));
    }

    // Lets time pass; what the stack sent meanwhile is in `heard`, each with its time.
    void run(Duration for_how_long = {}) {
        const Instant end = now + for_how_long;
        for (int i = 0; i < 10'000; ++i) {
            const bool is_busy = stack.poll(now).is_busy;
            listen_in();
            if (is_busy) continue;
            const Instant next = stack.next_deadline();
            if (next > end) {
                now = end;
                stack.advance(now);
                return;
            }
            now = std::max(now, next);
        }
        FAIL() << "the stack does not come to rest";
    }
    void say(Segment s) {
        put_on_wire(s);
        run();
    }
    // The same for the next run(), in one burst with others.
    void put_on_wire(const Segment& s) {
        using Frame = fairlead::testing::Frame;
        Frame header(20 + wire::tcp_options_bytes(s.options));
        wire::write_tcp_options(MutableBytes{header}.subspan(20), s.options);
        wire::write_tcp(header, {.source_port = kPeerPort,
                                 .target_port = kPort,
                                 .seq = wire::Seq32{peer_isn + static_cast<std::uint32_t>(s.seq)},
                                 .ack = wire::Seq32{stack_isn + static_cast<std::uint32_t>(s.ack)},
                                 .flags = s.flags,
                                 .window = s.window,
                                 .header_bytes = static_cast<std::uint8_t>(header.size())});
        for (std::uint32_t i = 0; i < s.payload; ++i) header.push_back(byte_at(s.seq + i));
        const IpAddress from = IpAddress::v4(192, 0, 2, 2);
        const IpAddress to = IpAddress::v4(192, 0, 2, 1);
        device.inbox.push_back(fairlead::testing::ipv4(
            {.id = 77,
             .dont_fragment = true,
             .protocol = wire::IpProtocol::Tcp,
             .source = from,
             .target = to},
            fairlead::testing::with_checksum(header, from, to, wire::IpProtocol::Tcp,
                                             wire::TcpHeader::kChecksumAt)));
    }
    // The passive open: `socket` is accepted and the first bytes are 1 on both sides.
    void open(const wire::TcpOptions& options = {.mss = 1460, .sack_permitted = true},
              std::uint16_t window = 65535, Duration rtt = {}) {
        const SocketId listener = *stack.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(stack.bind(listener, {IpAddress::any(Family::Inet), kPort}));
        ASSERT_TRUE(stack.listen(listener, 5));
        say({.seq = 0, .flags = {.syn = true}, .window = window, .options = options});
        ASSERT_EQ(heard.size(), 1u);
        ASSERT_TRUE(heard[0].flags.syn && heard[0].flags.ack);
        stack_isn += static_cast<std::uint32_t>(heard[0].seq);
        run(rtt);
        say({.seq = 1, .ack = 1, .window = window});
        const auto accepted = stack.accept(listener);
        ASSERT_TRUE(accepted);
        socket = *accepted;
        heard.clear();
    }
    // "1-101 [ack 5]" and so on, for what was heard since the last call; clears it.
    std::string told() {
        std::string out;
        for (const Segment& s : heard) {
            if (!out.empty()) out += ' ';
            out += s.flags.rst ? "R" : s.flags.syn ? "S" : "";
            out += std::to_string(s.seq) + '-' + std::to_string(s.seq + s.payload);
            if (s.flags.fin) out += 'F';
            out += '@' + std::to_string(s.ack);
            for (const wire::SackBlock& b : s.options.sacks()) {
                out += '<' + std::to_string(relative(b.begin, peer_isn)) + '-' +
                       std::to_string(relative(b.end, peer_isn)) + '>';
            }
        }
        heard.clear();
        return out;
    }
    // How long after `start` each segment came, in milliseconds; clears it.
    std::vector<std::int64_t> times(Instant start) {
        std::vector<std::int64_t> out;
        for (const Segment& s : heard) out.push_back((s.when - start).ms());
        heard.clear();
        return out;
    }
    void write(std::int64_t n) {
        const std::vector<std::byte> bytes(static_cast<std::size_t>(n));
        EXPECT_EQ(stack.send(socket, bytes), static_cast<std::size_t>(n));
        run();
    }
    std::string read() {
        std::vector<std::byte> into(100'000);
        const auto n = stack.receive(socket, into);
        if (!n) return std::string{name_of(n.error())};
        return std::to_string(*n);
    }

    static constexpr std::uint16_t kPort = 80;
    static constexpr std::uint16_t kPeerPort = 40'000;
    std::uint32_t peer_isn = 5'000;
    std::uint32_t stack_isn = 0;

    fairlead::testing::FakeDevice device{LinkKind::Ip};
    Stack stack{{.seed = {4, 5, 6}}};
    InterfaceIndex interface = 0;
    SocketId socket{};
    Instant now = Instant::from_ns(1'000'000'000);
    std::vector<Segment> heard;

private:
    static std::int64_t relative(wire::Seq32 seq, std::uint32_t isn) {
        return static_cast<std::int32_t>(static_cast<std::uint32_t>(seq) - isn);
    }
    void listen_in() {
        while (!device.sent.empty()) {
            const fairlead::testing::Frame frame = std::move(device.sent.front());
            device.sent.pop_front();
            if (frame.size() < 40 || frame[9] != std::byte{6}) continue;
            const Bytes tcp = Bytes{frame}.subspan(20);
            const auto header = wire::parse_tcp(tcp);
            ASSERT_TRUE(header);
            heard.push_back(
                {.seq = relative(header->seq, stack_isn),
                 .ack = relative(header->ack, peer_isn),
                 .flags = header->flags,
                 .window = header->window,
                 .payload = static_cast<std::uint32_t>(tcp.size() - header->header_bytes),
                 .options =
                     wire::parse_tcp_options(wire::tcp_options_of(tcp, *header), header->flags.syn),
                 .when = now});
        }
    }
};

}  // namespace fairlead::tcp
