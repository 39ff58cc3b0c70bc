#include "drill/suite.hpp"

#include <cstdio>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/drill/fake_backend.hpp"

namespace fairlead::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SuiteTest : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        folder = std::filesystem::path{testing::TempDir()} / (std::string{"drill_"} + test->name());
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
    Tally run(const std::vector<std::string>& files) {
        return run_files(
            files, options,
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

TEST_F(SuiteTest, VerdictsAreCounted) {
    const Tally tally = run({file("a.pkt", "0 close(3) = 0"), file("b.pkt", "0 close(3) = 1"),
                             file("c.pkt", "0 splice(3) = 0"), file("d.pkt", "nonsense"),
                             (folder / "not-there.pkt").string()});
    EXPECT_EQ(tally.passed, 1u);
    EXPECT_EQ(tally.failed, 3u);
    EXPECT_EQ(tally.skipped, 1u);
    EXPECT_EQ(tally.unusable, 2u);
    EXPECT_THAT(printed, HasSubstr("b.pkt:1:14: close returned 0, not 1\n"));
    EXPECT_THAT(printed, HasSubstr("d.pkt:1:1: expected a time here, found 'nonsense'\n"));
    EXPECT_THAT(printed, HasSubstr("not-there.pkt: No such file or directory\n"));
}

TEST_F(SuiteTest, TheCommandLineWinsOverTheScript) {
    options.overrides = {{"tolerance_usecs", "7"}};
    EXPECT_EQ(run({file("a.pkt", "--tolerance_usecs=5\n--ip_version=ipv6\n")}).passed, 1u);
    EXPECT_EQ(settings.tolerance, 7_us);
    EXPECT_EQ(settings.ip_version, IpVersion::V6);
}

TEST_F(SuiteTest, OptionsThatAreNotThereAreRefused) {
    for (const char* text : {"--nonsense=1", "--mtu=70000", "--ip_version=ipv5", "--mtu=x",
                             "--local_ip=300.1.1.1", "--strict_segments=2", "--mtu"}) {
        printed.clear();
        EXPECT_EQ(run({file("a.pkt", text)}).unusable, 1u) << text;
        EXPECT_THAT(printed, HasSubstr("a.pkt:1:1: ")) << text;
    }
}

TEST_F(SuiteTest, AddressesAndPortsAreOptions) {
    EXPECT_EQ(run({file("a.pkt",
                        "--local_ip=192.168.7.7 --remote_ip=2001:db8::7 --bind_port=9 "
                        "--connect_port=10 --mtu=1280 --tcp_ts_tick_usecs=1000 "
                        "--tcp_ts_ecr_scaled --strict_segments=1")})
                  .passed,
              1u);
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
