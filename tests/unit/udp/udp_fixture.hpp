// unit/udp/udp_fixture.hpp — datagram sockets over a network whose far end is the test.
#pragma once

#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "udp/layer.hpp"
#include "unit/ip/network_fixture.hpp"

namespace fairlead::testing {

using udp::Handle;

class UdpTest : public NetworkTest {
protected:
    using NetworkTest::NetworkTest;

    Handle open(Family family = Family::Inet) {
        layer.open(next_, family);
        return next_++;
    }
    Handle bound(std::string_view name, Family family = Family::Inet) {
        const Handle h = open(family);
        EXPECT_TRUE(layer.bind(h, Endpoint::parse(name).value())) << name;
        return h;
    }
    Errc bind_error(Handle h, std::string_view name) {
        const auto done = layer.bind(h, Endpoint::parse(name).value());
        return done ? Errc{} : done.error();
    }
    void arrive(const Frame& packet) {
        device.inbox.push_back(packet);
        pump(eth);
    }
    // What waits at an interface goes to the layer, and its answers to the device.
    void pump(InterfaceIndex interface) {
        std::size_t frames = 0;
        layer.set_now(now);
        network.flush(now);
        const auto events = network.receive(interface, now, frames);
        for (const ip::IcmpError& e : events.errors) layer.on_icmp(e);
        layer.input(events.incoming);
        for (const ip::Departure& d : network.departed()) layer.on_departure(d);
        network.clear_departed();
        network.flush(now);
    }
    Result<std::size_t> send(Handle h, std::string_view to, std::string_view payload) {
        layer.set_now(now);
        const auto sent = layer.send_to(h, text(payload), {.to = Endpoint::parse(to).value()});
        network.flush(now);
        return sent;
    }
    // The next datagram's text; its errno in words if there is none.
    std::string receive(Handle h, std::size_t room = 100, ReceiveFlags flags = {}) {
        std::string into(room, '\0');
        const auto got = layer.receive_from(h, std::as_writable_bytes(std::span{into}), flags);
        if (!got) return std::string{name_of(got.error())};
        last = *got;
        into.resize(got->copied);
        return into;
    }

    DatagramInfo last{};
    udp::Layer layer{config, counters, pool, network, kKey};

private:
    Handle next_ = 0;
};

}  // namespace fairlead::testing
