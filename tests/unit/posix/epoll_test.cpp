// Readiness: poll, select, and epoll by level, by edge, once and exclusively.
#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

class Epoll : public Process {
protected:
    Result<void> add(int epfd, int fd, PollMask events, std::uint64_t data) {
        return client.epoll_ctl(epfd, abi::kEpollAdd, fd, {.events = events, .data = data});
    }
    Result<void> modify(int epfd, int fd, PollMask events, std::uint64_t data) {
        return client.epoll_ctl(epfd, abi::kEpollModify, fd, {.events = events, .data = data});
    }
    Result<void> remove(int epfd, int fd) {
        return client.epoll_ctl(epfd, abi::kEpollDelete, fd, {});
    }
    void drain(int fd) {
        while (receive(fd, buffer.size(), abi::msg::kDontWait).value().value_or(0) > 0) {
        }
    }
};

TEST_F(Epoll, LevelIsReportedAsLongAsItIsTrue) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn, 7));
    EXPECT_EQ(reported(epfd), "");
    send(pair.here, "ab");
    run();
    EXPECT_EQ(reported(epfd), "7:1");
    EXPECT_EQ(reported(epfd), "7:1");
    drain(pair.there);
    EXPECT_EQ(reported(epfd), "");
}

TEST_F(Epoll, AnEdgeIsReportedOnceForEachArrival) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn | abi::kOut | abi::kEdge, 7));
    EXPECT_EQ(reported(epfd), "7:4") << "what is true when it is added";
    EXPECT_EQ(reported(epfd), "");
    send(pair.here, "ab");
    run();
    EXPECT_EQ(reported(epfd), "7:5");
    EXPECT_EQ(reported(epfd), "") << "though nothing was read";
    send(pair.here, "cd");
    run();
    EXPECT_EQ(reported(epfd), "7:5") << "more has come";
    send(pair.here, "ef");
    run();
    drain(pair.there);
    EXPECT_EQ(reported(epfd), "7:4") << "the edge is there, and nothing to read any more";
}

TEST_F(Epoll, WhoWaitsForRoomIsNotToldOfData) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kOut | abi::kEdge, 7));
    EXPECT_EQ(reported(epfd), "7:4");
    send(pair.here, "ab");
    run();
    EXPECT_EQ(reported(epfd), "");
}

TEST_F(Epoll, RoomIsAnEdge) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    const std::string large(8'000'000, 'x');
    ASSERT_LT(send(pair.here, large, abi::msg::kDontWait).value().value_or(0), 8'000'000);
    ASSERT_TRUE(add(epfd, pair.here, abi::kOut | abi::kEdge, 1));
    EXPECT_EQ(reported(epfd), "");
    for (int i = 0; i < 100; ++i) {
        run();
        drain(pair.there);
    }
    EXPECT_EQ(reported(epfd), "1:4");
    EXPECT_EQ(reported(epfd), "");
}

TEST_F(Epoll, AOneShotItemSleepsUntilItIsModified) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn | abi::kOneShot, 7));
    send(pair.here, "ab");
    run();
    EXPECT_EQ(reported(epfd), "7:1");
    send(pair.here, "cd");
    run();
    EXPECT_EQ(reported(epfd), "");
    ASSERT_TRUE(modify(epfd, pair.there, abi::kIn | abi::kOneShot, 8));
    EXPECT_EQ(reported(epfd), "8:1");
    EXPECT_TRUE(client.shutdown(pair.here, 2));
    run();
    EXPECT_EQ(reported(epfd), "") << "not even a hangup";
}

TEST_F(Epoll, ModifyingAnEdgeItemAsksAgain) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn | abi::kEdge, 7));
    send(pair.here, "ab");
    run();
    EXPECT_EQ(reported(epfd), "7:1");
    EXPECT_EQ(reported(epfd), "");
    ASSERT_TRUE(modify(epfd, pair.there, abi::kIn | abi::kEdge, 7));
    EXPECT_EQ(reported(epfd), "7:1");
}

TEST_F(Epoll, ReadyItemsTakeTurns) {
    const int epfd = *client.epoll_create();
    for (std::uint64_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(add(epfd, datagrams(), abi::kOut, i));
    }
    EXPECT_EQ(reported(epfd, 2), "0:4 1:4");
    EXPECT_EQ(reported(epfd, 2), "2:4 0:4");
    EXPECT_EQ(reported(epfd, 2), "1:4 2:4");
}

