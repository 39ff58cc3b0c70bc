#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

using Descriptors = Process;

TEST_F(Descriptors, TheLowestFreeNumberIsGiven) {
    EXPECT_EQ(stream(), 3);
    EXPECT_EQ(stream(), 4);
    EXPECT_EQ(stream(), 5);
    EXPECT_EQ(client.close(4).value(), 0);
    EXPECT_EQ(client.dup(3), 4);
    EXPECT_EQ(client.close(3).value(), 0);
    EXPECT_EQ(client.fcntl(4, abi::fcntl::kDuplicate, 5), 6);
    EXPECT_EQ(client.fcntl(4, abi::fcntl::kDuplicate, 0), 3);
    EXPECT_EQ(client.close(7).value(), failure(Errc::BadDescriptor));
}

TEST_F(Descriptors, DuplicatesShareFlagsOfTheFileButNotOfTheDescriptor) {
    const int fd = stream(Family::Inet, abi::kCloseOnExec);
    const int copy = *client.dup(fd);
    EXPECT_EQ(client.fcntl(fd, abi::fcntl::kGetDescriptorFlags), 1);
    EXPECT_EQ(client.fcntl(copy, abi::fcntl::kGetDescriptorFlags), 0);
    EXPECT_EQ(client.fcntl(copy, abi::fcntl::kSetFlags, abi::kNonblock), 0);
    EXPECT_EQ(client.fcntl(fd, abi::fcntl::kGetFlags), abi::kReadWrite | abi::kNonblock);
    std::int32_t off = 0;
    EXPECT_EQ(client.ioctl(fd, abi::io::kNonblock, off), 0);
    EXPECT_EQ(client.fcntl(copy, abi::fcntl::kGetFlags), abi::kReadWrite);
}

TEST_F(Descriptors, OnlyTheLastCloseClosesTheConnection) {
    const Pair pair = connection();
    const int copy = *client.dup(pair.here);
    EXPECT_EQ(client.close(pair.here).value(), 0);
    EXPECT_EQ(send(copy, "still here").value(), 10);
    run();
    EXPECT_EQ(text(receive(pair.there).value()), "still here");
    EXPECT_EQ(client.close(copy).value(), 0);
    run();
    EXPECT_EQ(receive(pair.there).value(), 0);
    EXPECT_EQ(files.size(), 1u);
}

TEST_F(Descriptors, Dup2ClosesWhatWasThere) {
    const Pair pair = connection();
    const int other = stream();
    EXPECT_EQ(client.dup2(other, pair.here), pair.here);
    run();
    EXPECT_EQ(receive(pair.there).value(), 0);
    EXPECT_EQ(client.dup2(other, other), other);
    EXPECT_EQ(client.dup3(other, other, 0), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.dup3(other, 9, 1), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.dup2(99, 9), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.dup2(99, 99), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.dup2(other, 1024), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.dup2(other, -1), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.dup2(other, 900), 900);
    EXPECT_EQ(client.dup3(other, 1, abi::kCloseOnExec), 1);
    EXPECT_EQ(client.fcntl(1, abi::fcntl::kGetDescriptorFlags), 1);
}

TEST_F(Descriptors, ATableHasItsLimit) {
    Client small{files, {.lowest_descriptor = 0, .most_descriptors = 2}};
    EXPECT_EQ(small.socket(abi::kInet, abi::kStream, 0), 0);
    EXPECT_EQ(small.epoll_create(), 1);
    EXPECT_EQ(small.socket(abi::kInet, abi::kStream, 0), failure(Errc::TooManyOpenFiles));
    EXPECT_EQ(small.dup(0), failure(Errc::TooManyOpenFiles));
    EXPECT_FALSE(small.pipe());
    EXPECT_EQ(small.fcntl(0, abi::fcntl::kDuplicate, 2), failure(Errc::InvalidArgument));
    EXPECT_EQ(small.fcntl(0, abi::fcntl::kDuplicate, 1), failure(Errc::TooManyOpenFiles));
}

TEST_F(Descriptors, AForkSharesOpenFilesAndAnExecClosesSome) {
    const Pair pair = connection();
    {
        Client child{files};
        client.share_with(child);
        EXPECT_EQ(client.close(pair.here).value(), 0);
        run();
        EXPECT_EQ(receive(pair.there, 64, abi::msg::kDontWait).value(), failure(Errc::WouldBlock));
        EXPECT_EQ(child.send(pair.here, {.from = bytes_of("child")}, 0).value(), 5);
        ASSERT_EQ(child.fcntl(pair.here, abi::fcntl::kSetDescriptorFlags, 1), 0);
        child.exec();
        EXPECT_EQ(child.fcntl(pair.here, abi::fcntl::kGetFlags), failure(Errc::BadDescriptor));
    }
    run();
    EXPECT_EQ(text(receive(pair.there).value()), "child");
    EXPECT_EQ(receive(pair.there).value(), 0);
}

TEST_F(Descriptors, AProcessThatEndsClosesItsConnections) {
    Pair pair;
    int listening = listener(80);
    {
        Client child{files};
        const int fd = *child.socket(abi::kInet, abi::kStream, 0);
        EXPECT_EQ(finish(child.connect(fd, name_at(80).bytes())), 0);
        pair.there = static_cast<int>(*finish(client.accept(listening)));
        EXPECT_EQ(*child.pass(fd, client), 5) << "a descriptor that travelled";
        EXPECT_EQ(child.close(fd).value(), 0);
    }
    EXPECT_EQ(send(5, "x").value(), 1);
    run();
    EXPECT_EQ(text(receive(pair.there).value()), "x");
}

TEST_F(Descriptors, CloseRangeClosesOrMarks) {
    for (int i = 0; i < 4; ++i) stream();
    EXPECT_TRUE(client.close_range(4, 5, abi::kCloseRangeCloseOnExec));
    EXPECT_EQ(client.fcntl(4, abi::fcntl::kGetDescriptorFlags), 1);
    EXPECT_TRUE(client.close_range(5, ~0u, 0));
    EXPECT_EQ(client.fcntl(5, abi::fcntl::kGetFlags), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.fcntl(3, abi::fcntl::kGetFlags), abi::kReadWrite);
    EXPECT_EQ(client.close_range(5, 4, 0), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.close_range(4, 5, 64), failure(Errc::InvalidArgument));
}

TEST_F(Descriptors, SocketsThatThereAreNotAreRefusedAsLinuxDoes) {
    const auto error = [&](int domain, int type, int protocol) {
        const auto made = client.socket(domain, type, protocol);
        return made ? Errc{} : made.error();
    };
    EXPECT_EQ(error(1, 1, 0), Errc::FamilyNotSupported);
    EXPECT_EQ(error(2, 1 | 0x1000, 0), Errc::InvalidArgument);
    EXPECT_EQ(error(2, 15, 0), Errc::InvalidArgument);
    EXPECT_EQ(error(2, 5, 0), Errc::SocketTypeNotSupported);
    EXPECT_EQ(error(2, 1, 17), Errc::ProtocolNotSupported);
    EXPECT_EQ(error(2, 2, 6), Errc::ProtocolNotSupported);
    EXPECT_EQ(error(2, 1, -1), Errc::InvalidArgument);
    EXPECT_EQ(error(2, 1, 263), Errc::InvalidArgument);
    EXPECT_EQ(error(2, 3, 0), Errc::ProtocolNotSupported);
    EXPECT_EQ(error(2, 3, 1), Errc::NotPermitted);
}

}  // namespace
}  // namespace fairlead::posix
