#include "tcp/listener.hpp"
#include "unit/tcp/loopback.hpp"
#include "unit/tcp/peer.hpp"

namespace fairlead::tcp {
namespace {

using ConnectionByHand = HandPeer;

constexpr wire::TcpFlags kFinAck{.fin = true, .ack = true};

TEST_F(ConnectionByHand, OpensCarriesAndCloses) {
    open();
    say({.seq = 1, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@101") << "the first ACKs are quick";
    EXPECT_EQ(read(), "100");
    write(200);
    EXPECT_EQ(told(), "1-201@101");
    say({.seq = 101, .ack = 201, .flags = kFinAck});
    EXPECT_EQ(read(), "0");
    EXPECT_TRUE(stack.close(socket));
    run();
    EXPECT_EQ(told(), "201-201F@102");
    say({.seq = 102, .ack = 202});
    EXPECT_TRUE(stack.sockets().size() == 1) << "only the listener is left";
}

// --- the SYN queue ---

TEST(ListenerRoom, OldRequestsOfAQueueThatIsHalfFullHaveFewerRetries) {
    Listener l{.request_count = 5, .young_count = 5, .backlog = 8};
    EXPECT_EQ(l.retries_left(5), 5) << "all are young";
    l.young_count = 2;
    EXPECT_EQ(l.retries_left(5), 4);
    l.young_count = 0;
    EXPECT_EQ(l.retries_left(5), 2);
    l.request_count = 4;
    EXPECT_EQ(l.retries_left(5), 5) << "half full is not too full";
}

// --- RST ---

// RFC 5961 §3.2 before the connection stands: a RST that does not fit exactly is challenged.
TEST_F(ConnectionByHand, AHalfOpenConnectionEndsByAnExactResetOnly) {
    const SocketId listener = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.bind(listener, {IpAddress::any(Family::Inet), kPort}));
    ASSERT_TRUE(stack.listen(listener, 5));
    say({.seq = 0, .flags = {.syn = true}, .options = {.mss = 1460}});
    ASSERT_EQ(heard.size(), 1u);
    stack_isn += static_cast<std::uint32_t>(heard[0].seq);
    heard.clear();
    say({.seq = 101, .flags = {.rst = true}});
    EXPECT_EQ(told(), "1-1@1");
    say({.seq = 1, .flags = {.rst = true}});
    say({.seq = 1, .ack = 1});
    EXPECT_EQ(told().substr(0, 1), "R") << "it is gone";
}

// Who shut both directions has hung up, though he still holds the socket.
TEST_F(ConnectionByHand, AfterAShutdownOfBothWaysNewDataIsReset) {
    open();
    EXPECT_TRUE(stack.shutdown(socket, Shutdown::Both));
    run();
    EXPECT_EQ(told(), "1-1F@1");
    say({.seq = 1, .ack = 2, .payload = 100});
    EXPECT_EQ(told().substr(0, 1), "R");
    EXPECT_EQ(read(), "ECONNRESET");
}

// A FIN whose place is behind bytes that are missing tells of data that nobody will read.
TEST_F(ConnectionByHand, AnOrphanEndsByAFinBehindMissingBytes) {
    open();
    EXPECT_TRUE(stack.close(socket));
    run();
    EXPECT_EQ(told(), "1-1F@1");
    say({.seq = 21, .ack = 1, .flags = kFinAck});
    EXPECT_EQ(told().substr(0, 1), "R");
}

// --- what came out of order ---

TEST_F(ConnectionByHand, AGapIsReportedAndFilled) {
    open();
    say({.seq = 201, .ack = 1, .payload = 100});
    say({.seq = 401, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@1<201-301> 1-1@1<401-501><201-301>");
    say({.seq = 1, .ack = 1, .payload = 200});
    EXPECT_EQ(told(), "1-1@301<401-501>");
    say({.seq = 301, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@501");
    EXPECT_EQ(read(), "500");
}

TEST_F(ConnectionByHand, AFinBehindAGapIsReportedWithTheBytesBeforeIt) {
    open();
    say({.seq = 201, .ack = 1, .flags = kFinAck});
    EXPECT_EQ(told(), "1-1@1<201-202>");
    say({.seq = 101, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@1<101-202>");
    say({.seq = 1, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@202");
    EXPECT_EQ(read(), "200");
    EXPECT_EQ(read(), "0");
}

TEST_F(ConnectionByHand, ADuplicateIsReportedOnce) {
    open();
    say({.seq = 1, .ack = 1, .payload = 100});
    told();
    say({.seq = 1, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@101<1-101>");
    say({.seq = 101, .ack = 1, .payload = 100});
    EXPECT_EQ(told(), "1-1@201");
}

// RFC 2018 §3: every ACK that leaves a gap open says what lies beyond it. Data carries no SACK here,
// so an ACK of its own goes along.
TEST_F(ConnectionByHand, AGapIsReportedThoughDataOfOursIsWaitingToCarryTheAck) {
    open();
    write(20'000);  // more than the window admits
    told();
    say({.seq = 201, .ack = 2921, .payload = 100});
    const std::string out = told();
    EXPECT_NE(out.find("@1<201-301>"), std::string::npos) << out;
}

// What lies beyond a FIN is nobody's.
TEST_F(ConnectionByHand, NothingIsReadBehindAFin) {
    open();
    say({.seq = 102, .ack = 1, .payload = 50});
    say({.seq = 1, .ack = 1, .flags = kFinAck, .payload = 100});
    EXPECT_EQ(read(), "100");
    EXPECT_EQ(read(), "0");
    run(50_ms);
    EXPECT_EQ(heard.back().ack, 102);
    heard.clear();
    run(1_s);
    EXPECT_EQ(told(), "");
}

// A byte in a packet of its own costs a hundred times its size: what is kept out of order is
// bounded by the buffer, not by its bytes.
TEST_F(ConnectionByHand, SmallSegmentsOutOfOrderCannotFillTheMemory) {
    open();
    const std::size_t before = stack.pool().usage().buffer_bytes;
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t seq = 60'000 - i;
        say({.seq = seq, .ack = 1, .payload = 1});
        heard.clear();
    }
    EXPECT_LT(stack.pool().usage().buffer_bytes - before, 4u << 20);
    EXPECT_GT(stack.counters()[Counter::TcpExtTCPOFODrop], 1000u);
    // And what is in order is still taken.
    say({.seq = 1, .ack = 1, .payload = 1000});
    EXPECT_EQ(read(), "1000");
}

// --- the timers ---

// RFC 6298 §5: 200 ms over a round trip of no time, doubled each time.
TEST_F(ConnectionByHand, TheTimerDoublesAndTheAckCallsItOff) {
    open({.mss = 1460});
    const Instant start = now;
    write(100);
    run(10_s);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{0, 200, 600, 1400, 3000, 6200}));
    say({.seq = 1, .ack = 101});
    run(60_s);
    EXPECT_EQ(told(), "");
}

// tcp_retries2: 924.6 s nominal, for any RTO (Linux's tcp_model_timeout). Here it begins at 210 ms.
TEST_F(ConnectionByHand, GivesUpAfterFifteenRetransmissions) {
    open({.mss = 1460}, 65535, 10_ms);
    const Instant start = now;
    write(100);
    run(2000_s);
    const std::vector<std::int64_t> all = times(start);
    ASSERT_EQ(all.size(), 16u);
    EXPECT_EQ(all[9], 107'310);
    EXPECT_EQ(all[10], 214'830);
    EXPECT_EQ(all[11], 334'830);
    EXPECT_EQ(all[15], 814'830);
    EXPECT_EQ(read(), std::string{name_of(Errc::TimedOut)});
}

// TCP_USER_TIMEOUT counts from the first retransmission and ends at its instant, as Linux clamps
// the timer to it.
TEST_F(ConnectionByHand, TheUserTimeoutEndsTheConnectionAtItsInstant) {
    open({.mss = 1460});
    ASSERT_TRUE(stack.set_option(socket, Option::UserTimeout, 1000));
    write(100);
    run(1199_ms);
    EXPECT_EQ(read(), std::string{name_of(Errc::WouldBlock)});
    run(2_ms);
    EXPECT_EQ(read(), std::string{name_of(Errc::TimedOut)});
}

// RFC 9293 §3.8.6.1: first after an RTO, then doubled.
TEST_F(ConnectionByHand, AShutWindowIsProbedMoreAndMoreRarely) {
    open();
    write(1000);
    say({.seq = 1, .ack = 1001, .window = 0});
    told();
    const Instant start = now;
    write(500);
    run(10_s);
    EXPECT_EQ(heard.front().seq, 1000) << "below what is next: the peer must answer";
    EXPECT_EQ(heard.front().payload, 0u);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{200, 600, 1400, 3000, 6200}));
    say({.seq = 1, .ack = 1001, .window = 65535});
    EXPECT_EQ(told(), "1001-1501@1");
}

// tcp_retries2 probes without an answer: measured on Linux 6.18, which sends 15 (3.10 sent 16).
TEST_F(ConnectionByHand, AfterFifteenProbesInVainTheConnectionIsGivenUp) {
    open();
    write(1000);
    say({.seq = 1, .ack = 1001, .window = 0});
    write(500);
    told();
    run(2000_s);
    EXPECT_EQ(heard.size(), 15u);
    EXPECT_EQ(read(), std::string{name_of(Errc::TimedOut)});
}

TEST_F(ConnectionByHand, AProbeThatIsAnsweredGoesOnForEver) {
    open();
    write(1000);
    say({.seq = 1, .ack = 1001, .window = 0});
    write(500);
    for (int i = 0; i < 100; ++i) {
        run(120_s);
        ASSERT_FALSE(heard.empty());
        heard.clear();
        say({.seq = 1, .ack = 1001, .window = 0});
    }
    EXPECT_EQ(read(), std::string{name_of(Errc::WouldBlock)});
}

// Measured on Linux 6.18: idle 2, interval 1, count 3: ETIMEDOUT at 5 s; the last is RST|ACK.
TEST_F(ConnectionByHand, KeepAliveProbesThreeTimesAndResets) {
    open();
    ASSERT_TRUE(stack.set_option(socket, Option::KeepIdle, 2));
    ASSERT_TRUE(stack.set_option(socket, Option::KeepInterval, 1));
    ASSERT_TRUE(stack.set_option(socket, Option::KeepCount, 3));
    ASSERT_TRUE(stack.set_option(socket, Option::KeepAlive, 1));
    const Instant start = now;
    run(10_s);
    ASSERT_EQ(heard.size(), 4u);
    EXPECT_EQ(heard[0].seq, 0);
    EXPECT_EQ(heard[0].payload, 0u);
    EXPECT_TRUE(heard[3].flags.rst && heard[3].flags.ack);
    EXPECT_EQ(heard[3].seq, 1);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{2000, 3000, 4000, 5000}));
    EXPECT_EQ(read(), std::string{name_of(Errc::TimedOut)});
}

TEST_F(ConnectionByHand, KeepAliveCountsFromWhatWasHeardLast) {
    open();
    ASSERT_TRUE(stack.set_option(socket, Option::KeepIdle, 10));
    ASSERT_TRUE(stack.set_option(socket, Option::KeepAlive, 1));
    run(6_s);
    say({.seq = 1, .ack = 1, .payload = 10});
    heard.clear();
    const Instant start = now;
    // A setting changed meanwhile moves nothing.
    run(5_s);
    ASSERT_TRUE(stack.set_option(socket, Option::SendBuffer, 50'000));
    run(3_s);
    ASSERT_TRUE(stack.set_option(socket, Option::KeepIdle, 9));
    run(3_s);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{9000}));
}

// An ACK that waits goes when data comes shortly before its time (Linux's tcp_send_delayed_ack).
TEST_F(ConnectionByHand, ADelayedAckGoesAtItsTimeOrWithWhatComesJustBefore) {
    open();
    for (int i = 0; i < 40; ++i) {
        say({.seq = 1 + 10 * i, .ack = 1, .flags = {.psh = true, .ack = true}, .payload = 10});
        run(5_ms);
    }
    run(1_s);
    heard.clear();
    say({.seq = 401, .ack = 1, .payload = 10});
    run(1_s);
    heard.clear();
    // Quick ACKs are used up by now but for those a silence brings: let those go as well.
    for (int i = 0; i < 40; ++i) {
        say({.seq = 411 + 10 * i, .ack = 1, .payload = 10});
        run(5_ms);
    }
    run(150_ms);
    heard.clear();
    Instant start = now;
    say({.seq = 811, .ack = 1, .payload = 10});
    run(100_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{40}));
    start = now;
    say({.seq = 821, .ack = 1, .payload = 10});
    run(35_ms);
    say({.seq = 831, .ack = 1, .payload = 10});
    run(100_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{35}));
}

// --- the handshake's round trip ---

// RFC 6298 §5.7: without a timestamp a handshake that was repeated tells no round trip, and three
// seconds are waited.
TEST_F(ConnectionByHand, AfterALostSynAckTheFirstTimeoutIsThreeSeconds) {
    const SocketId listener = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.bind(listener, {IpAddress::any(Family::Inet), kPort}));
    ASSERT_TRUE(stack.listen(listener, 5));
    say({.seq = 0, .flags = {.syn = true}, .options = {.mss = 1460}});
    stack_isn += static_cast<std::uint32_t>(heard.at(0).seq);
    run(1100_ms);
    ASSERT_EQ(heard.size(), 2u);
    say({.seq = 1, .ack = 1});
    socket = *stack.accept(listener);
    heard.clear();
    const Instant start = now;
    write(100);
    run(5_s);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{0, 3000}));
}

// RFC 7323 REQ-4.1
TEST_F(ConnectionByHand, AfterALostSynTheTimestampTellsTheRoundTrip) {
    socket = *stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(stack.bind(socket, {IpAddress::any(Family::Inet), kPort}));
    ASSERT_EQ(stack.connect(socket, {IpAddress::v4(192, 0, 2, 2), kPeerPort}).error(),
              Errc::InProgress);
    run(1_s);
    ASSERT_EQ(heard.size(), 2u);
    stack_isn += static_cast<std::uint32_t>(heard[0].seq);
    const wire::TcpTimestamps stamp = *heard[1].options.timestamps;
    run(50_ms);
    say({.seq = 0,
         .ack = 1,
         .flags = {.syn = true, .ack = true},
         .options = {.mss = 1460, .timestamps = wire::TcpTimestamps{1, stamp.value}}});
    EXPECT_EQ(stack.tcp_info(socket)->rtt, 50_ms);
    heard.clear();
    const Instant start = now;
    write(100);
    run(300_ms);
    EXPECT_EQ(times(start), (std::vector<std::int64_t>{0, 250}));
}

// --- numbers that wrap ---

// An ISN moves with the clock, 64 ns a number: a stack of the same seed that starts later begins a
// few bytes before the wrap, and carries a megabyte over it, on either side.
std::uint32_t isn_seen(const fairlead::testing::FakeDevice& device) {
    const Bytes tcp = Bytes{device.sent.back()}.subspan(20);
    return static_cast<std::uint32_t>(wire::parse_tcp(tcp)->seq);
}

TEST(ConnectionNearTheWrap, CarriesItsStreamOverIt) {
    const auto connect_at = [](Instant now, auto&& then) {
        fairlead::testing::FakeDevice device{LinkKind::Ip};
        Stack stack{{.seed = {9}}};
        const InterfaceIndex i = *stack.add_interface(device);
        ASSERT_TRUE(stack.add_address(i, Prefix::parse("192.0.2.1/24").value()));
        stack.poll(now);
        const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(stack.bind(s, {IpAddress::any(Family::Inet), 1000}));
        ASSERT_EQ(stack.connect(s, {IpAddress::v4(192, 0, 2, 2), 80}).error(), Errc::InProgress);
        stack.poll(now);
        ASSERT_EQ(device.sent.size(), 1u);
        then(stack, device, s);
    };
    const Instant first = Instant::from_ns(1'000'000'000);
    std::uint32_t isn = 0;
    connect_at(first, [&](Stack&, auto& device, SocketId) { isn = isn_seen(device); });
    const std::int64_t steps = std::int64_t{0xffff'ff00u} - std::int64_t{isn};
    const Instant later = first + Duration::from_ns(steps * 64);
    connect_at(later, [&](Stack& stack, auto& device, SocketId s) {
        isn = isn_seen(device);
        ASSERT_EQ(isn, 0xffff'ff00u);
        device.sent.clear();
        Instant now = later;
        // The peer begins at the wrap too.
        const std::uint32_t peer_isn = 0xffff'fffeu;
        std::uint32_t acked = 1;
        std::uint32_t said = 1;
        const auto say = [&](wire::TcpFlags flags, std::uint32_t seq, const std::string& text) {
            using fairlead::testing::operator+;
            fairlead::testing::Frame segment(20);
            wire::write_tcp(segment, {.source_port = 80,
                                      .target_port = 1000,
                                      .seq = wire::Seq32{peer_isn + seq},
                                      .ack = wire::Seq32{isn + acked},
                                      .flags = flags,
                                      .window = 65535});
            const IpAddress from = IpAddress::v4(192, 0, 2, 2);
            const IpAddress to = IpAddress::v4(192, 0, 2, 1);
            device.inbox.push_back(fairlead::testing::ip(
                from, to, wire::IpProtocol::Tcp,
                fairlead::testing::with_checksum(segment + fairlead::testing::text(text), from, to,
                                                 wire::IpProtocol::Tcp, 16)));
            now = now + 1_ms;
            stack.poll(now);
        };
        say({.syn = true, .ack = true}, 0, "");
        ASSERT_EQ(stack.option(s, Option::Error), 0);
        const std::vector<std::byte> sent = bytes_of(range(0, 1'000'000));
        std::vector<std::byte> got;
        std::size_t written = 0;
        std::string heard_of_peer;
        for (int i = 0; i < 20'000 && got.size() < sent.size(); ++i) {
            const auto n = stack.send(s, Bytes{sent}.subspan(written));
            if (n) written += *n;
            stack.poll(now);
            while (!device.sent.empty()) {
                const auto frame = std::move(device.sent.front());
                device.sent.pop_front();
                const Bytes tcp = Bytes{frame}.subspan(20);
                const auto header = wire::parse_tcp(tcp);
                const std::uint32_t at = static_cast<std::uint32_t>(header->seq) - isn;
                const Bytes payload = tcp.subspan(header->header_bytes);
                if (at == acked) {
                    got.insert(got.end(), payload.begin(), payload.end());
                    acked += static_cast<std::uint32_t>(payload.size());
                }
            }
            say({.psh = true, .ack = true}, said++, "x");
            std::array<std::byte, 100> into{};
            if (const auto m = stack.receive(s, into)) {
                for (std::size_t k = 0; k < *m; ++k) {
                    heard_of_peer += static_cast<char>(std::to_integer<int>(into[k]));
                }
            }
        }
        EXPECT_EQ(got, sent);
        EXPECT_EQ(heard_of_peer, std::string(said - 1, 'x'));
        EXPECT_EQ(stack.counters()[Counter::TcpRetransSegs], 0u);
    });
}

// Merged on the way in, a hundred bytes still hold a buffer of two thousand each.
TEST_F(ConnectionByHand, TrainsOfSmallSegmentsAreCopiedTogetherBeforeTheyFillTheBuffer) {
    open();
    constexpr std::int64_t kPiece = 100;
    constexpr std::int64_t kTrain = 16;
    std::int64_t seq = 1;
    for (int train = 0; train < 35; ++train) {
        for (std::int64_t i = 0; i < kTrain; ++i, seq += kPiece) {
            put_on_wire({.seq = seq, .ack = 1, .payload = kPiece});
        }
        run(1_ms);
    }
    run(300_ms);
    ASSERT_FALSE(heard.empty());
    EXPECT_EQ(heard.back().ack, seq);
    EXPECT_GT(stack.counters()[Counter::TcpExtTCPRcvCollapsed], 0u);
    EXPECT_EQ(stack.counters()[Counter::TcpExtTCPRcvQDrop], 0u);
    EXPECT_LT(stack.pool().usage().buffer_bytes, 4u * 131'072);
    std::vector<std::byte> into(100'000);
    ASSERT_EQ(stack.receive(socket, into), static_cast<std::size_t>(seq - 1));
    into.resize(static_cast<std::size_t>(seq - 1));
    EXPECT_EQ(into, bytes_of(range(1, seq)));
}

}  // namespace
}  // namespace fairlead::tcp
