#include "tcp/path_search.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

constexpr Instant kStart = Instant::from_ns(5'000'000'000);
constexpr Range kBytes{Position{1000}, Position{2230}};

// What is found where packets of up to `mtu` arrive.
std::int64_t found(std::int64_t mtu, int* probes = nullptr) {
    const Config config;
    PathSearch search;
    search.begin(1064, 1500, kStart);
    for (int i = 0; i < 20; ++i) {
        const std::int64_t size = search.next_size(config);
        if (size == 0) break;
        if (probes != nullptr) ++*probes;
        search.on_sent(size, kBytes);
        EXPECT_TRUE(search.has_probe());
        const bool arrives = size <= mtu;
        const auto verdict = search.judge(arrives ? kBytes.end : kBytes.begin, !arrives);
        EXPECT_EQ(verdict, arrives ? PathSearch::Verdict::ArrivedWhole : PathSearch::Verdict::Lost);
    }
    return search.low();
}

TEST(PathSearch, HalvesTheDistanceUntilLittleIsLeft) {
    int probes = 0;
    for (std::int64_t mtu = 1064; mtu <= 1500; ++mtu) {
        const std::int64_t low = found(mtu, &probes);
        EXPECT_LE(low, mtu);
        EXPECT_GT(low, mtu - 8) << mtu;  // tcp_probe_threshold
    }
    EXPECT_LE(probes, 7 * 437);
}

TEST(PathSearch, AProbeIsJudgedByItsOwnBytesOnly) {
    PathSearch search;
    search.begin(1064, 1500, kStart);
    search.on_sent(1282, kBytes);
    EXPECT_EQ(search.judge(Position{500}, true), PathSearch::Verdict::None);
    EXPECT_EQ(search.judge(kBytes.begin, false), PathSearch::Verdict::None);
    EXPECT_EQ(search.judge(Position{2229}, true), PathSearch::Verdict::None);
    search.forget_probe();
    EXPECT_EQ(search.judge(kBytes.end, false), PathSearch::Verdict::None);
    EXPECT_EQ(search.low(), 1064);
}

TEST(PathSearch, BlackHolesLowerItDownToTheFloor) {
    Config config;
    config.tcp_base_mss = 1024;
    config.tcp_mtu_probe_floor = 300;
    PathSearch search;
    search.begin(1064, 1500, kStart);
    search.halve(40, config);
    EXPECT_EQ(search.low(), 552);
    search.halve(40, config);
    search.halve(40, config);
    EXPECT_EQ(search.low(), 340);
}

TEST(PathSearch, BeginsAnewAfterAWhile) {
    const Config config;
    PathSearch search;
    EXPECT_FALSE(search.is_on());
    search.begin(1064, 1500, kStart);
    EXPECT_FALSE(search.is_stale(config, kStart + 599_s));
    EXPECT_TRUE(search.is_stale(config, kStart + 600_s));
    search.limit(1200);
    EXPECT_EQ(search.next_size(config), 1132);
    search.limit(1000);
    EXPECT_EQ(search.low(), 1000);
    EXPECT_EQ(search.next_size(config), 0);
}

}  // namespace
}  // namespace fairlead::tcp
