// Ping sockets: echo requests out, their answers and errors in.
#include "udp/ping.hpp"

#include "unit/udp/udp_fixture.hpp"

namespace fairlead::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// type, code, checksum, identifier, sequence: what an application writes of the second and third does
// not matter.
Frame request(int type, const Frame& data) { return bytes({type, 0, 1, 2, 3, 4, 0, 7}) + data; }

class PingTest : public UdpTest {
protected:
    Handle ping(std::uint16_t id, Family family = Family::Inet) {
        layer.open(next_, family, true);
        const bool is_good = id == 0 || layer.bind(next_, {IpAddress::any(family), id}).has_value();
        EXPECT_TRUE(is_good);
        return next_++;
    }
    Result<std::size_t> ask(Handle h, const IpAddress& to, const Frame& message) {
        layer.set_now(now);
        const auto sent = layer.send_to(h, message, {.to = {to, 1}});
        network.flush(now);
        return sent;
    }
    Frame answer(Handle h) {
        Frame into(100);
        const auto got = layer.receive_from(h, into, {});
        if (!got) return {};
        last = *got;
        into.resize(got->copied);
        return into;
    }

private:
    Handle next_ = 100;
};

TEST_F(PingTest, a_request_goes_with_the_identifier_of_its_socket) {
    const Handle h = ping(0x1234);
    EXPECT_EQ(ask(h, peer4, request(8, text("abcd"))).value(), 12u);
    // RFC 792: 0800 + 1234 + 0007 + 6162 + 6364, and the ones' complement of that.
    EXPECT_EQ(part(take_sent(), 20), bytes({8, 0, 0x20, 0xfe, 0x12, 0x34, 0, 7}) + text("abcd"));
    EXPECT_EQ(count(Counter::IcmpOutEchos), 1u);
    EXPECT_EQ(count(Counter::UdpOutDatagrams), 0u);
    const Handle h6 = ping(0x1235, Family::Inet6);
    EXPECT_TRUE(ask(h6, peer6, request(128, text("abcd"))));
    const Frame sent = take_sent();
    EXPECT_EQ(sent, ip(us6, peer6, wire::IpProtocol::Icmpv6, part(sent, 40)));
    EXPECT_EQ(part(sent, 40), with_checksum(bytes({128, 0, 0, 0, 0x12, 0x35, 0, 7}) + text("abcd"),
                                            us6, peer6, wire::IpProtocol::Icmpv6, 2));
}

TEST_F(PingTest, without_a_name_it_is_given_an_identifier) {
    const Handle h = ping(0);
    EXPECT_TRUE(ask(h, peer4, request(8, text(""))));
    EXPECT_NE(layer.local_name(h).port, 0);
}

TEST_F(PingTest, nothing_else_is_sent) {
    const Handle h = ping(1);
    EXPECT_EQ(ask(h, peer4, request(0, text(""))), std::unexpected{Errc::InvalidArgument});
    EXPECT_EQ(ask(h, peer4, bytes({8, 1, 0, 0, 0, 0, 0, 0})),
              std::unexpected{Errc::InvalidArgument});
    EXPECT_EQ(ask(h, peer4, bytes({8, 0, 0, 0, 0, 0, 0})), std::unexpected{Errc::InvalidArgument});
    EXPECT_EQ(ask(h, peer4, Frame(65536)), std::unexpected{Errc::MessageTooLong});
    EXPECT_EQ(ask(h, peer6, request(8, text(""))), std::unexpected{Errc::FamilyNotSupported});
}

TEST_F(PingTest, an_answer_is_read_from_its_header_on_by_whoever_has_its_identifier) {
    const Handle h = ping(0x1234);
    const Handle other = ping(0x1235);
    const Handle h6 = ping(0x1236, Family::Inet6);
    arrive(icmp(peer4, us4, 0, bytes({0x12, 0x34, 0, 7}) + text("abcd"), 0));
    EXPECT_THAT(layer.woken(), ElementsAre(h));
    const Frame got = answer(h);
    EXPECT_EQ(part(got, 4), bytes({0x12, 0x34, 0, 7}) + text("abcd"));
    EXPECT_EQ(last.from, (Endpoint{peer4, 0}));
    EXPECT_EQ(last.ttl, 64);
    EXPECT_EQ(answer(other), Frame{});
    // One of IPv6 hears nothing of IPv4.
    arrive(icmp(peer4, us4, 0, bytes({0x12, 0x36, 0, 7}), 0));
    EXPECT_EQ(answer(h6), Frame{});
    EXPECT_EQ(count(Counter::UdpInDatagrams), 0u);
    arrive(icmp(peer4, us4, 0, bytes({9, 9, 0, 7}), 0));  // nobody's, and nothing is said of it
    EXPECT_EQ(answer(h), Frame{});
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(PingTest, an_identifier_is_one_socket_s) {
    const Handle h = ping(7);
    EXPECT_EQ(layer.local_name(h).port, 7);
    const Handle second = ping(0);
    EXPECT_EQ(layer.bind(second, {us4, 7}), std::unexpected{Errc::AddressInUse});
    EXPECT_TRUE(layer.bind(second, {us4, 8}));
    // A port of UDP is another thing.
    EXPECT_EQ(layer.readiness(bound("0.0.0.0:7")), kWritable);
}

TEST_F(PingTest, it_hears_itself_over_lo) {
    const Handle h = ping(5);
    ASSERT_TRUE(ask(h, IpAddress::v4(127, 0, 0, 1), request(8, text("self"))));
    pump(1);
    pump(1);
    EXPECT_EQ(part(answer(h), 4), bytes({0, 5, 0, 7}) + text("self"));
}

TEST_F(PingTest, an_error_tells_of_the_request_that_is_quoted) {
    const Handle h = ping(0x1234);
    ASSERT_TRUE(layer.set_option(h, Option::ReceiveError, 1));
    ASSERT_TRUE(ask(h, peer4, request(8, text("abcd"))));
    const Frame sent = take_sent();
    arrive(icmp(peer4, us4, 11, bytes({0, 0, 0, 0}) + sent, 0));
    EXPECT_EQ(layer.readiness(h), kWritable | kError);
    EXPECT_EQ(layer.pending_error(h), Errc::HostUnreachable);
    Frame about(100);
    const auto told = layer.receive_error(h, about);
    ASSERT_TRUE(told);
    about.resize(told->copied);
    EXPECT_EQ(about, part(sent, 20));
    EXPECT_EQ(told->type, 11);
    EXPECT_EQ(told->to, (Endpoint{peer4, 0}));
    EXPECT_EQ(told->offender, peer4);
}

TEST_F(PingTest, without_asking_only_a_connected_one_hears_of_a_hard_error) {
    const Handle h = ping(0x1234);
    ASSERT_TRUE(ask(h, peer4, request(8, text(""))));
    const Frame sent = take_sent();
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + sent, 2));
    EXPECT_EQ(layer.pending_error(h), Errc{});
    ASSERT_TRUE(layer.connect(h, {peer4, 1}));
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + sent, 2));
    EXPECT_EQ(layer.pending_error(h), Errc::NoSuchOption);
}

}  // namespace
}  // namespace fairlead::testing
