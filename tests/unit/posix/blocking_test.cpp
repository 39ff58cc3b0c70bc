// Calls that wait: what ends them, and who of several is woken.
#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

using Blocking = Process;

TEST_F(Blocking, ConnectAndAcceptWaitForEachOther) {
    const int listening = listener(80);
    Call accept = client.accept(listening);
    EXPECT_FALSE(accept.is_done());
    EXPECT_EQ(accept.deadline(), Instant::never());
    const int fd = stream();
    Call connect = client.connect(fd, name_at(80).bytes());
    EXPECT_FALSE(connect.is_done());
    EXPECT_EQ(finish(connect), 0);
    run();
    EXPECT_TRUE(accept.is_woken());
    ASSERT_TRUE(accept.resume());
    EXPECT_EQ(accept.value(), 5);
    EXPECT_EQ(accept.answer().name.size, abi::kInetName);
    EXPECT_EQ(client.connect(fd, name_at(80).bytes()).value(), failure(Errc::AlreadyConnected));
}

TEST_F(Blocking, ANonblockingConnectSaysHowItWent) {
    const int listening = listener(80);
    const int fd = stream(Family::Inet, abi::kNonblock);
    EXPECT_EQ(client.connect(fd, name_at(80).bytes()).value(), failure(Errc::InProgress));
    EXPECT_EQ(client.connect(fd, name_at(80).bytes()).value(), failure(Errc::AlreadyInProgress));
    EXPECT_EQ(send(fd, "x").value(), failure(Errc::WouldBlock));
    run();
    EXPECT_EQ(client.connect(fd, name_at(80).bytes()).value(), 0);
    EXPECT_EQ(client.connect(fd, name_at(80).bytes()).value(), failure(Errc::AlreadyConnected));
    EXPECT_EQ(client.close(listening).value(), 0);

    const int refused = stream(Family::Inet, abi::kNonblock);
    EXPECT_EQ(client.connect(refused, name_at(81).bytes()).value(), failure(Errc::InProgress));
    run();
    EXPECT_EQ(client.connect(refused, name_at(81).bytes()).value(),
              failure(Errc::ConnectionRefused));
    EXPECT_EQ(ready(refused, abi::kOut), abi::kOut | abi::kHangup);

    const int asked = stream(Family::Inet, abi::kNonblock);
    EXPECT_EQ(client.connect(asked, name_at(81).bytes()).value(), failure(Errc::InProgress));
    run();
    int error = 0;
    const auto into = std::as_writable_bytes(std::span{&error, 1});
    EXPECT_EQ(client.getsockopt(asked, abi::kSolSocket, abi::so::kError, into), sizeof error);
    EXPECT_EQ(error, 111);
    EXPECT_EQ(client.connect(asked, name_at(81).bytes()).value(), failure(Errc::ConnectionAborted));
}

TEST_F(Blocking, AReaderWaitsUntilThereIsSomething) {
    const Pair pair = connection();
    Call read = receive(pair.there);
    EXPECT_FALSE(read.is_done());
    EXPECT_EQ(send(pair.here, "hello").value(), 5);
    EXPECT_EQ(text(finish(read)), "hello");
    EXPECT_EQ(client.read(pair.there, MutableBytes{}).value(), 0);
    EXPECT_FALSE(receive(pair.there, 0).is_done()) << "recv() for nothing waits for something";
}

TEST_F(Blocking, WaitAllWaitsForAllAndTheEndBreaksIt) {
    const Pair pair = connection();
    Call read = receive(pair.there, 10, abi::msg::kWaitAll);
    EXPECT_EQ(send(pair.here, "hello").value(), 5);
    run();
    EXPECT_FALSE(read.resume());
    EXPECT_EQ(send(pair.here, "world and more").value(), 14);
    EXPECT_EQ(text(finish(read)), "helloworld");
    EXPECT_EQ(text(receive(pair.there, 64, abi::msg::kPeek).value()), " and more");
    Call rest = receive(pair.there, 64, abi::msg::kWaitAll);
    EXPECT_FALSE(rest.is_done());
    EXPECT_TRUE(client.shutdown(pair.here, 1));
    EXPECT_EQ(text(finish(rest)), " and more");
    EXPECT_EQ(receive(pair.there).value(), 0);
}

