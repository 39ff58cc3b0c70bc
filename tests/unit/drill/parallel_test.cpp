#include "drill/parallel.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

using Work = std::function<void(std::size_t, const Teller&)>;

class ParallelTest : public testing::Test {
protected:
    bool run(std::size_t pieces, const Work& work) {
        return run_in_parallel(
            pieces, options, work,
            {.line =
                 [this](std::size_t index, std::string_view line) {
                     told.push_back(std::to_string(index).append(" ").append(line));
                 },
             .ended =
                 [this](std::size_t index, PieceEnd end, std::string_view result) {
                     told.push_back(std::to_string(index)
                                        .append(" ended ")
                                        .append(std::to_string(static_cast<int>(end)))
                                        .append(" ")
                                        .append(result));
                 },
             .progress = [this](std::size_t done) { progress.push_back(done); }});
    }

    ParallelOptions options{.jobs = 4};
    std::vector<std::string> told;
    std::vector<std::size_t> progress;
};

TEST_F(ParallelTest, WhatIsToldComesInTheOrderOfThePieces) {
    EXPECT_TRUE(run(3, [](std::size_t i, const Teller& teller) {
        usleep(static_cast<useconds_t>(30'000 * (2 - i)));  // the last ends first
        teller.line("a");
        teller.line(std::string(100'000, 'b').substr(0, i == 1 ? 100'000 : 1));
        teller.result(std::to_string(i), false);
    }));
    EXPECT_EQ(told, (std::vector<std::string>{"0 a", "0 b", "0 ended 0 0", "1 a",
                                              std::string{"1 "}.append(100'000, 'b'), "1 ended 0 1",
                                              "2 a", "2 b", "2 ended 0 2"}));
    EXPECT_EQ(progress, (std::vector<std::size_t>{1, 2, 3}));
}

TEST_F(ParallelTest, APieceThatHangsIsKilledWithAllItStarted) {
    options.seconds = 1;
    const std::string file = testing::TempDir() + "/parallel_test_" + std::to_string(getpid());
    EXPECT_TRUE(run(2, [&](std::size_t i, const Teller& teller) {
        if (i == 0) {
            teller.line("begun");
            const std::string command = "sleep 60 & echo $! > " + file + "; sleep 60";
            (void)!std::system(command.c_str());
        }
        teller.result("", false);
    }));
    EXPECT_EQ(told, (std::vector<std::string>{"0 begun", "0 ended 1 ", "1 ended 0 "}));
    pid_t started = 0;
    std::ifstream{file} >> started;
    std::filesystem::remove(file);
    ASSERT_GT(started, 0);
    // Killed it is; who reaps it takes a moment.
    for (int i = 0; i < 100 && kill(started, 0) == 0; ++i) {
        std::ifstream status{std::string{"/proc/"}.append(std::to_string(started)).append("/stat")};
        std::string pid;
        std::string name;
        std::string state;
        status >> pid >> name >> state;
        if (state == "Z") break;
        ASSERT_LT(i, 99) << "it lives on";
        usleep(10'000);
    }
}

TEST_F(ParallelTest, APieceThatCrashesIsSaidSo) {
    EXPECT_TRUE(run(2, [](std::size_t i, const Teller& teller) {
        if (i == 0) raise(SIGKILL);
        teller.result("", false);
    }));
    EXPECT_EQ(told, (std::vector<std::string>{"0 ended 3 ", "1 ended 0 "}));
}

#if !defined(__SANITIZE_ADDRESS__)
TEST_F(ParallelTest, APieceThatTakesAllMemoryIsStopped) {
    options.memory_bytes = std::size_t{64} << 20;
    EXPECT_TRUE(run(1, [](std::size_t, const Teller& teller) {
        std::vector<std::string> all;
        for (int i = 0; i < 1000; ++i) all.emplace_back(1 << 20, 'x');
        teller.result("", false);
    }));
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    GTEST_SKIP() << "a sanitizer's shadow has no bound";
#endif
#endif
    EXPECT_EQ(told, (std::vector<std::string>{"0 ended 2 "}));
}
#endif

TEST_F(ParallelTest, APieceThatFailsIsRunAgainAndOnlyItsLastRunIsTold) {
    options.retries = 2;
    const std::string file = testing::TempDir() + "/parallel_again_" + std::to_string(getpid());
    EXPECT_TRUE(run(2, [&](std::size_t i, const Teller& teller) {
        teller.line("begun");
        if (i == 1) return teller.result("never", true);
        std::ofstream{file, std::ios::app} << "x";
        const bool is_third = std::filesystem::file_size(file) == 3;
        teller.result(is_third ? "well" : "ill", !is_third);
    }));
    std::filesystem::remove(file);
    EXPECT_EQ(told, (std::vector<std::string>{"0 begun", "0 ended 0 well", "1 begun",
                                              "1 ended 0 never"}));
}

TEST_F(ParallelTest, WhatFailedGoesAgainByItself) {
    options.retries = 1;
    const std::string file = testing::TempDir() + "/parallel_alone_" + std::to_string(getpid());
    EXPECT_TRUE(run(2, [&](std::size_t i, const Teller& teller) {
        const bool is_alone = std::filesystem::exists(file);
        if (i == 0) return teller.result("", !is_alone);
        usleep(100'000);
        std::ofstream{file} << "over";
        teller.result("", false);
    }));
    std::filesystem::remove(file);
    EXPECT_EQ(told, (std::vector<std::string>{"0 ended 0 ", "1 ended 0 "}));
    EXPECT_EQ(progress, (std::vector<std::size_t>{1, 2}));
}

TEST_F(ParallelTest, AnInterruptionEndsAll) {
    const pid_t us = getpid();
    EXPECT_FALSE(run(3, [us](std::size_t i, const Teller& teller) {
        if (i == 1) {
            usleep(50'000);
            kill(us, SIGINT);
        }
        if (i != 0) sleep(60);
        teller.result("", false);
    }));
    EXPECT_EQ(told, (std::vector<std::string>{"0 ended 0 "}));
    EXPECT_EQ(signal(SIGINT, SIG_DFL), SIG_DFL);  // as it was before
}

}  // namespace
}  // namespace fairlead::drill
