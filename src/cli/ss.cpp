// fairlead ss: the sockets of a running stack, as ss of iproute2 shows those of the kernel.
#include "inspect/ss.hpp"

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/running.hpp"
#include "cli/running_hosts.hpp"
#include "cli/services.hpp"
#include "cli/socket_flags.hpp"
#include "cli/socket_users.hpp"
#include "cli/subcommands.hpp"
#include "inspect/diag_dump.hpp"

namespace fairlead::cli {
namespace {

struct SsFlags {
    inspect::SsOptions options{};
    std::string host{};
    std::string dump{};
    std::vector<std::string> words{};
    SocketFlags sockets{};
    bool hides_header = false;
    bool is_summary = false;
    bool kills = false;
};

std::size_t terminal_width() {
    winsize size{};
    const bool is_known = ::isatty(STDOUT_FILENO) != 0 &&
                          ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : 0;
}

void write_dump(const std::string& path, const inspect::Snapshot& snapshot,
                const inspect::SsOptions& options) {
    std::ofstream file{path == "-" ? "/dev/stdout" : path, std::ios::binary};
    for (const std::byte b :
         inspect::diag_dump(inspect::choose(snapshot, options),
                            {.info = options.shows_info, .memory = options.shows_memory})) {
        file.put(static_cast<char>(b));
    }
    file.flush();
    if (!file) fail("ss", fmt::format("{}: cannot be written", path));
}

void finish(SsFlags& flags) {
    inspect::SsOptions& o = flags.options;
    give(flags.sockets, o);
    o.shows_header = !flags.hides_header;
    o.width = terminal_width();
    o.filter = or_fail("ss", inspect::parse_filter(flags.words, service_number));
}

void kill(lab::ControlClient& stack, const inspect::Snapshot& snapshot, SsFlags& flags) {
    inspect::Snapshot closed;
    closed.interfaces = snapshot.interfaces;
    for (const SocketRow* row : inspect::choose(snapshot, flags.options)) {
        if (row->info.type != SocketType::Stream || !row->info.socket) continue;
        const auto done =
            stack.tell({"kill",
                        {{"index", std::to_string(row->info.socket.index)},
                         {"generation", std::to_string(row->info.socket.generation)}}});
        if (done) closed.sockets.push_back(*row);
    }
    fmt::print("{}", inspect::ss_table(closed, flags.options));
}

void ss(SsFlags& flags) {
    finish(flags);
    lab::ControlClient stack = reach("ss", flags.host);
    const inspect::Snapshot snapshot = or_fail("ss", stack.ask({"interfaces", "sockets"}));
    flags.options.owner = stack.stack().name;
    flags.options.owner_pid = stack.stack().pid;
    if (flags.options.shows_processes && is_host(stack.stack())) {
        const SocketUsers users{or_fail("ss", stack.ask({"holders"})).holders};
        flags.options.users = [users](const SocketInfo& socket) { return users.text_of(socket); };
    }
    if (flags.kills) return kill(stack, snapshot, flags);
    if (!flags.dump.empty()) return write_dump(flags.dump, snapshot, flags.options);
    if (flags.is_summary) {
        fmt::print("{}", inspect::ss_summary(snapshot));
        // -s alone is all of it.
        const bool shows_rows = flags.options.shows_all || flags.options.shows_listening ||
                                flags.sockets.wants_tcp || flags.sockets.wants_udp;
        if (!shows_rows) return;
    }
    fmt::print("{}", inspect::ss_table(snapshot, flags.options));
}

}  // namespace

void add_ss(CLI::App& app) {
    auto flags = std::make_shared<SsFlags>();
    inspect::SsOptions& o = flags->options;
    CLI::App* c = app.add_subcommand("ss", "The sockets of a running stack, as ss(8) shows them");
    add_socket_flags(*c, flags->sockets, o, "-4,--ipv4", "-6,--ipv6");
    c->add_flag("-o,--options", o.shows_timers, "The timer that runs");
    c->add_flag("-e,--extended", o.shows_details, "Number, identity, shutdown");
    c->add_flag("-m,--memory", o.shows_memory, "Memory held and allowed");
    c->add_flag("-p,--processes", o.shows_processes, "Whose it is");
    c->add_flag("-i,--info", o.shows_info, "What TCP knows");
    c->add_flag("-s,--summary", flags->is_summary, "How many there are");
    c->add_flag("-H,--no-header", flags->hides_header, "No line of titles");
    c->add_flag("-O,--oneline", o.is_one_line, "One line for each socket");
    c->add_flag("-K,--kill", flags->kills, "Reset the connections that are chosen, and list them");
    c->add_option("-D,--diag", flags->dump,
                  "Write them as the kernel's diag messages, for TCPDIAG_FILE=FILE ss")
        ->option_text("FILE");
    add_host_option(*c, flags->host);
    c->add_option("filter", flags->words,
                  "state STATE, src|dst ADDRESS[:PORT], sport|dport = :PORT, dev NAME; and, or, "
                  "not, ( )")
        ->option_text("FILTER");
    c->callback([flags] { ss(*flags); });
}

}  // namespace fairlead::cli
