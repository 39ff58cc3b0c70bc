// Names and addresses: numbers, /etc/hosts and services are the C library's, the rest we ask for.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <nss.h>

#include "preload/address_order.hpp"
#include "preload/dns.hpp"
#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"

namespace fairlead::preload {
namespace {

// The C library's own look-ups end with its files: what it would ask by sockets is asked by us.
[[gnu::constructor]] void keep_to_files() {
    if (is_hosted()) (void)::__nss_configure_lookup("hosts", "files");
}

decltype(&::getaddrinfo) real_getaddrinfo() {
    static const auto real =
        reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real;
}

decltype(&::getnameinfo) real_getnameinfo() {
    static const auto real =
        reinterpret_cast<decltype(&::getnameinfo)>(::dlsym(RTLD_NEXT, "getnameinfo"));
    return real;
}

int as_gai_error(dns::Outcome outcome) {
    switch (outcome) {
        case dns::Outcome::Found: return 0;
        case dns::Outcome::Again: return EAI_AGAIN;
        case dns::Outcome::Failed: return EAI_FAIL;
        case dns::Outcome::NoData: return EAI_NODATA;
        case dns::Outcome::NoName: break;
    }
    return EAI_NONAME;
}

// --- getaddrinfo() ---

bool is_number(const char* text) {
    in6_addr address{};
    return ::inet_aton(text, reinterpret_cast<in_addr*>(&address)) != 0 ||
           ::inet_pton(AF_INET6, text, &address) == 1 || std::strchr(text, '%') != nullptr;
}

// What the C library makes of the number: its entries are its own, and freed by it.
int add_entries(const dns::Address& address, const char* service, const addrinfo& hints,
                addrinfo**& end) {
    std::array<char, sizeof "::ffff:" + INET6_ADDRSTRLEN> text{};
    const bool is_mapped = address.family == AF_INET && hints.ai_family == AF_INET6;
    std::size_t at = is_mapped ? std::strlen(std::strcpy(text.data(), "::ffff:")) : 0;
    ::inet_ntop(address.family, address.bytes.data(), text.data() + at,
                static_cast<socklen_t>(text.size() - at));
    addrinfo wanted{};
    wanted.ai_flags = AI_NUMERICHOST | (hints.ai_flags & AI_NUMERICSERV);
    wanted.ai_family = is_mapped ? AF_INET6 : address.family;
    wanted.ai_socktype = hints.ai_socktype;
    wanted.ai_protocol = hints.ai_protocol;
    const int fault = real_getaddrinfo()(text.data(), service, &wanted, end);
    if (fault != 0) return fault;
    while (*end != nullptr) end = &(*end)->ai_next;
    return 0;
}

int as_chain(const dns::Found& found, const char* service, const addrinfo& hints, addrinfo** into) {
    addrinfo* chain = nullptr;
    addrinfo** end = &chain;
    for (const dns::Address& address : found.all()) {
        if (const int fault = add_entries(address, service, hints, end); fault != 0) {
            if (chain != nullptr) ::freeaddrinfo(chain);
            return fault;
        }
    }
    if ((hints.ai_flags & AI_CANONNAME) != 0) {
        chain->ai_canonname = ::strdup(found.name.data());
        if (chain->ai_canonname == nullptr) {
            ::freeaddrinfo(chain);
            return EAI_MEMORY;
        }
    }
    *into = chain;
    return 0;
}

void find_with_mapped(const char* name, const addrinfo& hints, dns::Found& found) {
    dns::find_addresses(name, hints.ai_family, found);
    if (hints.ai_family != AF_INET6 || (hints.ai_flags & AI_V4MAPPED) == 0) return;
    const bool is_found = found.outcome == dns::Outcome::Found;
    if (is_found && (hints.ai_flags & AI_ALL) == 0) return;
    dns::Found more = found;
    dns::find_addresses(name, AF_INET, more);
    if (more.outcome == dns::Outcome::Found) found = more;
}

int resolve(const char* name, const char* service, const addrinfo& hints, addrinfo** into) {
    // The interfaces that the C library would look at are not the host's.
    addrinfo asked = hints;
    asked.ai_flags &= ~AI_ADDRCONFIG;
    int result = real_getaddrinfo()(name, service, &asked, into);
    const bool is_name = name != nullptr && *name != '\0' &&
                         (hints.ai_flags & AI_NUMERICHOST) == 0 && !is_number(name);
    if (!is_name) return result;
    if (result == EAI_NONAME || result == EAI_NODATA || result == EAI_AGAIN) {
        dns::Found found;
        find_with_mapped(name, asked, found);
        result = as_gai_error(found.outcome);
        if (result == 0) result = as_chain(found, service, asked, into);
    }
    if (result == 0) *into = in_order(*into, (hints.ai_flags & AI_ADDRCONFIG) != 0);
    return result;
}

// --- getnameinfo() ---

bool as_address(const sockaddr* name, socklen_t size, dns::Address& address) {
    if (name->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
        address.family = AF_INET;
        const auto& in = reinterpret_cast<const sockaddr_in*>(name)->sin_addr;
        std::memcpy(address.bytes.data(), &in, sizeof in);
        return true;
    }
    if (name->sa_family != AF_INET6 || size < sizeof(sockaddr_in6)) return false;
    const in6_addr& wide = reinterpret_cast<const sockaddr_in6*>(name)->sin6_addr;
    const bool is_mapped = IN6_IS_ADDR_V4MAPPED(&wide);
    constexpr std::size_t kMappedAt = 12;
    address.family = is_mapped ? AF_INET : AF_INET6;
    std::memcpy(address.bytes.data(), wide.s6_addr + (is_mapped ? kMappedAt : 0), address.size());
    return true;
}

// --- gethostbyname() and gethostbyaddr() ---

// Memory of the caller, from which pieces are taken.
class Room {
public:
    Room(char* bytes, std::size_t size) : at_{bytes}, left_{size} {}

