// fairlead demo: the stack at work beside the Linux kernel, in a network of its own.
#include "lab/demo.hpp"

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/subcommands.hpp"

namespace fairlead::cli {
namespace {

constexpr int kInterrupted = 130;  // as a shell reports a program that Ctrl-C ended

void demo(lab::DemoOptions options, bool is_quick, bool is_veth) {
    if (is_quick) {
        options.size = std::uint64_t{16} << 20;
        options.connections = 20;
    }
    options.may_use_tap = !is_veth;
    const auto result = lab::run_demo(options);
    if (!result) {
        fmt::print(stderr, "fairlead demo: {}\n", result.error());
        throw CLI::RuntimeError{2};
    }
    if (*result == lab::DemoResult::Failed) throw CLI::RuntimeError{1};
    if (*result == lab::DemoResult::Interrupted) throw CLI::RuntimeError{kInterrupted};
}

}  // namespace

void add_demo(CLI::App& app) {
    struct Flags {
        lab::DemoOptions options{};
        bool is_quick = false;
        bool is_veth = false;
    };
    auto flags = std::make_shared<Flags>();
    lab::DemoOptions& o = flags->options;
    CLI::App* command = app.add_subcommand(
        "demo", "Serve files to the Linux kernel's curl, clean and through loss, and show it all");
    command->footer(
        "In a user and network namespace of its own, without root where that is allowed: the "
        "stack\n"
        "at one end of a TAP (or veth, where /dev/net/tun cannot be opened), the kernel's ping "
        "and\n"
        "curl at the other. Nothing of it is left when it ends, but for the capture.\n"
        "Exit status: 0 all went well, 1 something failed, 2 it could not begin, 130 interrupted.");
    auto* size = command->add_option("--size", o.size, "Of each transfer: 64MiB, 1GiB")
                     ->transform(CLI::AsSizeValue{false})
                     ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40))
                     ->option_text("SIZE [256MiB]");
    auto* connections = command->add_option("--connections", o.connections, "How many at once")
                            ->check(CLI::Range(1, 5000))
                            ->option_text("N [100]");
    command->add_flag("--quick", flags->is_quick, "16 MiB and 20 connections")
        ->excludes(size)
        ->excludes(connections)
        ->option_text(" ");
    command->add_option("--seed", o.seed, "Of loss, reordering and duplication")
        ->option_text("N [1]");
    command->add_option("--pcap", o.pcap, "Where the capture goes")
        ->option_text("FILE [fairlead-demo.pcapng]");
    command->add_flag("--capture-all", o.captures_all,
                      "Every frame, whole (else headers, and the beginning of each step)");
    command->add_flag("--keep", o.keeps_files, "Leave the files that went to and fro");
    command->add_flag("--veth", flags->is_veth, "No TAP, but veth and AF_PACKET");
    command->callback([flags] { demo(flags->options, flags->is_quick, flags->is_veth); });
}

}  // namespace fairlead::cli
