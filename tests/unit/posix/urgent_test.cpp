// Urgent data: who is told of it, and what waits for it.
#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

using UrgentData = Process;

TEST_F(UrgentData, TheOwnerGetsOneSignalForWhatItHasNotTakenYet) {
    const Pair pair = connection();
    EXPECT_EQ(send(pair.here, "a", abi::msg::kOutOfBand).value(), 1);
    run();
    EXPECT_TRUE(files.take_urged().empty()) << "nobody owns the socket";
    EXPECT_EQ(client.fcntl(pair.there, abi::fcntl::kSetOwner, 42), 0);
    EXPECT_EQ(send(pair.here, "b", abi::msg::kOutOfBand).value(), 1);
    run();
    EXPECT_EQ(send(pair.here, "c", abi::msg::kOutOfBand).value(), 1);
    run();
    EXPECT_EQ(files.take_urged(), std::vector<int>{42});
    EXPECT_EQ(send(pair.here, "data", 0).value(), 4);
    run();
    EXPECT_TRUE(files.take_urged().empty());
    std::int32_t group = -7;
    EXPECT_EQ(client.ioctl(pair.there, abi::io::kSetGroup, group), 0);
    EXPECT_EQ(client.fcntl(pair.there, abi::fcntl::kGetOwner), -7);
    EXPECT_EQ(send(pair.here, "d", abi::msg::kOutOfBand).value(), 1);
    run();
    EXPECT_EQ(files.take_urged(), std::vector<int>{-7});
}

TEST_F(UrgentData, PollAndSelectWaitForTheByteAndNotForItsPointer) {
    const Pair pair = connection();
    std::array entry{PollEntry{.fd = pair.there, .events = abi::kPriority}};
    Call poll = client.poll(entry, Duration::infinite());
    std::uint64_t except = std::uint64_t{1} << pair.there;
    Call select =
        client.select(pair.there + 1, {.except = std::span{&except, 1}}, Duration::infinite());
    EXPECT_EQ(send(pair.here, "data").value(), 4);
    run();
    EXPECT_FALSE(poll.resume());
    EXPECT_FALSE(select.resume());
    EXPECT_EQ(send(pair.here, "!", abi::msg::kOutOfBand).value(), 1);
    EXPECT_EQ(finish(poll), 1);
    EXPECT_EQ(finish(select), 1);
    EXPECT_EQ(entry[0].revents, abi::kPriority);
    EXPECT_EQ(text(receive(pair.there, 1, abi::msg::kOutOfBand).value()), "!");
    EXPECT_EQ(ready(pair.there, abi::kPriority), 0);
}

TEST_F(UrgentData, AnEdgeRisesForEachByte) {
    const Pair pair = connection();
    const int epfd = client.epoll_create().value_or(-1);
    const PollMask events = abi::kPriority | abi::kEdge;
    EXPECT_TRUE(client.epoll_ctl(epfd, abi::kEpollAdd, pair.there, {events, 9}));
    EXPECT_EQ(reported(epfd), "");
    EXPECT_EQ(send(pair.here, "a", abi::msg::kOutOfBand).value(), 1);
    run();
    EXPECT_EQ(reported(epfd), "9:2");
    EXPECT_EQ(reported(epfd), "");
    EXPECT_EQ(send(pair.here, "b", abi::msg::kOutOfBand).value(), 1);
    run();
    EXPECT_EQ(reported(epfd), "9:2");
}

TEST_F(UrgentData, AWaitForAllEndsAtTheMark) {
    const Pair pair = connection();
    Call read = receive(pair.there, 10, abi::msg::kWaitAll);
    EXPECT_EQ(send(pair.here, "abc").value(), 3);
    run();
    EXPECT_FALSE(read.resume());
    EXPECT_EQ(send(pair.here, "!", abi::msg::kOutOfBand).value(), 1);
    EXPECT_EQ(text(finish(read)), "abc");
    std::int32_t is_at = 0;
    EXPECT_EQ(client.ioctl(pair.there, abi::io::kAtMark, is_at), 0);
    EXPECT_EQ(is_at, 1);
    EXPECT_EQ(send(pair.here, "def").value(), 3);
    EXPECT_EQ(text(finish(receive(pair.there))), "def");
}

TEST_F(UrgentData, APeekWaitsForWhatIsBehindTheMark) {
    const Pair pair = connection();
    EXPECT_EQ(send(pair.here, "!", abi::msg::kOutOfBand).value(), 1);
    run();
    Call peek = receive(pair.there, 10, abi::msg::kPeek);
    EXPECT_FALSE(peek.is_done());
    EXPECT_EQ(send(pair.here, "x").value(), 1);
    EXPECT_EQ(text(finish(peek)), "x");
}

}  // namespace
}  // namespace fairlead::posix