TEST_F(Epoll, TheErrorsAreLinuxs) {
    const int epfd = *client.epoll_create();
    const int fd = datagrams();
    EXPECT_EQ(add(99, fd, abi::kIn, 0), failure(Errc::BadDescriptor));
    EXPECT_EQ(add(epfd, 99, abi::kIn, 0), failure(Errc::BadDescriptor));
    EXPECT_EQ(add(fd, epfd, abi::kIn, 0), failure(Errc::InvalidArgument));
    EXPECT_EQ(add(epfd, epfd, abi::kIn, 0), failure(Errc::InvalidArgument));
    EXPECT_EQ(modify(epfd, fd, abi::kIn, 0), failure(Errc::NoSuchEntry));
    EXPECT_EQ(remove(epfd, fd), failure(Errc::NoSuchEntry));
    ASSERT_TRUE(add(epfd, fd, abi::kIn, 0));
    EXPECT_EQ(add(epfd, fd, abi::kIn, 0), failure(Errc::Exists));
    EXPECT_TRUE(add(epfd, *client.dup(fd), abi::kIn, 0)) << "another number is another item";
    EXPECT_EQ(client.epoll_ctl(epfd, 9, fd, {}), failure(Errc::InvalidArgument));
    EXPECT_EQ(modify(epfd, fd, abi::kIn | abi::kExclusive, 0), failure(Errc::InvalidArgument));
    EXPECT_TRUE(remove(epfd, fd));
    EXPECT_EQ(add(epfd, fd, abi::kIn | abi::kExclusive | abi::kOneShot, 0),
              failure(Errc::InvalidArgument));
    EXPECT_EQ(add(epfd, fd, abi::kIn | abi::kExclusive | abi::kReadHangup, 0),
              failure(Errc::InvalidArgument));
    ASSERT_TRUE(add(epfd, fd, abi::kIn | abi::kExclusive, 0));
    EXPECT_EQ(modify(epfd, fd, abi::kIn, 0), failure(Errc::InvalidArgument));

    std::array<EpollEvent, 1> events;
    EXPECT_EQ(client.epoll_wait(epfd, {}, Duration{}).value(), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.epoll_wait(fd, events, Duration{}).value(), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.epoll_wait(99, events, Duration{}).value(), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.epoll_create(1), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.read(epfd, MutableBytes{buffer}).value(), failure(Errc::InvalidArgument));
    EXPECT_EQ(receive(epfd).value(), failure(Errc::NotASocket));

    const FileSource source{.read = [](void*, std::int64_t, MutableBytes) -> Result<std::size_t> {
        return std::size_t{0};
    }};
    EXPECT_EQ(add(epfd, *client.open_source(source), abi::kIn, 0), failure(Errc::NotPermitted));
}

TEST_F(Epoll, SetsMayWatchSetsButNotInACircleNorTooDeep) {
    std::vector<int> sets;
    for (int i = 0; i < 8; ++i) sets.push_back(*client.epoll_create());
    const int fd = datagrams();
    ASSERT_TRUE(add(sets[0], fd, abi::kOut, 1));
    ASSERT_TRUE(add(sets[1], sets[0], abi::kIn, 2));
    EXPECT_EQ(reported(sets[1]), "2:1");
    EXPECT_EQ(ready(sets[1], abi::kIn), abi::kIn);
    EXPECT_EQ(add(sets[0], sets[1], abi::kIn, 3), failure(Errc::TooManyLinks));
    EXPECT_EQ(add(sets[1], sets[2], abi::kIn | abi::kExclusive, 3), failure(Errc::InvalidArgument));
    ASSERT_TRUE(add(sets[2], sets[1], abi::kIn, 3));
    ASSERT_TRUE(add(sets[3], sets[2], abi::kIn, 4));
    ASSERT_TRUE(add(sets[4], sets[3], abi::kIn, 5));
    EXPECT_EQ(add(sets[5], sets[4], abi::kIn, 6), failure(Errc::TooManyLinks));
    EXPECT_EQ(reported(sets[4]), "5:1");
    ASSERT_TRUE(client.epoll_ctl(sets[0], abi::kEpollDelete, fd, {}));
    EXPECT_EQ(reported(sets[4]), "");
}

TEST_F(Epoll, ItemsGoWithTheLastDescriptorOfTheirFile) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn | abi::kOut, 7));
    const int copy = *client.dup(pair.there);
    EXPECT_EQ(client.close(pair.there).value(), 0);
    EXPECT_EQ(reported(epfd), "7:4") << "the file is still open";
    EXPECT_EQ(remove(epfd, pair.there), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.close(copy).value(), 0);
    EXPECT_EQ(reported(epfd), "");
}

TEST_F(Epoll, AWaitEndsWithAnEventOrItsTimeout) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn, 7));
    std::array<EpollEvent, 4> events;
    Call wait = client.epoll_wait(epfd, events, 100_ms);
    const Instant before = now;
    EXPECT_EQ(finish(wait), 0);
    EXPECT_EQ(now, before + 100_ms);
    Call again = client.epoll_wait(epfd, events, Duration::from_ns(-1));
    EXPECT_EQ(again.deadline(), Instant::never());
    send(pair.here, "x");
    EXPECT_EQ(finish(again), 1);
    EXPECT_EQ(events[0].data, 7u);
}

