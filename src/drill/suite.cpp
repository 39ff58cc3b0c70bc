#include "drill/suite.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "drill/parser.hpp"

namespace fairlead::drill {
namespace {

std::expected<std::string, std::string> read_file(const std::string& name) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(name.c_str(), "rb"),
                                                               &std::fclose};
    if (!file) return std::unexpected{fmt::format("{}: {}", name, std::strerror(errno))};
    std::string text;
    char piece[65536];
    // One byte over the limit is enough for the parser to refuse it.
    const std::size_t most = ParseLimits{}.bytes + 1;
    while (text.size() < most) {
        const std::size_t n =
            std::fread(piece, 1, std::min(sizeof piece, most - text.size()), file.get());
        if (n == 0) break;
        text.append(piece, n);
    }
    if (std::ferror(file.get()) != 0) {
        return std::unexpected{fmt::format("{}: {}", name, std::strerror(errno))};
    }
    return text;
}

// The script's options first, so that those of the command line win.
std::expected<Settings, std::string> settings_for(const Script& script,
                                                  const SuiteOptions& options) {
    Settings settings;
    for (const OptionLine& line : script.options) {
        if (auto applied = apply_option(settings, line.name, line.value); !applied) {
            return std::unexpected{fmt::format("{}:{}:{}: {}", script.file, line.place.line,
                                               line.place.column, applied.error())};
        }
    }
    for (const auto& [name, value] : options.overrides) {
        if (auto applied = apply_option(settings, name, value); !applied) {
            return std::unexpected{applied.error()};
        }
    }
    return settings;
}

}  // namespace

std::expected<Verdict, std::string> run_text(std::string_view text, std::string_view file,
                                             const SuiteOptions& options,
                                             const MakeBackend& make_backend,
                                             const Report::Print& print) {
    const auto script = parse_script(text, file, options.definitions);
    if (!script) return std::unexpected{script.error().to_string()};
    const auto settings = settings_for(*script, options);
    if (!settings) return std::unexpected{settings.error()};
    const auto backend = make_backend(*settings);
    if (!backend) return std::unexpected{fmt::format("{}: {}", file, backend.error())};
    Runner runner{*script, *settings, **backend, options.is_verbose ? print : Report::Print{}};
    return runner.run();
}

Tally run_files(const std::vector<std::string>& files, const SuiteOptions& options,
                const MakeBackend& make_backend, const Report::Print& print) {
    Tally tally;
    for (const std::string& file : files) {
        const auto text = read_file(file);
        const auto verdict = text ? run_text(*text, file, options, make_backend, print)
                                  : std::unexpected{text.error()};
        if (verdict && !verdict->output.empty()) {
            print(std::string_view{verdict->output}.substr(0, verdict->output.size() - 1));
        }
        if (!verdict) {
            print(verdict.error());
            ++tally.unusable;
            ++tally.failed;
        } else if (verdict->kind == VerdictKind::Failed) {
            print(fmt::format("FAILED {}", verdict->text));
            ++tally.failed;
        } else if (verdict->kind == VerdictKind::Skipped) {
            print(fmt::format("SKIPPED {}", verdict->text));
            ++tally.skipped;
        } else {
            if (options.is_verbose) print(fmt::format("passed {}", file));
            ++tally.passed;
        }
    }
    return tally;
}

}  // namespace fairlead::drill
