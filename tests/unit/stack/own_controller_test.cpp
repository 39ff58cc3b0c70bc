// The example of docs/congestion.md.
#include <gtest/gtest.h>

#include "../../../examples/controller/gentle.hpp"
#include "fairlead/stack.hpp"
#include "unit/tcp/loopback.hpp"

namespace fairlead {
namespace {

using example::Gentle;

// Has the window to itself.
class Seven {
public:
    static constexpr std::string_view kName = "seven";

    void on_ack(CongestionWindow&, const AckSample&) {}
    std::int32_t threshold(const CongestionWindow& window, Instant) { return window.segments; }
    void control(CongestionWindow& window, const AckSample&) { window.segments = 7; }
};

constexpr const CongestionOperations* kOwn[] = {&kCongestionOperations<Gentle>,
                                                &kCongestionOperations<Seven>};

struct OwnController : Loopback {
    OwnController() : Loopback{{.seed = {1, 2, 3}, .controllers = kOwn}} {}

    // A connection over lo on which as much was sent as goes; the window of its sender.
    std::uint32_t window_after_a_transfer(std::string_view name) {
        const Endpoint here{IpAddress::loopback(Family::Inet), 80};
        const Pair pair = connect_to(listen_on(here), here);
        EXPECT_TRUE(stack.set_congestion_control(pair.client, name));
        EXPECT_EQ(stack.congestion_control(pair.client), name);
        const std::vector<std::byte> bytes(1 << 16);
        std::vector<std::byte> into(1 << 20);
        for (int i = 0; i < 200; ++i) {
            (void)stack.send(pair.client, bytes);
            run(10_ms);
            (void)stack.receive(pair.server, into);
        }
        return stack.tcp_info(pair.client)->congestion_window_segments;
    }
};

TEST_F(OwnController, IsChosenByItsNameAndMovesTheWindow) {
    EXPECT_EQ(window_after_a_transfer("seven"), 7u);
}

TEST_F(OwnController, ThatOnlyGrowsIsDoneByRecoveryForTheRest) {
    EXPECT_GE(window_after_a_transfer("gentle"), 10u);
}

TEST_F(OwnController, IsUnknownToAStackThatWasNotToldOfIt) {
    Stack other{{.seed = {1}}};
    const SocketId s = *other.socket(Family::Inet, SocketType::Stream);
    EXPECT_EQ(other.congestion_control(s), "cubic") << "the default";
    EXPECT_EQ(other.set_congestion_control(s, "gentle").error(), Errc::NoSuchEntry);
    EXPECT_TRUE(other.set_congestion_control(s, "reno"));
}

TEST(OwnControllerTable, HasWhatTheClassHas) {
    const CongestionOperations& gentle = kCongestionOperations<Gentle>;
    EXPECT_TRUE(gentle.has_state);
    EXPECT_EQ(gentle.control, nullptr);
    EXPECT_EQ(gentle.undone, nullptr);
    EXPECT_NE(kCongestionOperations<Seven>.control, nullptr);
    EXPECT_FALSE(kCongestionOperations<Seven>.has_state);
}

}  // namespace
}  // namespace fairlead
