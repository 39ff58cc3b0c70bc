#include <gtest/gtest.h>

#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

constexpr const char* kName = "net.ipv4.tcp_fastopen_key";
constexpr const char* kZeros = "00000000-00000000-00000000-00000000";

TEST(FastOpenKey, IsMadeAndShownOnceAListenerNeedsOne) {
    Stack stack{StackOptions{}};
    EXPECT_EQ(stack.config().get(kName), kZeros);
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.set_option(s, Option::FastOpen, 5).has_value());
    const auto made = stack.config().get(kName);
    ASSERT_TRUE(made.has_value());
    EXPECT_NE(*made, kZeros);
    EXPECT_EQ(made->size(), std::string_view{kZeros}.size());
    ASSERT_TRUE(stack.listen(s, 5).has_value());
    EXPECT_EQ(stack.config().get(kName), *made) << "it stays";
}

TEST(FastOpenKey, IsMadeWhereEachListenerTakesData) {
    Stack stack{StackOptions{}};
    ASSERT_TRUE(stack.set_config("net.ipv4.tcp_fastopen", "1026").has_value());
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.listen(s, 5).has_value());
    EXPECT_NE(stack.config().get(kName), kZeros);
}

TEST(FastOpenKey, IsNotMadeInPlaceOfOneThatWasSet) {
    Stack stack{StackOptions{}};
    constexpr const char* kSet = "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4";
    ASSERT_TRUE(stack.set_config(kName, kSet).has_value());
    const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.set_option(s, Option::FastOpen, 5).has_value());
    EXPECT_EQ(stack.config().get(kName), kSet);
}

}  // namespace
