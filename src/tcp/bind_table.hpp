// tcp/bind_table.hpp — which local ports are taken, and by whom.
//
// Owns:   for each port the sockets that bind() put there and those that came by it otherwise (an
//         accepted connection, an ephemeral port), in two intrusive lists, and how many TIME-WAIT
//         entries hold it; the rule of what may share a port; listeners by port.
// Knows:  Linux's inet_csk_get_port(): SO_REUSEADDR lets two share that do not listen,
//         SO_REUSEPORT two that both ask for it; other addresses, devices or families do not meet.
// Not here: which 4-tuples are in use (demux.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "tcp/connection.hpp"

namespace fairlead::tcp {

class BindTable {
public:
    void add(Connection& c);
    void remove(Connection& c);
    void add_time_wait(std::uint16_t port) { ++page_of(port).time_waits; }
    void remove_time_wait(std::uint16_t port) { --page_of(port).time_waits; }
    // Whether `c` may be bound to `local`, given all that is.
    bool conflicts(const Connection& c, const Endpoint& local) const;
    // A port that bind() named: connect() leaves it alone.
    bool is_reserved(std::uint16_t port) const;
    // The listener a segment for `local` on `interface` goes to: the most precise name wins.
    Connection* listener(const Endpoint& local, InterfaceIndex interface) const;
    // For the snapshot: calls f(const Connection&) for each bound socket, by port.
    template <typename F>
    void for_each(F&& f) const {
        for (const auto& page : pages_) {
            if (page == nullptr) continue;
            for (const Port& port : *page) {
                for (const Connection* list : {port.named, port.others}) {
                    for (const Connection* c = list; c != nullptr; c = c->filing.next_bound) f(*c);
                }
            }
        }
    }

private:
    struct Port {
        Connection* named = nullptr;
        Connection* others = nullptr;
        std::uint32_t time_waits = 0;
    };
    using Page = std::array<Port, 256>;

    static Connection*& list_of(Port& port, const Connection& c) {
        return c.filing.has_bound_port ? port.named : port.others;
    }
    Port& page_of(std::uint16_t port);
    Port* find(std::uint16_t port) const {
        const auto& page = pages_[port >> 8];
        return page == nullptr ? nullptr : &(*page)[port & 0xff];
    }

    std::array<std::unique_ptr<Page>, 256> pages_{};
};

}  // namespace fairlead::tcp
