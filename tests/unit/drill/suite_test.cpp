#include "drill/suite.hpp"

#include <cstdio>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "unit/drill/fake_backend.hpp"
#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SuiteTest : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        folder = std::filesystem::path{testing::TempDir()} /
                 ("drill_" + std::string{test->name()} + "_" + std::to_string(getpid()));
        std::filesystem::create_directories(folder);
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    std::string file(const std::string& name, std::string_view text) {
        const std::string path = (folder / name).string();
        std::FILE* f = std::fopen(path.c_str(), "wb");
        EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), f), text.size());
        std::fclose(f);
        return path;
    }
    Verdict run(const std::string& path) {
        return run_file(
            path, options,
            [this](const Settings& s) -> std::expected<std::unique_ptr<Backend>, std::string> {
                settings = s;
                return std::make_unique<FakeBackend>();
            },
            [this](std::string_view line) { printed += std::string{line} + "\n"; });
    }

    std::filesystem::path folder;
    SuiteOptions options;
    Settings settings;
    std::string printed;
};

TEST_F(SuiteTest, AFileBecomesAVerdict) {
    EXPECT_EQ(run(file("a.pkt", "0 close(3) = 0")).kind, VerdictKind::Passed);
    const Verdict failed = run(file("b.pkt", "0 close(3) = 1"));
    EXPECT_EQ(failed.kind, VerdictKind::Failed);
    EXPECT_THAT(failed.text, HasSubstr("b.pkt:1:14: close returned 0, not 1\n"));
    EXPECT_EQ(failed.failure.place.line, 1u);
    EXPECT_EQ(failed.failure.message, "close returned 0, not 1");
    EXPECT_EQ(failed.failure.event, "0 close(3) = 1");
    EXPECT_EQ(run(file("c.pkt", "0 mmap(3) = 0")).kind, VerdictKind::Skipped);
    const Verdict unusable = run(file("d.pkt", "nonsense"));
    EXPECT_EQ(unusable.kind, VerdictKind::Unusable);
    EXPECT_THAT(unusable.text, HasSubstr("d.pkt:1:1: expected a time here, found 'nonsense'\n"));
    EXPECT_EQ(unusable.failure.place.line, 1u);
    EXPECT_EQ(unusable.failure.place.column, 1u);
    EXPECT_EQ(unusable.failure.expected, "a time");
    EXPECT_EQ(unusable.failure.got, "'nonsense'");
    const Verdict missing = run((folder / "not-there.pkt").string());
    EXPECT_EQ(missing.kind, VerdictKind::Unusable);
    EXPECT_THAT(missing.text, HasSubstr("not-there.pkt: No such file or directory\n"));
}

TEST_F(SuiteTest, AScriptSaysWhereItCannotBeShown) {
    const std::string script =
        "// What it shows.\n--mtu=1400\n// kernel: skip, it has no such thing\n0 close(3) = 0\n"
        "// stack: skip, this comes too late\n";
    EXPECT_EQ(run(file("a.pkt", script)).kind, VerdictKind::Passed);
    options.backend = "kernel";
    const Verdict skipped = run(file("a.pkt", script));
    EXPECT_EQ(skipped.kind, VerdictKind::Skipped);
    EXPECT_THAT(skipped.text, HasSubstr("a.pkt: it has no such thing\n"));
}

TEST_F(SuiteTest, AScriptThatTakesTooLongInRealTimeIsSkipped) {
    EXPECT_EQ(shortest_run(parsed("0 close(3) = 0\n+5 close(3) = 0\n6...7 read(3) = 0\n"
                                  "+.5 < . 1:1(0) win 1\n* > . 1:1(0)\n7.2~7.4 > . 1:1(0)\n")),
              7500_ms);
    const std::string path = file("a.pkt", "0 close(3) = 0\n+7.5 close(3) = 0\n");
    EXPECT_EQ(run(path).kind, VerdictKind::Passed);
    options.real_time = 8_s;
    EXPECT_EQ(run(path).kind, VerdictKind::Passed);
    options.real_time = 7_s;
    EXPECT_THAT(run(path).text, HasSubstr("a.pkt: it takes 7.5 s: --timeout allows 7 s\n"));
}

TEST_F(SuiteTest, PacketsAreCaptured) {
    options.capture = (folder / "a.pcapng").string();
    EXPECT_EQ(run(file("a.pkt", "0 < . 1:101(100) ack 1 win 1\n")).kind, VerdictKind::Passed);
    // Section header, interface, and a packet of 140 bytes.
    EXPECT_GT(std::filesystem::file_size(options.capture), 200u);
    options.capture = (folder / "no" / "a.pcapng").string();
    EXPECT_THAT(run(file("a.pkt", "0 close(3) = 0")).text, HasSubstr("a.pcapng"));
}

TEST_F(SuiteTest, TheCommandLineWinsOverTheScript) {
    options.overrides = {{"tolerance_usecs", "7"}};
    EXPECT_EQ(run(file("a.pkt", "--tolerance_usecs=5\n--ip_version=ipv6\n")).kind,
              VerdictKind::Passed);
    EXPECT_EQ(settings.tolerance, 7_us);
    EXPECT_EQ(settings.ip_version, IpVersion::V6);
}

