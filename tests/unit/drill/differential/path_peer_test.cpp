#include "drill/differential/path_peer.hpp"

#include <string>

#include <gtest/gtest.h>

#include "drill/format.hpp"

namespace fairlead::drill::differential {
namespace {

constexpr std::uint32_t kPiece = 1000;

PathTraits traits() {
    return {.round_trip = 19_ms, .resends_after = 100_ms, .has_sack = true, .has_dsack = true};
}

// The `n`-th segment of the host, from 0.
TcpBody data(std::uint32_t n, TcpFlags flags = {.ack = true}) {
    const std::uint32_t at = 1 + n * kPiece;
    return {.flags = flags, .range = {at, at + kPiece, kPiece}, .ack = 1, .window = 500};
}

// All that comes in up to then: "10ms ack 1001 <options>", one on a line.
std::string heard(PathPeer& peer, Duration until) {
    std::string all;
    while (const auto due = peer.next()) {
        if (*due > until) break;
        const auto in = peer.take(*due);
        if (!in) continue;
        const SequenceRange& range = in->body.range;
        all += std::to_string(due->ms()) + "ms";
        if (range.bytes != 0) all += " seq " + std::to_string(range.begin);
        all += " ack " + std::to_string(*in->body.ack);
        if (in->body.flags.ece) all += " E";
        if (in->body.flags.cwr) all += " W";
        if (in->ip.ecn == EcnMark::Ce) all += " ce";
        if (!in->body.options.empty()) all += " " + format(in->body.options);
        all += "\n";
    }
    return all;
}

std::string answers(PathPeer& peer, std::initializer_list<std::uint32_t> order,
                    Duration until = 50_ms) {
    std::size_t left = 0;
    for (const std::uint32_t n : order) peer.on_left(0_ms, data(n), EcnMark::NotEct, left++);
    return heard(peer, until);
}

TEST(PathPeer, AcknowledgesARoundTripLater) {
    PathPeer peer{traits()};
    EXPECT_EQ(answers(peer, {0, 1}), "20ms ack 1001\n20ms ack 2001\n");
}

TEST(PathPeer, WaitsForASecondSegmentWhereItDelays) {
    PathTraits slow = traits();
    slow.acks_after = 30_ms;
    PathPeer peer{slow};
    EXPECT_EQ(answers(peer, {0, 1, 2}), "20ms ack 2001\n50ms ack 3001\n");
}

TEST(PathPeer, BlocksNameTheLatestFirst) {
    PathPeer peer{traits()};
    EXPECT_EQ(answers(peer, {0, 2, 4, 3, 1}),
              "20ms ack 1001\n"
              "20ms ack 1001 nop,nop,sack 2001:3001\n"
              "20ms ack 1001 nop,nop,sack 4001:5001 2001:3001\n"
              "20ms ack 1001 nop,nop,sack 2001:5001\n"
              "20ms ack 5001\n");
}

TEST(PathPeer, TellsOfWhatCameTwice) {
    PathPeer peer{traits()};
    EXPECT_EQ(answers(peer, {0, 0, 2, 2}),
              "20ms ack 1001\n"
              "20ms ack 1001 nop,nop,sack 1:1001\n"
              "20ms ack 1001 nop,nop,sack 2001:3001\n"
              "20ms ack 1001 nop,nop,sack 2001:3001 2001:3001\n");
}

TEST(PathPeer, ThePathHarmsTheOnesThatAreNamed) {
    PathPeer peer{traits()};
    peer.expect({.which = 1, .harm = Harm::Drop});
    peer.expect({.which = 2, .harm = Harm::Delay, .by = 5_ms});
    peer.expect({.is_inbound = true, .which = 0, .harm = Harm::Drop});
    peer.expect({.is_inbound = true, .which = 1, .harm = Harm::Duplicate, .by = 2_ms});
    // The ACK of the first is lost, that of the fourth comes twice.
    EXPECT_EQ(answers(peer, {0, 1, 2, 3}),
              "20ms ack 1001 nop,nop,sack 3001:4001\n"
              "22ms ack 1001 nop,nop,sack 3001:4001\n"
              "25ms ack 1001 nop,nop,sack 2001:4001\n");
}

TEST(PathPeer, EchoesAMarkUntilItHearsOfTheReduction) {
    PathTraits capable = traits();
    capable.has_ecn = true;
    PathPeer peer{capable};
    peer.expect({.which = 0, .harm = Harm::Mark});
    peer.expect({.which = 1, .harm = Harm::Mark});
    peer.on_left(0_ms, data(0), EcnMark::NotEct, 0);  // is not capable: no mark
    peer.on_left(1_ms, data(1), EcnMark::Ect0, 1);
    peer.on_left(2_ms, data(2), EcnMark::Ect0, 2);
    peer.on_left(3_ms, data(3, {.ack = true, .cwr = true}), EcnMark::Ect0, 3);
    EXPECT_EQ(heard(peer, 50_ms),
              "20ms ack 1001\n21ms ack 2001 E\n22ms ack 3001 E\n23ms ack 4001\n");
}

TEST(PathPeer, SendsAgainWhatIsNotAcknowledged) {
    PathTraits capable = traits();
    capable.has_ecn = true;
    PathPeer peer{capable};
    peer.expect({.is_inbound = true, .which = 0, .harm = Harm::Drop});
    peer.expect({.is_inbound = true, .which = 1, .harm = Harm::Mark});
    peer.write(0_ms, {.bytes = 2000});
    EXPECT_EQ(heard(peer, 50_ms), "10ms seq 1461 ack 1 ce\n");
    // A repetition is not capable of marks (RFC 3168 §6.1.5).
    EXPECT_EQ(heard(peer, 150_ms), "110ms seq 1 ack 1\n");
    peer.on_left(150_ms, {.flags = {.ack = true}, .range = {1, 1, 0}, .ack = 2001}, EcnMark::NotEct,
                 0);
    EXPECT_EQ(heard(peer, 1_s), "");
}

}  // namespace
}  // namespace fairlead::drill::differential
