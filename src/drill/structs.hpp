// drill/structs.hpp — the structs of a script as the bytes that a call is handed.
//
// Owns:   layouts of sockaddr, msghdr's control messages, linger, timeval, in_addr, ip_mreqn and
//         their kin, as Linux on 64 bits has them: the same bytes go to the kernel and to the stack.
// Not here: what a number or a name comes to (evaluate.hpp), which call takes what (calls.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "drill/backend.hpp"
#include "drill/evaluate.hpp"
#include "fairlead/address.hpp"

namespace fairlead::drill {

// --- struct sockaddr_in and sockaddr_in6 ---
Octets name_of(const Endpoint& endpoint, int domain);
// Nothing: of another family, or cut.
std::optional<Endpoint> endpoint_of(const Octets& name);
// {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, {sa_family=AF_UNSPEC}
Evaluated<Octets> evaluate_name(const Expression& e);

// --- values of socket options ---
// [n], a string, {onoff=1, linger=5}, {tv_sec=1, tv_usec=0}, inet_addr("192.0.2.1"),
// {tcpm_addr={sa_family=AF_INET, ...}, tcpm_prefixlen=24, tcpm_key="secret"}; `bytes` of it,
// or as many as it has.
Evaluated<Octets> evaluate_option(const Expression& e, std::optional<std::size_t> bytes);

// --- struct epoll_event ---
// What it carries beside its events, under whichever name of the union; null: nothing.
const Expression* epoll_data_of(const Expression& event);

// --- struct cmsghdr ---
struct ControlMessage {
    int level = 0;
    int type = 0;
    Octets data{};
};
Evaluated<Octets> evaluate_control(const Expression& e);
// How much room the messages that a script awaits need.
std::size_t room_for_control(const Expression& e);
std::vector<ControlMessage> read_control(const Octets& control);
// The time stamps in them become times since then.
void relate_stamps(Octets& control, Instant begin);
// What differs from [{cmsg_level=, cmsg_type=, cmsg_data=}, ...], if anything does; `tolerance`: of
// time stamps.
std::optional<Fault> check_control(const Expression& e, const Octets& control, Duration tolerance);

}  // namespace fairlead::drill
