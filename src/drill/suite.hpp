// drill/suite.hpp — one script, from its file to its verdict, on a fresh backend.
//
// Owns:   reading the file, the options of script and command line in their order, the marks by
//         which a script says that a backend cannot show what it shows.
// Marks:  a line `// kernel: skip, REASON` or `// stack: skip, REASON` before the first event.
// Not here: many scripts (parallel.hpp).
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drill/backend.hpp"
#include "drill/lexer.hpp"
#include "drill/report.hpp"
#include "drill/runner.hpp"
#include "drill/settings.hpp"

namespace fairlead::drill {

using MakeBackend =
    std::function<std::expected<std::unique_ptr<Backend>, std::string>(const Settings&)>;

struct SuiteOptions {
    struct NamedValue {
        std::string name{};
        std::string value{};
    };
    std::vector<NamedValue> overrides{};  // of the scripts' own options
    Definitions definitions{};
    std::string backend = "stack";  // as marks name it
    bool is_verbose = false;
    bool allows_shell = false;
    std::string capture{};  // the pcapng file to write; empty: none
    // In real time a script that wants more is skipped; nothing: time is virtual.
    std::optional<Duration> real_time{};
};

// How long it takes at least, as its times say.
Duration shortest_run(const Script& script);
// Why a script is not for this backend, if it says so.
std::optional<std::string> skip_mark(std::string_view text, std::string_view backend);

// One script that was read already; the error says where and why it could not begin.
std::expected<Verdict, Failure> run_text(std::string_view text, std::string_view file,
                                         const SuiteOptions& options,
                                         const MakeBackend& make_backend,
                                         const Report::Print& print);

// `print` gets packets as they pass, if that was asked for.
Verdict run_file(const std::string& file, const SuiteOptions& options,
                 const MakeBackend& make_backend, const Report::Print& print);

}  // namespace fairlead::drill
