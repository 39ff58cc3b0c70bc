// The commands that filter text, and those that make some.
#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>
#include <regex.h>

#include "drill/commands.hpp"
#include "inspect/nstat.hpp"

namespace fairlead::drill {
namespace {

constexpr int kGrepError = 2;

struct GrepOptions {
    bool is_quiet = false;
    bool counts = false;
    bool is_inverted = false;
    int flags = REG_NOSUB;
    std::string pattern{};
    std::vector<std::string> files{};
    std::string fault{};
};

GrepOptions read_grep(const std::vector<std::string>& words) {
    GrepOptions options;
    bool has_pattern = false;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word.size() < 2 || word[0] != '-') {
            if (has_pattern) {
                options.files.push_back(word);
            } else {
                options.pattern = word;
                has_pattern = true;
            }
            continue;
        }
        for (const char c : word.substr(1)) {
            if (c == 'q') {
                options.is_quiet = true;
            } else if (c == 'c') {
                options.counts = true;
            } else if (c == 'v') {
                options.is_inverted = true;
            } else if (c == 'i') {
                options.flags |= REG_ICASE;
            } else if (c == 'E') {
                options.flags |= REG_EXTENDED;
            } else if (c != 's') {
                options.fault = fmt::format("grep: -{} is not understood", c);
            }
        }
    }
    if (!has_pattern) options.fault = "grep: no pattern";
    return options;
}

std::optional<std::size_t> number(std::string_view text) {
    std::size_t unit = 1;
    if (text.ends_with('k') || text.ends_with('K')) unit = std::size_t{1} << 10;
    if (text.ends_with('M')) unit = std::size_t{1} << 20;
    if (unit != 1) text.remove_suffix(1);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value > ScratchFiles::kMostBytes ? std::nullopt : std::optional{value * unit};
}

}  // namespace

Finished Commands::grep(const std::vector<std::string>& words, const std::string& input) {
    const GrepOptions options = read_grep(words);
    if (!options.fault.empty()) return failed(options.fault, kGrepError);
    regex_t pattern{};
    if (regcomp(&pattern, options.pattern.c_str(), options.flags) != 0) {
        return failed(fmt::format("grep: {}: no pattern", options.pattern), kGrepError);
    }
    const std::unique_ptr<regex_t, decltype(&regfree)> owner{&pattern, &regfree};
    std::string text = options.files.empty() ? input : std::string{};
    for (const std::string& file : options.files) {
        const auto read = read_file(file);
        if (!read) return failed(fmt::format("grep: {}: {}", file, read.error()), kGrepError);
        text += *read;
    }
    Finished found{.status = 1};
    std::size_t lines = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        begin = end + 1;
        if ((regexec(&pattern, line.c_str(), 0, nullptr, 0) == 0) == options.is_inverted) continue;
        found.status = 0;
        ++lines;
        if (!options.is_quiet && !options.counts) found.output += line + "\n";
    }
    if (options.counts && !options.is_quiet) found.output = fmt::format("{}\n", lines);
    return found;
}

// nstat [-a] [-z] [-j] [-n] [-r] [-s] [PATTERN...]: what moved since it was asked last.
Finished Commands::nstat(const std::vector<std::string>& words) {
    inspect::NstatOptions options;
    bool is_absolute = false;
    bool is_silent = false;
    bool remembers = true;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i].size() < 2 || words[i][0] != '-') {
            options.patterns.push_back(words[i]);
            continue;
        }
        for (const char c : words[i].substr(1)) {
            is_absolute = is_absolute || c == 'a';
            options.shows_zeros = options.shows_zeros || c == 'z';
            options.is_json = options.is_json || c == 'j';
            is_silent = is_silent || c == 'n';
            remembers = remembers && c != 's';
            if (c == 'r') shown_.clear();
            if (std::string_view{"azjnsr"}.find(c) == std::string_view::npos) {
                return failed(fmt::format("nstat: -{} is not understood", c));
            }
        }
    }
    const auto table = [&](std::string_view path) {
        return system_.table(path).value_or(std::string{});
    };
    auto counts = inspect::all_counts(table("/proc/net/snmp"), table("/proc/net/snmp6"),
                                      table("/proc/net/netstat"));
    Finished shown;
    if (!is_silent) {
        shown.output =
            inspect::nstat_text(is_absolute ? counts : inspect::since(counts, shown_), options);
    }
    if (remembers) shown_ = std::move(counts);
    return shown;
}

Finished Commands::copy(const std::vector<std::string>& words) {
    std::string to;
    std::size_t block = 512;
    std::size_t count = 1;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const bool is_block = word.starts_with("bs=");
        if (word.starts_with("of=")) to = word.substr(3);
        if (!is_block && !word.starts_with("count=")) continue;
        const auto value = number(word.substr(word.find('=') + 1));
        if (!value) return failed(fmt::format("dd: {}: no number", word));
        (is_block ? block : count) = *value;
    }
    if (block != 0 && count > ScratchFiles::kMostBytes / block) {
        return failed(fmt::format("dd: {}: more than {} bytes", to, ScratchFiles::kMostBytes));
    }
    if (to.empty()) return failed("dd: of=/tmp/NAME is wanted");
    const auto written = system_.files().write(to, std::string(block * count, '\0'));
    return written ? Finished{} : failed("dd: " + written.error());
}

}  // namespace fairlead::drill
