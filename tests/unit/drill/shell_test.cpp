#include "drill/shell.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill {
namespace {

using From = Redirection::From;
using When = Pipeline::When;

std::vector<Pipeline> read(std::string_view line) {
    auto parsed = parse_shell(line);
    EXPECT_TRUE(parsed) << line << ": " << parsed.error();
    return parsed.value_or(std::vector<Pipeline>{});
}
std::vector<std::string> words(std::string_view line) {
    const auto parsed = read(line);
    EXPECT_EQ(parsed.size(), 1u) << line;
    return parsed.empty() ? std::vector<std::string>{} : parsed[0].commands[0].words;
}
using Words = std::vector<std::string>;

TEST(Shell, WordsAreSplitAtBlanksOutsideOfQuotes) {
    EXPECT_EQ(words("sysctl -q a=1"), (Words{"sysctl", "-q", "a=1"}));
    EXPECT_EQ(words("a 'b  c'd \"e \\\"f\" g\\ h ''"), (Words{"a", "b  cd", "e \"f", "g h", ""}));
    EXPECT_EQ(words("  a \\\n  b # and more\n"), (Words{"a", "b"}));
    EXPECT_EQ(words("a#b /tmp/x_${PPID}.sh \"${PPID}\""),
              (Words{"a#b", "/tmp/x_${PPID}.sh", "${PPID}"}));
    EXPECT_EQ(read(" \n;\n"), std::vector<Pipeline>{});
}

TEST(Shell, CommandsAreJoined) {
    const std::vector<Pipeline> all = read("a; b && c ||\n d | e|f\ng");
    ASSERT_EQ(all.size(), 5u);
    EXPECT_EQ(all[0], (Pipeline{.commands = {{.words = {"a"}}}}));
    EXPECT_EQ(all[1], (Pipeline{.commands = {{.words = {"b"}}}}));
    EXPECT_EQ(all[2], (Pipeline{.when = When::AfterSuccess, .commands = {{.words = {"c"}}}}));
    EXPECT_EQ(all[3],
              (Pipeline{.when = When::AfterFailure,
                        .commands = {{.words = {"d"}}, {.words = {"e"}}, {.words = {"f"}}}}));
    EXPECT_EQ(all[4], (Pipeline{.commands = {{.words = {"g"}}}}));
}

TEST(Shell, StreamsAreRedirected) {
    const auto of = [](std::string_view line) { return read(line).at(0).commands.at(0); };
    EXPECT_EQ(of("a > /dev/null 2>&1"),
              (Command{.words = {"a"},
                       .redirections = {{.file = "/dev/null"},
                                        {.from = From::Error, .joins_other = true}}}));
    EXPECT_EQ(of("a 2>b"),
              (Command{.words = {"a"}, .redirections = {{From::Error, false, false, "b"}}}));
    EXPECT_EQ(of("a &>> b"),
              (Command{.words = {"a"}, .redirections = {{From::Both, true, false, "b"}}}));
    EXPECT_EQ(of("a2>b c"), (Command{.words = {"a2", "c"}, .redirections = {{.file = "b"}}}));
    EXPECT_EQ(of("a >&2"), (Command{.words = {"a"}, .redirections = {{.joins_other = true}}}));
}

TEST(Shell, WhatOnlyAShellUnderstandsIsNamed) {
    const std::pair<const char*, const char*> cases[] = {
        {"a $X", "'$'"},
        {"a \"$X\"", "'$'"},
        {"a ${PPID:-1}", "'$'"},
        {"a `id`", "'`'"},
        {"a *", "'*'"},
        {"a < b", "'<'"},
        {"(a)", "'('"},
        {"{ a; }", "'{'"},
        {"! a", "'!'"},
        {"a &", "'&'"},
        {"cat ~/x", "'~'"},
        {"a 'b", "a quote that is not closed"},
        {"a \"b", "a quote that is not closed"},
        {"a &&", "a command is missing"},
        {"a && ; b", "a command is missing"},
        {"a | | b", "a command is missing"},
        {"|| b", "a command is missing"},
        {"a >", "a redirection to nothing"},
        {"a > ; b", "a redirection to nothing"},
        {"> b", "a redirection without a command"},
    };
    for (const auto& [line, fault] : cases) {
        const auto parsed = parse_shell(line);
        EXPECT_FALSE(parsed) << line;
        if (!parsed) {
            EXPECT_EQ(parsed.error(), fault) << line;
        }
    }
}

}  // namespace
}  // namespace fairlead::drill
