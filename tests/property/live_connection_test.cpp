// A peer that means no good, on connections that stand: what it can make us hold, say and wait for.
#include <gtest/gtest.h>

#include "property/stranger.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

class LiveConnection : public ::testing::TestWithParam<Family> {
protected:
    void SetUp() override {
        listener = *world.stack.socket(GetParam(), SocketType::Stream);
        ASSERT_TRUE(world.stack.bind(listener, {IpAddress::any(GetParam()), 80}));
        ASSERT_TRUE(world.stack.listen(listener, 10));
        talk = &world.open(GetParam(), 80, 1000, Stranger::syn_options());
        const auto s = world.stack.accept(listener);
        ASSERT_TRUE(s);
        socket = *s;
        idle = held();
    }
    // All memory that the stack's packets hold down.
    std::size_t held() const {
        const PacketPool::Usage& u = world.pool.usage();
        return u.buffer_bytes + u.packets * sizeof(Packet);
    }
    // Beside twice its buffer a socket may hold a few packets in hand.
    static constexpr std::size_t kSlack = std::size_t{64} << 10;
    std::size_t receive_buffer() {
        return static_cast<std::size_t>(*world.stack.option(socket, Option::ReceiveBuffer));
    }
    Said at(std::uint32_t offset, std::size_t bytes, std::uint32_t from) {
        Said s = Stranger::honest(*talk, Frame(bytes, std::byte{'x'}));
        s.seq = from + offset;
        return s;
    }
    // Reads all that is there.
    std::size_t drain() {
        std::size_t total = 0;
        std::vector<std::byte> room(65536);
        while (const auto n = world.stack.receive(socket, room)) {
            if (*n == 0) break;
            total += *n;
        }
        return total;
    }
    TcpState state() const { return world.stack.tcp_info(socket)->state; }
    // Nothing is left once everybody has gone.
    void end() {
        EXPECT_TRUE(world.stack.close(socket));
        EXPECT_TRUE(world.stack.close(listener));
        EXPECT_TRUE(world.wait(Duration::from_s(3600)));
        EXPECT_TRUE(world.stack.sockets().empty());
        EXPECT_EQ(world.pool.usage().packets, 0u);
    }

    Stranger world{};
    SocketId listener{};
    SocketId socket{};
    Talk* talk = nullptr;
    std::size_t idle = 0;
};

INSTANTIATE_TEST_SUITE_P(Both, LiveConnection, ::testing::Values(Family::Inet, Family::Inet6),
                         [](const auto& p) { return p.param == Family::Inet ? "V4" : "V6"; });

