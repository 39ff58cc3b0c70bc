// The flow label of IPv6, as net.ipv6.auto_flowlabels of Linux has it: RFC 6437.
#include <gtest/gtest.h>

#include "property/stranger.hpp"
#include "wire/ipv6.hpp"

namespace fairlead::testing {
namespace {

std::uint32_t label_of(const Frame& frame) {
    const auto header = wire::parse_ipv6(part(frame, 14));
    FAIRLEAD_ASSERT(header.has_value());
    return header->flow_label;
}

struct FlowLabel : ::testing::Test {
    explicit FlowLabel(const Config& config = {}) : world{config} {
        socket = *world.stack.socket(Family::Inet6, SocketType::Datagram);
        sent_to(9);  // the neighbour is asked for once
    }
    std::uint32_t sent_to(std::uint16_t port) {
        FAIRLEAD_ASSERT(
            world.stack.send_to(socket, text("datagram"), {.to = {world.peer6, port}}).has_value());
        FAIRLEAD_ASSERT(world.settle());
        return label_of(world.last_sent);
    }

    Stranger world;
    SocketId socket{};
};

TEST_F(FlowLabel, IsOneForAllDatagramsOfAFlow) {
    const std::uint32_t label = sent_to(1000);
    EXPECT_NE(label, 0u);
    EXPECT_EQ(sent_to(1000), label);
    EXPECT_NE(sent_to(1001), label);
    EXPECT_EQ(sent_to(1000), label);
}

TEST_F(FlowLabel, IsAnotherOneInTheAnswerOfNobody) {
    Talk& t = world.talk(Family::Inet6, 9, 1000);
    world.say(t, Stranger::honest(t));
    ASSERT_TRUE(world.settle());
    EXPECT_TRUE(t.was_reset);
    EXPECT_NE(label_of(world.last_sent), 0u);
}

// sk_rethink_txhash(): a router that takes flows apart by their label may take it another way.
TEST_F(FlowLabel, ChangesWithEachTimeout) {
    const SocketId listener = *world.stack.socket(Family::Inet6, SocketType::Stream);
    ASSERT_TRUE(world.stack.bind(listener, {IpAddress::any(Family::Inet6), 80}));
    ASSERT_TRUE(world.stack.listen(listener, 1));
    world.open(Family::Inet6, 80, 1000, Stranger::syn_options());
    const std::uint32_t of_syn_ack = label_of(world.last_sent);
    const SocketId s = *world.stack.accept(listener);
    ASSERT_TRUE(world.stack.send(s, text("hello")));
    ASSERT_TRUE(world.settle());
    const std::uint32_t first = label_of(world.last_sent);
    EXPECT_EQ(first, of_syn_ack);
    ASSERT_TRUE(world.wait(10_s));
    EXPECT_GT(world.count(Counter::TcpExtTCPTimeouts), 1u);
    EXPECT_NE(label_of(world.last_sent), first);
}

struct NoFlowLabel : FlowLabel {
    NoFlowLabel() : FlowLabel{{.ip6_auto_flowlabels = 0}} {}
};

TEST_F(NoFlowLabel, WhereTheSettingSaysSo) { EXPECT_EQ(sent_to(1000), 0u); }

}  // namespace
}  // namespace fairlead::testing
