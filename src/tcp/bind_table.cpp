#include "tcp/bind_table.hpp"

namespace fairlead::tcp {
namespace {

// An IPv6 socket whose address a connection chose, or brought, has one in IPv4 as well for Linux
// (LOOPBACK4_IPV6), which the wildcard of IPv4 meets; a bound one keeps to itself.
bool is_met_by_v4_wildcard(const Connection& c) {
    return !c.key.local.address.is_v4() && !c.options.v6_only;
}

// Can one segment be meant for both names?
bool overlap(const Connection& a, const IpAddress& a_name, const Connection& b) {
    const IpAddress& b_name = b.key.local.address;
    if (a_name.is_v4() && a_name.is_any() && is_met_by_v4_wildcard(b)) return true;
    if (a.options.device != 0 && b.options.device != 0 && a.options.device != b.options.device) {
        return false;
    }
    if (a_name.is_v4() == b_name.is_v4()) {
        return a_name == b_name || a_name.is_any() || b_name.is_any();
    }
    // Only the IPv6 wildcard reaches into IPv4, unless it keeps to itself.
    const IpAddress& v6_name = a_name.is_v4() ? b_name : a_name;
    const bool keeps_to_itself = (a_name.is_v4() ? b : a).options.v6_only;
    return v6_name.is_any() && !keeps_to_itself;
}

// Is the address one of those that the name stands for?
bool covers(const Connection& c, const IpAddress& name, const IpAddress& address) {
    if (!name.is_any()) return name == address;
    return name.is_v4() == address.is_v4() || (address.is_v4() && !c.options.v6_only);
}

int score(const Connection& c, const Endpoint& local, InterfaceIndex interface) {
    if (c.state() != State::Listen) return -1;
    if (c.options.device != 0 && c.options.device != interface) return -1;
    int points = c.options.device != 0 ? 1 : 0;
    const IpAddress& name = c.key.local.address;
    if (name == local.address) return points + 8;
    if (!name.is_any()) return -1;
    if (name.is_v4() != local.address.is_v4()) {
        return name.is_v4() || c.options.v6_only ? -1 : points;
    }
    return points + 2;
}

}  // namespace

BindTable::Port& BindTable::page_of(std::uint16_t port) {
    auto& page = pages_[port >> 8];
    if (page == nullptr) page = std::make_unique<Page>();
    return (*page)[port & 0xff];
}

void BindTable::add(Connection& c) {
    Port& port = page_of(c.key.local.port);
    Connection*& first = list_of(port, c);
    auto& f = c.filing;
    f.prev_bound = nullptr;
    f.next_bound = first;
    if (first != nullptr) first->filing.prev_bound = &c;
    first = &c;
    f.is_bound = true;
    note_reserved(c.key.local.port, port);
}

void BindTable::remove(Connection& c) {
    auto& f = c.filing;
    if (!f.is_bound) return;
    Port& port = *find(c.key.local.port);
    Connection*& first = list_of(port, c);
    (f.prev_bound == nullptr ? first : f.prev_bound->filing.next_bound) = f.next_bound;
    if (f.next_bound != nullptr) f.next_bound->filing.prev_bound = f.prev_bound;
    f.next_bound = f.prev_bound = nullptr;
    f.is_bound = f.has_bound_port = false;
    note_reserved(c.key.local.port, port);
}

// Both must have the option: the one that waits and the one that comes. Where connections of several
// addresses wait it is not asked which, and the port is refused for every address.
bool BindTable::conflicts(const Port& port, const Connection& c, const IpAddress& name) {
    if (port.time_waits == 0) return false;
    const bool is_met = name.is_v4() && name.is_any() && port.met_by_v4_wildcard > 0;
    if (!port.waits_at_several && !is_met && !covers(c, name, port.waits_at)) return false;
    const bool all_reuse = c.options.reuse_address && port.without_reuse_address == 0;
    const bool all_share = c.options.reuse_port && port.without_reuse_port == 0;
    return !all_reuse && !all_share;
}

bool BindTable::conflicts(const Connection& c, const Endpoint& local, bool is_chosen) const {
    const Port* port = find(local.port);
    if (port == nullptr) return false;
    if (is_chosen ? port->time_waits > 0 : conflicts(*port, c, local.address)) return true;
    for (const Connection* list : {port->named, port->others}) {
        for (const Connection* other = list; other != nullptr; other = other->filing.next_bound) {
            if (other == &c || !overlap(c, local.address, *other)) continue;
            const bool both_reuse = c.options.reuse_address && other->options.reuse_address &&
                                    other->state() != State::Listen;
            const bool both_share = c.options.reuse_port && other->options.reuse_port;
            if (is_chosen || (!both_reuse && !both_share)) return true;
        }
    }
    return false;
}

Connection* BindTable::listener(const Endpoint& local, InterfaceIndex interface,
                                std::uint32_t hash) const {
    const Port* port = find(local.port);
    if (port == nullptr) return nullptr;
    Connection* best = nullptr;
    int best_score = -1;
    std::uint32_t equals = 0;  // of a SO_REUSEPORT group
    for (Connection* c = port->named; c != nullptr; c = c->filing.next_bound) {
        const int points = score(*c, local, interface);
        if (points < 0 || points < best_score) continue;
        if (points > best_score) {
            best = c;
            best_score = points;
            equals = 0;
        }
        if (c->options.reuse_port) ++equals;
    }
    if (equals < 2) return best;

    auto chosen = static_cast<std::uint32_t>(std::uint64_t{hash} * equals >> 32);
    for (Connection* c = port->named; c != nullptr; c = c->filing.next_bound) {
        if (!c->options.reuse_port || score(*c, local, interface) != best_score) continue;
        if (chosen-- == 0) return c;
    }
    return best;
}

}  // namespace fairlead::tcp