TEST_P(LiveConnection, SmallSegmentsThatNobodyReadsHoldNoMoreThanTwiceTheBuffer) {
    for (const std::size_t size : {1u, 100u, 257u, 600u}) {
        std::size_t most = 0;
        for (int i = 0; i < 20'000; ++i) {
            world.say(*talk, at(0, size, talk->seq));
            ASSERT_TRUE(world.settle());
            most = std::max(most, held() - idle);
        }
        EXPECT_LT(most, 2 * receive_buffer() + kSlack) << size;
        EXPECT_GT(drain(), std::size_t{10'000});
        ASSERT_TRUE(world.wait(1_s));
        ASSERT_EQ(state(), TcpState::Established);
    }
    end();
}

TEST_P(LiveConnection, EarlyBytesWithGapsHoldNoMoreThanTwiceTheBuffer) {
    const std::uint32_t from = talk->seq;
    std::size_t most = 0;
    for (std::uint32_t i = 1; i < 30'000; ++i) {
        world.say(*talk, at(2 * i, 1, from));
        if (i % 16 == 0) {
            ASSERT_TRUE(world.settle());
            most = std::max(most, held() - idle);
        }
    }
    EXPECT_LT(most, 2 * receive_buffer() + kSlack);
    EXPECT_EQ(drain(), 0u);
    EXPECT_EQ(state(), TcpState::Established);
    end();
}

TEST_P(LiveConnection, EarlyBytesInOneRunHoldNoMoreThanTwiceTheBuffer) {
    for (const bool backwards : {false, true}) {
        const std::uint32_t from = talk->seq;
        std::size_t most = 0;
        for (std::uint32_t i = 1; i < 30'000; ++i) {
            world.say(*talk, at(backwards ? 30'001 - i : i, 1, from));
            if (i % 16 == 0) {
                ASSERT_TRUE(world.settle());
                most = std::max(most, held() - idle);
            }
        }
        EXPECT_LT(most, 2 * receive_buffer() + kSlack);
        // The hole is filled: what was kept is there, what was not is asked for again.
        std::size_t got = 0;
        for (int i = 0; i < 1000 && talk->seq - from < 30'001; ++i) {
            world.say(*talk, at(0, std::min(1000u, from + 30'001 - talk->seq), talk->seq));
            ASSERT_TRUE(world.settle());
            got += drain();
        }
        EXPECT_EQ(got, std::size_t{30'001});
        ASSERT_TRUE(world.wait(1_s));
    }
    end();
}

// Every byte says where it stands in the stream: whatever overlaps, the reader sees one stream.
TEST_P(LiveConnection, OverlappingSegmentsInAnyOrderAreOneStream) {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        const std::uint32_t from = talk->seq;
        constexpr std::uint32_t kLength = 20'000;
        const auto byte_at = [&](std::uint32_t i) { return static_cast<std::byte>(i * 31 + seed); };
        Frame got;
        Frame room(65536);
        for (int i = 0; i < 5000 && got.size() < kLength; ++i) {
            const std::uint32_t begin =
                i % 4 == 0 ? talk->seq - from : static_cast<std::uint32_t>(random() % kLength);
            const std::uint32_t n =
                std::min<std::uint32_t>(kLength - std::min(begin, kLength), random() % 1400);
            Said s = at(begin, n, from);
            for (std::uint32_t k = 0; k < n; ++k) s.payload[k] = byte_at(begin + k);
            world.say(*talk, s);
            if (random() % 3 == 0) {
                ASSERT_TRUE(world.settle());
            }
            if (random() % 50 == 0) {
                if (const auto m = world.stack.receive(socket, room)) {
                    got.insert(got.end(), room.begin(),
                               room.begin() + static_cast<std::ptrdiff_t>(*m));
                }
            }
        }
        ASSERT_TRUE(world.settle());
        while (const auto m = world.stack.receive(socket, room)) {
            if (*m == 0) break;
            got.insert(got.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(*m));
        }
        ASSERT_EQ(got.size(), kLength);
        for (std::uint32_t k = 0; k < kLength; ++k) ASSERT_EQ(got[k], byte_at(k)) << k;
        ASSERT_TRUE(world.wait(1_s));
    }
    end();
}

TEST_P(LiveConnection, SackBlocksThatLieHurtNobody) {
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        const Frame data(100'000, std::byte{'d'});
        (void)world.stack.send(socket, data);
        ASSERT_TRUE(world.settle());
        for (int i = 0; i < 2000; ++i) {
            Said s = Stranger::honest(*talk);
            s.ack = talk->acked_from + 1;  // of nothing, or of what it likes
            if (random() % 8 == 0) s.ack = talk->ack - random() % 20'000;
            wire::TcpOptions o{.timestamps = wire::TcpTimestamps{talk->time++, talk->stack_time}};
            o.sack_count = static_cast<std::uint8_t>(1 + random() % 3);
            for (std::size_t k = 0; k < o.sack_count; ++k) {
                const std::uint32_t begin = talk->ack - 60'000 + random() % 80'000;
                o.sack_blocks[k] = {wire::Seq32{begin},
                                    wire::Seq32{begin + random() % 30'000 - 5000}};
            }
            s.options = Stranger::options_of(o);
            world.say(*talk, s);
            if (i % 64 == 0) {
                ASSERT_TRUE(world.wait(100_ms));
            } else {
                ASSERT_TRUE(world.settle());
            }
        }
        // Honest again: all goes through.
        for (int i = 0; i < 3000 && *world.stack.bytes_unacked(socket) > 0; ++i) {
            world.say(*talk, Stranger::honest(*talk));
            ASSERT_TRUE(world.wait(50_ms));
        }
        EXPECT_EQ(*world.stack.bytes_unacked(socket), 0u);
        ASSERT_EQ(state(), TcpState::Established);
    }
    end();
}

TEST_P(LiveConnection, AcksOfWhatWasNeverSentAreChallengedNowAndThen) {
    const std::uint64_t before = world.frames_sent;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        Said s = Stranger::honest(*talk);
        s.ack = talk->ack + 1 + i;
        world.say(*talk, s);
        if (i % 32 == 0) {
            ASSERT_TRUE(world.settle());
        }
    }
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(state(), TcpState::Established);
    EXPECT_EQ(world.frames_sent - before, 1u);  // all at one instant: one answer
    EXPECT_EQ(world.count(Counter::TcpExtTCPACKSkippedChallenge), 19'999u);
    end();
}

TEST_P(LiveConnection, ResetsAndSynsThatMissTheExactNumberEndNothing) {
    const std::uint64_t before = world.frames_sent;
    for (std::uint32_t i = 1; i < 20'000; ++i) {
        Said s = Stranger::honest(*talk);
        s.seq = talk->seq + i * 3;
        s.flags = {.syn = i % 2 == 0, .rst = i % 2 == 1};
        world.say(*talk, s);
        if (i % 32 == 0) {
            ASSERT_TRUE(world.settle());
        }
    }
    EXPECT_EQ(state(), TcpState::Established);
    EXPECT_LE(world.frames_sent - before, 2u);
    // And the exact one does.
    Said exact = Stranger::honest(*talk);
    exact.flags = {.rst = true};
    world.say(*talk, exact);
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(*world.stack.option(socket, Option::Error), to_errno(Errc::ConnectionReset));
    end();
}

// RFC 9293 MUST-7, MUST-64
TEST_P(LiveConnection, OptionsOfAnyShapeAreReadWithinTheirBounds) {
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance random{seed};
        for (int i = 0; i < 5000; ++i) {
            Said s = Stranger::honest(*talk, Frame(random() % 3, std::byte{'o'}));
            s.options.resize(random() % 41);
            for (std::byte& b : s.options) {
                // Kinds that exist, and lengths near the truth.
                constexpr std::uint8_t kLikely[] = {0, 1, 2, 3, 4, 5, 8, 10, 18, 19, 30, 34, 254};
                b = static_cast<std::byte>(random() % 4 == 0 ? random() : kLikely[random() % 13]);
            }
            world.say(*talk, s);
            if (i % 16 == 0) {
                ASSERT_TRUE(world.wait(1_ms));
            }
        }
        drain();
        ASSERT_EQ(state(), TcpState::Established);
    }
    end();
}

TEST_P(LiveConnection, APeerThatNeverAcknowledgesIsGivenUp) {
    ASSERT_TRUE(world.stack.send(socket, Frame(5000, std::byte{'n'})));
    ASSERT_TRUE(world.wait(Duration::from_s(20 * 60)));
    EXPECT_EQ(*world.stack.option(socket, Option::Error), to_errno(Errc::TimedOut));
    EXPECT_EQ(world.count(Counter::TcpExtTCPAbortOnTimeout), 1u);
    EXPECT_EQ(world.count(Counter::TcpCurrEstab), 0u);
    end();
}

TEST_P(LiveConnection, AWindowThatShutsAndIsNeverHeardOfAgainIsGivenUp) {
    Said s = Stranger::honest(*talk);
    s.window = 0;
    world.say(*talk, s);
    ASSERT_TRUE(world.settle());
    ASSERT_TRUE(world.stack.send(socket, Frame(5000, std::byte{'z'})));
    ASSERT_TRUE(world.wait(Duration::from_s(40 * 60)));
    EXPECT_EQ(*world.stack.option(socket, Option::Error), to_errno(Errc::TimedOut));
    end();
}

// A peer that keeps its window shut and answers every probe holds an open socket for ever, as on
// Linux; but not one that nobody owns any more.
TEST_P(LiveConnection, AWindowThatStaysShutHoldsNoOrphan) {
    Said s = Stranger::honest(*talk);
    s.window = 0;
    world.say(*talk, s);
    ASSERT_TRUE(world.settle());
    ASSERT_TRUE(world.stack.send(socket, Frame(5000, std::byte{'z'})));
    ASSERT_TRUE(world.stack.close(socket));
    ASSERT_TRUE(world.stack.close(listener));
    for (int i = 0; i < 3600 && !world.stack.sockets().empty(); ++i) {
        const std::uint64_t before = world.frames_sent;
        ASSERT_TRUE(world.wait(1_s));
        if (world.frames_sent == before) continue;
        Said answer = Stranger::honest(*talk);
        answer.ack = talk->acked_from + 1;
        answer.window = 0;
        world.say(*talk, answer);
    }
    EXPECT_TRUE(world.stack.sockets().empty());
    EXPECT_LE(held(), PacketPool::kLargeBytes + kSlack);
}

}  // namespace
