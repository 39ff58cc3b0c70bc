#include "ip/path_mtu.hpp"

#include <algorithm>

namespace fairlead::ip {

std::uint32_t PathMtuTable::lower(const IpAddress& destination, std::uint32_t mtu, Instant now) {
    mtu = std::max(mtu, destination.is_v4() ? kFloorV4 : kFloorV6);
    if (sets_.empty()) sets_.resize(kSets);
    Set& set = sets_[set_of(destination)];

    auto entry = std::ranges::find_if(
        set, [&](const Entry& e) { return e.mtu != 0 && e.destination == destination; });
    if (entry == set.end()) {
        // A free one has `until` at the beginning of time: it goes first.
        entry = std::ranges::min_element(set, {}, &Entry::until);
        *entry = {.destination = destination, .mtu = mtu};
    }
    entry->mtu = std::min(entry->mtu, mtu);
    entry->until = now + kLifetime;
    next_ = std::min(next_, entry->until);
    return entry->mtu;
}

std::uint32_t PathMtuTable::find(const IpAddress& destination) const {
    if (sets_.empty()) return 0;
    for (const Entry& e : sets_[set_of(destination)]) {
        if (e.mtu != 0 && e.destination == destination) return e.mtu;
    }
    return 0;
}

bool PathMtuTable::expire(Instant now) {
    if (now < next_) return false;
    bool has_changed = false;
    next_ = Instant::never();
    for (Set& set : sets_) {
        for (Entry& e : set) {
            if (e.mtu == 0) continue;
            if (e.until <= now) {
                e = Entry{};
                has_changed = true;
            } else {
                next_ = std::min(next_, e.until);
            }
        }
    }
    return has_changed;
}

}  // namespace fairlead::ip
