#include "drill/code.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// What a block prints, or "line: what is wrong with it".
std::string outcome_of(const std::vector<std::pair<std::string, Sampled>>& blocks) {
    std::string text;
    for (const auto& [block, values] : blocks) text += "0 %{" + block + "}%\n";
    const Script script = parsed(text);
    Code code;
    auto fault = code.read(script);
    for (std::size_t i = 0; i < script.events.size(); ++i) {
        code.sample(script.events[i], blocks[i].second);
    }
    if (!fault) fault = code.run();
    if (fault) return std::to_string(fault->place.line) + ": " + fault->message;
    return code.output();
}
std::string outcome_of(const std::string& block) { return outcome_of({{block, Sampled{}}}); }
std::string value_of(const std::string& expression) {
    std::string text = outcome_of(" print(" + expression + ") ");
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

TEST(Code, ExpressionsComeToWhatPythonSays) {
    const std::pair<const char*, const char*> cases[] = {
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"7 / 2", "3.5"},
        {"6 / 3", "2.0"},
        {"7 // 2", "3"},
        {"-7 // 2", "-4"},
        {"-7 % 3", "2"},
        {"7 % -3", "-2"},
        {"2 ** 10", "1024"},
        {"-2 ** 2", "-4"},
        {"2 ** -1", "0.5"},
        {"1 ** 1000", "1"},
        {"0x1f & 0b11 | 8 ^ 1", "11"},
        {"1 << 4 >> 2", "4"},
        {"~5", "-6"},
        {"1 < 2 < 3", "True"},
        {"1 < 3 < 2", "False"},
        {"1 == 1.0", "True"},
        {"not 1 == 2", "True"},
        {"0 or 5", "5"},
        {"0 and nothing", "0"},
        {"1 or nothing", "1"},
        {"1 if 0 else 2", "2"},
        {"2 in (1, 2)", "True"},
        {"2 not in [1, 2]", "False"},
        {"'b' in 'abc'", "True"},
        {"'a' 'b' + \"c\"", "abc"},
        {"'ab' * 2", "abab"},
        {"'a' < 'b'", "True"},
        {"None is None", "True"},
        {"1 is not None", "True"},
        {"True + True", "2"},
        {"(1, 'a')", "(1, 'a')"},
        {"(1,)", "(1,)"},
        {"()", "()"},
        {"abs(-3), min(4, 2), max((1, 9)), sum([1, 2, 3]), len('abc')", "3 2 9 6 3"},
        {"int(2.9), int(-2.9), round(2.5), float(1), str(1) + '2', hex(255), bool('')",
         "2 -2 2 1.0 12 0xff False"},
        {"18446744073709551615 + 1", "18446744073709551616"},
        {"1.5e3 + .5", "1500.5"},
        {"1e100 > 5", "True"},
    };
    for (const auto& [expression, value] : cases)
        EXPECT_EQ(value_of(expression), value) << expression;
}

TEST(Code, ThePercentSignFormats) {
    const std::pair<const char*, const char*> cases[] = {
        {"'cwnd=%d' % 10", "cwnd=10"},
        {"'%d of %u, 100%%' % (1, 2)", "1 of 2, 100%"},
        {"'%5d|%-5d|%05d|%+d|% d' % (42, 42, -42, 42, 42)", "   42|42   |-0042|+42| 42"},
        {"'%x %X %#x %o' % (255, 255, 255, 8)", "ff FF 0xff 10"},
        {"'%.2f %8.3f %e %g' % (1.005, 2.5, 12345.678, 0.5)", "1.00    2.500 1.234568e+04 0.5"},
        {"'%s %r %.2s %4s' % ('a', 'a', 'abc', 'b')", "a 'a' ab    b"},
        {"'%d' % 3.9", "3"},
        {"'%.3d' % 7", "007"},
    };
    for (const auto& [expression, value] : cases)
        EXPECT_EQ(value_of(expression), value) << expression;
}

TEST(Code, WhatPythonRefusesIsAFault) {
    const std::pair<const char*, const char*> cases[] = {
        {"nothing", "there is no nothing"},
        {"1 / 0", "division by zero"},
        {"1 // 0", "division by zero"},
        {"1.0 % 0", "division by zero"},
        {"1 + 'a'", "+ does not go between int and str"},
        {"'a' - 'b'", "- does not go between str and str"},
        {"1 < 'a'", "< does not go between int and str"},
        {"-'a'", "- does not go before str"},
        {"1.5 & 1", "& does not go between float and int"},
        {"'%d' % 'a'", "%d wants a number, not 'a'"},
        {"'%d %d' % 1", "too few values for the %"},
        {"'%d' % (1, 2)", "too many values for the %"},
        {"'%q' % 1", "%q is not understood"},
        {"open('x')", "open() is not understood with these arguments"},
        {"min()", "min() is not understood with these arguments"},
        {"2 ** 200", "the number is too large"},
        {"1 << 127", "the number is too large"},
        {"1 << -1", "a shift by a negative number"},
        {"(-(1 << 126) - (1 << 126)) // -1", "the number is too large"},
        {"'a' * 100000000", "the text is too long"},
        {"int(1e60)", "the number is too large"},
    };
    for (const auto& [expression, fault] : cases) {
        EXPECT_EQ(value_of(expression), std::string{"1: code block: "} + fault) << expression;
    }
}