    template <typename T>
    T* take(std::size_t count) {
        const std::size_t skipped =
            (alignof(T) - reinterpret_cast<std::uintptr_t>(at_) % alignof(T)) % alignof(T);
        const std::size_t size = skipped + count * sizeof(T);
        if (size > left_) return nullptr;
        T* taken = reinterpret_cast<T*>(at_ + skipped);
        at_ += size;
        left_ -= size;
        return taken;
    }
    char* text(const char* from) {
        const std::size_t size = std::strlen(from) + 1;
        char* taken = take<char>(size);
        return taken == nullptr ? nullptr : static_cast<char*>(std::memcpy(taken, from, size));
    }

private:
    char* at_;
    std::size_t left_;
};

// False: it does not fit.
bool fill(hostent& entry, const dns::Found& found, std::span<const dns::Address> addresses,
          int family, Room room) {
    const auto count =
        static_cast<std::size_t>(std::ranges::count(addresses, family, &dns::Address::family));
    char** list = room.take<char*>(count + 1);
    char** aliases = room.take<char*>(1);
    char* name = room.text(found.name.data());
    if (list == nullptr || aliases == nullptr || name == nullptr) return false;
    std::size_t n = 0;
    for (const dns::Address& address : addresses) {
        if (address.family != family) continue;
        auto* bytes = reinterpret_cast<char*>(room.take<in_addr>(address.size() / sizeof(in_addr)));
        if (bytes == nullptr) return false;
        list[n++] = static_cast<char*>(std::memcpy(bytes, address.bytes.data(), address.size()));
    }
    list[n] = nullptr;
    aliases[0] = nullptr;
    entry = {.h_name = name,
             .h_aliases = aliases,
             .h_addrtype = family,
             .h_length = static_cast<int>(dns::Address{.family = family}.size()),
             .h_addr_list = list};
    return true;
}

int tell(const dns::Found& found, std::span<const dns::Address> addresses, int family,
         hostent* entry, Room room, hostent** result, int* error) {
    *error = dns::as_h_errno(found.outcome);
    *result = nullptr;
    if (found.outcome == dns::Outcome::Again) return EAGAIN;
    if (found.outcome != dns::Outcome::Found) return 0;
    if (!fill(*entry, found, addresses, family, room)) {
        *error = NETDB_INTERNAL;
        return ERANGE;
    }
    *result = entry;
    return 0;
}

// What the C library's forms without memory of the caller's answer with.
constexpr std::size_t kStaticRoom = 8192;
std::array<char, kStaticRoom> g_room;
hostent g_entry;

// What the C library found in its files, or why it did not.
bool is_for_us(int result, const hostent* found, int error) {
    return is_hosted() && found == nullptr && result != ERANGE && error != NETDB_INTERNAL;
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                               addrinfo** into) {
    if (!is_hosted()) return real_getaddrinfo()(name, service, hints, into);
    addrinfo usual{};
    usual.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG;
    return resolve(name, service, hints == nullptr ? usual : *hints, into);
}

FAIRLEAD_TAKEN int getnameinfo(const sockaddr* name, socklen_t size, char* host,
                               socklen_t host_size, char* service, socklen_t service_size,
                               int flags) {
    const auto ask = [&](char* into, socklen_t room, int how) {
        return real_getnameinfo()(name, size, into, room, service, service_size, how);
    };
    fairlead::preload::dns::Address address;
    const bool wants_name = is_hosted() && host != nullptr && host_size > 0 &&
                            (flags & NI_NUMERICHOST) == 0 && as_address(name, size, address);
    if (!wants_name) return ask(host, host_size, flags);
    int result = ask(host, host_size, flags | NI_NAMEREQD);
    if (result != EAI_NONAME && result != EAI_AGAIN) return result;
    fairlead::preload::dns::Found found;
    fairlead::preload::dns::find_name(address, found);
    if (found.outcome != fairlead::preload::dns::Outcome::Found) {
        const bool is_due = (flags & NI_NAMEREQD) != 0;
        if (is_due || found.outcome == fairlead::preload::dns::Outcome::Again) {
            return as_gai_error(found.outcome);
        }
        return ask(host, host_size, flags);
    }
    const std::size_t length = std::strlen(found.name.data());
    if (length >= host_size) return EAI_OVERFLOW;
    std::memcpy(host, found.name.data(), length + 1);
    if (service == nullptr || service_size == 0) return 0;
    return ask(nullptr, 0, flags);
}

FAIRLEAD_TAKEN int gethostbyname2_r(const char* name, int family, hostent* entry, char* bytes,
                                    size_t size, hostent** found, int* error) {
    static const auto real =
        reinterpret_cast<decltype(&::gethostbyname2_r)>(::dlsym(RTLD_NEXT, "gethostbyname2_r"));
    const int result = real(name, family, entry, bytes, size, found, error);
    if (!is_for_us(result, *found, *error) || is_number(name)) return result;
    fairlead::preload::dns::Found asked;
    fairlead::preload::dns::find_addresses(name, family, asked);
    return tell(asked, asked.all(), family, entry, {bytes, size}, found, error);
}

FAIRLEAD_TAKEN int gethostbyname_r(const char* name, hostent* entry, char* bytes, size_t size,
                                   hostent** found, int* error) {
    return gethostbyname2_r(name, AF_INET, entry, bytes, size, found, error);
}

FAIRLEAD_TAKEN hostent* gethostbyname2(const char* name, int family) {
    hostent* found = nullptr;
    int error = 0;
    (void)gethostbyname2_r(name, family, &g_entry, g_room.data(), g_room.size(), &found, &error);
    if (found == nullptr) h_errno = error;
    return found;
}

FAIRLEAD_TAKEN hostent* gethostbyname(const char* name) { return gethostbyname2(name, AF_INET); }

// The C library's parameters. NOLINTNEXTLINE(readability-function-size)
FAIRLEAD_TAKEN int gethostbyaddr_r(const void* address, socklen_t length, int family,
                                   hostent* entry, char* bytes, size_t size, hostent** found,
                                   int* error) {
    static const auto real =
        reinterpret_cast<decltype(&::gethostbyaddr_r)>(::dlsym(RTLD_NEXT, "gethostbyaddr_r"));
    const int result = real(address, length, family, entry, bytes, size, found, error);
    fairlead::preload::dns::Address asked{.family = family};
    const bool is_address = family == AF_INET || family == AF_INET6;
    if (!is_for_us(result, *found, *error) || !is_address || length != asked.size()) return result;
    std::memcpy(asked.bytes.data(), address, length);
    fairlead::preload::dns::Found name;
    fairlead::preload::dns::find_name(asked, name);
    return tell(name, {&asked, 1}, family, entry, {bytes, size}, found, error);
}

FAIRLEAD_TAKEN hostent* gethostbyaddr(const void* address, socklen_t length, int family) {
    hostent* found = nullptr;
    int error = 0;
    (void)gethostbyaddr_r(address, length, family, &g_entry, g_room.data(), g_room.size(), &found,
                          &error);
    if (found == nullptr) h_errno = error;
    return found;
}