TEST_F(SuiteTest, OptionsThatAreNotThereAreRefused) {
    for (const char* text : {"--nonsense=1", "--mtu=70000", "--ip_version=ipv5", "--mtu=x",
                             "--local_ip=300.1.1.1", "--strict_segments=2", "--mtu"}) {
        const Verdict verdict = run(file("a.pkt", text));
        EXPECT_EQ(verdict.kind, VerdictKind::Unusable) << text;
        EXPECT_THAT(verdict.text, HasSubstr("a.pkt:1:1: ")) << text;
    }
}

TEST_F(SuiteTest, NoScriptLetsItselfRunAShell) {
    EXPECT_EQ(run(file("a.pkt", "--allow-shell\n0 `ls`")).kind, VerdictKind::Unusable);
    EXPECT_EQ(run(file("a.pkt", "0 `ls`")).kind, VerdictKind::Failed);
    options.allows_shell = true;
    EXPECT_EQ(run(file("a.pkt", "0 `ls`")).kind, VerdictKind::Passed);
}

TEST_F(SuiteTest, OptionsOfTheOriginalAreKnown) {
    const auto verdict = [&](const std::string& lines, const std::string& event) {
        return run(file("a.pkt", lines + "0 " + event + "\n")).kind;
    };
    EXPECT_EQ(verdict("--dry_run\n", "close(3) = 1"), VerdictKind::Passed);
    EXPECT_EQ(verdict("--non_fatal=packet,syscall\n", "close(3) = 1"), VerdictKind::Passed);
    EXPECT_EQ(verdict("--non_fatal=packet\n", "close(3) = 1"), VerdictKind::Failed);
    EXPECT_EQ(verdict("--non_fatal=packet\n", "> . 1:1(0) ack 1"), VerdictKind::Passed);
    EXPECT_EQ(verdict("--non_fatal=shell\n", "close(3) = 0"), VerdictKind::Unusable);
    EXPECT_EQ(verdict("--gateway_ip=192.168.0.1\n--netmask_ip=255.255.0.0\n--speed=100\n"
                      "--code_command=python\n",
                      "close(3) = 0"),
              VerdictKind::Passed);
    EXPECT_EQ(verdict("--netmask_ip=255.0.255.0\n", "close(3) = 0"), VerdictKind::Unusable);
    EXPECT_EQ(verdict("--gateway_ip=here\n", "close(3) = 0"), VerdictKind::Unusable);
    ASSERT_TRUE(apply_option(settings, "netmask_ip", "255.255.255.0"));
    EXPECT_EQ(settings.local_v4.length, 24);
}

TEST_F(SuiteTest, InitScriptsLieBesideTheScript) {
    file("init.sh", "sysctl -q a=1\n");
    EXPECT_EQ(run(file("a.pkt", "--init_scripts=init.sh,defaults.sh\n0 close(3) = 0")).kind,
              VerdictKind::Passed);
    EXPECT_EQ(settings.init_scripts,
              (std::vector<std::string>{"sysctl -q a=1\n", "./defaults.sh"}));
    EXPECT_THAT(run(file("a.pkt", "--init_scripts=not-there.sh")).text,
                HasSubstr("--init_scripts: not-there.sh: No such file or directory"));
    for (const char* outside : {"/etc/passwd", "../a.sh", "x/../../a.sh"}) {
        const Verdict verdict = run(file("a.pkt", std::string{"--init_scripts="} + outside));
        EXPECT_EQ(verdict.kind, VerdictKind::Unusable);
        EXPECT_THAT(verdict.text, HasSubstr("a.pkt:1:1: a script names files beside and below it"));
    }
    // Who runs the script may name any.
    options.overrides = {{"init_scripts", (folder / "init.sh").string()}};
    EXPECT_EQ(run(file("a.pkt", "0 close(3) = 0")).kind, VerdictKind::Passed);
    EXPECT_EQ(settings.init_scripts, (std::vector<std::string>{"sysctl -q a=1\n"}));
}

TEST_F(SuiteTest, WhatCannotBeDoneIsRefusedWithItsReason) {
    for (const std::string_view name : refused_options()) {
        const auto applied = apply_option(settings, name, "1");
        ASSERT_FALSE(applied) << name;
        EXPECT_THAT(applied.error(), StartsWith("--" + std::string{name} + ": ")) << name;
    }
    EXPECT_THAT(run(file("a.pkt", "--wire_client")).text,
                HasSubstr("a.pkt:1:1: --wire_client: the two ends of a script are in one process"));
}

TEST_F(SuiteTest, AddressesAndPortsAreOptions) {
    EXPECT_EQ(run(file("a.pkt",
                       "--local_ip=192.168.7.7 --remote_ip=2001:db8::7 --bind_port=9 "
                       "--connect_port=10 --mtu=1280 --tcp_ts_tick_usecs=1000 "
                       "--tcp_ts_ecr_scaled --strict_segments=1"))
                  .kind,
              VerdictKind::Passed);
    EXPECT_EQ(settings.local(), IpAddress::v4(192, 168, 7, 7));
    EXPECT_EQ(settings.remote_v6.to_string(), "2001:db8::7");
    EXPECT_EQ(settings.bind_port, 9);
    EXPECT_EQ(settings.connect_port, 10);
    EXPECT_EQ(settings.mtu, 1280);
    EXPECT_EQ(settings.timestamp_tick, 1_ms);
    EXPECT_TRUE(settings.scale_timestamp_echo);
    EXPECT_TRUE(settings.strict_segments);
}

}  // namespace
}  // namespace fairlead::drill
