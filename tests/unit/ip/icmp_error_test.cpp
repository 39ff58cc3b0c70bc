#include "ip/icmp_error.hpp"

#include <gtest/gtest.h>

namespace fairlead::ip {
namespace {

struct Row {
    int code;
    int number;  // errno
    bool is_hard;
};

// icmp_err_convert[] of Linux, in its numbers.
TEST(IcmpErrorTest, unreachable_means_what_it_means_on_linux) {
    constexpr Row kRows[] = {
        {0, 101, false},  {1, 113, false}, {2, 92, true},   {3, 111, true},
        {4, 90, false},   {5, 95, false},  {6, 101, true},  {7, 112, true},
        {8, 64, true},    {9, 101, true},  {10, 113, true}, {11, 101, false},
        {12, 113, false}, {13, 113, true}, {14, 113, true}, {15, 113, true},
    };
    for (const Row& row : kRows) {
        const auto meaning = meaning_of_icmp(3, static_cast<std::uint8_t>(row.code));
        ASSERT_TRUE(meaning) << row.code;
        EXPECT_EQ(to_errno(meaning->error), row.number) << row.code;
        EXPECT_EQ(meaning->is_hard, row.is_hard) << row.code;
    }
    EXPECT_FALSE(meaning_of_icmp(3, 16));
}

TEST(IcmpErrorTest, unreachable_of_ipv6_likewise) {
    constexpr Row kRows[] = {{0, 101, false}, {1, 13, true}, {2, 113, false}, {3, 113, false},
                             {4, 111, true},  {5, 13, true}, {6, 13, true}};
    for (const Row& row : kRows) {
        const auto meaning = meaning_of_icmpv6(1, static_cast<std::uint8_t>(row.code));
        ASSERT_TRUE(meaning) << row.code;
        EXPECT_EQ(to_errno(meaning->error), row.number) << row.code;
        EXPECT_EQ(meaning->is_hard, row.is_hard) << row.code;
    }
    EXPECT_FALSE(meaning_of_icmpv6(1, 7));
}

TEST(IcmpErrorTest, the_other_errors_and_what_is_none) {
    EXPECT_EQ(to_errno(meaning_of_icmp(11, 0)->error), 113);
    EXPECT_EQ(to_errno(meaning_of_icmp(12, 0)->error), 71);
    EXPECT_EQ(to_errno(meaning_of_icmpv6(2, 0)->error), 90);
    EXPECT_EQ(to_errno(meaning_of_icmpv6(3, 0)->error), 113);
    EXPECT_EQ(to_errno(meaning_of_icmpv6(4, 1)->error), 71);
    for (const int type : {0, 4, 5, 8, 13, 200}) {
        EXPECT_FALSE(meaning_of_icmp(static_cast<std::uint8_t>(type), 0)) << type;
    }
    for (const int type : {0, 5, 128, 135, 200}) {
        EXPECT_FALSE(meaning_of_icmpv6(static_cast<std::uint8_t>(type), 0)) << type;
    }
}

}  // namespace
}  // namespace fairlead::ip
