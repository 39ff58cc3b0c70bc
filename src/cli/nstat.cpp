// fairlead nstat: the counters of a running stack, as nstat of iproute2 shows those of the kernel.
#include "inspect/nstat.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/running.hpp"
#include "cli/subcommands.hpp"

namespace fairlead::cli {
namespace {

struct NstatFlags {
    inspect::NstatOptions options{};
    std::string host{};
    bool is_absolute = false;
    bool keeps_history = false;  // -s: as it is
    bool is_quiet = false;
    bool is_reset = false;
};

// Of each stack its own, beside its control socket; it goes with it.
std::string history_path(const lab::RunningStack& stack) {
    const char* wanted = std::getenv("NSTAT_HISTORY");
    return wanted != nullptr ? std::string{wanted} : stack.path + lab::kHistorySuffix;
}

std::string read_file(int fd) {
    std::string text;
    std::array<char, 4096> bytes;
    for (ssize_t n; (n = ::read(fd, bytes.data(), bytes.size())) > 0;) {
        text.append(bytes.data(), static_cast<std::size_t>(n));
    }
    return text;
}

void write_file(int fd, const std::string& path, const std::string& text) {
    const bool is_written =
        ::lseek(fd, 0, SEEK_SET) == 0 && ::ftruncate(fd, 0) == 0 &&
        ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!is_written) fail("nstat", fmt::format("{}: {}", path, std::strerror(errno)));
}

void nstat(const NstatFlags& flags) {
    lab::ControlClient stack = reach("nstat", flags.host);
    const auto snapshot = or_fail("nstat", stack.ask({"counters", "settings"}));
    auto counts = inspect::all_counts(snapshot);
    std::ranges::move(inspect::own_counts(snapshot.counters), std::back_inserter(counts));
    const std::string path = history_path(stack.stack());
    const device::FileDescriptor file{
        ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file.is_open()) fail("nstat", fmt::format("{}: {}", path, std::strerror(errno)));
    const auto history = inspect::read_history(flags.is_reset ? "" : read_file(file.get()));
    const auto shown = flags.is_absolute ? counts : inspect::since(counts, history);
    if (!flags.is_quiet) fmt::print("{}", inspect::nstat_text(shown, flags.options));
    if (!flags.keeps_history) write_file(file.get(), path, inspect::write_history(counts));
}

}  // namespace

void add_nstat(CLI::App& app) {
    auto flags = std::make_shared<NstatFlags>();
    CLI::App* c =
        app.add_subcommand("nstat", "The counters of a running stack, as nstat(8) shows them");
    c->add_flag("-a,--ignore", flags->is_absolute,
                "As they are, not what moved since the last look");
    c->add_flag("-z,--zeros", flags->options.shows_zeros, "Those too that did not move");
    c->add_flag("-s,--noupdate", flags->keeps_history, "This was no look");
    c->add_flag("-n,--nooutput", flags->is_quiet, "Only look");
    c->add_flag("-r,--reset", flags->is_reset, "Forget the last look");
    c->add_flag("-j,--json", flags->options.is_json, "JSON");
    add_host_option(*c, flags->host);
    c->add_option("patterns", flags->options.patterns, "TcpExtTCP*Undo")->option_text("PATTERN");
    c->callback([flags] { nstat(*flags); });
}

}  // namespace fairlead::cli
