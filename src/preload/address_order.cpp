#include "preload/address_order.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include "preload/real.hpp"

namespace fairlead::preload {
namespace {

// Of what kind an address is: like goes to like.
enum class Reach { Link, Unique, World };

Reach reach_of(const sockaddr& name) {
    if (name.sa_family == AF_INET) {
        constexpr std::uint32_t kLoopback = 127u << 24;
        constexpr std::uint32_t kLinkLocal = 0xa9fe0000u;
        const auto& in = reinterpret_cast<const sockaddr_in&>(name);
        const std::uint32_t address = ntohl(in.sin_addr.s_addr);
        const bool is_near =
            (address & 0xff000000u) == kLoopback || (address & 0xffff0000u) == kLinkLocal;
        return is_near ? Reach::Link : Reach::World;
    }
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(name).sin6_addr;
    if (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_LINKLOCAL(&address)) return Reach::Link;
    return (address.s6_addr[0] & 0xfe) == 0xfc ? Reach::Unique : Reach::World;
}

// The address that the host would send from; false: it has none that leads there.
bool find_source(const addrinfo& to, sockaddr_storage& from) {
    const int fd = ::socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    sockaddr_storage name{};
    std::memcpy(&name, to.ai_addr, std::min<std::size_t>(to.ai_addrlen, sizeof name));
    constexpr in_port_t kAnyPort = 53;  // 0 is none
    reinterpret_cast<sockaddr_in&>(name).sin_port = htons(kAnyPort);
    socklen_t size = sizeof from;
    const bool is_found =
        ::connect(fd, reinterpret_cast<const sockaddr*>(&name), to.ai_addrlen) == 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&from), &size) == 0;
    ::close(fd);
    return is_found;
}

constexpr int kUnreachable = 4;

// Less is better: usable, from an address of the same kind, IPv6.
int rank_of(const addrinfo& to) {
    sockaddr_storage from{};
    if (!find_source(to, from)) return kUnreachable + (to.ai_family == AF_INET6 ? 0 : 1);
    const bool is_alike =
        reach_of(*to.ai_addr) == reach_of(reinterpret_cast<const sockaddr&>(from));
    return (is_alike ? 0 : 2) + (to.ai_family == AF_INET6 ? 0 : 1);
}

struct Ranked {
    addrinfo* entry = nullptr;
    int rank = 0;
    std::size_t place = 0;
    bool operator<(const Ranked& other) const {
        return rank != other.rank ? rank < other.rank : place < other.place;
    }
};

bool is_same_address(const addrinfo& a, const addrinfo& b) {
    return a.ai_family == b.ai_family && a.ai_addrlen == b.ai_addrlen &&
           std::memcmp(a.ai_addr, b.ai_addr, a.ai_addrlen) == 0;
}

}  // namespace

addrinfo* in_order(addrinfo* chain, bool configured_only) {
    const auto has_one_address = [&] {
        for (const addrinfo* at = chain; at != nullptr; at = at->ai_next) {
            if (!is_same_address(*at, *chain)) return false;
        }
        return true;
    };
    if (has_one_address()) return chain;
    const int kept = errno;
    std::vector<Ranked> all;
    for (addrinfo* at = chain; at != nullptr; at = at->ai_next) {
        const bool is_known = !all.empty() && is_same_address(*at, *all.back().entry);
        all.push_back(
            {.entry = at, .rank = is_known ? all.back().rank : rank_of(*at), .place = all.size()});
    }
    char* name = std::exchange(chain->ai_canonname, nullptr);
    std::sort(all.begin(), all.end());
    if (configured_only && all.front().rank < kUnreachable) {
        while (all.back().rank >= kUnreachable) {
            all.back().entry->ai_next = nullptr;
            ::freeaddrinfo(all.back().entry);
            all.pop_back();
        }
    }
    addrinfo* next = nullptr;
    for (auto at = all.rbegin(); at != all.rend(); ++at) {
        at->entry->ai_next = next;
        next = at->entry;
    }
    next->ai_canonname = name;
    errno = kept;
    return next;
}
}  // namespace fairlead::preload
