#include "drill/commands.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

namespace fairlead::drill {
namespace {

constexpr std::string_view kRestore = "/tmp/sysctl_restore_${PPID}.sh";
constexpr std::string_view kProcSys = "/proc/sys/";
constexpr std::string_view kSettings = "/proc/sys/net/";
constexpr std::string_view kTables = "/proc/net/";
constexpr std::string_view kParameters = "/sys/module/tcp_cubic/parameters/";
constexpr std::string_view kNowhere = "/dev/null";
constexpr int kNotFound = 127;
constexpr std::size_t kMostOutput = std::size_t{1} << 20;

using Words = std::vector<std::string>;

// What defaults.sh, which most scripts of packetdrill's begin with, sets. Names that a system does
// not have are passed over, as there.
constexpr std::pair<std::string_view, std::string_view> kDefaults[] = {
    {"net.ipv4.tcp_rmem", "4096 540000 15728640"},
    {"net.ipv4.tcp_wmem", "4096 262144 4194304"},
    {"net.ipv4.tcp_timestamps", "1"},
    {"net.ipv4.tcp_syn_retries", "5"},
    {"net.ipv4.tcp_synack_retries", "5"},
    {"net.ipv4.tcp_frto", "2"},
    {"net.ipv4.tcp_sack", "1"},
    {"net.ipv4.tcp_dsack", "1"},
    {"net.ipv4.tcp_fack", "0"},
    {"net.ipv4.tcp_reordering", "3"},
    {"net.ipv4.tcp_congestion_control", "cubic"},
    {"net.ipv4.tcp_slow_start_after_idle", "0"},
    {"net.ipv4.tcp_early_retrans", "4"},
    {"net.ipv4.tcp_recovery", "1"},
    {"net.ipv4.tcp_tso_win_divisor", "3"},
    {"net.ipv4.tcp_ecn", "0"},
    {"net.ipv4.tcp_ecn_option", "2"},
    {"net.ipv4.tcp_pacing_ss_ratio", "200"},
    {"net.ipv4.tcp_pacing_ca_ratio", "120"},
    {"net.ipv4.tcp_notsent_lowat", "4294967295"},
    {"net.ipv4.tcp_fastopen", "0x70403"},
    {"net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"},
    {"net.ipv4.tcp_syncookies", "1"},
};

std::string_view base_name(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_among(std::string_view word, std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), word) != names.end();
}

bool has_word(const Words& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// The words of ip after its options that say of which family: ip -6 route ...
bool is_network_command(const Words& words) {
    constexpr std::array<std::string_view, 4> kObjects{"route", "addr", "address", "tcp_metrics"};
    if (words[0] == "ip") {
        std::size_t at = 1;
        while (at < words.size() && (words[at] == "-4" || words[at] == "-6")) ++at;
        return at < words.size() && is_among(words[at], kObjects) && !has_word(words, "netns");
    }
    if (words.size() < 2) return false;
    if (words[0] == "tc") return words[1] == "qdisc";
    return words[0] == "ethtool" && (words[1] == "-K" || words[1] == "-k");
}

bool may_be_read(std::string_view path) {
    return path == kNowhere || path.starts_with(kSettings) || path.starts_with(kTables) ||
           path.starts_with(kParameters) || ScratchFiles::may_name(path);
}

bool may_be_written(std::string_view path) {
    return path == kNowhere || path.starts_with(kSettings) || path.starts_with(kParameters) ||
           ScratchFiles::may_name(path);
}

// The operands of a command: what is no option. `skip` of them are no files.
std::vector<std::string_view> operands(const Words& words, std::size_t skip) {
    std::vector<std::string_view> found;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i].starts_with('-') && words[i].size() > 1) continue;
        if (skip > 0) {
            --skip;
        } else {
            found.emplace_back(words[i]);
        }
    }
    return found;
}

bool reads_what_it_may(const Words& words, std::size_t skip) {
    const auto files = operands(words, skip);
    return std::all_of(files.begin(), files.end(), may_be_read);
}

bool removes_what_it_may(const Words& words) {
    const auto files = operands(words, 0);
    return std::all_of(files.begin(), files.end(), ScratchFiles::may_name);
}

// dd if=/dev/zero of=/tmp/NAME bs=N count=N
bool copies_what_it_may(const Words& words) {
    constexpr std::array<std::string_view, 4> kOthers{"bs", "count", "status", "conv"};
    return std::all_of(words.begin() + 1, words.end(), [&](std::string_view word) {
        const std::string_view name = word.substr(0, word.find('='));
        const std::string_view value = word.substr(std::min(word.size(), name.size() + 1));
        if (name == "if") return value == "/dev/zero";
        if (name == "of") return ScratchFiles::may_name(value);
        return is_among(name, kOthers);
    });
}