TEST(Code, AnAssertionTellsItsValues) {
    EXPECT_EQ(outcome_of({{" assert tcpi_snd_cwnd == 10 ", {{"tcpi_snd_cwnd", 10}}}}), "");
    EXPECT_EQ(outcome_of({{" assert tcpi_snd_cwnd == 10 ", {{"tcpi_snd_cwnd", 5}}}}),
              "1: code block: tcpi_snd_cwnd == 10 does not hold: tcpi_snd_cwnd is 5");
    EXPECT_EQ(outcome_of({{"\nx = 3\n\n  # a comment\nassert x < 2 * y or y < 0, 'x=%d' % x\n",
                           {{"y", 1}}}}),
              "5: code block: x < 2 * y or y < 0 does not hold: x is 3, y is 1 (x=3)");
    EXPECT_EQ(outcome_of(" assert (1 == 2), 1 / 0"),
              "1: code block: (1 == 2) does not hold (division by zero)");
}

TEST(Code, ABlockSeesWhatWasSampledForItAndWhatOthersLeft) {
    EXPECT_EQ(outcome_of(
                  {{" before = tcpi_bytes_acked ", {{"tcpi_bytes_acked", 100}}},
                   {" print(before, tcpi_bytes_acked, bytes_acked)", {{"tcpi_bytes_acked", 200}}}}),
              "100 200 200\n");
    EXPECT_EQ(outcome_of({{" rto = 7 ", {{"tcpi_rto", 1}}}, {" print(rto)", {{"tcpi_rto", 2}}}}),
              "7\n");
    EXPECT_EQ(value_of("TCPI_OPT_SACK | TCPI_OPT_TIMESTAMPS, TCP_CA_Recovery, ECONNREFUSED"),
              "3 3 111");
}

TEST(Code, StatementsAreRun) {
    EXPECT_EQ(outcome_of(" a = 1; a += 2; a <<= 2; print(a); pass "), "12\n");
    EXPECT_EQ(outcome_of(" print 'a', 1\n"), "a 1\n");
    EXPECT_EQ(outcome_of(" print \"%d\" % (3) "), "3\n");
    EXPECT_EQ(outcome_of(" print (1) + 2 "), "3\n");
    EXPECT_EQ(outcome_of(" print() "), "\n");
    EXPECT_EQ(outcome_of("\na = (1 +\n  2)\nb = a + \\\n  1\nprint(a, b)"), "3 4\n");
    const std::string choice =
        "\n  if x > 5:\n    print('large')\n    if x > 7: print('very')\n"
        "  elif x == 5:\n    print('five')\n  else:\n    print('small')\n  print('end')\n";
    EXPECT_EQ(outcome_of({{choice, {{"x", 8}}}}), "large\nvery\nend\n");
    EXPECT_EQ(outcome_of({{choice, {{"x", 5}}}}), "five\nend\n");
    EXPECT_EQ(outcome_of({{choice, {{"x", 4}}}}), "small\nend\n");
    EXPECT_EQ(outcome_of(" x = 1\n    y = 2\n    print(x, y)\n"), "1 2\n");
}

TEST(Code, WhatIsNotUnderstoodIsNamed) {
    const std::pair<const char*, const char*> cases[] = {
        {" import os ", "1: code block: expected a value here, found 'import'"},
        {"\nfor i in x:\n  pass", "2: code block: expected a value here, found 'for'"},
        {" assert ", "1: code block: expected a value here, found the end of the line"},
        {" 1 2 ", "1: code block: expected the end of the statement here, found '2'"},
        {" a.b ", "1: '.' is not understood"},
        {" 'a\n'", "1: a text that is not closed"},
        {" (1 ", "1: a parenthesis that is not closed"},
        {" 1) ", "1: a parenthesis that was not opened"},
        {" 0x ", "1: '0x' is no number"},
        {" 12ab ", "1: '12ab' is no number"},
        {" if 1 ", "1: code block: expected ':' here, found the end of the line"},
        {"\nif 1:\nx = 1\n", "3: code block: expected an indented line here, found 'x'"},
        {"\n  a = 1\n    b = 2\n", "3: this line is indented otherwise"},
        {" 1 if 2 ", "1: code block: expected 'else' here, found the end of the line"},
        {" 1 not 2 ", "1: code block: expected the end of the statement here, found 'not'"},
    };
    for (const auto& [block, fault] : cases) {
        EXPECT_THAT(outcome_of(block), StartsWith(fault)) << block;
    }
}

TEST(Code, NothingNestsForEver) {
    const std::size_t most = 100'000;
    for (const std::string& deep :
         {std::string(most, '('), std::string(most, '-'), std::string(most, '~') + "1"}) {
        EXPECT_THAT(outcome_of(" x = " + deep), HasSubstr(":")) << deep.substr(0, 1);
    }
    std::string sum = "x = 1";
    std::string power = "x = 1";
    std::string negations = "x = ";
    std::string choices;
    for (std::size_t i = 0; i < most; ++i) {
        sum += "+1";
        power += "**1";
        negations += "not ";
    }
    for (std::size_t i = 0; i < 1000; ++i) choices.append("\n").append(i, ' ').append("if 1:");
    EXPECT_THAT(outcome_of(sum), HasSubstr("a shorter expression"));
    EXPECT_THAT(outcome_of(power), HasSubstr("less depth"));
    EXPECT_THAT(outcome_of(negations), HasSubstr("less depth"));
    EXPECT_THAT(outcome_of(choices + " pass"), HasSubstr("less depth"));
    EXPECT_THAT(outcome_of(" a = 'x' * 1000000; print(a); print(a); print(a)"),
                HasSubstr("it prints too much"));
}

}  // namespace
}  // namespace fairlead::drill
