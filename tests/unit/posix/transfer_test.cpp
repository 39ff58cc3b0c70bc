// sendfile, splice and pipes: bytes that go from one file to another.
#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

class Transfer : public Process {
protected:
    static Result<std::size_t> read_from(void* user, std::int64_t offset, MutableBytes into) {
        const auto& text = *static_cast<const std::string*>(user);
        const auto at = std::min(static_cast<std::size_t>(offset), text.size());
        const std::size_t n = std::min(into.size(), text.size() - at);
        std::ranges::copy(bytes_of(text).subspan(at, n), into.begin());
        return n;
    }
    static void note_closed(void* user) { *static_cast<std::string*>(user) = "closed"; }

    int source_of(std::string& text, FileSource::Closed closed = nullptr) {
        return *client.open_source({.read = &read_from, .closed = closed, .user = &text});
    }
    std::string all_of(int fd) {
        std::string out;
        for (;;) {
            run();
            const Call call = receive(fd, buffer.size(), abi::msg::kDontWait);
            if (!call.value() || *call.value() == 0) return out;
            out += text(call.value());
        }
    }
};

TEST_F(Transfer, SendfileGoesFromItsOffsetOrFromWhereTheFileStands) {
    const Pair pair = connection();
    std::string content = "0123456789";
    const int in = source_of(content, &note_closed);
    std::int64_t offset = 4;
    EXPECT_EQ(client.sendfile(pair.here, in, &offset, 3).value(), 3);
    EXPECT_EQ(offset, 7);
    EXPECT_EQ(client.sendfile(pair.here, in, nullptr, 100).value(), 10);
    EXPECT_EQ(client.sendfile(pair.here, in, nullptr, 100).value(), 0) << "it stands at the end";
    EXPECT_EQ(all_of(pair.there), "4560123456789");
    EXPECT_EQ(client.close(in).value(), 0);
    EXPECT_EQ(content, "closed");
}

TEST_F(Transfer, SendfileWaitsForRoomAndGoesOn) {
    const Pair pair = connection();
    std::string content(5'000'000, 'x');
    content.back() = '!';
    const int in = source_of(content);
    Call call = client.sendfile(pair.here, in, nullptr, content.size());
    EXPECT_FALSE(call.is_done());
    std::string got;
    while (!call.resume()) got += all_of(pair.there);
    EXPECT_EQ(call.value(), 5'000'000);
    got += all_of(pair.there);
    EXPECT_TRUE(got == content);
    // One that must not wait says how far it came.
    ASSERT_EQ(client.fcntl(pair.here, abi::fcntl::kSetFlags, abi::kNonblock), 0);
    std::int64_t offset = 0;
    const Call some = client.sendfile(pair.here, in, &offset, content.size());
    ASSERT_TRUE(some.value());
    EXPECT_LT(*some.value(), 5'000'000);
    EXPECT_EQ(offset, *some.value());
}

TEST_F(Transfer, SendfileRefusesWhatLinuxRefuses) {
    const Pair pair = connection();
    std::string content = "x";
    const int in = source_of(content);
    std::int64_t offset = 0;
    const int epfd = *client.epoll_create();
    EXPECT_EQ(client.sendfile(99, in, nullptr, 1).value(), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.sendfile(pair.here, 99, nullptr, 1).value(), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.sendfile(pair.here, pair.there, &offset, 1).value(),
              failure(Errc::IllegalSeek));
    EXPECT_EQ(client.sendfile(in, in, nullptr, 1).value(), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.sendfile(epfd, in, nullptr, 1).value(), failure(Errc::InvalidArgument));
    EXPECT_EQ(client.write(in, bytes_of("x")).value(), failure(Errc::BadDescriptor));
    EXPECT_EQ(client.close(pair.there).value(), 0);
    run();
    client.send(pair.here, {.from = bytes_of("x")}, abi::msg::kNoSignal);
    run();
    client.receive(pair.here, {.into = MutableBytes{buffer}}, 0);
    const Call broken = client.sendfile(pair.here, in, nullptr, 1);
    EXPECT_EQ(broken.value(), failure(Errc::BrokenPipe));
    EXPECT_TRUE(broken.answer().raises_sigpipe);
}

