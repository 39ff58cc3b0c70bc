#include "link/segmentation.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

using namespace fairlead;
using link::split;
using link::SplitResult;
using link::Summing;

namespace {

const IpAddress kOurs4 = IpAddress::v4(10, 1, 2, 3);
const IpAddress kTheirs4 = IpAddress::v4(192, 0, 2, 9);
const IpAddress kOurs6 = *IpAddress::parse("2001:db8::1");
const IpAddress kTheirs6 = *IpAddress::parse("2001:db8:1::ffff");

constexpr std::size_t kEthernet = wire::EthernetHeader::kBytes;
constexpr std::uint8_t kTcpBytes = 32;  // with timestamps

struct Shape {
    bool v6 = false;
    bool udp = false;
    std::size_t payload = 0;
    std::uint16_t gso_size = 1448;
    wire::TcpFlags flags{.psh = true, .ack = true};
    std::uint32_t first_slice = 1000;  // the payload is laid out in uneven slices
};

std::byte payload_byte(std::size_t i) { return static_cast<std::byte>(i * 31 + i / 251); }

void write_transport(Packet& p, const Shape& s) {
    if (s.udp) {
        const MutableBytes udp = p.push_front(wire::UdpHeader::kBytes);
        wire::write_udp(udp, {.source_port = 5, .target_port = 6, .total_bytes = 0});
    } else {
        const MutableBytes tcp = p.push_front(kTcpBytes);
        std::memset(tcp.data(), 1, tcp.size());  // options: no-operations
        wire::write_tcp(tcp, {.source_port = 80,
                              .target_port = 5555,
                              .seq = wire::Seq32{0xffff'f000},
                              .ack = wire::Seq32{77},
                              .flags = s.flags,
                              .window = 501,
                              .header_bytes = kTcpBytes});
    }
    p.mark_transport(0);
    const auto bytes = static_cast<std::uint32_t>(p.size());
    const auto protocol = s.udp ? wire::IpProtocol::Udp : wire::IpProtocol::Tcp;
    const auto sum = s.v6 ? wire::pseudo_header(kOurs6, kTheirs6, protocol, bytes)
                          : wire::pseudo_header(kOurs4, kTheirs4, protocol, bytes);
    p.meta.checksum = ChecksumState::Partial;
    p.meta.checksum_offset = s.udp ? wire::UdpHeader::kChecksumAt : wire::TcpHeader::kChecksumAt;
    store_be<std::uint16_t>(p.head(), p.meta.checksum_offset, sum.fold());
}

PacketPtr large_packet(PacketPool& pool, const Shape& s) {
    PacketPtr p = pool.packet();
    std::size_t at = 0;
    std::uint32_t piece = s.first_slice;
    while (at < s.payload) {
        Slice slice = pool.large_buffer();
        const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(piece, s.payload - at));
        slice.trim_back(slice.size() - n);
        for (std::byte& b : slice.mutable_bytes()) b = payload_byte(at++);
        EXPECT_TRUE(p->append(std::move(slice)));
        piece = piece % 7001 + 2003;
    }
    write_transport(*p, s);
    const auto bytes = static_cast<std::uint16_t>(p->size());
    const auto protocol = s.udp ? wire::IpProtocol::Udp : wire::IpProtocol::Tcp;
    if (s.v6) {
        wire::write_ipv6(p->push_front(40), {.flow_label = 0x12345,
                                             .payload_bytes = bytes,
                                             .next_header = protocol,
                                             .source = kOurs6,
                                             .target = kTheirs6});
    } else {
        wire::write_ipv4(p->push_front(20), {.total_bytes = static_cast<std::uint16_t>(bytes + 20),
                                             .id = 0xffff,
                                             .dont_fragment = true,
                                             .protocol = protocol,
                                             .source = kOurs4,
                                             .target = kTheirs4});
    }
    p->mark_network(0);
    wire::write_ethernet(p->push_front(kEthernet),
                         {.target = {2, 0, 0, 0, 0, 2},
                          .source = {2, 0, 0, 0, 0, 1},
                          .type = s.v6 ? wire::EtherType::Ipv6 : wire::EtherType::Ipv4});
    p->meta.gso = s.udp ? GsoType::Udp : s.v6 ? GsoType::Tcp6 : GsoType::Tcp4;
    p->meta.gso_size = s.gso_size;
    p->meta.gso_segments = static_cast<std::uint16_t>((s.payload + s.gso_size - 1) / s.gso_size);
    return p;
}

using Frame = std::vector<std::byte>;

Frame frame_of(const Packet& p) {
    Frame f(p.size());
    p.copy_to(0, f);
    return f;
}

// One frame, taken apart by the parsers, its checksums verified.
struct Seen {
    std::uint16_t id = 0;
    wire::TcpHeader tcp{};
    std::uint16_t udp_bytes = 0;
    Frame payload{};
};

Seen read(const Frame& f, const Shape& s) {
    Seen seen;
    const Bytes ip = Bytes{f}.subspan(kEthernet);
    Bytes transport;
    if (s.v6) {
        const auto h = wire::parse_ipv6(ip);
        EXPECT_TRUE(h.has_value());
        EXPECT_EQ(h->payload_bytes + 40u, ip.size());
        transport = ip.subspan(40);
    } else {
        const auto h = wire::parse_ipv4(ip);
        EXPECT_TRUE(h.has_value());
        EXPECT_EQ(h->total_bytes, ip.size());
        EXPECT_TRUE(h->dont_fragment);
        seen.id = h->id;
        transport = ip.subspan(20);
    }
    const auto protocol = s.udp ? wire::IpProtocol::Udp : wire::IpProtocol::Tcp;
    auto sum = s.v6 ? wire::pseudo_header(kOurs6, kTheirs6, protocol,
                                          static_cast<std::uint32_t>(transport.size()))
                    : wire::pseudo_header(kOurs4, kTheirs4, protocol,
                                          static_cast<std::uint32_t>(transport.size()));
    sum.add(transport);
    EXPECT_TRUE(sum.is_valid());
    std::size_t header = kTcpBytes;
    if (s.udp) {
        const auto h = wire::parse_udp(transport);
        EXPECT_TRUE(h.has_value());
        EXPECT_NE(h->checksum, 0);
        seen.udp_bytes = h->total_bytes;
        header = 8;
    } else {
        seen.tcp = wire::parse_tcp(transport).value();
    }
    seen.payload.assign(transport.begin() + static_cast<std::ptrdiff_t>(header), transport.end());
    return seen;
}

std::vector<Seen> split_all(PacketPool& pool, PacketPtr p, const Shape& s, Summing summing) {
    std::vector<Seen> all;
    const auto result = split(std::move(p), pool, summing, [&](PacketPtr segment) {
        EXPECT_EQ(segment->meta.gso, GsoType::None);
        EXPECT_EQ(segment->meta.gso_segments, 1);
        if (summing == Summing::LeavePartial) {
            EXPECT_EQ(segment->meta.checksum, ChecksumState::Partial);
            EXPECT_TRUE(link::complete_checksum(*segment));
        }
        EXPECT_EQ(segment->meta.checksum, ChecksumState::None);
        all.push_back(read(frame_of(*segment), s));
    });
    EXPECT_EQ(result, SplitResult::Done);
    return all;
}

class Split : public testing::TestWithParam<std::tuple<bool, bool, Summing>> {};

TEST_P(Split, EverySegmentIsWhatTheSenderWouldHaveSentAlone) {
    const auto [v6, udp, summing] = GetParam();
    for (const std::size_t payload : {1449u, 2896u, 2897u, 10000u, 65000u}) {
        for (const std::uint16_t gso_size : {std::uint16_t{1448}, std::uint16_t{535}}) {
            for (const std::uint32_t first_slice : {1u, 777u, 1448u, 32768u}) {
                const Shape s{.v6 = v6,
                              .udp = udp,
                              .payload = payload,
                              .gso_size = gso_size,
                              .first_slice = first_slice};
                PacketPool pool;
                const auto all = split_all(pool, large_packet(pool, s), s, summing);
                ASSERT_EQ(all.size(), (payload + gso_size - 1) / gso_size);
                std::size_t at = 0;
                for (std::size_t i = 0; i < all.size(); ++i) {
                    const bool is_last = i + 1 == all.size();
                    if (!is_last) {
                        ASSERT_EQ(all[i].payload.size(), gso_size);
                    }
                    if (!v6) {
                        EXPECT_EQ(all[i].id, static_cast<std::uint16_t>(0xffff + i));
                    }
                    if (udp) {
                        EXPECT_EQ(all[i].udp_bytes, 8 + all[i].payload.size());
                    } else {
                        EXPECT_EQ(static_cast<std::uint32_t>(all[i].tcp.seq),
                                  static_cast<std::uint32_t>(0xffff'f000 + at));
                        EXPECT_EQ(all[i].tcp.flags.psh, is_last);
                        EXPECT_TRUE(all[i].tcp.flags.ack);
                        EXPECT_EQ(all[i].tcp.header_bytes, kTcpBytes);
                    }
                    for (const std::byte b : all[i].payload) ASSERT_EQ(b, payload_byte(at++));
                }
                EXPECT_EQ(at, payload);
                EXPECT_EQ(pool.usage().packets, 0u);
                EXPECT_EQ(pool.usage().buffer_bytes, 0u);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Split,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Values(Summing::Complete,
                                                          Summing::LeavePartial)));

TEST(Split, FinIsOnTheLastAndCwrOnTheFirstAlone) {
    PacketPool pool;
    const Shape s{.payload = 4000,
                  .flags = {.fin = true, .psh = true, .ack = true, .ece = true, .cwr = true}};
    const auto all = split_all(pool, large_packet(pool, s), s, Summing::Complete);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_TRUE(all[0].tcp.flags.cwr);
    EXPECT_FALSE(all[0].tcp.flags.fin);
    EXPECT_FALSE(all[1].tcp.flags.cwr);
    EXPECT_FALSE(all[1].tcp.flags.fin);
    EXPECT_FALSE(all[2].tcp.flags.cwr);
    EXPECT_TRUE(all[2].tcp.flags.fin);
    for (const Seen& seen : all) EXPECT_TRUE(seen.tcp.flags.ece);
}

// The flags of accurate ECN are a counter: each piece has it whole.
// RFC 9768 REQ-3.3.3
TEST(Split, CwrIsOnAllWhereItIsPartOfACounter) {
    PacketPool pool;
    const Shape s{.payload = 4000, .flags = {.ack = true, .cwr = true, .ae = true}};
    PacketPtr large = large_packet(pool, s);
    large->meta.repeats_cwr = true;
    const auto all = split_all(pool, std::move(large), s, Summing::Complete);
    ASSERT_EQ(all.size(), 3u);
    for (const Seen& seen : all) EXPECT_TRUE(seen.tcp.flags.cwr && seen.tcp.flags.ae);
}

TEST(Split, PayloadIsSharedAndNotCopied) {
    PacketPool pool;
    const Shape s{.payload = 30000, .first_slice = 32768};
    PacketPtr large = large_packet(pool, s);
    const std::byte* begin = large->slices()[0].data();
    std::size_t at = 0;
    split(std::move(large), pool, Summing::Complete, [&](PacketPtr segment) {
        ASSERT_EQ(segment->slice_count(), 1u);
        EXPECT_EQ(segment->slices()[0].data(), begin + at);
        at += segment->slices()[0].size();
    });
    EXPECT_EQ(at, 30000u);
}

TEST(Split, AFrameThatLiesInOneBufferWithItsHeadersIsSplitToo) {
    PacketPool pool;
    const Shape s{.payload = 20000};
    const Frame bytes = frame_of(*large_packet(pool, s));
    PacketPtr received = pool.copy(bytes);
    received->meta.gso = GsoType::Tcp4;
    received->meta.gso_size = 1448;
    received->meta.checksum = ChecksumState::Partial;
    received->meta.checksum_offset = 16;
    received->mark_network(kEthernet);
    received->mark_transport(kEthernet + 20);
    const auto all = split_all(pool, std::move(received), s, Summing::Complete);
    ASSERT_EQ(all.size(), 14u);
    std::size_t at = 0;
    for (const Seen& seen : all) {
        for (const std::byte b : seen.payload) ASSERT_EQ(b, payload_byte(at++));
    }
}

TEST(Split, PayloadInThePacketsOwnRoomIsCutAsWell) {
    PacketPool pool;
    const Shape s{.payload = 0, .gso_size = 10};
    PacketPtr p = pool.packet();
    std::size_t i = 0;
    for (std::byte& b : p->extend_head(25)) b = payload_byte(i++);
    write_transport(*p, s);
    wire::write_ipv4(p->push_front(20), {.total_bytes = static_cast<std::uint16_t>(p->size() + 20),
                                         .dont_fragment = true,
                                         .protocol = wire::IpProtocol::Tcp,
                                         .source = kOurs4,
                                         .target = kTheirs4});
    p->mark_network(0);
    p->push_front(kEthernet);
    p->meta.gso = GsoType::Tcp4;
    p->meta.gso_size = 10;
    const auto all = split_all(pool, std::move(p), s, Summing::Complete);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[2].payload.size(), 5u);
    EXPECT_EQ(all[2].payload[4], payload_byte(24));
}

TEST(Split, AnOrdinaryPacketPassesWithItsChecksumCompleted) {
    PacketPool pool;
    const Shape s{.payload = 999};
    PacketPtr p = large_packet(pool, s);
    p->meta.gso = GsoType::None;
    const Packet* same = p.get();
    std::size_t seen = 0;
    split(std::move(p), pool, Summing::Complete, [&](PacketPtr segment) {
        EXPECT_EQ(segment.get(), same);
        EXPECT_EQ(segment->meta.checksum, ChecksumState::None);
        read(frame_of(*segment), s);
        ++seen;
    });
    EXPECT_EQ(seen, 1u);
}

TEST(Split, TheCookieComesBackWithTheLastSegment) {
    PacketPool pool;
    PacketPtr p = large_packet(pool, {.payload = 3000});
    p->meta.cookie = 42;
    std::vector<std::uint64_t> cookies;
    split(std::move(p), pool, Summing::Complete,
          [&](PacketPtr segment) { cookies.push_back(segment->meta.cookie); });
    EXPECT_EQ(cookies, (std::vector<std::uint64_t>{0, 0, 42}));
}

TEST(Split, APoolAtItsLimitLosesTheRest) {
    PacketPool pool{{.packets = 3}};
    const Shape s{.payload = 14480};
    PacketPtr p = large_packet(pool, s);
    std::vector<PacketPtr> kept;
    EXPECT_EQ(split(std::move(p), pool, Summing::Complete,
                    [&](PacketPtr segment) { kept.push_back(std::move(segment)); }),
              SplitResult::NoMemory);
    EXPECT_EQ(kept.size(), 2u);
    kept.clear();
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST(Split, HeadersThatLieAreRefused) {
    PacketPool pool;
    const auto refuses = [&](auto&& spoil) {
        PacketPtr p = large_packet(pool, {.payload = 5000});
        spoil(*p);
        return split(std::move(p), pool, Summing::Complete, [](PacketPtr) { ADD_FAILURE(); }) ==
               SplitResult::Malformed;
    };
    EXPECT_TRUE(refuses([](Packet& p) { p.meta.gso_size = 0; }));
    EXPECT_TRUE(refuses([](Packet& p) { p.meta.gso_size = 65535; }));
    EXPECT_TRUE(refuses([](Packet& p) { p.mark_transport(5000); }));
    EXPECT_TRUE(refuses([](Packet& p) { p.mark_transport(3); }));
    EXPECT_TRUE(refuses([](Packet& p) { p.mark_network(kEthernet + 1); }));
    EXPECT_TRUE(refuses([](Packet& p) { p.head()[kEthernet] = std::byte{0x46}; }));
    EXPECT_TRUE(refuses([](Packet& p) { p.head()[kEthernet] = std::byte{0x35}; }));
    EXPECT_TRUE(refuses([](Packet& p) { p.head()[kEthernet + 20 + 12] = std::byte{0x40}; }));
    EXPECT_TRUE(refuses([](Packet& p) { p.head()[kEthernet + 20 + 12] = std::byte{0xf0}; }));
    EXPECT_TRUE(refuses([](Packet& p) { p.trim_back(5000); }));
}

TEST(Split, RandomHeadersAndMarksAreSurvivedAndNoPayloadIsInvented) {
    constexpr std::uint64_t kSeed = 77;
    SCOPED_TRACE(kSeed);
    Prng chance{kSeed};
    PacketPool pool;
    for (int round = 0; round < 20'000; ++round) {
        const Shape s{.v6 = chance.chance(1, 2),
                      .udp = chance.chance(1, 2),
                      .payload = chance.between(1, 6000),
                      .gso_size = static_cast<std::uint16_t>(chance.between(1, 2000))};
        PacketPtr p = large_packet(pool, s);
        for (auto flips = chance.below(4); flips > 0; --flips) {
            p->head()[chance.below(p->head().size())] ^= static_cast<std::byte>(chance.next());
        }
        if (chance.chance(1, 4)) p->mark_network(chance.below(100));
        if (chance.chance(1, 4)) p->mark_transport(chance.below(300));
        if (chance.chance(1, 4)) p->trim_back(chance.below(p->size() + 1));
        const std::size_t before = p->size();
        std::size_t payload = 0;
        split(std::move(p), pool, Summing::Complete, [&](PacketPtr segment) {
            std::size_t shared = 0;
            for (const Slice& slice : segment->slices()) shared += slice.size();
            EXPECT_LE(shared, s.gso_size);
            payload += shared;
        });
        EXPECT_LE(payload, before);
    }
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST(CompleteChecksum, AUdpSumOfZeroTravelsAsAllOnes) {
    PacketPool pool;
    // Two bytes of payload chosen so that the whole sums to 0xffff.
    PacketPtr p = pool.packet();
    const MutableBytes datagram = p->extend_head(10);
    wire::write_udp(datagram, {.source_port = 1, .target_port = 2, .total_bytes = 10});
    store_be<std::uint16_t>(datagram, 8, 0);
    auto sum = wire::pseudo_header(kOurs4, kTheirs4, wire::IpProtocol::Udp, 10);
    const std::uint16_t pseudo = sum.fold();
    sum.add(datagram);
    store_be<std::uint16_t>(datagram, 8, static_cast<std::uint16_t>(0xffff - sum.fold()));
    store_be<std::uint16_t>(datagram, 6, pseudo);
    p->mark_transport(0);
    p->meta.checksum = ChecksumState::Partial;
    p->meta.checksum_offset = 6;
    ASSERT_TRUE(link::complete_checksum(*p));
    EXPECT_EQ(load_be<std::uint16_t>(p->head(), 6), 0xffff);
}

TEST(CompleteChecksum, AFieldOutOfReachIsRefused) {
    PacketPool pool;
    PacketPtr p = pool.copy(Frame(1000));
    p->mark_transport(500);
    p->meta.checksum = ChecksumState::Partial;
    p->meta.checksum_offset = 16;
    EXPECT_FALSE(link::complete_checksum(*p));
    EXPECT_EQ(p->size(), 1000u);
}

}  // namespace
