#include "tcp/sack_reply.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

std::vector<Range> blocks(const SackReply& reply) {
    return {reply.blocks().begin(), reply.blocks().end()};
}

// RFC 2018 §4: the newest first, those before it after it, four at most.
TEST(SackReplyRoom, TheNewestBlockComesFirst) {
    SackReply reply;
    EXPECT_TRUE(reply.empty());
    for (const std::int64_t begin : {100, 200, 300, 400, 500}) {
        reply.on_out_of_order(range(begin, begin + 10));
    }
    EXPECT_EQ(blocks(reply),
              (std::vector{range(500, 510), range(400, 410), range(300, 310), range(200, 210)}));
    reply.on_out_of_order(range(300, 320));
    EXPECT_EQ(blocks(reply),
              (std::vector{range(300, 320), range(500, 510), range(400, 410), range(200, 210)}));
}

TEST(SackReplyRoom, BlocksThatGrewTogetherAreOne) {
    SackReply reply;
    reply.on_out_of_order(range(100, 200));
    reply.on_out_of_order(range(300, 400));
    reply.on_out_of_order(range(100, 400));
    EXPECT_EQ(blocks(reply), (std::vector{range(100, 400)}));
}

TEST(SackReplyRoom, WhatIsInOrderNowIsNoLongerReported) {
    SackReply reply;
    reply.on_out_of_order(range(300, 400));
    reply.on_out_of_order(range(100, 200));
    reply.on_advance(at(99));
    EXPECT_EQ(reply.blocks().size(), 2u);
    reply.on_advance(at(200));
    EXPECT_EQ(blocks(reply), (std::vector{range(300, 400)}));
    reply.on_advance(at(400));
    EXPECT_TRUE(reply.empty());
}

// RFC 2883 §4: a duplicate is reported once.
TEST(SackReplyRoom, ADuplicateIsReportedOnce) {
    SackReply reply;
    reply.set_duplicate(range(50, 60));
    EXPECT_FALSE(reply.empty());
    EXPECT_EQ(reply.duplicate(), range(50, 60));
    reply.set_duplicate(range(60, 70));
    EXPECT_EQ(reply.duplicate(), range(50, 70));
    reply.forget_duplicate();
    EXPECT_FALSE(reply.duplicate());
    EXPECT_TRUE(reply.empty());
}

constexpr bool is_usable_in_constants() {
    SackReply reply;
    reply.on_out_of_order(range(10, 20));
    reply.on_out_of_order(range(30, 40));
    return reply.blocks().size() == 2 && reply.blocks()[0] == range(30, 40);
}
static_assert(is_usable_in_constants());

}  // namespace
}  // namespace fairlead::tcp
