#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

constexpr Duration kLate = 6_ms;

// A device with a clock of its own, by which its frames came after the stack looked at the time.
class LateDevice final : public Device {
public:
    explicit LateDevice(Device& inner) : inner_{inner} {}
    const DeviceInfo& info() const override { return inner_.info(); }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        const std::size_t n = inner_.receive(queue, now, pool, out);
        for (const PacketPtr& packet : out.first(n)) packet->meta.arrived = now + kLate;
        return n;
    }
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override {
        return inner_.send(queue, now, burst);
    }

private:
    Device& inner_;
};

// A process that was set aside between its clock and its device must not take the path for shorter
// than it is, nor what it has just received for something of the future.
TEST(Stack, GoesOnToTheTimeAtWhichAFrameArrived) {
    PacketPool pool;
    device::MemoryLink link;
    LateDevice late{link.left()};
    Stack left{{.seed = {1}, .pool = &pool}};
    Stack right{{.seed = {2}, .pool = &pool}};
    const auto l = *left.add_interface(late);
    const auto r = *right.add_interface(link.right());
    ASSERT_TRUE(left.add_address(l, *Prefix::parse("192.0.2.1/24")));
    ASSERT_TRUE(right.add_address(r, *Prefix::parse("192.0.2.2/24")));
    const Endpoint at = *Endpoint::parse("192.0.2.2:80");
    const SocketId listener = *right.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(right.bind(listener, at));
    ASSERT_TRUE(right.listen(listener, 1));

    Instant now = Instant::from_ns(1'000'000'000);
    left.poll(now);
    right.poll(now);
    const auto connected = [&] {
        const SocketId client = *left.socket(Family::Inet, SocketType::Stream);
        EXPECT_EQ(left.connect(client, at).error(), Errc::InProgress);
        left.flush();
        for (int turn = 0; turn < 100 && (*left.readiness(client) & kWritable) == 0; ++turn) {
            now = now + 10_ms;
            right.poll(now);
            left.poll(now);
        }
        return client;
    };
    connected();  // the neighbours meet
    const SocketId client = connected();
    const auto info = left.tcp_info(client);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->minimum_rtt, 10_ms);  // it was sent and came six late
    EXPECT_EQ(info->last_ack_received, 0_ms);
    EXPECT_EQ(left.counters()[Counter::TimeWentBack], 0u);
}

}  // namespace
