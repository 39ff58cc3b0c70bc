// tcp_by_hand.hpp — segments for one connection to the kernel, written by the test itself.
#pragma once

#include <chrono>
#include <cstring>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "fairlead/device.hpp"
#include "link/segmentation.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

namespace fairlead::testing_network {

inline Instant test_clock() {
    return Instant::from_ns(std::chrono::steady_clock::now().time_since_epoch().count());
}

inline std::byte payload_byte(std::size_t i) { return static_cast<std::byte>(i * 31 + i / 251); }

// One end of a TCP connection without a mind of its own.
struct TcpByHand {
    Device& device;
    PacketPool& pool;
    Endpoint ours{};
    Endpoint theirs{};
    MacAddress their_mac{};
    std::uint32_t next_sent = 1000;
    std::uint32_t next_received = 0;

    bool is_ethernet() const { return device.info().link == LinkKind::Ethernet; }

    PacketPtr segment(wire::TcpFlags flags, std::size_t bytes) {
        PacketPtr p = pool.packet();
        std::size_t at = 0;
        while (at < bytes) {
            Slice s = pool.large_buffer();
            s.trim_back(
                static_cast<std::uint32_t>(s.size() - std::min<std::size_t>(s.size(), bytes - at)));
            for (std::byte& b : s.mutable_bytes()) b = payload_byte(at++);
            EXPECT_TRUE(p->append(std::move(s)));
        }
        wire::write_tcp(p->push_front(20), {.source_port = ours.port,
                                            .target_port = theirs.port,
                                            .seq = wire::Seq32{next_sent},
                                            .ack = wire::Seq32{next_received},
                                            .flags = flags,
                                            .window = 65535});
        p->mark_transport(0);
        next_sent += static_cast<std::uint32_t>(bytes) + (flags.syn || flags.fin ? 1 : 0);
        const auto tcp_bytes = static_cast<std::uint16_t>(p->size());
        const auto sum =
            wire::pseudo_header(ours.address, theirs.address, wire::IpProtocol::Tcp, tcp_bytes);
        store_be<std::uint16_t>(p->head(), 16, sum.fold());
        p->meta.checksum = ChecksumState::Partial;
        p->meta.checksum_offset = 16;
        const bool v4 = ours.address.is_v4();
        if (v4) {
            wire::write_ipv4(p->push_front(20),
                             {.total_bytes = static_cast<std::uint16_t>(tcp_bytes + 20),
                              .dont_fragment = true,
                              .protocol = wire::IpProtocol::Tcp,
                              .source = ours.address,
                              .target = theirs.address});
        } else {
            wire::write_ipv6(p->push_front(40), {.payload_bytes = tcp_bytes,
                                                 .next_header = wire::IpProtocol::Tcp,
                                                 .source = ours.address,
                                                 .target = theirs.address});
        }
        p->mark_network(0);
        if (is_ethernet()) {
            wire::write_ethernet(p->push_front(wire::EthernetHeader::kBytes),
                                 {.target = their_mac,
                                  .source = device.info().mac,
                                  .type = v4 ? wire::EtherType::Ipv4 : wire::EtherType::Ipv6});
        }
        const std::uint16_t mss = v4 ? 1460 : 1440;
        if (bytes > mss) {
            p->meta.gso = v4 ? GsoType::Tcp4 : GsoType::Tcp6;
            p->meta.gso_size = mss;
            p->meta.gso_segments = static_cast<std::uint16_t>((bytes + mss - 1) / mss);
        }
        return p;
    }

    // As `link` does it: a device that can neither split nor sum is not asked to.
    void send(wire::TcpFlags flags, std::size_t bytes = 0) {
        PacketPtr p = segment(flags, bytes);
        const auto hand_over = [this](PacketPtr frame) {
            ASSERT_EQ(device.send(0, test_clock(), {&frame, 1}), 1u);
        };
        if (device.info().features.tso4) return hand_over(std::move(p));
        ASSERT_EQ(link::split(std::move(p), pool, link::Summing::Complete, hand_over),
                  link::SplitResult::Done);
    }

    struct Received {
        PacketPtr packet{};
        wire::TcpHeader tcp{};
        std::vector<std::byte> payload{};
    };

    // The next TCP segment to our port; other frames are passed over. Empty: none came.
    std::optional<Received> receive(Duration patience = 2_s) {
        const Instant until = test_clock() + patience;
        while (test_clock() < until) {
            PacketPtr p;
            if (device.receive(0, test_clock(), pool, {&p, 1}) == 0) continue;
            if (auto r = read(std::move(p))) return r;
        }
        return {};
    }

    std::optional<Received> read(PacketPtr p) const {
        std::vector<std::byte> frame(p->size());
        p->copy_to(0, frame);
        Bytes ip{frame};
        if (is_ethernet()) ip = ip.subspan(std::min(ip.size(), wire::EthernetHeader::kBytes));
        std::size_t at = 0;
        if (const auto v4 = wire::parse_ipv4(ip); v4 && v4->protocol == wire::IpProtocol::Tcp) {
            at = v4->header_bytes;
        } else if (const auto v6 = wire::parse_ipv6(ip);
                   v6 && v6->next_header == wire::IpProtocol::Tcp) {
            at = 40;
        } else {
            return {};
        }
        const auto tcp = wire::parse_tcp(ip.subspan(at));
        if (!tcp || tcp->target_port != ours.port) return {};
        const Bytes payload = ip.subspan(at + tcp->header_bytes);
        return Received{std::move(p), *tcp, {payload.begin(), payload.end()}};
    }

    // SYN, SYN-ACK, ACK. A new interface's IPv6 may not answer in its first milliseconds.
    void connect() {
        std::optional<Received> answer;
        for (int tries = 0; tries < 20 && !answer; ++tries) {
            const std::uint32_t isn = next_sent;
            send({.syn = true});
            answer = receive(100_ms);
            if (!answer) next_sent = isn;
        }
        ASSERT_TRUE(answer.has_value()) << "no answer to a SYN";
        ASSERT_TRUE(answer->tcp.flags.syn && answer->tcp.flags.ack);
        next_received = static_cast<std::uint32_t>(answer->tcp.seq) + 1;
        send({.ack = true});
    }
};

}  // namespace fairlead::testing_network