TEST_F(Epoll, OneArrivalWakesOneOfThoseWhoWaitForASet) {
    const Pair pair = connection();
    const int epfd = *client.epoll_create();
    ASSERT_TRUE(add(epfd, pair.there, abi::kIn | abi::kEdge, 7));
    std::array<EpollEvent, 4> events;
    Call first = client.epoll_wait(epfd, events, Duration::from_ns(-1));
    Call second = client.epoll_wait(epfd, events, Duration::from_ns(-1));
    send(pair.here, "x");
    run();
    EXPECT_TRUE(first.is_woken());
    EXPECT_FALSE(second.is_woken());
    EXPECT_TRUE(first.resume());
    EXPECT_FALSE(second.resume()) << "the edge was given";
}

TEST_F(Epoll, ExclusiveSetsShareArrivalsAndOthersAllHearOfThem) {
    const int listening = listener(80);
    std::array<EpollEvent, 4> events;
    const auto woken_of = [&](PollMask how) {
        const int a = *client.epoll_create();
        const int b = *client.epoll_create();
        EXPECT_TRUE(add(a, listening, abi::kIn | how, 1));
        EXPECT_TRUE(add(b, listening, abi::kIn | how, 2));
        Call first = client.epoll_wait(a, events, Duration::from_ns(-1));
        Call second = client.epoll_wait(b, events, Duration::from_ns(-1));
        const int fd = stream(Family::Inet, abi::kNonblock);
        client.connect(fd, name_at(80).bytes());
        run();
        const int woken = (first.is_woken() ? 1 : 0) + (second.is_woken() ? 1 : 0);
        finish(client.accept(listening));
        first.interrupt();
        second.interrupt();
        client.close(a);
        client.close(b);
        return woken;
    };
    EXPECT_EQ(woken_of(0), 2);
    EXPECT_EQ(woken_of(abi::kExclusive), 1);
}

TEST_F(Epoll, PollSaysWhatLinuxSays) {
    EXPECT_EQ(ready(stream(), abi::kIn | abi::kOut), abi::kOut | abi::kHangup);
    EXPECT_EQ(ready(99, abi::kIn), abi::kInvalid);
    EXPECT_EQ(ready(-1, abi::kIn), 0);
    const int listening = listener(81);
    EXPECT_EQ(ready(listening, abi::kIn | abi::kOut), 0);
    const Pair pair = connection();
    const int all = abi::kIn | abi::kOut | abi::kReadNormal | abi::kWriteNormal | abi::kReadHangup;
    EXPECT_EQ(ready(pair.there, all), abi::kOut | abi::kWriteNormal);
    EXPECT_TRUE(client.shutdown(pair.here, 1));
    run();
    EXPECT_EQ(ready(pair.there, all), all);
    EXPECT_TRUE(client.shutdown(pair.there, 1));
    run();
    EXPECT_EQ(ready(pair.there, all), all | abi::kHangup);
    std::vector<PollEntry> many(1025);
    EXPECT_EQ(client.poll(many, Duration{}).value(), failure(Errc::InvalidArgument));
}

TEST_F(Epoll, PollWaitsForAnyOfItsEntries) {
    const Pair a = connection(80);
    const Pair b = connection(81);
    std::array entries{PollEntry{.fd = a.there, .events = 1},
                       PollEntry{.fd = b.there, .events = 1}};
    Call poll = client.poll(entries, 10_s);
    EXPECT_FALSE(poll.is_done());
    send(b.here, "x");
    run();
    EXPECT_TRUE(poll.is_woken());
    EXPECT_EQ(finish(poll), 1);
    EXPECT_EQ(entries[0].revents, 0);
    EXPECT_EQ(entries[1].revents, abi::kIn);
}

TEST_F(Epoll, SelectClearsWhatIsNotReady) {
    const Pair pair = connection();
    std::array<std::uint64_t, 1> read{1u << pair.there | 1u << pair.here};
    std::array<std::uint64_t, 1> write{1u << pair.there};
    const SelectSets sets{.read = read, .write = write};
    EXPECT_EQ(client.select(8, sets, Duration{}).value(), 1);
    EXPECT_EQ(read[0], 0u);
    EXPECT_EQ(write[0], 1u << pair.there);
    read[0] = 1u << pair.there;
    Call select = client.select(8, {.read = read}, 10_s);
    EXPECT_EQ(read[0], 1u << pair.there) << "not touched while it waits";
    send(pair.here, "x");
    EXPECT_EQ(finish(select), 1);
    EXPECT_EQ(read[0], 1u << pair.there);
    read[0] = std::uint64_t{1} << 50;
    EXPECT_EQ(client.select(64, {.read = read}, Duration{}).value(), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.select(-1, {}, Duration{}).value(), failure(Errc::InvalidArgument));
    EXPECT_EQ(finish(client.select(0, {}, 1_s)), 0);
}

}  // namespace
}  // namespace fairlead::posix
