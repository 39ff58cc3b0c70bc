// preload/dns.hpp — names and addresses, asked of the servers that resolv.conf names.
//
// Owns:      messages to those servers and from them, over the host's own UDP, and TCP where an answer
//            was cut off (RFC 1035 §4, RFC 5966); the order in which servers and domains are tried.
// Contract:  as the C library's resolver does it, whose file reader and whose writer of questions we
//            use: options timeout, attempts and ndots, the search list, three servers at most.
// Rules:     what a server says is believed only where its number and its question are those that were
//            sent, from where they were sent to; names follow aliases from the one that was asked for.
// Not here:  /etc/hosts, numbers, services and what programs call (calls_names.cpp, calls_resolver.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

namespace fairlead::preload::dns {

using Message = std::span<const unsigned char>;
using State = struct __res_state;

// A message to the servers and what one of them said.
struct Question {
    Message sent{};
    std::span<unsigned char> answer{};  // as much of it as there is room for
    std::size_t size = 0;               // of the whole answer; 0: nobody said anything of use
};
// Of all at once. errno says why those without an answer have none.
void ask_servers(State& state, std::span<Question> questions);

// What h_errno has names for; of two answers the one that stands here first counts.
enum class Outcome { Found, Again, Failed, NoData, NoName };
int as_h_errno(Outcome outcome);

struct Address {
    int family = AF_INET;
    std::array<std::byte, 16> bytes{};
    std::size_t size() const { return family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr); }
};

inline constexpr std::size_t kMostAddresses = 128;

struct Found {
    Outcome outcome = Outcome::NoName;
    std::array<char, NS_MAXDNAME> name{};  // that all aliases lead to
    std::array<Address, kMostAddresses> addresses{};
    std::size_t count = 0;
    std::span<const Address> all() const { return std::span{addresses}.first(count); }
};

// With the domains of the search list; which families: AF_INET, AF_INET6 or AF_UNSPEC for both.
void find_addresses(const char* name, int family, Found& found);
// The name of an address; `found.addresses` stay empty.
void find_name(const Address& address, Found& found);

// One question of any type, as res_nquery() has it: bytes of the answer, or -1 and h_errno.
int query(State& state, const char* name, int kind, int type, std::span<unsigned char> into);
// The same with the domains of the search list.
int search(State& state, const char* name, int kind, int type, std::span<unsigned char> into);

}  // namespace fairlead::preload::dns
