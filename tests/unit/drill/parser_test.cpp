#include "drill/parser.hpp"

#include <string>

#include <gtest/gtest.h>

#include "drill/format.hpp"
#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

// --- files ---

TEST(Parser, AnEmptyScriptHasNoEvents) {
    EXPECT_TRUE(parsed("").events.empty());
    EXPECT_TRUE(parsed("// nothing\n# here\n/* at\n all */\n").events.empty());
}

TEST(Parser, CommentsStandAnywhere) {
    const Script s = parsed("0 /* a */ socket(..., SOCK_STREAM, // b\n IPPROTO_TCP) = 3 # c");
    ASSERT_EQ(s.events.size(), 1u);
    EXPECT_EQ(format(s.events[0]), "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
}

TEST(Parser, OptionsAndFirstCommandsComeBeforeTheEvents) {
    const Script s = parsed(
        "--tolerance_usecs=10000\n--ip_version=ipv4\n--strict_segments\n--local=\"a b\"\n"
        "`sysctl -q net.ipv4.tcp_sack=0`\n0 close(3) = 0\n");
    ASSERT_EQ(s.options.size(), 4u);
    EXPECT_EQ(s.options[0].name, "tolerance_usecs");
    EXPECT_EQ(s.options[0].value, "10000");
    EXPECT_EQ(s.options[2].value, "");
    EXPECT_EQ(s.options[3].value, "a b");
    EXPECT_EQ(s.options[3].place.line, 4u);
    ASSERT_EQ(s.first_commands.size(), 1u);
    EXPECT_EQ(s.first_commands[0].command, "sysctl -q net.ipv4.tcp_sack=0");
}

TEST(Parser, ShellLinesAndCodeBlocksAreKeptAsWritten) {
    const Script s = parsed("0 `echo \"hi\"\n ls`\n+.5 %{ assert tcpi_snd_cwnd == 10, 'x%' }%");
    ASSERT_EQ(s.events.size(), 2u);
    EXPECT_EQ(std::get<ShellLine>(s.events[0].action).command, "echo \"hi\"\n ls");
    EXPECT_EQ(std::get<CodeBlock>(s.events[1].action).text, " assert tcpi_snd_cwnd == 10, 'x%' ");
}

TEST(Parser, SymbolsReplaceWords) {
    const Definitions d{{"MSS", "1460"},
                        {"COOKIE", "3021b9d8"},
                        {"CODE", "host_unreachable"},
                        {"ERROR", "EHOSTUNREACH"}};
    const Script s = parsed(
        "0 < S 0:0(0) win 10 <mss MSS,FO COOKIE>\n+0 < icmp unreachable CODE [1:2(1)]\n"
        "+0 read(3, ..., MSS) = -1 ERROR",
        d);
    ASSERT_EQ(s.events.size(), 3u);
    const auto& options = std::get<TcpBody>(std::get<PacketLine>(s.events[0].action).body).options;
    EXPECT_EQ(std::get<option::Mss>(options[0]).bytes, 1460);
    EXPECT_EQ(std::get<option::FastOpen>(options[1]).cookie,
              (std::vector<std::uint8_t>{0x30, 0x21, 0xb9, 0xd8}));
    EXPECT_EQ(std::get<IcmpBody>(std::get<PacketLine>(s.events[1].action).body).code, 1);
    EXPECT_EQ(std::get<Call>(s.events[2].action).arguments[2].number, 1460);
    EXPECT_EQ(std::get<Call>(s.events[2].action).error, "EHOSTUNREACH");
}

// --- times ---

TEST(Parser, TimesHaveSixForms) {
    const Script s = parsed(
        "0 > . 1:1(0) ack 1\n+.1 > . 1:1(0) ack 1\n1~1.5 > . 1:1(0) ack 1\n"
        "+.25~+0.5 > . 1:1(0) ack 1\n* > . 1:1(0) ack 1\n1.5...2 read(3, ..., 1) = 1\n"
        "+0...0.000000001 read(3, ..., 1) = 1");
    ASSERT_EQ(s.events.size(), 7u);
    EXPECT_EQ(s.events[0].time, (EventTime{}));
    EXPECT_EQ(s.events[1].time, (EventTime{.kind = TimeKind::Relative, .at = 100_ms}));
    EXPECT_EQ(s.events[2].time,
              (EventTime{.kind = TimeKind::AbsoluteRange, .at = 1_s, .until = 1500_ms}));
    EXPECT_EQ(s.events[3].time,
              (EventTime{.kind = TimeKind::RelativeRange, .at = 250_ms, .until = 500_ms}));
    EXPECT_EQ(s.events[4].time.kind, TimeKind::Any);
    EXPECT_EQ(s.events[5].time, (EventTime{.at = 1500_ms, .ends = 2_s}));
    EXPECT_EQ(s.events[6].time, (EventTime{.kind = TimeKind::Relative, .ends = 1_ns}));
}

TEST(Parser, AWindowNeedsNoBlankBesideItsDots) {
    EXPECT_EQ(parsed("0 close(3) = 0\n1...2 read(3, ..., 1) = 1").events[1].time,
              (EventTime{.at = 1_s, .ends = 2_s}));
    EXPECT_EQ(parsed("0 close(3) = 0\n0.1...0.2 read(3, ..., 1) = 1").events[1].time,
              (EventTime{.at = 100_ms, .ends = 200_ms}));
}

TEST(Parser, BadTimesAreRefused) {
    expect_faults({
        {"x() = 0", "t.pkt:1:1: expected a time here, found 'x'"},
        {"0x1 x() = 0", "t.pkt:1:1: a time is a decimal number of seconds"},
        {"1 x() = 0", "t.pkt:1:1: the first event must be at time 0"},
        {"+.1 x() = 0", "t.pkt:1:1: the first event must be at time 0"},
        {"* > . 1:1(0)", "t.pkt:1:1: the first event must be at time 0"},
        {"0 x() = 0\n99999999999 x() = 0", "t.pkt:2:1: a time is at most 1000000000 seconds"},
        {"0.0000000001 x() = 0", "t.pkt:1:1: a time is not finer than a nanosecond"},
        {"0 x() = 0\n2 x() = 0\n+5 x() = 0\n 1 x() = 0",
         "t.pkt:4:2: this event is earlier than one before it"},
        {"0...0.5 < . 1:1(0) ack 1", "t.pkt:1:9: expected a system call here, found '<'"},
        {"0 x() = 0\n2...1 x() = 0", "t.pkt:2:2: this call ends before it begins"},
        {"0 x() = 0\n2~1 > . 1:1(0)", "t.pkt:2:2: this range ends before it begins"},
        {"0~1 x() = 0", "t.pkt:1:1: only an outbound packet may have a range of times or '*'"},
        {"0 x() = 0\n* < . 1:1(0)",
         "t.pkt:2:1: only an outbound packet may have a range of times or '*'"},
        {"0 x() = 0\n+1~2 > . 1:1(0)", "t.pkt:2:4: expected '+' here, found '2'"},
        {"0",
         "t.pkt:1:2: expected a system call, '<', '>', a shell line or a code block here, "
         "found the end of the file"},
    });
}

// --- calls and expressions ---

TEST(Parser, ACallHasArgumentsAResultAnErrorAndANote) {
    const Call c = call_of("0 read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)");
    EXPECT_EQ(c.name, "read");
    ASSERT_EQ(c.arguments.size(), 3u);
    EXPECT_EQ(c.arguments[0].number, 4);
    EXPECT_EQ(c.arguments[1].kind, ExpressionKind::Ellipsis);
    EXPECT_EQ(c.result.number, -1);
    EXPECT_EQ(c.error, "EAGAIN");
    EXPECT_EQ(c.note, "Resource temporarily unavailable");
    const Call f = call_of("0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR|\"un/*closed)");
    EXPECT_EQ(f.result.number, 2);
    EXPECT_EQ(f.result.base, NumberBase::Hexadecimal);
    EXPECT_EQ(f.note, "flags O_RDWR|\"un/*closed");
    EXPECT_TRUE(call_of("0 fork() = 0").arguments.empty());
}

TEST(Parser, NumbersComeInThreeBases) {
    const Call c = call_of("0 x(10, 0x1F, 0644, -1, 0, 9223372036854775807) = 0");
    EXPECT_EQ(c.arguments[0].number, 10);
    EXPECT_EQ(c.arguments[1].number, 31);
    EXPECT_EQ(c.arguments[2].number, 0644);
    EXPECT_EQ(c.arguments[2].base, NumberBase::Octal);
    EXPECT_EQ(c.arguments[3].number, -1);
    EXPECT_EQ(c.arguments[5].number, INT64_MAX);
}

TEST(Parser, NamesAreJoinedAndComplemented) {
    const Call c = call_of("0 x(O_RDWR|O_NONBLOCK|0x4, ~MSG_MORE, A) = 0");
    ASSERT_EQ(c.arguments[0].kind, ExpressionKind::Either);
    ASSERT_EQ(c.arguments[0].items.size(), 3u);
    EXPECT_EQ(c.arguments[0].items[1].text, "O_NONBLOCK");
    EXPECT_EQ(c.arguments[1].kind, ExpressionKind::Complement);
    EXPECT_EQ(c.arguments[1].items[0].text, "MSG_MORE");
    EXPECT_EQ(c.arguments[2].kind, ExpressionKind::Name);
}

TEST(Parser, StringsResolveTheirEscapes) {
    const Call c = call_of(R"(0 x("a\"b\\c\n\x41\0\q", "") = 0)");
    EXPECT_EQ(c.arguments[0].text, (std::string{"a\"b\\c\nA\0q", 9}));
    EXPECT_EQ(c.arguments[1].text, "");
}

