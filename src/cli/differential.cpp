// fairlead differential — random scripts on the stack and on the live kernel, side by side.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/subcommands.hpp"
#include "drill/differential/examine.hpp"
#include "drill/json.hpp"
#include "drill/kernel_backend.hpp"
#include "drill/parallel.hpp"

namespace fairlead::cli {
namespace {

namespace differential = drill::differential;
using differential::Examined;
using differential::Finding;
using differential::Plan;

constexpr int kSomeDiffer = 1;
constexpr int kUnusable = 2;
constexpr int kInterrupted = 130;
constexpr std::size_t kJobsForEachProcessor = 12;  // scripts mostly sleep
constexpr std::size_t kBatchForEachJob = 4;        // between two looks at the clock
constexpr std::int64_t kScriptSeconds = 60;
constexpr std::size_t kMostShrunk = 2;  // of one kind of difference
constexpr std::size_t kQuietJobs = 2;   // where the first answer was noise, perhaps

struct Arguments {
    std::uint64_t seed = 1;
    std::uint64_t count = 0;  // 0: as many as the time allows
    std::int64_t seconds = 0;
    std::size_t jobs = 0;
    std::size_t attempts = 3;
    std::size_t retries = 2;
    bool is_json = false;
    bool is_verbose = false;
    bool keeps_size = false;
    bool has_loss = false;
    bool has_path = false;
    std::string folder{};
    std::string known_file{};
    std::vector<differential::Known> known{};
};

[[noreturn]] void fail(const std::string& message) {
    fmt::print(stderr, "fairlead differential: {}\n", message);
    throw CLI::RuntimeError{kUnusable};
}

// What crosses from the process of a piece: fields, each behind its length.
std::string pack(const Examined& e) {
    std::string out(1, static_cast<char>(e.finding));
    for (const std::string& field :
         {e.difference.what, e.difference.text, e.error, std::to_string(e.steps),
          std::to_string(e.packets), e.traces, e.script}) {
        out += fmt::format("{}:{}", field.size(), field);
    }
    return out;
}

Examined unpack(std::string_view bytes) {
    Examined e{.finding = static_cast<Finding>(bytes.front())};
    bytes.remove_prefix(1);
    std::vector<std::string> fields;
    while (!bytes.empty()) {
        const std::size_t colon = bytes.find(':');
        const std::size_t length = std::stoul(std::string{bytes.substr(0, colon)});
        fields.emplace_back(bytes.substr(colon + 1, length));
        bytes.remove_prefix(colon + 1 + length);
    }
    e.difference.what = fields[0];
    e.difference.text = fields[1];
    e.error = fields[2];
    e.steps = std::stoul(fields[3]);
    e.packets = std::stoul(fields[4]);
    e.traces = fields[5];
    e.script = fields[6];
    return e;
}

class Run {
public:
    explicit Run(const Arguments& a) : a_{a} {
        jobs_ = a.jobs != 0
                    ? a.jobs
                    : std::max(std::thread::hardware_concurrency(), 1u) * kJobsForEachProcessor;
    }

    bool all() {
        const auto begin = std::chrono::steady_clock::now();
        const auto left = [&] {
            if (a_.seconds == 0) return true;
            return std::chrono::steady_clock::now() - begin < std::chrono::seconds{a_.seconds};
        };
        std::uint64_t next = a_.seed;
        const std::uint64_t end = a_.count == 0 ? UINT64_MAX : a_.seed + a_.count;
        while (next < end && left()) {
            const std::uint64_t size =
                std::min<std::uint64_t>(end - next, jobs_ * kBatchForEachJob);
            std::vector<Plan> plans;
            for (std::uint64_t i = 0; i < size; ++i) {
                plans.push_back(a_.has_path
                                    ? differential::generate_path(next + i)
                                    : differential::generate(next + i, {.has_loss = a_.has_loss}));
            }
            if (!examine(plans)) {
                fmt::print(stderr, "fairlead differential: interrupted; --seed {} goes on\n", next);
                return false;
            }
            next += size;
            show_progress(next);
        }
        clear_progress();
        fmt::print(a_.is_json ? stderr : stdout,
                   "{} scripts, {} packets: {} the same, {} known, {} differ, {} unsteady, {} "
                   "unusable; the next "
                   "seed is {}\n",
                   scripts_, packets_, same_, known_, differ_, unsteady_, unusable_, next);
        for (const auto& [what, count] : kinds_) {
            fmt::print(a_.is_json ? stderr : stdout, "{:>6}  {}\n", count, what);
        }
        return true;
    }

