// A connection over IPv4 of an IPv6 socket is one of tcp6 in all that shows it, from its SYN to the end
// of its TIME-WAIT, as on Linux.
#include <algorithm>

#include <gtest/gtest.h>

#include "property/stranger.hpp"

namespace fairlead::testing {
namespace {

Family shown_in(const Stack& stack, TcpState state) {
    const std::vector<SocketInfo> all = stack.sockets();
    const auto found = std::ranges::find(all, state, &SocketInfo::state);
    FAIRLEAD_ASSERT(found != all.end());
    return found->family;
}

TEST(FamilyShown, OfAConnectionIsThatOfItsSocketToTheEnd) {
    Stranger world;
    const SocketId listener = *world.stack.socket(Family::Inet6, SocketType::Stream);
    ASSERT_TRUE(world.stack.bind(listener, {IpAddress::any(Family::Inet6), 80}));
    ASSERT_TRUE(world.stack.listen(listener, 1));
    Talk& t = world.talk(Family::Inet, 80, 1000);
    world.say(t, {.seq = t.seq - 1, .flags = {.syn = true}});
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(shown_in(world.stack, TcpState::SynReceived), Family::Inet6);
    world.say(t, Stranger::honest(t));
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(shown_in(world.stack, TcpState::Established), Family::Inet6) << "not accepted yet";
    const SocketId s = *world.stack.accept(listener);
    ASSERT_TRUE(world.stack.close(s));
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(shown_in(world.stack, TcpState::FinWait1), Family::Inet6) << "an orphan";
    Said fin = Stranger::honest(t);
    fin.flags.fin = true;
    world.say(t, fin);
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(shown_in(world.stack, TcpState::TimeWait), Family::Inet6);
}

}  // namespace
}  // namespace fairlead::testing
