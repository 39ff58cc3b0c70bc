#include "lab/record_file.hpp"

#include <array>
#include <cerrno>
#include <chrono>

#include <gtest/gtest.h>
#include <poll.h>

#include "device/tap.hpp"
#include "lab/scratch_folder.hpp"
#include "stack/replay.hpp"
#include "unit/device/kernel_listener.hpp"
#include "unit/device/private_network.hpp"

namespace fairlead::lab {
namespace {

using testing_network::KernelListener;

TEST(RecordFile, WhatCannotBeOpenedIsAnErrno) {
    EXPECT_EQ(RecordFile::create("/nonexistent/file").error(), ENOENT);
    EXPECT_EQ(read_whole("/nonexistent/file").error(), ENOENT);
    EXPECT_EQ(read_whole("/").error(), EISDIR);
}

TEST(RecordFile, AFullDiskIsSaid) {
    auto file = RecordFile::create("/dev/full");
    ASSERT_TRUE(file);
    const RecordSink sink = file->sink();
    sink.write(sink.context, std::vector<std::byte>(100));
    EXPECT_FALSE(file->flush());
}

class RecordedTap : public testing_network::PrivateTapNetwork {
protected:
    static Instant now() {
        const auto t = std::chrono::steady_clock::now().time_since_epoch();
        return Instant::from_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(t).count());
    }
    // Until done() or ten seconds.
    template <typename Done>
    bool run(Stack& stack, device::Tap& tap, Done&& done) {
        const Instant end = now() + 10_s;
        while (now() < end) {
            const PollResult polled = stack.poll(now());
            if (done()) return true;
            pollfd fd{.fd = tap.fd(), .events = POLLIN, .revents = 0};
            if (!polled.is_busy) ::poll(&fd, 1, 1);
        }
        return false;
    }
};

// A live stack, the kernel at its other end, a real clock: and yet it can be played again.
TEST_F(RecordedTap, ReplaysToTheBit) {
    constexpr std::size_t kBytes = 40'000;
    const auto folder = ScratchFolder::make();
    ASSERT_TRUE(folder);
    const std::string path = folder->path() + "/recording";
    auto tap = device::Tap::open();
    ASSERT_TRUE(tap) << tap.error().text;
    ASSERT_TRUE(control().add_address((*tap)->info().name, *Prefix::parse("10.9.0.1/24")));
    KernelListener listener{{IpAddress::v4(10, 9, 0, 1), 7000}};
    {
        auto file = RecordFile::create(path);
        ASSERT_TRUE(file);
        InputRecorder recorder{file->sink()};
        Stack stack{{.seed = {7}, .recorder = &recorder}};
        stack.advance(now());
        const auto interface = stack.add_interface(**tap);
        ASSERT_TRUE(interface);
        ASSERT_TRUE(stack.add_address(*interface, *Prefix::parse("10.9.0.2/24")));
        const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
        EXPECT_EQ(stack.connect(s, {IpAddress::v4(10, 9, 0, 1), 7000}).error(), Errc::InProgress);
        ASSERT_TRUE(run(stack, **tap, [&] { return (*stack.readiness(s) & kWritable) != 0; }));
        listener.accept();
        listener.write(kBytes);
        std::vector<std::byte> buffer(65'536);
        std::size_t received = 0;
        EXPECT_TRUE(run(stack, **tap, [&] {
            while (const auto n = stack.receive(s, buffer)) {
                received += *n;
                // Said again, so that large segments leave as well.
                EXPECT_EQ(stack.send(s, Bytes{buffer}.first(*n)), *n);
            }
            return received == kBytes && stack.bytes_unacked(s) == std::size_t{0};
        })) << received;
        EXPECT_EQ(listener.read(kBytes).size(), kBytes);
        EXPECT_TRUE(stack.close(s));
        const Instant end = now() + 100_ms;
        run(stack, **tap, [&] { return now() > end; });
    }
    const auto bytes = read_whole(path);
    ASSERT_TRUE(bytes);
    Replay replay{*bytes};
    EXPECT_TRUE(replay.run());
    EXPECT_FALSE(replay.fault());
    EXPECT_FALSE(replay.difference());
    EXPECT_GT(replay.counts().frames_in, 5u);
    EXPECT_GT(replay.counts().frames_out, 5u);
}

}  // namespace
}  // namespace fairlead::lab