    bool has_differences() const { return differ_ != 0; }
    bool has_run() const { return scripts_ > unusable_; }

private:
    // In parallel; false: interrupted.
    bool examine_all(const std::vector<Plan>& plans, std::vector<Examined>& into,
                     std::size_t jobs) const {
        into.assign(plans.size(), {.finding = Finding::Unusable});
        const auto work = [&](std::size_t i, const drill::Teller& teller) {
            teller.result(pack(differential::examine(plans[i], {&drill::make_private_kernel_backend,
                                                                a_.known, a_.attempts})),
                          false);
        };
        return drill::run_in_parallel(
            plans.size(), {.jobs = jobs, .seconds = kScriptSeconds}, work,
            {.line = [](std::size_t, std::string_view) {},
             .ended =
                 [&](std::size_t i, drill::PieceEnd end, std::string_view result) {
                     if (end == drill::PieceEnd::Done) {
                         into[i] = unpack(result);
                     } else {
                         into[i].error = "its process did not end as it should";
                     }
                 }});
    }

    bool examine(const std::vector<Plan>& plans) {
        std::vector<Examined> examined;
        if (!examine_all(plans, examined, jobs_)) return false;
        for (std::size_t n = 0; n < a_.retries; ++n) {
            if (!examine_again(plans, examined)) return false;
        }
        for (std::size_t i = 0; i < plans.size(); ++i) {
            if (!take(plans[i], examined[i])) return false;
        }
        return true;
    }

    // A kernel that is late has differences of its own: what is not the same, or is unsteady, is
    // played once more while little else runs.
    bool examine_again(const std::vector<Plan>& plans, std::vector<Examined>& examined) const {
        std::vector<Plan> few;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < plans.size(); ++i) {
            if (examined[i].finding <= Finding::Known) continue;
            few.push_back(plans[i]);
            places.push_back(i);
        }
        std::vector<Examined> again;
        if (few.empty()) return true;
        if (!examine_all(few, again, std::min(jobs_, kQuietJobs))) return false;
        for (std::size_t i = 0; i < few.size(); ++i) examined[places[i]] = std::move(again[i]);
        return true;
    }

    bool take(const Plan& plan, const Examined& examined) {
        ++scripts_;
        packets_ += examined.packets;
        if (a_.is_verbose) print(examined.traces);
        switch (examined.finding) {
            case Finding::Same: ++same_; return true;
            case Finding::Known: ++known_; return true;
            case Finding::Unsteady: ++unsteady_; return true;
            case Finding::Unusable:
                ++unusable_;
                print(fmt::format("seed {}: {}\n", plan.seed, examined.error));
                return true;
            case Finding::Differs: break;
        }
        ++differ_;
        const bool is_rare = ++kinds_[examined.difference.what] <= kMostShrunk;
        if (a_.keeps_size || !is_rare) {
            tell(plan, examined);
            return true;
        }
        return shrink(plan, examined);
    }

    bool shrink(const Plan& plan, const Examined& first) {
        bool went_on = true;
        const Plan small = differential::shrunk(plan, first.steps, [&](const auto& plans) {
            std::vector<Examined> examined;
            went_on = went_on && examine_all(plans, examined, jobs_);
            std::vector<bool> shows;
            for (const Examined& e : examined) {
                shows.push_back(went_on && e.finding == Finding::Differs &&
                                e.difference.what == first.difference.what);
            }
            shows.resize(plans.size());
            return shows;
        });
        std::vector<Examined> examined;
        if (!went_on || !examine_all({small}, examined, jobs_)) return false;
        const bool stays = examined.front().finding == Finding::Differs;
        tell(plan, stays ? examined.front() : first);
        return true;
    }

