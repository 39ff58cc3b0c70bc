// fairlead sysctl: the settings of a running stack, read and changed as sysctl does the kernel's.
#include "inspect/sysctl.hpp"

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/running.hpp"
#include "cli/subcommands.hpp"

namespace fairlead::cli {
namespace {

using inspect::SysctlForm;

struct SysctlFlags {
    std::vector<std::string> words{};
    std::string host{};
    std::string file{};
    bool is_all = false;
    bool writes = false;
    bool values_only = false;
    bool names_only = false;
    bool is_quiet = false;
    bool ignores_unknown = false;
};

class Sysctl {
public:
    Sysctl(const SysctlFlags& flags, lab::ControlClient& stack)
        : flags_{flags},
          stack_{stack},
          form_{flags.values_only  ? SysctlForm::Value
                : flags.names_only ? SysctlForm::Name
                                   : SysctlForm::Whole} {}

    void load(const std::string& path) {
        std::ifstream opened{path};
        std::istream& lines = path == "-" ? std::cin : opened;
        if (!lines) return complain(fmt::format("cannot open \"{}\"", path));
        for (std::string line; std::getline(lines, line);) {
            if (const auto wanted = inspect::file_assignment(line)) set(*wanted);
        }
    }

    void word(const std::string& text) {
        if (const auto wanted = inspect::assignment(text)) return set(*wanted);
        if (flags_.writes) {
            return complain(fmt::format("\"{}\" must be of the form name=value", text));
        }
        show(text);
    }

    void show(const std::string& pattern) {
        const auto names = inspect::matching_settings(pattern);
        if (names.empty()) return unknown(pattern);
        const Config config = or_fail("sysctl", stack_.ask({"settings"})).config;
        for (const std::string_view name : names) {
            fmt::print("{}", inspect::sysctl_line(config, name, form_));
        }
    }

    bool has_failed() const { return has_failed_; }

private:
    void set(const std::pair<std::string, std::string>& wanted) {
        if (inspect::matching_settings(wanted.first).empty()) return unknown(wanted.first);
        const auto done = stack_.tell({"set", {{"name", wanted.first}, {"value", wanted.second}}});
        if (!done) {
            return complain(fmt::format("setting key \"{}\": {}", wanted.first, done.error()));
        }
        if (!flags_.is_quiet) show(wanted.first);
    }
    void unknown(const std::string& name) {
        if (!flags_.ignores_unknown) {
            complain(fmt::format("there is no setting {}", inspect::dotted(name)));
        }
    }
    void complain(const std::string& why) {
        fmt::print(stderr, "fairlead sysctl: {}\n", why);
        has_failed_ = true;
    }

    const SysctlFlags& flags_;
    lab::ControlClient& stack_;
    SysctlForm form_;
    bool has_failed_ = false;
};

void sysctl(const SysctlFlags& flags) {
    lab::ControlClient stack = reach("sysctl", flags.host);
    Sysctl work{flags, stack};
    if (!flags.file.empty()) work.load(flags.file);
    for (const std::string& word : flags.words) work.word(word);
    if (flags.is_all) work.show("*");
    if (flags.words.empty() && flags.file.empty() && !flags.is_all) {
        fail("sysctl", "say what: -a, a name, name=value, or -p FILE");
    }
    if (work.has_failed()) throw CLI::RuntimeError{1};
}

}  // namespace

void add_sysctl(CLI::App& app) {
    auto flags = std::make_shared<SysctlFlags>();
    CLI::App* c =
        app.add_subcommand("sysctl", "The settings of a running stack, read and set as sysctl(8)");
    c->add_flag("-a,--all", flags->is_all, "All of them");
    c->add_flag("-n,--values", flags->values_only, "Values without names");
    c->add_flag("-N,--names", flags->names_only, "Names without values");
    c->add_flag("-w,--write", flags->writes, "Every word is name=value");
    c->add_flag("-q,--quiet", flags->is_quiet, "No word of what was set");
    c->add_flag("-e,--ignore", flags->ignores_unknown, "No word of names that are unknown");
    c->add_option("-p,--load", flags->file, "Of a file of lines name = value; - is standard input")
        ->option_text("FILE");
    add_host_option(*c, flags->host);
    c->add_option("settings", flags->words,
                  "net.ipv4.tcp_sack, net/ipv4/tcp_sack, a pattern 'net.ipv4.tcp_*mem', or "
                  "name=value")
        ->option_text("NAME[=VALUE]");
    c->callback([flags] { sysctl(*flags); });
}

}  // namespace fairlead::cli