TEST(Parser, ArraysStructsAndCallsNest) {
    const Call c = call_of(
        "0 connect(3, {sa_family=AF_INET, sin_port=htons(8080), "
        "sin_addr=inet_addr(\"192.0.2.1\")}, [16]) = 0");
    const Expression& address = c.arguments[1];
    ASSERT_EQ(address.kind, ExpressionKind::Struct);
    ASSERT_EQ(address.items.size(), 3u);
    EXPECT_EQ(address.items[1].kind, ExpressionKind::Field);
    EXPECT_EQ(address.items[1].text, "sin_port");
    EXPECT_EQ(address.items[1].items[0].text, "htons");
    EXPECT_EQ(address.items[2].items[0].items[0].text, "192.0.2.1");
    EXPECT_EQ(c.arguments[2].kind, ExpressionKind::Array);
}

TEST(Parser, StructsMayHaveCountedAndUnnamedFields) {
    const Call c = call_of(
        "0 recvmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=MSG_EOR, "
        "msg_control=[{cmsg_level=SOL_IP, cmsg_data={ee_errno=ECONNRESET}}]}, 0) = 30");
    const Expression& message = c.arguments[1];
    ASSERT_EQ(message.items.size(), 4u);
    EXPECT_EQ(message.items[1].text, "msg_iov");
    EXPECT_EQ(message.items[1].items[1].number, 2);
    const Expression& iov = message.items[1].items[0];
    ASSERT_EQ(iov.items.size(), 2u);
    EXPECT_EQ(iov.items[1].items[1].number, 20);
    EXPECT_TRUE(call_of("0 x([], {}) = 0").arguments[0].items.empty());
}

