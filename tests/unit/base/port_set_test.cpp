#include "base/port_set.hpp"

#include <gtest/gtest.h>

namespace fairlead {
namespace {

TEST(PortSet, IsWrittenAndReadAsSysctlHasIt) {
    const auto set = PortSet::parse("9000-9002,80,9003,65535\n");
    ASSERT_TRUE(set);
    EXPECT_EQ(set->text(), "80,9000-9003,65535");
    const auto has = [&](int port) { return set->contains(static_cast<std::uint16_t>(port)); };
    for (const int port : {80, 9000, 9003, 65535}) EXPECT_TRUE(has(port)) << port;
    for (const int port : {0, 79, 81, 8999, 9004, 65534}) EXPECT_FALSE(has(port)) << port;
    EXPECT_EQ(PortSet::parse("")->text(), "");
    EXPECT_FALSE(PortSet{}.contains(0));
}

TEST(PortSet, IsNothingWhereTheTextIsNoList) {
    for (const char* text : {"x", "80,", ",80", "80-", "-80", "90-80", "65536", "80 81", "80;81"}) {
        EXPECT_FALSE(PortSet::parse(text)) << text;
    }
}

}  // namespace
}  // namespace fairlead
