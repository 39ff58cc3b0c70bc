// fairlead drill — packetdrill scripts against the stack or the live kernel.
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/subcommands.hpp"
#include "drill/kernel_backend.hpp"
#include "drill/stack_backend.hpp"
#include "drill/suite.hpp"

namespace fairlead::cli {
namespace {

constexpr int kSomeFailed = 1;
constexpr int kUnusable = 2;

struct Arguments {
    std::vector<std::string> files{};
    std::vector<std::string> definitions{};
    std::string on = "stack";
    drill::SuiteOptions suite{};
};

void run(Arguments& arguments) {
    for (const std::string& definition : arguments.definitions) {
        const std::size_t equals = definition.find('=');
        if (equals == std::string::npos) {
            fmt::print(stderr, "-D {}: expected NAME=VALUE\n", definition);
            throw CLI::RuntimeError{kUnusable};
        }
        arguments.suite.definitions[definition.substr(0, equals)] = definition.substr(equals + 1);
    }
    const auto print = [](std::string_view line) { fmt::print("{}\n", line); };
    const drill::MakeBackend make_backend =
        arguments.on == "kernel" ? &drill::make_kernel_backend : &drill::make_stack_backend;
    const drill::Tally tally = run_files(arguments.files, arguments.suite, make_backend, print);
    fmt::print("{} passed, {} failed, {} skipped\n", tally.passed, tally.failed, tally.skipped);
    if (tally.unusable != 0) throw CLI::RuntimeError{kUnusable};
    if (tally.failed != 0) throw CLI::RuntimeError{kSomeFailed};
}

}  // namespace

void add_drill(CLI::App& app) {
    CLI::App* command = app.add_subcommand("drill", "Run packetdrill scripts");
    auto arguments = std::make_shared<Arguments>();
    command->add_option("FILE", arguments->files, "Scripts")->required();
    command->add_option("-D", arguments->definitions, "NAME=VALUE: replaces the word in scripts");
    command->add_option("--on", arguments->on, "stack: in virtual time; kernel: this machine's")
        ->check(CLI::IsMember({"stack", "kernel"}))
        ->capture_default_str();
    command->add_flag("-v,--verbose", arguments->suite.is_verbose, "Print every packet");
    for (const std::string_view name : drill::option_names()) {
        command
            ->add_option_function<std::string>(
                fmt::format("--{}", name),
                [arguments, name](const std::string& value) {
                    arguments->suite.overrides.push_back({std::string{name}, value});
                },
                "As in a script, and stronger")
            ->group("Options of scripts");
    }
    command->callback([arguments] { run(*arguments); });
}

}  // namespace fairlead::cli