    void tell(const Plan& plan, const Examined& e) {
        if (!a_.folder.empty()) {
            std::ofstream{fmt::format("{}/{}.pkt", a_.folder, plan.seed)}
                << fmt::format("// Seed {}: {}\n", plan.seed, e.difference.text) << e.script;
        }
        if (a_.is_json) {
            fmt::print(
                "{{\"seed\":{},\"what\":{},\"difference\":{},\"traces\":{},\"script\":{}}}\n",
                plan.seed, drill::quote_json(e.difference.what),
                drill::quote_json(e.difference.text), drill::quote_json(e.traces),
                drill::quote_json(e.script));
            return;
        }
        print(fmt::format("seed {}: {}\n{}\n", plan.seed, e.difference.text, e.traces));
    }

    void print(const std::string& text) {
        clear_progress();
        fmt::print("{}", text);
        std::fflush(stdout);
    }
    void show_progress(std::uint64_t next) {
        if (isatty(STDERR_FILENO) == 0) return;
        fmt::print(stderr, "\r{} scripts, {} differ, the next seed is {} ", scripts_, differ_,
                   next);
        is_shown_ = true;
    }
    void clear_progress() {
        if (is_shown_) fmt::print(stderr, "\r\x1b[K");
        is_shown_ = false;
    }

    const Arguments& a_;
    std::size_t jobs_ = 1;
    std::uint64_t scripts_ = 0;
    std::uint64_t packets_ = 0;
    std::uint64_t same_ = 0;
    std::uint64_t known_ = 0;
    std::uint64_t differ_ = 0;
    std::uint64_t unsteady_ = 0;
    std::uint64_t unusable_ = 0;
    std::map<std::string, std::uint64_t> kinds_;
    bool is_shown_ = false;
};

std::vector<differential::Known> read_known(const std::string& name) {
    std::ifstream file{name};
    if (!file) fail(fmt::format("{}: cannot be read", name));
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    auto known = differential::parse_known(text);
    if (!known) fail(fmt::format("{}: {}", name, known.error()));
    return std::move(*known);
}

void run(Arguments& a) {
    if (a.count == 0 && a.seconds == 0) a.count = 200;
    if (!a.folder.empty()) {
        std::error_code error;
        std::filesystem::create_directories(a.folder, error);
        if (error) fail(fmt::format("{}: {}", a.folder, error.message()));
    }
    if (!a.known_file.empty()) a.known = read_known(a.known_file);
    Run scripts{a};
    if (!scripts.all()) throw CLI::RuntimeError{kInterrupted};
    if (!scripts.has_run()) fail("no kernel to run on");
    if (scripts.has_differences()) throw CLI::RuntimeError{kSomeDiffer};
}

}  // namespace

void add_differential(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "differential", "Random scripts on the stack and on this kernel: where do they differ?");
    command->footer(
        "Exit status: 0 no new difference, 1 some, 2 there is no kernel to ask, 130 interrupted.\n"
        "docs/differential.md says more.");
    auto a = std::make_shared<Arguments>();
    command->add_option("--seed", a->seed, "The first script; the next ones follow it")
        ->option_text("N [1]");
    command->add_option("--count", a->count, "How many scripts")->option_text("N [200]");
    command->add_option("--time", a->seconds, "As many as fit into so much time")
        ->check(CLI::Range(1, 1'000'000))
        ->option_text("SECONDS");
    command->add_option("-j,--jobs", a->jobs, "Scripts at once, a process and a network for each")
        ->check(CLI::Range(1, 1000))
        ->option_text("N [12 to a processor]");
    command->add_option("--attempts", a->attempts, "A difference counts that shows so many times")
        ->check(CLI::Range(1, 100))
        ->option_text("N [3]");
    command
        ->add_option("--retries", a->retries,
                     "What is unsteady or differs is played again, with little else running")
        ->check(CLI::Range(0, 100))
        ->option_text("N [2]");
    command->add_option("--keep", a->folder, "Write a script for each difference to this folder")
        ->option_text("FOLDER");
    command->add_option("--known", a->known_file, "Differences that are meant, with their reasons")
        ->option_text("FILE");
    command->add_flag("--whole", a->keeps_size, "Tell of differences as found, without shrinking");
    command->add_flag("--loss", a->has_loss, "The peer loses segments, too");
    command
        ->add_flag("--paths", a->has_path,
                   "The peer is behind a path that drops, reorders, repeats and marks")
        ->excludes("--loss");
    command->add_flag("-v,--verbose", a->is_verbose, "Print all traces");
    command->add_flag("--json", a->is_json, "One object for each difference, on a line");
    command->callback([a] { run(*a); });
}

}  // namespace fairlead::cli
