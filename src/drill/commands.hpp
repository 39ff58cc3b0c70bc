// drill/commands.hpp — what shell lines do, without a shell.
//
// Owns:   Commands: one script's lines, with what they leave for each other (settings to restore,
//         what nstat has shown).
// Knows:  sysctl, nstat, grep, cat, echo, true, false, rm, dd; ip route, addr and tcp_metrics, tc
//         qdisc, ethtool -K; the scripts that stand beside packetdrill's own: defaults.sh,
//         set_sysctls.py, /tmp/sysctl_restore_${PPID}.sh.
// Rules:  A line is run as a whole or not at all: one word that is not known, and why_not() says
//         so before anything is done. Files are the script's own (scratch_files.hpp), settings
//         (/proc/sys/net), tables (/proc/net) and /dev/null.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drill/shell.hpp"
#include "drill/system.hpp"
#include "inspect/nstat.hpp"

namespace fairlead::drill {

// What is not understood in it; nothing: all is.
std::optional<std::string> why_not(const std::vector<Pipeline>& line);

class Commands {
public:
    explicit Commands(System& system) : system_{system} {}

    // Only what why_not() lets through.
    Finished run(const std::vector<Pipeline>& line);

private:
    Finished run(const Pipeline& pipeline);
    Finished run(const Command& command, const std::string& input);
    Finished run_words(const std::vector<std::string>& words, const std::string& input);

    Finished sysctl(const std::vector<std::string>& words);
    Finished defaults();
    Finished set_sysctls(const std::vector<std::string>& words);
    Finished restore_sysctls();
    Finished nstat(const std::vector<std::string>& words);
    Finished grep(const std::vector<std::string>& words, const std::string& input);
    Finished cat(const std::vector<std::string>& words, const std::string& input);
    Finished remove(const std::vector<std::string>& words);
    Finished copy(const std::vector<std::string>& words);  // dd

    std::expected<std::string, std::string> read_file(const std::string& path);
    std::expected<void, std::string> write_file(const std::string& path, std::string text,
                                                bool appends);

    System& system_;
    std::vector<std::pair<std::string, std::string>> saved_;  // by set_sysctls, oldest first
    bool has_saved_ = false;
    std::vector<inspect::NamedCount> shown_;  // by nstat
};

}  // namespace fairlead::drill
