// inspect/proc_net.hpp — the files of /proc/net as Linux 6.18 writes them, of a stack.
//
// Owns:      tcp, tcp6, udp, udp6, snmp, snmp6, netstat, sockstat, sockstat6, dev and route.
// Numbers:   a socket's inode is its number and its pointer is its identity; users are 0; times are
//            in hundredths of a second (USER_HZ).
// Not here:  what programs make of them (ss.hpp, netstat.hpp, nstat.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inspect/snapshot.hpp"

namespace fairlead::inspect {

std::string proc_net_tcp(const Snapshot& snapshot, Family family);
std::string proc_net_udp(const Snapshot& snapshot, Family family);
std::string proc_net_snmp(const Snapshot& snapshot);
std::string proc_net_snmp6(const Counters& counters);
std::string proc_net_netstat(const Counters& counters);
std::string proc_net_sockstat(const Snapshot& snapshot);
std::string proc_net_sockstat6(const Snapshot& snapshot);
std::string proc_net_dev(const Snapshot& snapshot);
std::string proc_net_route(const Snapshot& snapshot);

// "tcp", "tcp6", "udp", ...; empty: there is no such file.
std::string proc_net(const Snapshot& snapshot, std::string_view name);
std::vector<std::string_view> proc_net_names();

// A socket's number, as ss -e and /proc/net/tcp show it; 0: it belongs to nobody.
std::uint32_t inode_of(const SocketInfo& socket);

}  // namespace fairlead::inspect
