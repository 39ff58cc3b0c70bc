// TCP with the kernel: what is agreed on, how it ends, what is reset, and a window that shuts.
#include "interop/beside_kernel.hpp"

namespace fairlead::testing_interop {
namespace {

enum class Opener : std::uint8_t { Stack, Kernel };

class Streams : public BesideKernel,
                public testing::WithParamInterface<std::tuple<Family, Opener>> {
protected:
    Family family() const { return std::get<0>(GetParam()); }
    Connected connect(const std::function<void(KernelSocket&)>& prepare = {}) {
        return std::get<1>(GetParam()) == Opener::Stack ? connect_out(family(), prepare)
                                                        : connect_in(family(), prepare);
    }
    void set_kernel(const char* name, const char* value) {
        const auto done = device::write_network_sysctl(std::string{"ipv4/"} + name, value);
        ASSERT_TRUE(done) << done.error().text;
    }
    TcpInfo info(const Connected& c) { return *stack().tcp_info(c.ours); }
    bool saw_end(const Connected& c) {
        std::byte byte{};
        const auto n = stack().receive(c.ours, {&byte, 1});
        return n && *n == 0;
    }
    std::vector<TcpState> states() const {
        std::vector<TcpState> all;
        for (const SocketInfo& s : stack_sockets()) all.push_back(s.state);
        return all;
    }
    std::vector<SocketInfo> stack_sockets() const {
        return const_cast<Streams*>(this)->stack().sockets();
    }
};

constexpr std::size_t kSome = 300'000;

TEST_P(Streams, AgreeOnAllOptionsByDefault) {
    Connected c = connect();
    const TcpInfo our = info(c);
    EXPECT_TRUE(our.has_timestamps && our.has_sack && our.has_window_scale);
    const tcp_info their = c.theirs.info();
    EXPECT_EQ(their.tcpi_options & (TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE),
              TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
    // Each end's shift is what the other was told.
    EXPECT_EQ(their.tcpi_snd_wscale, our.receive_window_scale);
    EXPECT_EQ(their.tcpi_rcv_wscale, our.send_window_scale);
    const std::uint32_t mss = family() == Family::Inet ? 1448 : 1428;
    EXPECT_EQ(our.send_mss, mss);
    EXPECT_EQ(their.tcpi_snd_mss, mss);
    EXPECT_TRUE(flows_out(c, pattern(kSome)));
    EXPECT_TRUE(flows_in(c, pattern(kSome, 1)));
}

TEST_P(Streams, DoWithoutWhatTheKernelDoesNotOffer) {
    const struct {
        const char* sysctl;
        std::uint8_t option;
    } rows[] = {{"tcp_timestamps", TCPI_OPT_TIMESTAMPS},
                {"tcp_sack", TCPI_OPT_SACK},
                {"tcp_window_scaling", TCPI_OPT_WSCALE}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.sysctl);
        set_kernel(row.sysctl, "0");
        Connected c = connect();
        const TcpInfo our = info(c);
        EXPECT_EQ(our.has_timestamps, row.option != TCPI_OPT_TIMESTAMPS);
        EXPECT_EQ(our.has_sack, row.option != TCPI_OPT_SACK);
        EXPECT_EQ(our.has_window_scale, row.option != TCPI_OPT_WSCALE);
        EXPECT_EQ(c.theirs.info().tcpi_options & row.option, 0);
        EXPECT_TRUE(flows_out(c, pattern(kSome)));
        EXPECT_TRUE(flows_in(c, pattern(kSome, 1)));
        set_kernel(row.sysctl, "1");
    }
}

TEST_P(Streams, DoWithoutAnyOption) {
    for (const char* name : {"tcp_timestamps", "tcp_sack", "tcp_window_scaling"}) {
        set_kernel(name, "0");
    }
    Connected c = connect();
    const TcpInfo our = info(c);
    EXPECT_FALSE(our.has_timestamps || our.has_sack || our.has_window_scale);
    EXPECT_EQ(our.send_mss, family() == Family::Inet ? 1460u : 1440u);
    EXPECT_TRUE(flows_out(c, pattern(kSome)));
    EXPECT_TRUE(flows_in(c, pattern(kSome, 1)));
}

TEST_P(Streams, KeepToASmallMssOfTheKernel) {
    Connected c = connect(
        [](KernelSocket& s) { EXPECT_EQ(s.set_option(IPPROTO_TCP, TCP_MAXSEG, int{700}), 0); });
    EXPECT_EQ(info(c).send_mss, 688u);  // 700 without the timestamps
    EXPECT_TRUE(flows_out(c, pattern(kSome)));
    EXPECT_EQ(c.theirs.info().tcpi_rcv_mss, 688u);
}

TEST_P(Streams, EndInFourSegmentsWhenTheStackClosesFirst) {
    Connected c = connect();
    ASSERT_TRUE(flows_out(c, pattern(1000)));
    ASSERT_TRUE(stack().close(c.ours));
    std::byte byte{};
    ASSERT_TRUE(until([&] { return c.theirs.receive({&byte, 1}) == 0; }));
    EXPECT_EQ(c.theirs.info().tcpi_state, TCP_CLOSE_WAIT);
    EXPECT_TRUE(until([&] { return states() == std::vector{TcpState::FinWait2}; }));
    c.theirs.close();
    EXPECT_TRUE(until([&] { return states() == std::vector{TcpState::TimeWait}; }));
    EXPECT_EQ(counted(Counter::TcpOutRsts), 0u);
}

TEST_P(Streams, EndWhenTheKernelClosesFirst) {
    Connected c = connect();
    ASSERT_TRUE(flows_in(c, pattern(1000)));
    c.theirs.close();
    ASSERT_TRUE(until([&] { return saw_end(c); }));
    EXPECT_EQ(info(c).state, TcpState::CloseWait);
    ASSERT_TRUE(stack().close(c.ours));
    EXPECT_TRUE(until([&] { return stack_sockets().empty(); }));
    EXPECT_EQ(counted(Counter::TcpEstabResets), 0u);
}

TEST_P(Streams, GoOnInOneDirectionAfterAHalfClose) {
    Connected c = connect();
    ASSERT_TRUE(stack().shutdown(c.ours, Shutdown::Write));
    std::byte byte{};
    ASSERT_TRUE(until([&] { return c.theirs.receive({&byte, 1}) == 0; }));
    EXPECT_TRUE(flows_in(c, pattern(kSome)));
    EXPECT_EQ(stack().send(c.ours, pattern(1)).error(), Errc::BrokenPipe);
    c.theirs.close();
    EXPECT_TRUE(until([&] { return saw_end(c); }));

    Connected d = connect();
    ASSERT_EQ(::shutdown(d.theirs.fd(), SHUT_WR), 0);
    ASSERT_TRUE(until([&] { return saw_end(d); }));
    EXPECT_TRUE(flows_out(d, pattern(kSome)));
}

TEST_P(Streams, AreResetByTheKernel) {
    Connected c = connect();
    EXPECT_EQ(c.theirs.set_option(SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0}), 0);
    c.theirs.close();
    ASSERT_TRUE(until([&] { return (*stack().readiness(c.ours) & kHangup) != 0; }));
    std::byte byte{};
    EXPECT_EQ(stack().receive(c.ours, {&byte, 1}).error(), Errc::ConnectionReset);
    EXPECT_EQ(stack().send(c.ours, pattern(1)).error(), Errc::BrokenPipe);
}

TEST_P(Streams, AreResetByTheStack) {
    Connected c = connect();
    ASSERT_TRUE(stack().set_option(c.ours, Option::LingerSeconds, 0));
    ASSERT_TRUE(stack().close(c.ours));
    std::byte byte{};
    EXPECT_TRUE(until([&] { return c.theirs.receive({&byte, 1}) == -ECONNRESET; }));
    EXPECT_TRUE(stack_sockets().empty());
}

TEST_P(Streams, ClosedWithUnreadBytesAreReset) {
    Connected c = connect();
    ASSERT_EQ(c.theirs.send(pattern(100)), 100);
    ASSERT_TRUE(until([&] { return is_readable(c.ours); }));
    ASSERT_TRUE(stack().close(c.ours));
    EXPECT_TRUE(until([&] { return c.theirs.take_error() == ECONNRESET; }));

    Connected d = connect();
    ASSERT_TRUE(stack().send(d.ours, pattern(100)));
    ASSERT_TRUE(until([&] { return d.theirs.is_ready(POLLIN); }));
    d.theirs.close();
    EXPECT_TRUE(until([&] { return take_error(d.ours) == ECONNRESET; }));
}

TEST_P(Streams, ToAPortWhereNobodyListensAreRefused) {
    KernelSocket theirs{family(), SOCK_STREAM};
    ASSERT_EQ(theirs.connect({ours(family()), 81}), EINPROGRESS);
    EXPECT_TRUE(until([&] { return theirs.take_error() == ECONNREFUSED; }));
    const SocketId s = *stack().socket(family(), SocketType::Stream);
    ASSERT_EQ(stack().connect(s, {kernels(family()), 81}).error(), Errc::InProgress);
    EXPECT_TRUE(until([&] { return take_error(s) == ECONNREFUSED; }));
}

// The kernel reads nothing for a while: its window shuts, is asked for, and opens again.
TEST_P(Streams, WaitForAReaderWhoseWindowIsShut) {
    Connected c = connect(
        [](KernelSocket& s) { EXPECT_EQ(s.set_option(SOL_SOCKET, SO_RCVBUF, int{8192}), 0); });
    const auto bytes = pattern(kSome);
    std::size_t sent = 0;
    const auto fill = [&] {
        while (const auto n = stack().send(c.ours, Bytes{bytes}.subspan(sent))) {
            if (*n == 0) break;
            sent += *n;
        }
    };
    ASSERT_TRUE(until([&] { return fill(), counted(Counter::TcpExtTCPWinProbe) != 0; }));
    std::vector<std::byte> got;
    std::vector<std::byte> piece(1 << 16);
    EXPECT_TRUE(until([&] {
        fill();
        for (ssize_t n = 0; (n = c.theirs.receive(piece)) > 0;) {
            got.insert(got.end(), piece.begin(), piece.begin() + n);
        }
        return got.size() >= bytes.size();
    }));
    EXPECT_EQ(got, bytes);
}

// We read nothing: the kernel finds our window shut, and hears when it opens.
TEST_P(Streams, ShutTheirWindowUntilTheyAreRead) {
    Connected c = connect();
    ASSERT_TRUE(stack().set_option(c.ours, Option::ReceiveBuffer, 8192));
    const auto bytes = pattern(kSome);
    std::size_t sent = 0;
    const auto fill = [&] {
        for (ssize_t n = 0;
             sent < bytes.size() && (n = c.theirs.send(Bytes{bytes}.subspan(sent))) > 0;) {
            sent += static_cast<std::size_t>(n);
        }
    };
    ASSERT_TRUE(until([&] { return fill(), c.theirs.info().tcpi_backoff != 0; }));
    std::vector<std::byte> got;
    std::vector<std::byte> piece(1 << 16);
    EXPECT_TRUE(until([&] {
        fill();
        while (const auto n = stack().receive(c.ours, piece)) {
            if (*n == 0) break;
            got.insert(got.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*n));
        }
        return got.size() >= bytes.size();
    }));
    EXPECT_EQ(got, bytes);
}

INSTANTIATE_TEST_SUITE_P(Over, Streams,
                         testing::Combine(testing::Values(Family::Inet, Family::Inet6),
                                          testing::Values(Opener::Stack, Opener::Kernel)),
                         [](const auto& row) {
                             return std::string{std::get<0>(row.param) == Family::Inet ? "v4_"
                                                                                       : "v6_"} +
                                    (std::get<1>(row.param) == Opener::Stack ? "out" : "in");
                         });

}  // namespace
}  // namespace fairlead::testing_interop
