// fairlead drill — packetdrill scripts against the stack or the live kernel.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/subcommands.hpp"
#include "drill/find_scripts.hpp"
#include "drill/json.hpp"
#include "drill/kernel_backend.hpp"
#include "drill/parallel.hpp"
#include "drill/stack_backend.hpp"
#include "drill/suite.hpp"

namespace fairlead::cli {
namespace {

constexpr int kSomeFailed = 1;
constexpr int kUnusable = 2;
constexpr int kInterrupted = 130;  // as a shell reports a program that Ctrl-C ended
// Scripts on the kernel mostly sleep.
constexpr std::size_t kKernelJobsForEachProcessor = 4;

using drill::Verdict;
using drill::VerdictKind;

struct Arguments {
    std::vector<std::string> words{};
    std::vector<std::string> definitions{};
    std::string pcap{};
    bool is_json = false;
    std::size_t jobs = 0;  // 0: as many as go
    std::int64_t seconds = 60;
    std::size_t memory_mib = 1024;
    std::size_t retries = 0;
    drill::SuiteOptions suite{};

    bool is_on_kernel() const { return suite.backend == "kernel"; }
};

[[noreturn]] void fail(const std::string& message) {
    fmt::print(stderr, "fairlead drill: {}\n", message);
    throw CLI::RuntimeError{kUnusable};
}

drill::ParallelOptions parallel_options(const Arguments& a, std::size_t retries) {
    const std::size_t processors = std::max(std::thread::hardware_concurrency(), 1u);
    const std::size_t usual =
        a.is_on_kernel() ? processors * kKernelJobsForEachProcessor : processors;
    return {.jobs = a.jobs == 0 ? usual : a.jobs,
            .seconds = a.seconds,
            .memory_bytes = a.memory_mib << 20,
            .retries = retries};
}

drill::MakeBackend backend_of(const Arguments& a) {
    return a.is_on_kernel() ? drill::MakeBackend{&drill::make_private_kernel_backend}
                            : &drill::make_stack_backend;
}

// Once, rather than by each script: whether there is a kernel to run on.
void probe_kernel(const Arguments& a) {
    std::string fault = "the kernel's backend could not be tried";
    const bool went_on =
        drill::run_in_parallel(1, parallel_options(a, 0),
                               [](std::size_t, const drill::Teller& teller) {
                                   const auto backend = drill::make_private_kernel_backend({});
                                   teller.result(backend ? std::string{} : backend.error(), false);
                               },
                               {.line = [](std::size_t, std::string_view) {},
                                .ended =
                                    [&](std::size_t, drill::PieceEnd end, std::string_view result) {
                                        if (end == drill::PieceEnd::Done) fault = result;
                                    }});
    if (!went_on) throw CLI::RuntimeError{kInterrupted};
    if (!fault.empty()) fail("no kernel to run on: " + fault);
}

// Where each script's packets go: one file, or one for each below a folder.
std::vector<std::string> captures(const Arguments& a,
                                  const std::vector<drill::FoundScript>& scripts) {
    namespace fs = std::filesystem;
    std::vector<std::string> names(scripts.size());
    if (a.pcap.empty()) return names;
    std::error_code error;
    const bool is_folder =
        scripts.size() > 1 || a.pcap.ends_with('/') || fs::is_directory(a.pcap, error);
    if (!is_folder) return {a.pcap};
    std::set<std::string> taken;
    for (std::size_t i = 0; i < scripts.size(); ++i) {
        const fs::path plain = fs::path{a.pcap} / fs::path{scripts[i].name}.replace_extension();
        names[i] = plain.string() + ".pcapng";
        for (int n = 2; !taken.insert(names[i]).second; ++n) {
            names[i] = fmt::format("{}-{}.pcapng", plain.string(), n);
        }
        fs::create_directories(fs::path{names[i]}.parent_path(), error);
        if (error) fail(fmt::format("{}: {}", names[i], error.message()));
    }
    return names;
}

Verdict verdict_on(const Arguments& a, drill::PieceEnd end, const std::string& file) {
    const drill::ParallelOptions bounds = parallel_options(a, 0);
    std::string why = "the program crashed: a fault of ours";
    if (end == drill::PieceEnd::TimedOut) {
        why =
            fmt::format("killed after {} s of real time: --timeout gives it more", bounds.seconds);
    } else if (end == drill::PieceEnd::OutOfMemory) {
        why = fmt::format("killed, as it wants more than {} MiB: --memory gives it more",
                          a.memory_mib);
    }
    return {.kind = VerdictKind::Failed,
            .text = fmt::format("{}: {}\n", file, why),
            .failure = {.message = why}};
}

std::string text_of(const Arguments& a, const std::string& file, const Verdict& verdict) {
    if (a.is_json) return drill::to_json(file, verdict) + "\n";
    switch (verdict.kind) {
        case VerdictKind::Passed:
            return verdict.output + (a.suite.is_verbose ? fmt::format("passed {}\n", file) : "");
        case VerdictKind::Failed: return verdict.output + "FAILED " + verdict.text;
        case VerdictKind::Skipped: return verdict.output + "SKIPPED " + verdict.text;
        case VerdictKind::Unusable: return verdict.text;
    }
    return {};
}

// What is done, on the terminal's last line, for as long as nothing else is printed there.
class Progress {
public:
    explicit Progress(std::size_t all) : all_{all}, is_on_{isatty(STDERR_FILENO) != 0} {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { clear(); }

    void show(std::size_t done) {
        if (!is_on_ || done == all_) return;
        fmt::print(stderr, "\r{} of {} ", done, all_);
        std::fflush(stderr);
        is_shown_ = true;
    }
    void clear() {
        if (is_shown_) fmt::print(stderr, "\r\x1b[K");
        is_shown_ = false;
    }

private:
    std::size_t all_;
    bool is_on_;
    bool is_shown_ = false;
};

struct Tally {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    std::size_t unusable = 0;  // counted as failed too

