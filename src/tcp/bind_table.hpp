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
#include "tcp/time_wait.hpp"

namespace fairlead::tcp {

class BindTable {
public:
    void add(Connection& c);
    void remove(Connection& c);
    void add_time_wait(const TimeWait& t) { count(t, 1); }
    void remove_time_wait(const TimeWait& t) { count(t, UINT32_MAX); }
    // Whether `c` may not be bound to `local`, given all that is. A port that nobody asked for
    // (`is_chosen`) is shared with nobody.
    bool conflicts(const Connection& c, const Endpoint& local, bool is_chosen = false) const;
    // A port that bind() named: connect() leaves it alone.
    bool is_reserved(std::uint16_t port) const {
        return (reserved_[port / 64] >> port % 64 & 1) != 0;
    }
    void prefetch(std::uint16_t port) const {
        const auto& page = pages_[port >> 8];
        if (page != nullptr) __builtin_prefetch(&(*page)[port & 0xff], 1);
    }
    // The listener a segment for `local` on `interface` goes to: the most precise name wins; of equals
    // with SO_REUSEPORT one by the hash of the flow.
    Connection* listener(const Endpoint& local, InterfaceIndex interface, std::uint32_t hash) const;
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
        // TIME-WAIT entries, and their local address, if they have one in common; of these, those
        // whose sockets did not have the option.
        std::uint32_t time_waits = 0;
        bool waits_at_several = false;
        IpAddress waits_at{};
        std::uint32_t without_reuse_address = 0;
        std::uint32_t without_reuse_port = 0;
        std::uint32_t met_by_v4_wildcard = 0;  // IPv6 ones of sockets that heard IPv4 too
    };
    using Page = std::array<Port, 256>;

    static Connection*& list_of(Port& port, const Connection& c) {
        return c.filing.has_bound_port ? port.named : port.others;
    }
    static bool conflicts(const Port& port, const Connection& c, const IpAddress& name);
    void count(const TimeWait& t, std::uint32_t one) {
        const Endpoint local = t.key().local;
        Port& port = page_of(local.port);
        const bool is_first = port.time_waits == 0;
        if (is_first) port.waits_at = local.address;
        port.waits_at_several =
            !is_first && (port.waits_at_several || port.waits_at != local.address);
        port.time_waits += one;
        if (!t.reuse_address) port.without_reuse_address += one;
        if (!t.reuse_port) port.without_reuse_port += one;
        if (!t.v6_only && !local.address.is_v4()) port.met_by_v4_wildcard += one;
    }
    Port& page_of(std::uint16_t port);
    void note_reserved(std::uint16_t port, const Port& entry) {
        const std::uint64_t bit = std::uint64_t{1} << port % 64;
        std::uint64_t& word = reserved_[port / 64];
        word = entry.named != nullptr ? word | bit : word & ~bit;
    }
    Port* find(std::uint16_t port) const {
        const auto& page = pages_[port >> 8];
        return page == nullptr ? nullptr : &(*page)[port & 0xff];
    }

    std::array<std::unique_ptr<Page>, 256> pages_{};
    // A bit for each port that has `named` ones: connect() asks it of port after port, and the pages
    // are too large to be in the cache.
    std::array<std::uint64_t, 65536 / 64> reserved_{};
};

}  // namespace fairlead::tcp
