// The way up: devices, link, IP, transport. See docs/house.md.
#include "stack/core.hpp"
#include "stack/group.hpp"

namespace fairlead {

void Stack::Core::advance(Instant to) {
    if (to < now) {
        counters.add(Counter::TimeWentBack);
        return;
    }
    tcp.begin_round();
    set_now(to);
}

void Stack::Core::set_now(Instant to) {
    now = to;
    tcp.set_now(to);
    udp.set_now(to);
}

PollResult Stack::Core::poll(Instant to) {
    advance(to);
    PollResult result;
    if (seat != nullptr) deliver(seat->arrivals(pool));
    const std::size_t interfaces = network.interface_count();
    for (InterfaceIndex i = 1; i <= interfaces; ++i) {
        std::size_t frames = 0;
        ip::Network::Events events = network.receive(i, now, frames);
        if (frames != 0) {
            if (events.now > now) set_now(events.now);  // the device was read after the clock
            take(events);
            if (!network.departed().empty()) [[unlikely]] {
                take_departed();
            }
        }
        result.received += frames;
    }
    for (const std::uint32_t index : tcp.woken()) sockets.prefetch(index);
    ip::Network::Events expired = network.expire(now);
    if (!expired.incoming.empty() || !expired.errors.empty()) take(expired);
    tcp.expire();
    flush();
    result.is_busy = result.received > 0 || device_is_busy;
    return result;
}

// In a group, what is another member's goes to that one.
void Stack::Core::take(ip::Network::Events& events) {
    if (seat != nullptr) {
        events.incoming = seat->keep_own(events.incoming);
        events.errors = seat->keep_own(events.errors);
    }
    deliver(events);
}

void Stack::Core::take_departed() {
    for (const ip::Departure& departure : network.departed()) udp.on_departure(departure);
    network.clear_departed();
}

// Runs of one transport's packets go to it together.
void Stack::Core::deliver(const ip::Network::Events& events) {
    std::span<ip::Incoming> incoming = events.incoming;
    while (!incoming.empty()) {
        const std::uint8_t protocol = incoming.front().protocol;
        std::size_t run = 1;
        while (run < incoming.size() && incoming[run].protocol == protocol) ++run;
        if (protocol == ip::kProtocolTcp) {
            tcp.input(incoming.first(run));
        } else {
            udp.input(incoming.first(run));
        }
        incoming = incoming.subspan(run);
    }
    for (const ip::IcmpError& error : events.errors) {
        if (error.protocol == ip::kProtocolTcp) {
            tcp.on_icmp(error);
        } else {
            udp.on_icmp(error);
        }
    }
}

}  // namespace fairlead
