#include "tcp/urgent.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

constexpr Position kRead{100};
constexpr Position kNext{110};

TEST(Urgent, ThePointerIsBehindTheByteUnlessTheSettingSaysAtIt) {
    EXPECT_EQ(Urgent::pointed_at(Position{10}, 3, false), Position{12});
    EXPECT_EQ(Urgent::pointed_at(Position{10}, 3, true), Position{13});
    EXPECT_EQ(Urgent::pointed_at(Position{10}, 0, false), Position{10});
}

TEST(Urgent, APointerToWhatHasComeIsNoNews) {
    const Urgent u;
    EXPECT_FALSE(u.is_news(Position{99}, kRead, kNext));
    EXPECT_FALSE(u.is_news(Position{109}, kRead, kNext));
    EXPECT_TRUE(u.is_news(Position{110}, kRead, kNext));
}

TEST(Urgent, OnlyAFartherPointerReplacesOne) {
    Urgent u;
    u.expect(Position{120});
    EXPECT_FALSE(u.is_news(Position{115}, kRead, kNext));
    EXPECT_FALSE(u.is_news(Position{120}, kRead, kNext));
    EXPECT_TRUE(u.is_news(Position{121}, kRead, kNext));
}

TEST(Urgent, TheByteIsAwaitedThenThereThenRead) {
    Urgent u;
    EXPECT_FALSE(u.is_known());
    u.expect(Position{120});
    EXPECT_TRUE(u.is_known() && u.is_awaited());
    u.put(std::byte{'!'});
    EXPECT_TRUE(u.is_there());
    EXPECT_EQ(u.peek(), std::byte{'!'});
    EXPECT_TRUE(u.is_there());
    EXPECT_EQ(u.take(), std::byte{'!'});
    EXPECT_TRUE(u.is_known() && u.was_read() && !u.is_there());
    u.forget();
    EXPECT_FALSE(u.is_known());
}

TEST(Urgent, EachSegmentBeforeTheEndTellsTheWayThatIsLeft) {
    Urgent u;
    EXPECT_EQ(u.pointer(Position{1}, Position{1}, Position{1}), std::nullopt);
    u.mark(Position{501});
    EXPECT_EQ(u.pointer(Position{1}, Position{1}, Position{1}), 500);
    EXPECT_EQ(u.pointer(Position{500}, Position{1}, Position{500}), 1);
    EXPECT_EQ(u.pointer(Position{501}, Position{1}, Position{501}), std::nullopt);
    // Acknowledged: a probe from below says nothing.
    EXPECT_EQ(u.pointer(Position{500}, Position{501}, Position{501}), std::nullopt);
}

TEST(Urgent, AnEndThatIsTooFarIsToldByNewSegmentsOnly) {
    Urgent u;
    u.mark(Position{100'000});
    EXPECT_EQ(u.pointer(Position{34'465}, Position{1}, Position{34'465}), 65535);
    EXPECT_EQ(u.pointer(Position{1}, Position{1}, Position{1}), 65535);
    EXPECT_EQ(u.pointer(Position{1}, Position{1}, Position{90'000}), std::nullopt);
    EXPECT_FALSE(u.is_near(Position{1}));
    EXPECT_TRUE(u.is_near(Position{34'465}));
}

}  // namespace
}  // namespace fairlead::tcp
