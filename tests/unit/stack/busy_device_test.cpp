#include <vector>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

// A device that takes few frames at a time holds the sender back; it loses nothing.
TEST(Stack, WaitsForABusyDeviceInsteadOfDropping) {
    PacketPool pool;
    device::MemoryLink link{{.queue_frames = 64}};
    Stack left{{.seed = {1}, .pool = &pool}};
    Stack right{{.seed = {2}, .pool = &pool}};
    const auto l = *left.add_interface(link.left());
    const auto r = *right.add_interface(link.right());
    ASSERT_TRUE(left.add_address(l, *Prefix::parse("192.0.2.1/24")));
    ASSERT_TRUE(right.add_address(r, *Prefix::parse("192.0.2.2/24")));
    const Endpoint at = *Endpoint::parse("192.0.2.2:80");
    const SocketId listener = *right.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(right.bind(listener, at));
    ASSERT_TRUE(right.listen(listener, 1));
    const SocketId client = *left.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(left.set_option(client, Option::SendBuffer, 4 << 20));
    ASSERT_EQ(left.connect(client, at).error(), Errc::InProgress);

    Instant now = Instant::from_ns(1'000'000'000);
    SocketId server;
    std::vector<std::byte> bytes(1 << 20);
    std::size_t received = 0;
    for (int i = 0; i < 200'000 && received < (std::size_t{64} << 20); ++i) {
        now = now + 10_us;
        while (left.send(client, bytes)) {
        }
        left.poll(now);
        // The receiver looks only now and then, so that windows of megabytes are open meanwhile.
        if (i % 8 != 0) continue;
        right.poll(now);
        if (!server) server = right.accept(listener).value_or(SocketId{});
        while (const auto n = right.receive(server, bytes)) received += *n;
    }
    EXPECT_GE(received, std::size_t{64} << 20);
    EXPECT_EQ(left.counters()[Counter::DeviceSendBusy], 0u);
    EXPECT_EQ(left.counters()[Counter::TcpRetransSegs], 0u);
}

}  // namespace
