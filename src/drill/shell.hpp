// drill/shell.hpp — a line between backticks, as plain values.
//
// Owns:   the part of the shell's language that is understood without a shell: words and quotes,
//         ; && || | and new lines, redirections, line continuation, ${PPID}, comments.
// As:     bash, for `&>` (dash would run the command in the background).
// Not here: what the words do (commands.hpp). All else of the shell is an error that names it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::drill {

struct Redirection {
    enum class From : std::uint8_t { Output, Error, Both };
    From from = From::Output;
    bool appends = false;
    bool joins_other = false;  // 2>&1, 1>&2: to where the other one goes now
    std::string file{};

    bool operator==(const Redirection&) const = default;
};

struct Command {
    std::vector<std::string> words{};
    std::vector<Redirection> redirections{};

    bool operator==(const Command&) const = default;
};

struct Pipeline {
    enum class When : std::uint8_t { Always, AfterSuccess, AfterFailure };
    When when = When::Always;
    std::vector<Command> commands{};

    bool operator==(const Pipeline&) const = default;
};

// The error says what only a shell understands.
std::expected<std::vector<Pipeline>, std::string> parse_shell(std::string_view line);

}  // namespace fairlead::drill