bool is_known(const Words& words) {
    constexpr std::array<std::string_view, 6> kAlways{"sysctl", "nstat", "echo",
                                                      "true",   "false", ":"};
    constexpr std::array<std::string_view, 2> kScripts{"defaults.sh", "set_sysctls.py"};
    const std::string& name = words[0];
    if (is_among(name, kAlways) || name == kRestore) return true;
    if (name.find('/') != std::string::npos) return is_among(base_name(name), kScripts);
    if (name == "grep") return reads_what_it_may(words, 1);
    if (name == "cat") return reads_what_it_may(words, 0);
    if (name == "rm") return removes_what_it_may(words);
    if (name == "dd") return copies_what_it_may(words);
    return is_network_command(words);
}

std::string joined(const Words& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : " ") + word;
    return all;
}

}  // namespace

std::optional<std::string> why_not(const std::vector<Pipeline>& line) {
    for (const Pipeline& pipeline : line) {
        for (const Command& command : pipeline.commands) {
            if (!is_known(command.words)) return fmt::format("'{}'", joined(command.words));
            for (const Redirection& to : command.redirections) {
                if (!to.joins_other && !may_be_written(to.file)) {
                    return fmt::format("'> {}'", to.file);
                }
            }
        }
    }
    return std::nullopt;
}

Finished Commands::run(const std::vector<Pipeline>& line) {
    Finished all;
    for (const Pipeline& pipeline : line) {
        using When = Pipeline::When;
        if (pipeline.when == When::AfterSuccess && all.status != 0) continue;
        if (pipeline.when == When::AfterFailure && all.status == 0) continue;
        Finished one = run(pipeline);
        all.status = one.status;
        all.output += one.output;
        all.error += one.error;
    }
    return all;
}

Finished Commands::run(const Pipeline& pipeline) {
    Finished all;
    for (const Command& command : pipeline.commands) {
        Finished one = run(command, all.output);
        all.status = one.status;
        all.output = std::move(one.output);
        all.error += one.error;
    }
    return all;
}

Finished Commands::run(const Command& command, const std::string& input) {
    using From = Redirection::From;
    // Where each of the two streams goes: to one of ours, or to a file.
    struct Sink {
        From stream = From::Output;
        const Redirection* file = nullptr;
    };
    Sink output{.stream = From::Output};
    Sink error{.stream = From::Error};
    for (const Redirection& to : command.redirections) {
        if (to.joins_other) {
            (to.from == From::Error ? error : output) = to.from == From::Error ? output : error;
            continue;
        }
        if (to.from != From::Error) output.file = &to;
        if (to.from != From::Output) error.file = &to;
    }
    const Finished ran = run_words(command.words, input);
    Finished shown{.status = ran.status};
    const auto send = [&](const Sink& sink, const std::string& text, bool appends) {
        if (sink.file == nullptr) {
            (sink.stream == From::Output ? shown.output : shown.error) += text;
            return;
        }
        if (auto written = write_file(sink.file->file, text, appends); !written) {
            shown.status = 1;
            shown.error += written.error() + "\n";
        }
    };
    send(output, ran.output, output.file != nullptr && output.file->appends);
    send(error, ran.error,
         error.file != nullptr && (error.file->appends || error.file == output.file));
    return shown;
}

Finished Commands::run_words(const Words& words, const std::string& input) {
    const std::string& name = words[0];
    if (name == "sysctl") return sysctl(words);
    if (name == "nstat") return nstat(words);
    if (name == "grep") return grep(words, input);
    if (name == "cat") return cat(words, input);
    if (name == "rm") return remove(words);
    if (name == "dd") return copy(words);
    if (name == "true" || name == ":") return {};
    if (name == "false") return {.status = 1};
    if (name == "echo") {
        const bool is_open = words.size() > 1 && words[1] == "-n";
        return {.output = joined({words.begin() + (is_open ? 2 : 1), words.end()}) +
                          (is_open ? "" : "\n")};
    }
    if (name == kRestore) return restore_sysctls();
    if (base_name(name) == "defaults.sh") return defaults();
    if (base_name(name) == "set_sysctls.py") return set_sysctls(words);
    return system_.configure_network(words);
}

