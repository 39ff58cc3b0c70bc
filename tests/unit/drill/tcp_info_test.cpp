#include "drill/tcp_info.hpp"

#include <array>
#include <map>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/drill/tcp_info_bytes.hpp"

namespace fairlead::drill {
namespace {

std::map<std::string, std::uint64_t> fields(std::span<const std::uint8_t> bytes) {
    const auto all = read_tcp_info(bytes);
    return {all.begin(), all.end()};
}

TEST(TcpInfoFields, TheStacksSurviveTheWay) {
    const TcpInfo info{.state = TcpState::CloseWait,
                       .congestion_state = CongestionState::Recovery,
                       .has_timestamps = true,
                       .has_window_scale = true,
                       .send_window_scale = 7,
                       .receive_window_scale = 8,
                       .rto = 300_ms,
                       .rtt = 100_ms,
                       .minimum_rtt = 99_ms,
                       .congestion_window_segments = 10,
                       .receive_window = 65535,
                       .bytes_acked = 0x1234567890};
    auto f = fields(tcp_info_bytes(info));
    EXPECT_EQ(f["tcpi_state"], 8u);
    EXPECT_EQ(f["tcpi_ca_state"], 3u);
    EXPECT_EQ(f["tcpi_options"], 5u);
    EXPECT_EQ(f["tcpi_snd_wscale"], 7u);
    EXPECT_EQ(f["tcpi_rcv_wscale"], 8u);
    EXPECT_EQ(f["tcpi_rto"], 300'000u);
    EXPECT_EQ(f["tcpi_rtt"], 100'000u);
    EXPECT_EQ(f["tcpi_min_rtt"], 99'000u);
    EXPECT_EQ(f["tcpi_snd_cwnd"], 10u);
    EXPECT_EQ(f["tcpi_bytes_acked"], 0x1234567890u);
    EXPECT_EQ(f["tcpi_rcv_wnd"], 65535u);
}

TEST(TcpInfoFields, AnOlderKernelGivesFewer) {
    const auto bytes = tcp_info_bytes({.receive_window = 1});
    const auto f = fields(std::span{bytes}.first(104));
    EXPECT_TRUE(f.contains("tcpi_total_retrans"));
    EXPECT_FALSE(f.contains("tcpi_pacing_rate"));
}

// The places of the fields, asked of the kernel at hand.
TEST(TcpInfoFields, TheKernelsAreReadWhereTheyLie) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    auto* address = reinterpret_cast<sockaddr*>(&name);
    ASSERT_EQ(bind(listener, address, size), 0);
    ASSERT_EQ(listen(listener, 1), 0);
    ASSERT_EQ(getsockname(listener, address, &size), 0);
    ASSERT_EQ(connect(client, address, size), 0);
    const std::array<char, 1234> data{};
    ASSERT_EQ(send(client, data.data(), data.size(), 0), 1234);
    usleep(1000);
    std::array<std::uint8_t, 1024> bytes{};
    socklen_t given = bytes.size();
    ASSERT_EQ(getsockopt(client, IPPROTO_TCP, 11, bytes.data(), &given), 0);
    auto f = fields(std::span{bytes}.first(given));
    EXPECT_EQ(f["tcpi_state"], 1u);
    EXPECT_EQ(f["tcpi_reordering"], 3u);
    EXPECT_EQ(f["tcpi_pmtu"], 65535u);
    EXPECT_EQ(f["tcpi_bytes_acked"], 1235u);  // the SYN counts
    EXPECT_EQ(f["tcpi_bytes_sent"], 1234u);
    EXPECT_EQ(f["tcpi_data_segs_out"], 1u);
    EXPECT_EQ(f["tcpi_max_pacing_rate"], UINT64_MAX);
    close(client);
    close(listener);
}

}  // namespace
}  // namespace fairlead::drill
