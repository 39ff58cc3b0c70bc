#include "ip/router_list.hpp"

#include <algorithm>

namespace fairlead::ip {

bool RouterList::learn(const Router& router) {
    const auto at = std::ranges::find(routers_, router.address, &Router::address);
    if (at != routers_.end()) {
        at->until = router.until;
        return false;
    }
    if (routers_.size() == kMaxRouters) return false;
    routers_.push_back(router);
    return true;
}

bool RouterList::forget(const IpAddress& address) {
    return std::erase_if(routers_, [&](const Router& r) { return r.address == address; }) != 0;
}

void RouterList::search(InterfaceIndex interface, Instant now) {
    searches_.push_back({.interface = interface, .next = now});
}

void RouterList::end_search(InterfaceIndex interface) {
    std::erase_if(searches_, [&](const Search& s) { return s.interface == interface; });
}

Instant RouterList::soonest() const {
    Instant next = Instant::never();
    for (const Router& r : routers_) next = std::min(next, r.until);
    for (const Search& s : searches_) next = std::min(next, s.next);
    return next;
}

std::optional<Router> RouterList::expire(Instant now) {
    const auto at = std::ranges::find_if(routers_, [&](const Router& r) { return r.until <= now; });
    if (at == routers_.end()) return std::nullopt;
    const Router gone = *at;
    routers_.erase(at);
    return gone;
}

std::optional<InterfaceIndex> RouterList::next_solicitation(Instant now) {
    const auto at = std::ranges::find_if(searches_, [&](const Search& s) { return s.next <= now; });
    if (at == searches_.end()) return std::nullopt;
    const InterfaceIndex interface = at->interface;
    at->next = now + kInterval;
    if (--at->left == 0) searches_.erase(at);
    return interface;
}

}  // namespace fairlead::ip