TEST(Parser, BadCallsAreRefused) {
    expect_faults({
        {"0 read 4", "t.pkt:1:8: expected '(' here, found '4'"},
        {"0 read(4", "t.pkt:1:9: expected ',' or ')' here, found the end of the file"},
        {"0 read(4,) = 0", "t.pkt:1:10: expected a value here, found ')'"},
        {"0 read(4 5) = 0", "t.pkt:1:10: expected ',' or ')' here, found '5'"},
        {"0 read(4)", "t.pkt:1:10: expected '=' here, found the end of the file"},
        {"0 read(4) =", "t.pkt:1:12: expected a value here, found the end of the file"},
        {"0 read(4) = 0 (no end", "t.pkt:1:16: this note has no ')'"},
        {"0 x([1) = 0", "t.pkt:1:7: expected ',' or ']' here, found ')'"},
        {"0 x({a=}) = 0", "t.pkt:1:8: expected a value here, found '}'"},
        {"0 x({1=2}) = 0", "t.pkt:1:7: expected ',' or '}' here, found '='"},
        {"0 x(a|) = 0", "t.pkt:1:7: expected a value here, found ')'"},
        {"0 x(~~1) = 0", "t.pkt:1:6: expected a number or a name here, found '~'"},
        {"0 x(-a) = 0", "t.pkt:1:6: expected a number here, found 'a'"},
        {"0 x(\"a) = 0", "t.pkt:1:5: this string has no closing '\"'"},
        {"0 x(1.5) = 0", "t.pkt:1:5: expected a value here, found '1.5'"},
        {"0 x(089) = 0", "t.pkt:1:5: '089' is not an octal number"},
        {"0 x(0x) = 0", "t.pkt:1:5: this number has no digits after 0x"},
        {"0 x(12ab) = 0", "t.pkt:1:5: this number runs into letters"},
        {"0 x(9223372036854775808) = 0",
         "t.pkt:1:5: '9223372036854775808' is too large for a "
         "number: at most 9223372036854775807"},
        {"0 x(99999999999999999999999) = 0",
         "t.pkt:1:5: '99999999999999999999999' is too large for a number: at most "
         "9223372036854775807"},
        {"0 x($) = 0", "t.pkt:1:5: this character has no meaning here"},
    });
}