    void add(VerdictKind kind) {
        if (kind == VerdictKind::Passed) ++passed;
        if (kind == VerdictKind::Skipped) ++skipped;
        if (kind == VerdictKind::Failed || kind == VerdictKind::Unusable) ++failed;
        if (kind == VerdictKind::Unusable) ++unusable;
    }
};

// True: they were all run.
bool run_scripts(const Arguments& a, const std::vector<drill::FoundScript>& scripts, Tally& tally) {
    const std::vector<std::string> files = captures(a, scripts);
    const drill::MakeBackend make_backend = backend_of(a);
    const auto work = [&](std::size_t i, const drill::Teller& teller) {
        drill::SuiteOptions options = a.suite;
        options.capture = files[i];
        const std::string& file = scripts[i].path;
        const Verdict verdict = drill::run_file(file, options, make_backend,
                                                [&](std::string_view line) { teller.line(line); });
        const bool has_failed = verdict.kind == VerdictKind::Failed;
        teller.result(static_cast<char>(verdict.kind) + text_of(a, file, verdict), has_failed);
    };
    Progress progress{scripts.size()};
    const auto print = [&](std::string_view text) {
        progress.clear();
        fmt::print("{}", text);
        std::fflush(stdout);
    };
    return drill::run_in_parallel(
        scripts.size(), parallel_options(a, a.retries), work,
        {.line = [&](std::size_t, std::string_view line) { print(fmt::format("{}\n", line)); },
         .ended =
             [&](std::size_t i, drill::PieceEnd end, std::string_view result) {
                 if (end == drill::PieceEnd::Done) {
                     tally.add(static_cast<VerdictKind>(result[0]));
                     return print(result.substr(1));
                 }
                 tally.add(VerdictKind::Failed);
                 print(text_of(a, scripts[i].path, verdict_on(a, end, scripts[i].path)));
             },
         .progress = [&](std::size_t done) { progress.show(done); }});
}

void run(Arguments& a) {
    for (const std::string& definition : a.definitions) {
        const std::size_t equals = definition.find('=');
        if (equals == std::string::npos) {
            fail(fmt::format("-D {}: expected NAME=VALUE", definition));
        }
        a.suite.definitions[definition.substr(0, equals)] = definition.substr(equals + 1);
    }
    if (a.is_json && a.suite.is_verbose) fail("--json has no place for what --verbose prints");
    const auto scripts = drill::find_scripts(a.words);
    if (!scripts) fail(scripts.error());
    if (a.is_on_kernel()) probe_kernel(a);
    Tally tally;
    if (a.is_on_kernel()) a.suite.real_time = Duration::from_s(a.seconds);
    const bool went_on = run_scripts(a, *scripts, tally);
    fmt::print(a.is_json ? stderr : stdout, "{} passed, {} failed, {} skipped\n", tally.passed,
               tally.failed, tally.skipped);
    if (!went_on) {
        fmt::print(stderr, "fairlead drill: interrupted\n");
        throw CLI::RuntimeError{kInterrupted};
    }
    if (tally.unusable != 0) throw CLI::RuntimeError{kUnusable};
    if (tally.failed != 0) throw CLI::RuntimeError{kSomeFailed};
}

void add_bounds(CLI::App& command, Arguments& a) {
    command.add_option("-j,--jobs", a.jobs, "Scripts at once, a process for each")
        ->check(CLI::Range(1, 1000))
        ->option_text("N [a processor for each; 4 to one on the kernel]")
        ->group("Bounds");
    command.add_option("--timeout", a.seconds, "Of real time, for each script")
        ->check(CLI::Range(1, 1'000'000))
        ->option_text("SECONDS [60]")
        ->group("Bounds");
    command.add_option("--memory", a.memory_mib, "For each script")
        ->check(CLI::Range(16, 1'000'000))
        ->option_text("MIB [1024]")
        ->group("Bounds");
    command.add_option("--retry", a.retries, "Run a script that fails again, up to so many times")
        ->check(CLI::Range(0, 100))
        ->option_text("N [0]")
        ->group("Bounds");
}

void add_script_options(CLI::App& command, const std::shared_ptr<Arguments>& a) {
    for (const drill::OptionForm& option : drill::option_forms()) {
        const std::string name = fmt::format("--{}", option.name);
        const auto keep = [a, plain = std::string{option.name}](const std::string& value) {
            a->suite.overrides.push_back({plain, value});
        };
        CLI::Option* added =
            option.form.empty()
                ? command.add_flag_callback(
                      name, [keep] { keep({}); }, std::string{option.what})
                : command.add_option_function<std::string>(name, keep, std::string{option.what})
                      ->option_text(std::string{option.form});
        added->group("Options of scripts, as in them and stronger");
    }
    for (const std::string_view name : drill::refused_options()) {
        const auto refuse = [plain = std::string{name}](const std::vector<std::string>&) {
            drill::Settings settings;
            fail(drill::apply_option(settings, plain, {}).error());
        };
        command.add_option_function<std::vector<std::string>>(fmt::format("--{}", name), refuse)
            ->expected(0, 1)
            ->group("");
    }
}

}  // namespace

void add_drill(CLI::App& app) {
    CLI::App* command = app.add_subcommand("drill", "Run packetdrill scripts");
    command->footer(
        "Exit status: 0 none failed, 1 some did, 2 some could not be read, parsed or begun,\n"
        "130 interrupted. docs/drill.md says more.");
    auto a = std::make_shared<Arguments>();
    command->add_option("FILE", a->words, "Scripts, or folders of *.pkt")
        ->required()
        ->option_text("...");
    command->add_option("-D", a->definitions, "Replaces the word in scripts")
        ->option_text("NAME=VALUE");
    command->add_option("--on", a->suite.backend, "The stack, in virtual time; or this kernel")
        ->check(CLI::IsMember({"stack", "kernel"}))
        ->option_text("stack|kernel [stack]");
    command->add_flag("-v,--verbose", a->suite.is_verbose, "Print every packet");
    command
        ->add_option("--pcap", a->pcap, "Keep the packets; a folder, if there are several scripts")
        ->option_text("FILE");
    command->add_flag("--json", a->is_json, "One object for each script, on a line");
    command->add_flag("--allow-shell", a->suite.allows_shell,
                      "Let scripts run what only a shell or python3 understands");
    add_bounds(*command, *a);
    add_script_options(*command, a);
    command->callback([a] { run(*a); });
}

}  // namespace fairlead::cli
