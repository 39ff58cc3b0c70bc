#include "tcp/statistics.hpp"

#include <cstring>

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

struct Attribute {
    std::size_t at = 0;
    std::uint16_t length = 0;
    std::uint16_t type = 0;
};

std::vector<Attribute> parse(const std::vector<std::byte>& told) {
    std::vector<Attribute> all;
    for (std::size_t at = 0; at < told.size();) {
        Attribute a{.at = at + 4};
        std::memcpy(&a.length, told.data() + at, 2);
        std::memcpy(&a.type, told.data() + at + 2, 2);
        all.push_back(a);
        at += (a.length + 3u) / 4 * 4;
    }
    return all;
}

std::uint64_t value_of(const std::vector<std::byte>& told, std::uint16_t type) {
    for (const Attribute& a : parse(told)) {
        std::uint64_t value = 0;
        if (a.type == type) std::memcpy(&value, told.data() + a.at, a.length - 4u);
        if (a.type == type) return value;
    }
    ADD_FAILURE() << "no attribute " << type;
    return 0;
}

// The length and the order are those of Linux 6.18 (an IPv4 socket, without TTL).
TEST(Statistics, AreTheKernelsInItsOrder) {
    const auto told = statistics({}, 0, Instant{}, 0);
    EXPECT_EQ(told.size(), 248);
    std::vector<int> types;
    for (const Attribute& a : parse(told)) types.push_back(a.type);
    EXPECT_EQ(types, (std::vector<int>{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 15,
                                       16, 17, 13, 14, 18, 19, 20, 21, 22, 23, 24, 25, 27}));
}

TEST(Statistics, TellWhatTcpInfoTells) {
    const auto told = statistics({.retransmits = 3,
                                  .rtt = Duration::from_us(50'000),
                                  .congestion_window_segments = 10,
                                  .bytes_sent = 1ull << 40,
                                  .busy = Duration::from_us(1234)},
                                 777, Instant::from_ns(5), 64);
    EXPECT_EQ(value_of(told, 1), 1234u);
    EXPECT_EQ(value_of(told, 8), 10u);
    EXPECT_EQ(value_of(told, 10), UINT32_MAX) << "no minimum of the round trip yet";
    EXPECT_EQ(value_of(told, 11), 3u);
    EXPECT_EQ(value_of(told, 13), 777u);
    EXPECT_EQ(value_of(told, 18), 1ull << 40);
    EXPECT_EQ(value_of(told, 22), 50'000u);
    EXPECT_EQ(value_of(told, 25), 5u);
    EXPECT_EQ(value_of(told, 26), 64u);
    EXPECT_EQ(told.size(), 256u);
}

}  // namespace
}  // namespace fairlead::tcp
