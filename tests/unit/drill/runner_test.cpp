#include "drill/runner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/drill/fake_backend.hpp"
#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RunnerTest : public testing::Test {
protected:
    Verdict run(std::string_view text) {
        const Script script = parsed(text);
        for (const OptionLine& line : script.options) {
            EXPECT_TRUE(apply_option(settings, line.name, line.value));
        }
        Runner runner{script, settings, backend,
                      [this](std::string_view line) { printed.emplace_back(line); }};
        return runner.run();
    }
    void expect_passed(std::string_view text) {
        const Verdict verdict = run(text);
        EXPECT_EQ(verdict.kind, VerdictKind::Passed) << verdict.text;
    }
    void expect_failed(std::string_view text, std::string_view beginning) {
        const Verdict verdict = run(text);
        EXPECT_EQ(verdict.kind, VerdictKind::Failed);
        EXPECT_THAT(verdict.text, StartsWith(std::string{beginning}));
    }
    // Answers each SYN with a SYN-ACK whose first number is 1000.
    void answer_syns(Duration after = 0_s) {
        backend.on_inbound = [this, after](const TcpBody& tcp) {
            if (!tcp.flags.syn) return;
            backend.send(tcp_of("0 > S. 1000:1000(0) ack 1 win 5 <mss 1460>"), after);
        };
    }

    FakeBackend backend;
    Settings settings;
    std::vector<std::string> printed;
};

constexpr std::string_view kHandshake =
    "0 < S 0:0(0) win 1 <mss 1000>\n"
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n";

TEST_F(RunnerTest, LongSegmentsComeInMergedWhereTheScriptSaysHowLongTheyWere) {
    expect_passed("--mss=1000\n0 < . 1:1001(1000) ack 1 win 5\n");
    EXPECT_EQ(backend.last_merged, 0);
    expect_passed("--mss=1000\n0 < . 1:1002(1001) ack 1 win 5\n");
    EXPECT_EQ(backend.last_merged, 1000);
}

TEST_F(RunnerTest, InitScriptsRunFirst) {
    settings.init_scripts = {"#!/bin/sh\nsysctl -q a=1 b=2 # both\n", "/x/defaults.sh"};
    expect_passed("`sysctl a=3`\n0 close(3) = 0\n");
    EXPECT_EQ(backend.machine.settings["a"], "3");
    EXPECT_EQ(backend.machine.settings["b"], "2");
    EXPECT_EQ(backend.machine.settings["net.ipv4.tcp_frto"], "2");
    settings.init_scripts = {"sysctl bad=1"};
    expect_failed("0 close(3) = 0\n", "t.pkt: --init_scripts: the shell line ended with status 1");
    settings.init_scripts = {"reboot"};
    expect_failed("0 close(3) = 0\n", "t.pkt: --init_scripts: only a shell knows 'reboot'");
}

TEST_F(RunnerTest, APacketThatComesAsScriptedPasses) {
    answer_syns();
    expect_passed(kHandshake);
    ASSERT_EQ(printed.size(), 2u);
    EXPECT_EQ(printed[0],
              "0.000000 IP 192.0.2.1.40001 > 192.168.0.1.8080: Flags [S], seq 0, win 1, options "
              "[mss 1000], length 0");
}

TEST_F(RunnerTest, TheRemoteSideSeesOurNumbersAsTheyAre) {
    answer_syns();
    std::optional<std::uint32_t> ack;
    const auto answer = backend.on_inbound;
    backend.on_inbound = [&](const TcpBody& tcp) {
        answer(tcp);
        if (!tcp.flags.syn) ack = tcp.ack;
    };
    expect_passed(std::string{kHandshake} + "+.1 < . 1:1(0) ack 1 win 1\n");
    EXPECT_EQ(ack, 1001u);
}

TEST_F(RunnerTest, APacketThatNeverLeavesFails) {
    expect_failed(kHandshake, "t.pkt:2:1: no packet left\n  script:   +0 > S. 0:0(0) ack 1 <mss");
    // The time it was due, and two seconds.
    EXPECT_EQ(backend.now(), FakeBackend::kBegin + 2_s);
}

TEST_F(RunnerTest, APacketAtTheWrongTimeFails) {
    answer_syns(5_ms);
    expect_failed(kHandshake, "t.pkt:2:1: it left at 0.005 s, not at 0 s (give or take 0.004)\n");
}

TEST_F(RunnerTest, TheToleranceIsAnOption) {
    answer_syns(5_ms);
    expect_passed("--tolerance_usecs=5000\n" + std::string{kHandshake});
}

