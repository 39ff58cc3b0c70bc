#include "sim/transfer.hpp"

#include <initializer_list>
#include <vector>

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr std::uint32_t kPercent = 10'000;  // of a million
constexpr std::uint64_t kMegabit = 1'000'000;

sim::LinkOptions with_mtu(sim::LinkOptions link, std::uint32_t mtu) {
    link.mtu = mtu;
    return link;
}

Settings without(std::initializer_list<const char*> names) {
    Settings settings;
    for (const char* name : names) settings.emplace_back(name, "0");
    return settings;
}

std::vector<Case> paths() {
    const auto lossy = [](std::uint32_t loss) {
        return path_with({.loss = loss, .delay = 5_ms, .bits_per_second = 100 * kMegabit});
    };
    return {
        {.name = "clean", .link = path_with({.delay = 5_ms})},
        {.name = "clean_with_a_rate",
         .link = path_with({.delay = 5_ms, .bits_per_second = 100 * kMegabit})},
        {.name = "without_delay", .link = path_with({})},
        {.name = "loss_1", .link = lossy(kPercent)},
        {.name = "loss_5", .link = lossy(5 * kPercent), .bytes_there = 1'000'000},
        {.name = "loss_20", .link = lossy(20 * kPercent), .bytes_there = 100'000},
        {.name = "loss_1_both_ways",
         .link = lossy(kPercent),
         .bytes_there = 1'000'000,
         .bytes_back = 1'000'000},
        {.name = "reordering",
         .link = path_with({.reordering = 5 * kPercent, .reorder_distance = 5, .delay = 5_ms})},
        {.name = "duplication", .link = path_with({.duplication = 5 * kPercent, .delay = 5_ms})},
        {.name = "corruption", .link = path_with({.corruption = kPercent, .delay = 5_ms})},
        {.name = "jitter", .link = path_with({.delay = 5_ms, .jitter = 20_ms})},
        {.name = "everything",
         .link = path_with({.loss = 2 * kPercent,
                            .duplication = 2 * kPercent,
                            .reordering = 2 * kPercent,
                            .corruption = kPercent / 2,
                            .delay = 10_ms,
                            .jitter = 5_ms,
                            .bits_per_second = 20 * kMegabit}),
         .bytes_there = 500'000,
         .bytes_back = 500'000},
        {.name = "a_queue_of_8_frames",
         .link = path_with({.delay = 10_ms, .bits_per_second = 10 * kMegabit, .queue_frames = 8})},
        {.name = "a_queue_of_2_frames",
         .link = path_with({.delay = 2_ms, .bits_per_second = 10 * kMegabit, .queue_frames = 2}),
         .bytes_there = 1'000'000},
        {.name = "a_long_fat_path",
         .link = path_with({.loss = kPercent / 100,
                            .delay = 100_ms,
                            .bits_per_second = 100 * kMegabit,
                            .queue_bytes = 4'000'000}),
         .bytes_there = 8'000'000},
        {.name = "a_modem",
         .link = path_with({.delay = 100_ms, .bits_per_second = 33'600, .queue_bytes = 20'000}),
         .bytes_there = 60'000},
        {.name = "mtu_576", .link = with_mtu(lossy(kPercent), 576)},
        {.name = "mtu_1280", .link = with_mtu(lossy(kPercent), 1280)},
        {.name = "mtu_9000", .link = with_mtu(lossy(kPercent), 9000)},
        {.name = "mtu_65535", .link = with_mtu(lossy(kPercent), 65535), .bytes_there = 8'000'000},
        {.name = "without_offloads",
         .link = {.features = {},
                  .there = {.loss = kPercent, .delay = 5_ms},
                  .back = {.delay = 5_ms}}},
        {.name = "ip_without_ethernet",
         .link = {.kind = LinkKind::Ip,
                  .there = {.loss = kPercent, .delay = 5_ms},
                  .back = {.delay = 5_ms}}},
        {.name = "no_sack", .link = lossy(kPercent), .client = without({"tcp_sack"})},
        {.name = "no_timestamps", .link = lossy(kPercent), .client = without({"tcp_timestamps"})},
        {.name = "no_window_scaling",
         .link = lossy(kPercent),
         .client = without({"tcp_window_scaling"})},
        {.name = "no_options_at_all",
         .link = lossy(kPercent),
         .client = without({"tcp_sack", "tcp_timestamps", "tcp_window_scaling"}),
         .bytes_there = 500'000,
         .bytes_back = 500'000},
        {.name = "the_server_has_no_options",
         .link = lossy(kPercent),
         .server = without({"tcp_sack", "tcp_timestamps", "tcp_window_scaling"}),
         .bytes_there = 500'000,
         .bytes_back = 500'000},
        {.name = "small_writes",
         .link = lossy(kPercent),
         .plan = {.write_bytes = 100},
         .bytes_there = 200'000,
         .bytes_back = 200'000},
        {.name = "small_writes_without_delay",
         .link = lossy(kPercent),
         .plan = {.write_bytes = 100, .no_delay = true},
         .bytes_there = 200'000,
         .bytes_back = 200'000},
        {.name = "nothing_to_say", .link = lossy(10 * kPercent), .bytes_there = 0},
        {.name = "one_byte_each", .link = lossy(10 * kPercent), .bytes_there = 1, .bytes_back = 1},
        {.name = "two_hundred_connections",
         .link = path_with({.loss = kPercent,
                            .delay = 5_ms,
                            .bits_per_second = 100 * kMegabit,
                            .queue_bytes = 100'000}),
         .bytes_there = 50'000,
         .bytes_back = 20'000,
         .connections = 200},
    };
}

class Transfer : public testing::TestWithParam<Case> {};

TEST_P(Transfer, ArrivesByteForByteAndLeavesNothingBehind) {
    Pair pair{GetParam()};
    run(GetParam(), pair);
}

std::vector<Case> in_both_families() {
    std::vector<Case> all;
    for (Case c : paths()) {
        const std::string name = c.name;
        c.name = name + "_v4";
        all.push_back(c);
        // 1280 is the least that IPv6 asks of a link (RFC 8200 §5).
        if (c.link.mtu < 1280) continue;
        c.family = Family::Inet6;
        c.name = name + "_v6";
        all.push_back(c);
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Over, Transfer, testing::ValuesIn(in_both_families()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
