// unit/ip/network_fixture.hpp — a network with one interface, and a peer that is the test.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "ip/network.hpp"
#include "unit/ip/fake_device.hpp"
#include "unit/ip/packets.hpp"

namespace fairlead::testing {

inline constexpr std::array<std::uint8_t, 16> kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

class NetworkTest : public ::testing::Test {
protected:
    explicit NetworkTest(LinkKind link) : device{link} {
        config.ip6_dad_transmits = 0;
        config.ip6_accept_ra = 0;
        config.ip6_auto_flowlabels = 0;  // packets are compared byte by byte
    }
    NetworkTest() : NetworkTest(LinkKind::Ip) {}

    void SetUp() override {
        eth = network.add_interface(device, {}).value();
        ASSERT_TRUE(network.add_address(eth, prefix("192.0.2.1/24"), now));
        ASSERT_TRUE(network.add_address(eth, prefix("2001:db8::1/64"), now));
    }

    // What came out of the frames that wait, copied so that it stays.
    struct Got {
        std::vector<Frame> payloads{};
        std::vector<ip::Incoming> incoming{};
        std::vector<ip::IcmpError> errors{};
    };
    Got take(const ip::Network::Events& events) {
        Got got;
        for (ip::Incoming& in : events.incoming) {
            Frame payload(in.packet->size());
            in.packet->copy_to(0, payload);
            got.payloads.push_back(std::move(payload));
            got.incoming.push_back(std::move(in));
        }
        got.errors.assign(events.errors.begin(), events.errors.end());
        return got;
    }
    Got receive(std::initializer_list<Frame> frames) {
        for (const Frame& f : frames) device.inbox.push_back(f);
        std::size_t taken = 0;
        Got got = take(network.receive(eth, now, taken));
        EXPECT_EQ(taken, frames.size());
        network.flush(now);
        return got;
    }
    Got receive_loopback() {
        std::size_t taken = 0;
        network.flush(now);
        return take(network.receive(1, now, taken));
    }
    Got expire_at(Instant at) {
        now = at;
        Got got = take(network.expire(now));
        network.flush(now);
        return got;
    }

    PacketPtr datagram(const IpAddress& from, const IpAddress& to, const Frame& payload) {
        const Frame whole = udp(from, to, 1000, 2000, payload);
        return pool.copy(part(whole, from.is_v4() ? 20 : 40));
    }
    Result<void> send(const IpAddress& to, const Frame& payload, bool dont_fragment = true) {
        const auto path = network.find_path(to, IpAddress{}, 0);
        if (!path) return std::unexpected{path.error()};
        const auto sent = network.send(datagram(path->source, to, payload),
                                       {.source = path->source,
                                        .destination = to,
                                        .protocol = ip::kProtocolUdp,
                                        .dont_fragment = dont_fragment},
                                       *path, now);
        network.flush(now);
        return sent;
    }
    Frame take_sent() {
        if (device.sent.empty()) return {};
        Frame f = std::move(device.sent.front());
        device.sent.pop_front();
        return f;
    }
    std::uint64_t count(Counter c) const { return counters[c]; }

    const IpAddress us4 = address("192.0.2.1");
    const IpAddress peer4 = address("192.0.2.2");
    const IpAddress us6 = address("2001:db8::1");
    const IpAddress peer6 = address("2001:db8::2");
    const MacAddress our_mac{0x02, 0, 0, 0, 0, 0x01};
    const MacAddress peer_mac{0x02, 0, 0, 0, 0, 0x02};

    Instant now = Instant::from_ns(1'000'000'000);
    Config config{};
    Counters counters{};
    PacketPool pool{};
    FakeDevice device;
    ip::Network network{config, counters, pool, kKey};
    InterfaceIndex eth = 0;
};

class EthernetTest : public NetworkTest {
protected:
    EthernetTest() : NetworkTest(LinkKind::Ethernet) {}
};

}  // namespace fairlead::testing
