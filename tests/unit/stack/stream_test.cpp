#include <random>
#include <vector>

#include "unit/tcp/loopback.hpp"

using namespace fairlead;

namespace {

TEST_F(Loopback, CarriesBytesBothWaysAndCloses) {
    for (const Family family : {Family::Inet, Family::Inet6}) {
        const Endpoint at{IpAddress::loopback(family), 80};
        const SocketId listener = listen_on(at);
        auto [client, server] = connect_to(listener, at);
        // A probe would send what Nagle holds.
        ASSERT_TRUE(stack.set_option(client, Option::NoDelay, 1));
        std::vector<std::byte> sent(1'000'000);
        std::mt19937 random{7};
        for (std::byte& b : sent) b = static_cast<std::byte>(random());
        std::vector<std::byte> got;
        std::vector<std::byte> buffer(65536);
        std::size_t written = 0;
        for (int i = 0; i < 10'000 && got.size() < sent.size(); ++i) {
            const auto n = stack.send(client, Bytes{sent}.subspan(written));
            if (n) written += *n;
            run(10_ms);
            while (const auto m = stack.receive(server, buffer)) {
                ASSERT_GT(*m, 0u);
                got.insert(got.end(), buffer.begin(), buffer.begin() + static_cast<long>(*m));
            }
        }
        ASSERT_EQ(got, sent);
        ASSERT_TRUE(stack.shutdown(client, Shutdown::Write));
        run(100_ms);
        EXPECT_EQ(stack.receive(server, buffer), std::size_t{0});
        ASSERT_TRUE(stack.send(server, Bytes{sent}.first(100)));
        run(100_ms);
        EXPECT_EQ(stack.receive(client, buffer), std::size_t{100});
        ASSERT_TRUE(stack.close(server));
        run(100_ms);
        EXPECT_EQ(stack.receive(client, buffer), std::size_t{0});
        ASSERT_TRUE(stack.close(client));
        run(70_s);
        ASSERT_TRUE(stack.close(listener));
        EXPECT_TRUE(stack.sockets().empty());
    }
    // The reader comes by every 10 ms only: some ACKs come later than two round trips and 2 ms.
    EXPECT_EQ(stack.counters()[Counter::TcpRetransSegs],
              stack.counters()[Counter::TcpExtTCPLossProbes]);
    EXPECT_EQ(stack.counters()[Counter::TcpExtTCPTimeouts], 0u);
    EXPECT_EQ(stack.counters()[Counter::TcpOutRsts], 0u);
    EXPECT_EQ(stack.counters()[Counter::TcpCurrEstab], 0u);
}

TEST_F(Loopback, NobodyThereIsRefused) {
    const SocketId c = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_EQ(stack.connect(c, *Endpoint::parse("127.0.0.1:9")).error(), Errc::InProgress);
    run(1_s);
    EXPECT_EQ(stack.readiness(c), kReadable | kWritable | kError | kHangup | kReadHangup);
    EXPECT_EQ(stack.option(c, Option::Error), to_errno(Errc::ConnectionRefused));
    EXPECT_TRUE(stack.close(c));
}

}  // namespace