TEST_F(Transfer, ASplicedStreamIsNotDamagedByAFullPipe) {
    const Pair pair = connection();
    const auto [out, in] = *client.pipe();
    const std::string content(100'000, 'y');
    Call write = send(pair.here, content);
    run();
    std::int64_t spliced = 0;
    for (;;) {
        const Call some = client.splice(pair.there, in, 1'000'000, abi::kSpliceNonblock);
        if (!some.value()) break;
        spliced += *some.value();
        run();
    }
    EXPECT_EQ(spliced, static_cast<std::int64_t>(Pipe::kCapacity));
    EXPECT_EQ(client.splice(pair.there, in, 10, abi::kSpliceNonblock).value(),
              failure(Errc::WouldBlock));
    // A blocking one waits for the reader.
    Call blocked = client.splice(pair.there, in, 10, 0);
    EXPECT_FALSE(blocked.is_done());
    EXPECT_EQ(client.read(out, MutableBytes{buffer}).value(),
              static_cast<std::int64_t>(Pipe::kCapacity));
    EXPECT_TRUE(blocked.is_woken());
    EXPECT_EQ(finish(blocked), 10);
    EXPECT_TRUE(write.is_done() || finish(write));
}

TEST_F(Transfer, APipeWaitsAndTellsOfItsOtherEnd) {
    const auto [out, in] = *client.pipe();
    Call read = client.read(out, MutableBytes{buffer}.first(10));
    EXPECT_FALSE(read.is_done());
    EXPECT_EQ(client.write(in, bytes_of("abc")).value(), 3);
    EXPECT_EQ(text(finish(read)), "abc");
    Call last = client.read(out, MutableBytes{buffer}.first(10));
    EXPECT_EQ(client.close(in).value(), 0);
    EXPECT_EQ(finish(last), 0);

    const auto [out2, in2] = *client.pipe();
    const std::string large(Pipe::kCapacity + 1, 'x');
    Call write = client.write(in2, bytes_of(large));
    EXPECT_FALSE(write.is_done());
    EXPECT_EQ(client.close(out2).value(), 0);
    EXPECT_EQ(finish(write), static_cast<std::int64_t>(Pipe::kCapacity));
    const Call broken = client.write(in2, bytes_of("x"));
    EXPECT_EQ(broken.value(), failure(Errc::BrokenPipe));
    EXPECT_TRUE(broken.answer().raises_sigpipe);
}

TEST_F(Transfer, SmallWritesGoIntoAPipeWholeOrNotAtAll) {
    const auto [out, in] = *client.pipe(abi::kNonblock);
    const std::string most(Pipe::kCapacity - 100, 'x');
    EXPECT_EQ(client.write(in, bytes_of(most)).value(), static_cast<std::int64_t>(most.size()));
    EXPECT_EQ(client.write(in, bytes_of(std::string(101, 'y'))).value(), failure(Errc::WouldBlock));
    EXPECT_EQ(client.write(in, bytes_of(std::string(Pipe::kAtomic + 1, 'y'))).value(), 100);
    EXPECT_EQ(ready(out, abi::kIn), abi::kIn);
    EXPECT_EQ(ready(in, abi::kOut), 0);
}

TEST_F(Transfer, VectorsAreReadAndWrittenInOrder) {
    const Pair pair = connection();
    const std::array parts{bytes_of("one "), bytes_of(""), bytes_of("two")};
    EXPECT_EQ(client.write(pair.here, std::span<const Bytes>{parts}).value(), 7);
    run();
    std::array<std::byte, 3> first{};
    std::array<std::byte, 10> second{};
    const std::array into{MutableBytes{first}, MutableBytes{second}};
    const std::span<const MutableBytes> pieces{into};
    EXPECT_EQ(client.receive(pair.there, {.into = pieces}, abi::msg::kPeek).value(), 7);
    first = {};
    EXPECT_EQ(client.read(pair.there, pieces).value(), 7);
    EXPECT_EQ(std::memcmp(first.data(), "one", 3), 0);
    EXPECT_EQ(std::memcmp(second.data(), " two", 4), 0);
    const std::vector<Bytes> many(1025);
    EXPECT_EQ(client.write(pair.here, std::span<const Bytes>{many}).value(),
              failure(Errc::InvalidArgument));
    EXPECT_EQ(client.send(pair.here, {.from = std::span<const Bytes>{many}}, 0).value(),
              failure(Errc::MessageTooLong));
}

}  // namespace
}  // namespace fairlead::posix
