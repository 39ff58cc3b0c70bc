// What comes together is taken together, and acknowledged as one (tcp_backlog_ack_defer).
#include "unit/tcp/peer.hpp"

namespace fairlead::tcp {
namespace {

// GRO merges nothing behind a PSH, so that each comes alone.
constexpr wire::TcpFlags kPushed{.psh = true, .ack = true};

class Burst : public HandPeer {
protected:
    void bring(int segments, std::int64_t from = 1) {
        for (int i = 0; i < segments; ++i) {
            put_on_wire({.seq = from + i * 1000, .ack = 1, .flags = kPushed, .payload = 1000});
        }
        run();
    }
};

// RFC 9293 MUST-59
TEST_F(Burst, InOrderIsAcknowledgedOnceByItsLast) {
    open({.mss = 1000});
    bring(4);
    EXPECT_EQ(told(), "1-1@4001");
    EXPECT_EQ(read(), "4000");
    run(1_s);
    EXPECT_EQ(told(), "");
}

TEST_F(Burst, IsAcknowledgedSegmentBySegmentWhereThatIsAskedFor) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_backlog_ack_defer", "0"));
    open({.mss = 1000});
    bring(4);
    EXPECT_EQ(told(), "1-1@1001 1-1@2001 1-1@3001 1-1@4001");
}

// Each duplicate ACK tells the sender of one more that left (RFC 5681 §4.2).
TEST_F(Burst, BehindAGapIsAnsweredOneByOne) {
    open({.mss = 1000});
    bring(3, 1001);
    EXPECT_EQ(told(), "1-1@1 1-1@1 1-1@1");
    bring(1);
    EXPECT_EQ(told(), "1-1@4001");
}

// Who says that more comes, and brings what is refused, has his answer all the same.
TEST_F(Burst, AnAckThatWaitedForWhatWasRefusedIsSent) {
    open({.mss = 1000, .timestamps = wire::TcpTimestamps{1000, 0}});
    put_on_wire({.seq = 1,
                 .ack = 1,
                 .flags = kPushed,
                 .payload = 1000,
                 .options = {.timestamps = wire::TcpTimestamps{1001, 0}}});
    put_on_wire({.seq = 1001,
                 .ack = 1'000'000,  // of what was never sent
                 .flags = kPushed,
                 .payload = 1000,
                 .options = {.timestamps = wire::TcpTimestamps{1002, 0}}});
    run(1_s);
    ASSERT_FALSE(heard.empty());
    EXPECT_EQ(heard.back().ack, 1001);
}

}  // namespace
}  // namespace fairlead::tcp