TEST_F(RunnerTest, AnotherPacketThanScriptedFailsAndBothAreShown) {
    answer_syns();
    const Verdict verdict =
        run("0 < S 0:0(0) win 1 <mss 1000>\n"
            "+0 > S. 0:0(0) ack 2 <mss 1460>\n");
    EXPECT_THAT(verdict.text, StartsWith("t.pkt:2:1: ack is 1, not 2\n"));
    EXPECT_THAT(verdict.text,
                HasSubstr("expected: 0.000000 IP 192.168.0.1.8080 > 192.0.2.1.40001: Flags [S.], "
                          "seq 0, ack 2, options [mss 1460], length 0\n"));
    EXPECT_THAT(verdict.text,
                HasSubstr("got:      0.000000 IP 192.168.0.1.8080 > 192.0.2.1.40001: Flags [S.], "
                          "seq 0, ack 1, win 5, options [mss 1460], length 0\n"));
    EXPECT_THAT(verdict.text, HasSubstr("the last packets:\n    0.000000 IP 192.0.2.1.40001 > "));
}

TEST_F(RunnerTest, APacketTheScriptDoesNotNameIsFoundAtTheNextLine) {
    answer_syns();
    backend.send(tcp_of("0 > R 7:7(0)"), 10_ms);
    // Nobody looks after the last '>'.
    expect_passed(std::string{kHandshake} + "+.1 < . 1:1(0) ack 1 win 1\n");
    FakeBackend fresh;
    const Script script = parsed(std::string{kHandshake} + "+.1 > . 1:1(0) ack 1\n");
    fresh.send(tcp_of("0 > S. 1000:1000(0) ack 1 win 5 <mss 1460>"));
    fresh.send(tcp_of("0 > R 1007:1007(0)"), 10_ms);
    fresh.send(tcp_of("0 > . 1001:1001(0) ack 1"), 100_ms);
    const Verdict verdict = Runner{script, settings, fresh}.run();
    EXPECT_THAT(verdict.text, StartsWith("t.pkt:3:1: the flags are R, not .\n"));
}

TEST_F(RunnerTest, PacketsOfOthersAreSkipped) {
    backend.send(tcp_of("0 > R 7:7(0)"), 0_s, 50000);
    answer_syns();
    expect_passed(kHandshake);
}

TEST_F(RunnerTest, AMalformedPacketFails) {
    answer_syns();
    backend.send_raw({0x45, 0, 0, 20, 1, 2, 3, 4, 64, 6, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});
    expect_failed("0 < S 0:0(0) win 1\n+0 > . 1:1(0) ack 1\n+0 > . 1:1(0) ack 1\n",
                  "t.pkt:2:1: the flags are S., not .\n");
    backend.on_inbound = [](const TcpBody&) {};
    expect_failed("0 < S 0:0(0) win 1\n+0 > . 1:1(0) ack 1\n", "t.pkt:2:1: no packet left");
}

TEST_F(RunnerTest, ResultsOfCallsAreCompared) {
    backend.on_call = [](const Request&) { return Outcome{.value = 5}; };
    expect_passed("0 socket(..., SOCK_STREAM, 0) = 3\n+0 read(3, ..., 10) = 5\n");
    expect_failed("0 read(3, ..., 10) = 6\n", "t.pkt:1:22: read returned 5, not 6\n");
    expect_failed("0 read(3, ..., 10) = -1 EAGAIN\n",
                  "t.pkt:1:22: read returned 5, not -1 EAGAIN\n");
    backend.on_call = [](const Request&) { return Outcome{.value = -1, .error = 11}; };
    expect_passed("0 read(3, ..., 10) = -1 EAGAIN\n");
    expect_passed("0 read(3, ..., 10) = -1\n");
    expect_failed("0 read(3, ..., 10) = -1 EPIPE\n",
                  "t.pkt:1:22: read returned -1 EAGAIN, not -1 EPIPE\n");
    expect_failed("0 read(3, ..., 10) = 1\n", "t.pkt:1:22: read returned -1 EAGAIN, not 1\n");
}

