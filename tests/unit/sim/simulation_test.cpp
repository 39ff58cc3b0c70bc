#include "fairlead/simulation.hpp"

#include <gtest/gtest.h>

namespace fairlead {
namespace {

// The window is what it is told, whatever happens.
class Four {
public:
    static constexpr std::string_view kName = "four";

    void on_ack(CongestionWindow&, const AckSample&) {}
    std::int32_t threshold(const CongestionWindow& window, Instant) { return window.segments; }
    void control(CongestionWindow& window, const AckSample&) { window.segments = 4; }
};

constexpr const CongestionOperations* kOwn[] = {&kCongestionOperations<Four>};

TEST(Simulation, RunsAControllerThatTheLibraryDoesNotKnow) {
    Simulation simulation{{.controllers = kOwn}};
    const auto flow = simulation.start_flow("four");
    ASSERT_TRUE(flow);
    simulation.run_for(2_s);
    const std::uint64_t before = simulation.received(*flow);
    simulation.run_for(5_s);
    EXPECT_EQ(simulation.info(*flow).congestion_window_segments, 4u);
    // Four segments of 1448 bytes in each round trip of 40 ms and what it takes to send them.
    const std::uint64_t got = simulation.received(*flow) - before;
    EXPECT_GT(got, 5'000 / 46 * 4 * 1448u);
    EXPECT_LE(got, 5'000 / 40 * 4 * 1448u);
}

TEST(Simulation, NamesAControllerThatThereIsNot) {
    Simulation simulation{{}};
    EXPECT_EQ(simulation.start_flow("four").error(), Errc::NoSuchEntry);
    EXPECT_EQ(simulation.start_flow(), 0u) << "cubic, as on Linux";
}

TEST(Simulation, KnowsItsFlowsApart) {
    Simulation simulation{{.controllers = kOwn}};
    const auto slow = simulation.start_flow("four");
    const auto fast = simulation.start_flow("cubic");
    ASSERT_TRUE(slow && fast);
    simulation.run_for(5_s);
    EXPECT_EQ(simulation.info(*slow).congestion_window_segments, 4u);
    EXPECT_GT(simulation.received(*fast), 3 * simulation.received(*slow));
    EXPECT_GT(simulation.received(*slow), 0u);
}

TEST(Simulation, IsTheSameForTheSameSeed) {
    const auto run = [](std::uint64_t seed) {
        Simulation simulation{{.loss = 10'000, .seed = seed}};
        const auto flow = simulation.start_flow();
        simulation.run_for(5_s);
        return simulation.received(*flow);
    };
    EXPECT_EQ(run(3), run(3));
    EXPECT_NE(run(3), run(4));
}

}  // namespace
}  // namespace fairlead
