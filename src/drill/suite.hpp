// drill/suite.hpp — script files, run one after another, each on a fresh backend.
//
// Owns:   reading files, the options of script and command line in their order, the counts.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
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
    bool is_verbose = false;
};

struct Tally {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    std::size_t unusable = 0;  // files that could not be read or parsed, counted as failed too
};

// Prints what is worth telling through `print`, in whole lines; the summary is the caller's.
Tally run_files(const std::vector<std::string>& files, const SuiteOptions& options,
                const MakeBackend& make_backend, const Report::Print& print);

// One script that was read already.
std::expected<Verdict, std::string> run_text(std::string_view text, std::string_view file,
                                             const SuiteOptions& options,
                                             const MakeBackend& make_backend,
                                             const Report::Print& print);

}  // namespace fairlead::drill
