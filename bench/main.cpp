// fairlead-bench — one table, and one JSON file, of what is fast and what is not.
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/experiments.hpp"
#include "bench/hosted_rows.hpp"
#include "bench/machine.hpp"

namespace {

using namespace fairlead::bench;

struct Arguments {
    HarnessOptions harness{};
    std::string filter{};
    std::string json{};
    bool list = false;
};

bool is_wanted(const Experiment& experiment, const Arguments& arguments) {
    return experiment.name.find(arguments.filter) != std::string_view::npos;
}

void list_experiments(const Arguments& arguments) {
    for (const auto& all : {experiments(), hosted_experiments()}) {
        for (const Experiment& e : all) {
            if (is_wanted(e, arguments)) fmt::print("{:<18} {}\n", e.name, e.about);
        }
    }
}

int measure(const Arguments& arguments) {
    const std::vector<int> cores = allowed_cores();
    pin_to(cores.back());
    raise_open_files();
    Report report{machine_name()};
    Harness harness{arguments.harness, report};
    for (const Experiment& e : experiments()) {
        if (is_wanted(e, arguments)) e.run(harness);
    }
    // Programs go where the kernel lets them.
    pin_to(cores);
    for (const Experiment& e : hosted_experiments()) {
        if (is_wanted(e, arguments)) e.run(harness);
    }
    fmt::print("{}", report.table());
    if (arguments.json.empty()) return 0;
    std::ofstream file{arguments.json};
    file << report.json();
    file.flush();
    if (file) return 0;
    fmt::print(stderr, "fairlead-bench: cannot write {}\n", arguments.json);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Measures Fairlead beside its peers, side by side in one run, and the ceilings "
        "of the machine"};
    Arguments arguments;
    app.set_version_flag("--version", "fairlead-bench " FAIRLEAD_VERSION);
    app.add_option("--runs", arguments.harness.runs, "runs of each row; the table has medians")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--filter", arguments.filter, "only experiments whose name contains this");
    app.add_option("--who", arguments.harness.who, "only contenders whose name contains this");
    app.add_option("--json", arguments.json, "write the rows to this file as well");
    app.add_flag("--list", arguments.list, "name the experiments and leave");
    app.add_flag("--quick", arguments.harness.quick, "short runs: a smoke test, no measurement");
    CLI11_PARSE(app, argc, argv);
    try {
        if (arguments.list) {
            list_experiments(arguments);
            return 0;
        }
        return measure(arguments);
    } catch (const std::exception& e) {
        fmt::print(stderr, "fairlead-bench: {}\n", e.what());
        return 1;
    }
}
