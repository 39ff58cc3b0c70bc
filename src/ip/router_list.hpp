// ip/router_list.hpp — the routers that announced themselves, and the search for one.
//
// Owns:   default routers with their lifetimes; which interfaces still ask for one, and when.
// Knows:  RFC 4861 §6.3.4 (lifetimes), §6.3.7 (three solicitations, four seconds apart, until an
//         advertisement comes).
// Not here: the routes through them, the messages (autoconfiguration.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/time.hpp"

namespace fairlead::ip {

struct Router {
    IpAddress address{};  // link-local, with its zone
    Instant until{};
};

class RouterList {
public:
    static constexpr std::size_t kMaxRouters = 16;

    // True when it was not in the list. A full list takes no more.
    bool learn(const Router& router);
    // True when it was in the list.
    bool forget(const IpAddress& address);

    void search(InterfaceIndex interface, Instant now);
    void end_search(InterfaceIndex interface);

    Instant next_deadline() const {
        return routers_.empty() && searches_.empty() ? Instant::never() : soonest();
    }
    // What is due at `now`, one after another, until none.
    std::optional<Router> expire(Instant now);
    std::optional<InterfaceIndex> next_solicitation(Instant now);

private:
    Instant soonest() const;

    static constexpr int kSolicitations = 3;
    static constexpr Duration kInterval = Duration::from_s(4);

    struct Search {
        InterfaceIndex interface = 0;
        int left = kSolicitations;
        Instant next{};
    };

    std::vector<Router> routers_{};
    std::vector<Search> searches_{};
};

}  // namespace fairlead::ip