TEST_F(RunnerTest, ScriptedDescriptorsStandForLiveOnes) {
    std::vector<int> seen;
    backend.on_call = [&](const Request& r) {
        if (const auto* listen = std::get_if<request::Listen>(&r)) seen.push_back(listen->fd);
        return Outcome{.value = std::holds_alternative<request::Socket>(r) ? 77 : 0};
    };
    expect_passed(
        "0 socket(..., SOCK_STREAM, 0) = 3\n+0 listen(3, 1) = 0\n+0 listen(4, 1) = 0\n"
        "+0 close(3) = 0\n+0 listen(3, 1) = 0\n");
    EXPECT_EQ(seen, (std::vector<int>{77, 1'000'000'000, 1'000'000'000}));
    expect_failed("0 socket(..., SOCK_STREAM, 0) = 3\n+0 socket(..., SOCK_STREAM, 0) = 3\n",
                  "t.pkt:2:34: descriptor 3 is open already\n");
}

TEST_F(RunnerTest, AnswersOfCallsAreCompared) {
    backend.on_call = [](const Request&) {
        return Outcome{.value = 0, .data = {7, 0, 0, 0}, .revents = {4}, .number = 9};
    };
    expect_passed("0 getsockopt(3, SOL_SOCKET, SO_ERROR, [7], [4]) = 0\n");
    expect_failed("0 getsockopt(3, SOL_SOCKET, SO_ERROR, [8], [4]) = 0\n",
                  "t.pkt:1:39: the option is 7, not [8]\n");
    expect_passed("0 ioctl(3, SIOCINQ, [9]) = 0\n");
    expect_failed("0 ioctl(3, SIOCINQ, [8]) = 0\n", "t.pkt:1:21: ioctl answered 9, not 8\n");
    expect_passed("0 poll([{fd=3, events=POLLOUT, revents=POLLOUT}], 1, 0) = 0\n");
    expect_failed("0 poll([{fd=3, events=POLLOUT, revents=0}], 1, 0) = 0\n",
                  "t.pkt:1:40: revents is 0x4, not 0\n");
}

TEST_F(RunnerTest, BytesReadAreZeros) {
    backend.on_call = [](const Request&) { return Outcome{.value = 1, .data = {1}}; };
    expect_failed("0 read(3, ..., 1) = 1\n",
                  "t.pkt:1:21: the bytes read are not the zeros that were sent\n");
}

TEST_F(RunnerTest, ABlockingCallReturnsWithinItsWindow) {
    backend.on_call = [this](const Request&) {
        backend.finish({.value = 10}, 100_ms);
        return std::nullopt;
    };
    expect_passed("0...0.1 read(3, ..., 10) = 10\n");
    expect_passed("0...0.1 read(3, ..., 10) = 10\n+.3 read(3, ..., 10) = 10\n");
    expect_failed("0...0.2 read(3, ..., 10) = 10\n",
                  "t.pkt:1:28: read returned at 0.1 s, not at 0.2 s (give or take 0.025)\n");
    expect_failed("0...0.2 read(3, ..., 10) = 10\n+1 < . 1:1(0) win 1\n", "t.pkt:1:28: read");
    backend.on_call = [](const Request&) { return std::nullopt; };
    expect_failed("0...0.2 read(3, ..., 10) = 10\n",
                  "t.pkt:1:28: read has not returned at 0.225 s\n");
    expect_failed("0 read(3, ..., 10) = 10\n", "t.pkt:1:22: read has not returned at 10 s\n");
}

TEST_F(RunnerTest, ShellLinesReachTheSystem) {
    expect_passed("`sysctl -q net.a=1 net.b=\"1 2\"; sysctl -e bad=1`\n0 `sysctl net.c=3`\n");
    EXPECT_EQ(backend.machine.settings, (std::map<std::string, std::string, std::less<>>{
                                            {"net.a", "1"}, {"net.b", "1 2"}, {"net.c", "3"}}));
    EXPECT_EQ(printed, (std::vector<std::string>{"net.c = 3"}));
    expect_failed("0 `sysctl bad=1`\n",
                  "t.pkt:1:1: the shell line ended with status 1: sysctl: bad=1: no such name\n");
}

TEST_F(RunnerTest, NoShellRunsUnlessItIsAllowed) {
    expect_failed("`rm -rf /`\n0 `true`\n",
                  "t.pkt:1:1: only a shell knows 'rm -rf /': --allow-shell lets one run this "
                  "line\n");
    expect_failed("0 `true; sysctl -q a=$(id)`\n", "t.pkt:1:1: only a shell knows '$'");
    EXPECT_EQ(backend.machine.in_shells, std::vector<std::string>{});
    settings.allows_shell = true;
    expect_passed("0 `sysctl -q a=$(id)`\n0 `true`\n");
    EXPECT_EQ(backend.machine.in_shells, std::vector<std::string>{"sysctl -q a=$(id)"});
    backend.machine.status = 3;
    expect_failed("0 `ls`\n", "t.pkt:1:1: the shell line ended with status 3: it went wrong\n");
}

