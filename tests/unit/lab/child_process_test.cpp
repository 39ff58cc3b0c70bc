#include "lab/child_process.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/scratch_folder.hpp"

using namespace fairlead;
using lab::ChildProcess;

namespace {

void wait_for_end(ChildProcess& child) {
    pollfd p{.fd = child.exit_fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&p, 1, 10'000), 1) << "it does not end";
    ASSERT_TRUE(child.has_ended());
}

ChildProcess start(const std::vector<std::string>& command) {
    auto child = ChildProcess::start(command);
    EXPECT_TRUE(child.has_value());
    return std::move(*child);
}

TEST(ChildProcess, WhatItPrintsAndHowItEndsIsKept) {
    ChildProcess good = start({"sh", "-c", "echo out; echo err >&2"});
    wait_for_end(good);
    EXPECT_TRUE(good.is_success());
    EXPECT_EQ(good.output(), "out\nerr\n");
    ChildProcess bad = start({"sh", "-c", "exit 3"});
    wait_for_end(bad);
    EXPECT_FALSE(bad.is_success());
}

TEST(ChildProcess, MuchOutputDoesNotBlockIt) {
    ChildProcess child = start({"sh", "-c", "head -c 1000000 /dev/zero"});
    wait_for_end(child);
    EXPECT_EQ(child.output().size(), 1'000'000u);
}

TEST(ChildProcess, DroppedBeforeItsEndItIsKilled) {
    lab::ScratchFolder folder = *lab::ScratchFolder::make();
    const std::string file = folder.file("pid");
    {
        ChildProcess child = start({"sh", "-c", "echo $$ > " + file + "; exec sleep 100"});
        while (!std::filesystem::exists(file) || std::filesystem::file_size(file) == 0) {
            ::usleep(1000);
        }
        EXPECT_FALSE(child.has_ended());
    }
    pid_t pid = 0;
    std::ifstream{file} >> pid;
    ASSERT_GT(pid, 0);
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
}

TEST(ChildProcess, ItDiesWithUsEvenIfWeAreKilled) {
    lab::ScratchFolder folder = *lab::ScratchFolder::make();
    const std::string file = folder.file("pid");
    const pid_t us = ::fork();
    if (us == 0) {
        const auto child =
            ChildProcess::start({"sh", "-c", "echo $$ > " + file + "; exec sleep 100"});
        ::pause();
    }
    while (!std::filesystem::exists(file) || std::filesystem::file_size(file) == 0) ::usleep(1000);
    pid_t pid = 0;
    std::ifstream{file} >> pid;
    ::kill(us, SIGKILL);
    ::waitpid(us, nullptr, 0);
    // Whoever adopts it reaps it when it pleases: a zombie is dead too.
    const auto is_alive = [pid] {
        std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
        std::string text;
        std::getline(stat, text);
        return stat && text.find(") Z") == std::string::npos;
    };
    for (int i = 0; i < 5000 && is_alive(); ++i) ::usleep(1000);
    EXPECT_FALSE(is_alive());
}

TEST(ChildProcess, AProgramThatIsMissingIsNamed) {
    const auto child = ChildProcess::start({"no-such-program-here"});
    ASSERT_FALSE(child.has_value());
    EXPECT_NE(child.error().text.find("no-such-program-here"), std::string::npos);
    EXPECT_FALSE(lab::find_program("no-such-program-here").has_value());
    EXPECT_TRUE(lab::find_program("sh").has_value());
}

TEST(ScratchFolder, IsGoneWithItsOwnerUnlessKept) {
    std::string path;
    {
        lab::ScratchFolder folder = *lab::ScratchFolder::make();
        path = folder.path();
        std::ofstream{folder.file("x")} << "content";
        EXPECT_TRUE(std::filesystem::exists(path + "/x"));
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    {
        lab::ScratchFolder folder = *lab::ScratchFolder::make();
        path = folder.path();
        folder.keep();
    }
    EXPECT_TRUE(std::filesystem::remove(path));
}

}  // namespace