// sysctl [-q] [-w] [-e] [-n] NAME[=VALUE]...
Finished Commands::sysctl(const Words& words) {
    Finished all;
    bool is_quiet = false;
    bool may_fail = false;
    bool shows_names = true;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& word = words[i];
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        if (word.starts_with('-')) {
            if (word.find_first_not_of("qwen", 1) != std::string::npos) {
                return failed(fmt::format("sysctl: {} is not understood", word));
            }
            is_quiet = is_quiet || word.find('q') != std::string::npos;
            may_fail = may_fail || word.find('e') != std::string::npos;
            shows_names = shows_names && word.find('n') == std::string::npos;
            continue;
        }
        std::expected<std::string, std::string> value;
        if (equals == std::string::npos) {
            value = system_.config(name);
        } else if (auto set = system_.set_config(name, word.substr(equals + 1)); !set) {
            value = std::unexpected{set.error()};
        } else {
            value = word.substr(equals + 1);
        }
        if (!value) {
            if (may_fail) continue;
            all.status = 1;
            all.error += fmt::format("sysctl: {}: {}\n", word, value.error());
        } else if (equals == std::string::npos || !is_quiet) {
            all.output += shows_names ? fmt::format("{} = {}\n", name, *value) : *value + "\n";
        }
    }
    return all;
}

Finished Commands::defaults() {
    for (const auto& [name, value] : kDefaults) (void)system_.set_config(name, value);
    if (const Finished flushed = system_.configure_network({"ip", "tcp_metrics", "flush", "all"});
        flushed.status != 0) {
        return flushed;
    }
    return system_.configure_network({"tc", "qdisc", "replace", "dev", "tun0", "root", "pfifo"});
}

// set_sysctls.py /proc/sys/net/ipv4/NAME=VALUE...: what they were is kept for the restore script.
Finished Commands::set_sysctls(const Words& words) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        std::string_view word = words[i];
        if (word.starts_with(kProcSys)) word.remove_prefix(kProcSys.size());
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) {
            return failed(fmt::format("set_sysctls.py: {}: NAME=VALUE is wanted", words[i]));
        }
        const std::string name{word.substr(0, equals)};
        const auto before = system_.config(name);
        if (!before) return failed(fmt::format("set_sysctls.py: {}: {}", name, before.error()));
        if (auto set = system_.set_config(name, word.substr(equals + 1)); !set) {
            return failed(fmt::format("set_sysctls.py: {}: {}", words[i], set.error()));
        }
        saved_.emplace_back(name, *before);
    }
    has_saved_ = true;
    return {};
}

Finished Commands::restore_sysctls() {
    if (!has_saved_) return failed("there is nothing to restore: no set_sysctls.py ran", kNotFound);
    for (auto at = saved_.rbegin(); at != saved_.rend(); ++at) {
        if (auto set = system_.set_config(at->first, at->second); !set) {
            return failed(fmt::format("{}: {}", at->first, set.error()));
        }
    }
    saved_.clear();
    return {};
}

Finished Commands::cat(const Words& words, const std::string& input) {
    if (words.size() == 1) return {.output = input};
    Finished all;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const auto text = read_file(words[i]);
        if (!text) {
            all.status = 1;
            all.error += fmt::format("cat: {}: {}\n", words[i], text.error());
        } else if (all.output.size() + text->size() > kMostOutput) {
            return failed(fmt::format("cat: {}: more than {} bytes", words[i], kMostOutput));
        } else {
            all.output += *text;
        }
    }
    return all;
}

Finished Commands::remove(const Words& words) {
    Finished all;
    const bool may_fail = has_word(words, "-f");
    for (const std::string_view file : operands(words, 0)) {
        if (system_.files().remove(file) || may_fail) continue;
        all.status = 1;
        all.error += fmt::format("rm: {}: No such file or directory\n", file);
    }
    return all;
}

std::expected<std::string, std::string> Commands::read_file(const std::string& path) {
    if (path == kNowhere) return {};
    if (path.starts_with(kTables)) return system_.table(path);
    if (path.starts_with(kParameters)) {
        auto value = system_.parameter(path.substr(kParameters.size()));
        if (value) *value += '\n';
        return value;
    }
    if (path.starts_with(kSettings)) {
        auto value = system_.config(path.substr(kProcSys.size()));
        if (value) *value += '\n';
        return value;
    }
    const std::string* file = system_.files().find(path);
    if (file == nullptr) return std::unexpected{std::string{"No such file or directory"}};
    return *file;
}

std::expected<void, std::string> Commands::write_file(const std::string& path, std::string text,
                                                      bool appends) {
    if (path == kNowhere) return {};
    if (path.starts_with(kSettings)) {
        if (text.ends_with('\n')) text.pop_back();
        return system_.set_config(path.substr(kProcSys.size()), text);
    }
    if (path.starts_with(kParameters)) {
        if (text.ends_with('\n')) text.pop_back();
        return system_.set_parameter(path.substr(kParameters.size()), text);
    }
    return appends ? system_.files().append(path, text)
                   : system_.files().write(path, std::move(text));
}

}  // namespace fairlead::drill