TEST_F(RunnerTest, CodeBlocksSeeTheConnectionAtTheirTimeAndRunLast) {
    backend.on_call = [this](const Request& r) {
        backend.info.congestion_window_segments += 10;
        return Outcome{.value = std::holds_alternative<request::Accept>(r) ? 4 : 0};
    };
    EXPECT_EQ(run("0 accept(3, ..., ...) = 4\n+0 %{ print(tcpi_snd_cwnd) }%\n"
                  "+0 listen(3, 1) = 0\n+0 %{ print(tcpi_snd_cwnd) }%\n")
                  .output,
              "10\n20\n");
    expect_failed(
        "0 accept(3, ..., ...) = 4\n+0 %{\nassert tcpi_snd_cwnd < 1\n}%\n"
        "+0 listen(3, 1) = 0\n",
        "t.pkt:3:1: code block: tcpi_snd_cwnd < 1 does not hold: tcpi_snd_cwnd is 30\n");
    // The fault of an event comes before any of a block.
    expect_failed("0 %{ assert False }%\n+0 listen(3, 1) = 7\n", "t.pkt:2:19: listen returned");
    expect_failed("0 listen(3, 1) = 7\n+0 %{ import os }%\n", "t.pkt:2:1: code block: expected");
    expect_failed("0 %{ assert tcpi_rto }%\n", "t.pkt:1:1: code block: there is no tcpi_rto\n");
}

TEST_F(RunnerTest, AllOfPythonIsThereWhereItIsAllowed) {
    settings.allows_shell = true;
    const std::string script =
        "0 accept(3, ..., ...) = 4\n"
        "+0 %{ import math }%\n"
        "+0 %{\n    a = [tcpi_snd_cwnd] * 2\n    print(math.prod(a))\n}%\n"
        "+0 %{ assert math.prod(a) == 49, TCPI_OPT_SACK }%\n";
    backend.on_call = [](const Request&) { return Outcome{.value = 4}; };
    backend.info.congestion_window_segments = 7;
    EXPECT_EQ(run(script).output, "49\n");
    backend.info.congestion_window_segments = 8;
    const Verdict verdict = run(script);
    EXPECT_EQ(verdict.kind, VerdictKind::Failed);
    EXPECT_THAT(verdict.text, HasSubstr("AssertionError: 2"));
}

TEST_F(RunnerTest, WhatIsNotThereIsSkipped) {
    EXPECT_EQ(run("0 mmap(3) = 0\n").kind, VerdictKind::Skipped);
}

TEST_F(RunnerTest, AClockThatStandsStillFails) {
    backend.stands_still = true;
    expect_failed("0 `sysctl a=1`\n+1 `sysctl a=1`\n", "t.pkt:2:1: time stands still\n");
}

TEST_F(RunnerTest, AFloodOfPacketsFails) {
    backend.on_step = [this] {
        for (int i = 0; i < 1000; ++i) backend.send(tcp_of("0 > . 1:1(0) ack 1"));
    };
    backend.stands_still = true;
    expect_failed("0 `sysctl a=1`\n+1 `sysctl a=1`\n", "t.pkt:2:1: packets flood out\n");
}

TEST_F(RunnerTest, TimestampsAreCheckedAgainstTheirTick) {
    const std::string script =
        "--tcp_ts_tick_usecs=1000\n"
        "0 < S 0:0(0) win 1\n"
        "+0 > S. 0:0(0) ack 1 <nop,nop,TS val 100 ecr 0>\n"
        "+.1 > . 1:1(0) ack 1 <nop,nop,TS val 200 ecr 0>\n";
    const auto answer = [this](const char* second) {
        backend.on_inbound = [this, second](const TcpBody&) {
            backend.send(tcp_of("0 > S. 9:9(0) ack 1 <nop,nop,TS val 5000 ecr 0>"));
            backend.send(tcp_of(second), 100_ms);
        };
    };
    answer("0 > . 10:10(0) ack 1 <nop,nop,TS val 5100 ecr 0>");
    expect_passed(script);
    answer("0 > . 10:10(0) ack 1 <nop,nop,TS val 5105 ecr 0>");
    expect_passed(script);
    answer("0 > . 10:10(0) ack 1 <nop,nop,TS val 5106 ecr 0>");
    expect_failed(script, "t.pkt:4:1: TS val is 206, not 200\n");
}

}  // namespace
}  // namespace fairlead::drill
