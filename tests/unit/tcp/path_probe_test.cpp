// tcp_mtu_probing where nobody says how large a packet may be: a peer behind a link that swallows the
// large ones in silence.
#include <map>

#include "unit/tcp/peer.hpp"

namespace fairlead::tcp {
namespace {

class BlackHole : public HandPeer {
protected:
    // Answers what comes through a path of `mtu` until all of `bytes` is there.
    void receive(std::int64_t bytes, std::int64_t mtu) {
        const std::vector<std::byte> data(static_cast<std::size_t>(bytes));
        std::size_t written = 0;
        for (int i = 0; i < 20'000 && next_ <= bytes; ++i) {
            const auto more = stack.send(socket, Bytes{data}.subspan(written));
            if (more) written += *more;
            run(10_ms);
            const std::vector<Segment> arrived = std::exchange(heard, {});
            for (const Segment& s : arrived) {
                if (s.payload + kHeaders <= mtu) take(s);
            }
        }
        EXPECT_EQ(next_, bytes + 1);
    }
    std::uint64_t successes() const { return stack.counters()[Counter::TcpExtTCPMTUPSuccess]; }
    std::uint64_t failures() const { return stack.counters()[Counter::TcpExtTCPMTUPFail]; }
    std::int64_t mss() { return stack.tcp_info(socket)->send_mss; }

    static constexpr std::int64_t kHeaders = 40;

private:
    void take(const Segment& s) {
        early_[s.seq] = std::max(early_[s.seq], s.seq + s.payload);
        while (!early_.empty() && early_.begin()->first <= next_) {
            next_ = std::max(next_, early_.begin()->second);
            early_.erase(early_.begin());
        }
        Segment answer{.seq = 1, .ack = next_};
        if (!early_.empty()) {
            // The run that this segment is in, or the first.
            auto end = early_.begin()->second;
            for (const auto& [from, to] : early_) {
                if (from <= end) end = std::max(end, to);
            }
            answer.options.sack_count = 1;
            answer.options.sack_blocks[0] = {on_wire(early_.begin()->first), on_wire(end)};
        }
        put_on_wire(answer);
    }
    wire::Seq32 on_wire(std::int64_t position) const {
        return wire::Seq32{stack_isn + static_cast<std::uint32_t>(position)};
    }

    std::int64_t next_ = 1;
    std::map<std::int64_t, std::int64_t> early_{};
};

TEST_F(BlackHole, IsFoundByTimeoutsAndTheSearchGoesUpAgain) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_mtu_probing", "1"));
    open();
    receive(1'000'000, 1300);
    EXPECT_GT(successes(), 0u);
    EXPECT_GT(mss(), 1300 - kHeaders - 8);
    EXPECT_LE(mss(), 1300 - kHeaders);
}

TEST_F(BlackHole, IsNotMetByWhoBeginsSmall) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_mtu_probing", "2"));
    open();
    receive(1'000'000, 1300);
    EXPECT_GT(successes(), 0u);
    EXPECT_GT(failures(), 0u);
    EXPECT_GT(mss(), 1300 - kHeaders - 8);
    EXPECT_LE(mss(), 1300 - kHeaders);
    EXPECT_EQ(stack.counters()[Counter::TcpExtTCPTimeouts], 0u);
}

TEST_F(BlackHole, IsNoneWhereAllArrives) {
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_mtu_probing", "2"));
    open();
    receive(1'000'000, 1500);
    EXPECT_EQ(failures(), 0u);
    EXPECT_GT(mss(), 1460 - 8);
}

}  // namespace
}  // namespace fairlead::tcp