TEST_F(Blocking, AReaderWaitsForItsLowWaterMark) {
    const Pair pair = connection();
    const int low = 6;
    const auto value = std::as_bytes(std::span{&low, 1});
    ASSERT_TRUE(client.setsockopt(pair.there, abi::kSolSocket, abi::so::kReceiveLowWater, value));
    Call read = receive(pair.there);
    send(pair.here, "hello");
    run();
    EXPECT_EQ(ready(pair.there, abi::kIn), 0);
    EXPECT_FALSE(read.resume());
    send(pair.here, "!");
    EXPECT_EQ(text(finish(read)), "hello!");
    send(pair.here, "hello!");
    run();
    EXPECT_EQ(ready(pair.there, abi::kIn), abi::kIn);
}

TEST_F(Blocking, ATimeoutEndsACall) {
    const Pair pair = connection();
    const std::array<std::int64_t, 2> quarter{0, 250'000};
    const auto value = std::as_bytes(std::span{quarter});
    ASSERT_TRUE(client.setsockopt(pair.there, abi::kSolSocket, abi::so::kReceiveTimeout, value));
    Call read = receive(pair.there);
    const Instant before = now;
    EXPECT_EQ(read.deadline(), before + 250_ms);
    EXPECT_EQ(finish(read), failure(Errc::WouldBlock));
    EXPECT_EQ(now, before + 250_ms);

    const int listening = listener(90);
    ASSERT_TRUE(client.setsockopt(listening, abi::kSolSocket, abi::so::kReceiveTimeout, value));
    EXPECT_EQ(finish(client.accept(listening)), failure(Errc::WouldBlock));

    // A SYN that nobody answers.
    const int fd = stream();
    ASSERT_TRUE(client.setsockopt(fd, abi::kSolSocket, abi::so::kSendTimeout, value));
    Call connect = client.connect(fd, name_at(90).bytes());
    now = now + 250_ms;
    stack.advance(now);
    ASSERT_TRUE(connect.resume());
    EXPECT_EQ(connect.value(), failure(Errc::InProgress));
}

TEST_F(Blocking, AWriterWaitsUntilAllIsTaken) {
    const Pair pair = connection();
    const std::string large(3'000'000, 'x');
    Call write = send(pair.here, large);
    EXPECT_FALSE(write.is_done());
    std::size_t got = 0;
    for (int i = 0; i < 10'000 && !write.resume(); ++i) {
        run();
        const Call read = receive(pair.there, buffer.size(), abi::msg::kDontWait);
        if (read.value()) got += static_cast<std::size_t>(*read.value());
    }
    EXPECT_EQ(write.value(), 3'000'000);
    EXPECT_GT(got, 0u);
    const Call some = send(pair.here, large, abi::msg::kDontWait);
    EXPECT_TRUE(some.value() == failure(Errc::WouldBlock) || *some.value() < 3'000'000);
}

TEST_F(Blocking, AResetEndsAWaitAndTheErrorIsToldOnce) {
    const Pair pair = connection();
    Call read = receive(pair.here);
    const std::array<int, 2> linger{1, 0};
    const auto value = std::as_bytes(std::span{linger});
    ASSERT_TRUE(client.setsockopt(pair.there, abi::kSolSocket, abi::so::kLinger, value));
    EXPECT_EQ(client.close(pair.there).value(), 0);
    EXPECT_EQ(finish(read), failure(Errc::ConnectionReset));
    EXPECT_EQ(receive(pair.here).value(), 0);
    const Call write = send(pair.here, "x");
    EXPECT_EQ(write.value(), failure(Errc::BrokenPipe));
    EXPECT_TRUE(write.answer().raises_sigpipe);
    EXPECT_FALSE(send(pair.here, "x", abi::msg::kNoSignal).answer().raises_sigpipe);
}

TEST_F(Blocking, LingeringCloseWaitsForTheAcknowledgement) {
    const Pair pair = connection();
    const std::array<int, 2> linger{1, 5};
    const auto value = std::as_bytes(std::span{linger});
    ASSERT_TRUE(client.setsockopt(pair.here, abi::kSolSocket, abi::so::kLinger, value));
    send(pair.here, "last words");
    const Instant before = now;
    Call close = client.close(pair.here);
    EXPECT_FALSE(close.is_done());
    EXPECT_EQ(close.deadline(), before + 5_s);
    EXPECT_EQ(client.fcntl(pair.here, abi::fcntl::kGetFlags), failure(Errc::BadDescriptor));
    EXPECT_EQ(finish(close), 0);
    EXPECT_LT(now, before + 1_s);
    EXPECT_EQ(text(receive(pair.there).value()), "last words");
    EXPECT_EQ(receive(pair.there).value(), 0);
}

TEST_F(Blocking, OneConnectionWakesOneOfTwoThatAccept) {
    const int listening = listener(80);
    Call first = client.accept(listening);
    Call second = client.accept(listening);
    first.set_cookie(1);
    second.set_cookie(2);
    const int fd = stream(Family::Inet, abi::kNonblock);
    client.connect(fd, name_at(80).bytes());
    run();
    EXPECT_TRUE(first.is_woken());
    EXPECT_FALSE(second.is_woken());
    std::array<std::uint64_t, 4> cookies{};
    EXPECT_EQ(files.take_woken(cookies), 1u);
    EXPECT_EQ(cookies[0], 1u);
    // Who is interrupted before it looked passes the wake-up on.
    first.interrupt();
    EXPECT_EQ(first.value(), failure(Errc::Interrupted));
    EXPECT_TRUE(second.is_woken());
    EXPECT_TRUE(second.resume());
    EXPECT_TRUE(second.value());
}

TEST_F(Blocking, AnInterruptedCallTellsHowFarItCame) {
    const Pair pair = connection();
    Call read = receive(pair.there, 10, abi::msg::kWaitAll);
    send(pair.here, "half");
    run();
    EXPECT_FALSE(read.resume());
    read.interrupt();
    EXPECT_EQ(text(read.value()), "half");
}

TEST_F(Blocking, ACallKeepsItsFileThoughTheDescriptorIsClosed) {
    const Pair pair = connection();
    Call read = receive(pair.there);
    EXPECT_EQ(client.close(pair.there).value(), 0);
    send(pair.here, "late");
    EXPECT_EQ(text(finish(read)), "late");
    run();
    EXPECT_EQ(receive(pair.here).value(), 0) << "closed when the call was over";
}

TEST_F(Blocking, DatagramsAreReadOneByOne) {
    const int server = datagrams();
    ASSERT_TRUE(client.bind(server, name_at(53).bytes()));
    Call read = receive(server, 4);
    EXPECT_FALSE(read.is_done());
    const int fd = datagrams();
    const SocketName to = name_at(53);
    const MessageOut message{.from = bytes_of("question"), .name = to.bytes()};
    EXPECT_EQ(client.send(fd, message, 0).value(), 8);
    EXPECT_EQ(text(finish(read)), "ques");
    EXPECT_EQ(read.answer().message_flags, abi::msg::kTruncated);
    EXPECT_EQ(read.answer().name.size, abi::kInetName);
    client.send(fd, message, 0);
    run();
    EXPECT_EQ(receive(server, 4, abi::msg::kTruncated | abi::msg::kPeek).value(), 8);
    EXPECT_EQ(text(receive(server).value()), "question");
    EXPECT_EQ(receive(server, 4, abi::msg::kDontWait).value(), failure(Errc::WouldBlock));
    EXPECT_EQ(send(fd, "x").value(), failure(Errc::DestinationRequired));
}

}  // namespace
}  // namespace fairlead::posix
