// Time stamps of datagrams that wait for the address of their neighbour.
#include "unit/udp/udp_fixture.hpp"
#include "wire/arp.hpp"
#include "wire/ethernet.hpp"

namespace fairlead::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Stamps kBoth = kStampScheduled | kStampSent | kStampNumbered;

class WaitingStamps : public UdpTest {
protected:
    WaitingStamps() : UdpTest{LinkKind::Ethernet} {}

    Handle stamped(Stamps flags) {
        const Handle h = bound("192.0.2.1:53");
        EXPECT_TRUE(layer.set_option(h, Option::Timestamping, flags));
        return h;
    }
    void neighbour_answers() {
        Frame frame(14 + 28);
        wire::write_ethernet(frame,
                             {.target = our_mac, .source = peer_mac, .type = wire::EtherType::Arp});
        wire::write_arp(MutableBytes{frame}.subspan(14), {.operation = wire::ArpOperation::Reply,
                                                          .sender_mac = peer_mac,
                                                          .sender = peer4,
                                                          .target_mac = our_mac,
                                                          .target = us4});
        arrive(frame);
    }
    // What is told next; its number is 99 if there is nothing.
    ErrorMessage told(Handle h) {
        given.assign(2000, {});
        const auto message = layer.receive_error(h, given);
        if (!message) return {.data = 99};
        given.resize(message->copied);
        return *message;
    }
    Frame given{};
};

TEST_F(WaitingStamps, ComeWhenTheNeighbourHasAnsweredWithTheFrameThatLeft) {
    const Handle h = stamped(kBoth);
    ASSERT_TRUE(send(h, "192.0.2.2:5000", "first"));
    ASSERT_TRUE(send(h, "192.0.2.2:5000", "second"));
    EXPECT_EQ(told(h).data, 99u);
    now = now + Duration::from_ms(30);
    device.sent.clear();
    neighbour_answers();
    ASSERT_THAT(device.sent, SizeIs(2));
    for (const std::uint32_t number : {0u, 1u}) {
        for (const StampKind kind : {StampKind::Scheduled, StampKind::Sent}) {
            const ErrorMessage message = told(h);
            EXPECT_EQ(message.data, number);
            EXPECT_EQ(message.info, static_cast<std::uint32_t>(kind));
            EXPECT_EQ(message.when, now);
            EXPECT_EQ(message.interface, eth);
            EXPECT_EQ(message.offender, us4);
            EXPECT_EQ(given, device.sent[number]);
        }
    }
    EXPECT_EQ(told(h).data, 99u);
}

TEST_F(WaitingStamps, ComeAloneToWhoWantsNoMore) {
    const Handle h = stamped(kBoth | kStampOnly);
    ASSERT_TRUE(send(h, "192.0.2.2:5000", "first"));
    EXPECT_EQ(told(h).data, 99u);
    neighbour_answers();
    const ErrorMessage message = told(h);
    EXPECT_EQ(message.data, 0u);
    EXPECT_TRUE(message.offender.is_any());
    EXPECT_THAT(given, IsEmpty());
}

TEST_F(WaitingStamps, NeverComeToASocketThatHasTakenThePlaceOfAnother) {
    const Handle h = stamped(kBoth);
    ASSERT_TRUE(send(h, "192.0.2.2:5000", "first"));
    layer.close(h);
    layer.open(h, Family::Inet);
    neighbour_answers();
    EXPECT_EQ(told(h).data, 99u);
}

TEST_F(WaitingStamps, NeverComeOfAnAnswerThatDoesNotCome) {
    const Handle h = stamped(kBoth);
    ASSERT_TRUE(send(h, "192.0.2.2:5000", "first"));
    for (int i = 0; i < 5; ++i) {
        now = now + Duration::from_s(1);
        network.expire(now);
    }
    neighbour_answers();
    EXPECT_EQ(told(h).data, 99u);
}

}  // namespace
}  // namespace fairlead::testing
