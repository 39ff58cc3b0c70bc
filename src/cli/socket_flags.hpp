// cli/socket_flags.hpp — which sockets a command shows: the options that ss and netstat share.
//
// Owns:   -a, -l, -t, -u, -4, -6 and -n, and what they mean together.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/services.hpp"

namespace fairlead::cli {

struct SocketFlags {
    bool is_numeric = false;
    bool wants_tcp = false;
    bool wants_udp = false;
    bool wants_v4 = false;
    bool wants_v6 = false;
};

// `names_4` and `names_6` are what the tool calls the families: "-4,--ipv4" or "-4,--inet".
template <typename Options>
void add_socket_flags(CLI::App& c, SocketFlags& flags, Options& o, const char* names_4,
                      const char* names_6) {
    c.add_flag("-n,--numeric", flags.is_numeric, "No names of services (of hosts never)");
    c.add_flag("-a,--all", o.shows_all, "Listening ones too");
    c.add_flag("-l,--listening", o.shows_listening, "Listening ones only");
    c.add_flag("-t,--tcp", flags.wants_tcp, "TCP");
    c.add_flag("-u,--udp", flags.wants_udp, "UDP");
    c.add_flag(names_4, flags.wants_v4, "IPv4");
    c.add_flag(names_6, flags.wants_v6, "IPv6");
}

// Both of two, or neither, are both.
template <typename Options>
void give(const SocketFlags& flags, Options& o) {
    if (flags.wants_tcp != flags.wants_udp) {
        o.shows_tcp = flags.wants_tcp;
        o.shows_udp = flags.wants_udp;
    }
    if (flags.wants_v4 != flags.wants_v6) {
        o.shows_v4 = flags.wants_v4;
        o.shows_v6 = flags.wants_v6;
    }
    if (!flags.is_numeric) o.service = service_name;
}

}  // namespace fairlead::cli