TEST(Parser, UnfinishedPiecesAreRefused) {
    expect_faults({
        {"/* for ever", "t.pkt:1:1: this comment has no '*/'"},
        {"0 `ls", "t.pkt:1:3: this shell line has no closing '`'"},
        {"0 %{ x", "t.pkt:1:3: this code block has no '}%'"},
        {"--a=\"b", "t.pkt:1:5: this string has no closing '\"'"},
        {"0 x() = 0\n--late=1", "t.pkt:2:1: expected a time here, found 'late=1'"},
    });
}

// --- bounds ---

TEST(Parser, NestingIsBounded) {
    const std::string deep = "0 x(" + std::string(1000, '[') + ") = 0";
    EXPECT_EQ(error_of(deep), "t.pkt:1:37: values nest at most 32 deep");
    const std::string structs = "0 x(" + std::string(100'000, '{') + ") = 0";
    EXPECT_EQ(error_of(structs), "t.pkt:1:37: values nest at most 32 deep");
    std::string calls = "0 x(";
    for (int i = 0; i < 1000; ++i) calls += "a(";
    EXPECT_EQ(error_of(calls), "t.pkt:1:69: values nest at most 32 deep");
}

TEST(Parser, SizesAreBounded) {
    EXPECT_EQ(error_of("0 x() = 0\n", {.bytes = 9}),
              "t.pkt:1:1: a script has at most 9 bytes, this has 10");
    EXPECT_EQ(error_of("0 x() = 0\n0 x() = 0\n", {.events = 1}),
              "t.pkt:2:1: a script has at most 1 events");
    EXPECT_EQ(error_of("0 x(1, 2, 3, 4) = 0", {.expressions = 6}),
              "t.pkt:1:14: a script has at most 6 values");
}

TEST(Parser, ASymbolMayBeDefinedInTheScript) {
    EXPECT_EQ(parsed("--define=MSS=1400\n0 < S 0:0(0) <mss MSS>\n").events,
              parsed("0 < S 0:0(0) <mss 1400>\n").events);
    // The command line is stronger.
    EXPECT_EQ(parsed("--define=MSS=1400\n0 < S 0:0(0) <mss MSS>\n", {{"MSS", "7"}}).events,
              parsed("0 < S 0:0(0) <mss 7>\n").events);
    EXPECT_EQ(error_of("--define=MSS\n0 close(3) = 0\n"),
              "t.pkt:1:1: expected --define=NAME=VALUE here, found 'MSS'");
}

}  // namespace
}  // namespace fairlead::drill
