// fairlead netstat: a running stack, as netstat of net-tools shows the kernel.
#include "inspect/netstat.hpp"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/running.hpp"
#include "cli/running_hosts.hpp"
#include "cli/socket_flags.hpp"
#include "cli/socket_users.hpp"
#include "cli/subcommands.hpp"

namespace fairlead::cli {
namespace {

struct NetstatFlags {
    inspect::NetstatOptions options{};
    std::string host{};
    SocketFlags sockets{};
    bool is_statistics = false;
    bool is_interfaces = false;
    bool is_routes = false;
};

std::string text_of(const NetstatFlags& flags, const inspect::Snapshot& snapshot) {
    const Family family =
        flags.sockets.wants_v6 && !flags.sockets.wants_v4 ? Family::Inet6 : Family::Inet;
    if (flags.is_interfaces) return inspect::netstat_interfaces(snapshot);
    if (flags.is_routes) return inspect::netstat_routes(snapshot, family);
    if (!flags.is_statistics) return inspect::netstat_table(snapshot, flags.options);
    const auto which = flags.sockets.wants_tcp == flags.sockets.wants_udp ? inspect::Statistics::All
                       : flags.sockets.wants_tcp                          ? inspect::Statistics::Tcp
                                                 : inspect::Statistics::Udp;
    return inspect::netstat_statistics(snapshot, family, which);
}

void netstat(NetstatFlags& flags) {
    inspect::NetstatOptions& o = flags.options;
    give(flags.sockets, o);
    lab::ControlClient stack = reach("netstat", flags.host);
    o.owner = stack.stack().name;
    o.owner_pid = stack.stack().pid;
    if (o.shows_programs && is_host(stack.stack())) {
        const SocketUsers users{or_fail("netstat", stack.ask({"holders"})).holders};
        o.program = [users](const SocketInfo& socket) { return users.program_of(socket); };
    }
    const bool is_table = !flags.is_statistics && !flags.is_interfaces && !flags.is_routes;
    const auto snapshot = is_table ? stack.ask({"sockets"})
                                   : stack.ask({"counters", "settings", "interfaces", "routes"});
    fmt::print("{}", text_of(flags, or_fail("netstat", snapshot)));
}

}  // namespace

void add_netstat(CLI::App& app) {
    auto flags = std::make_shared<NetstatFlags>();
    inspect::NetstatOptions& o = flags->options;
    CLI::App* c = app.add_subcommand("netstat", "A running stack, as netstat(8) shows the kernel");
    add_socket_flags(*c, flags->sockets, o, "-4,--inet", "-6,--inet6");
    c->add_flag("-p,--programs", o.shows_programs, "Whose they are");
    c->add_flag("-o,--timers", o.shows_timers, "The timer that runs");
    c->add_flag("-s,--statistics", flags->is_statistics, "The counters, in words");
    c->add_flag("-i,--interfaces", flags->is_interfaces, "The interfaces");
    c->add_flag("-r,--route", flags->is_routes, "The routes");
    add_host_option(*c, flags->host);
    c->callback([flags] { netstat(*flags); });
}

}  // namespace fairlead::cli
