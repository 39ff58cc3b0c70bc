#include "link/gro.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "link/segmentation.hpp"
#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::Gro;
using ::testing::ElementsAre;

namespace {

// What a burst has become.
class Merged : public ::testing::Test {
protected:
    // The frames as a device hands them over: each whole in one slice.
    const std::vector<PacketPtr>& merge(const std::vector<TcpFrame>& frames) {
        burst.clear();
        std::int64_t time = 1000;
        for (const TcpFrame& f : frames) {
            burst.push_back(pool.copy(frame_of(f)));
            burst.back()->meta.arrived = Instant::from_ns(time++);
        }
        return merge_burst(frames.empty() || frames[0].has_link_header ? LinkKind::Ethernet
                                                                       : LinkKind::Ip);
    }
    const std::vector<PacketPtr>& merge_burst(LinkKind kind) {
        const std::size_t kept = gro.merge(kind, burst);
        for (std::size_t i = 0; i < burst.size(); ++i) {
            EXPECT_EQ(burst[i] != nullptr, i < kept) << "packet " << i;
        }
        burst.resize(kept);
        return burst;
    }
    std::vector<int> segments() const {
        std::vector<int> all;
        for (const PacketPtr& p : burst) all.push_back(p->meta.gso_segments);
        return all;
    }

    PacketPool pool;
    Gro gro;
    std::vector<PacketPtr> burst;
};

// Segments of `size` bytes, one after the other.
std::vector<TcpFrame> train(std::size_t n, std::size_t size, const TcpFrame& like = {}) {
    std::vector<TcpFrame> frames(n, like);
    for (std::size_t i = 0; i < n; ++i) {
        frames[i].sequence = like.sequence + static_cast<std::uint32_t>(i * size);
        frames[i].id = static_cast<std::uint16_t>(like.id + i);
        frames[i].payload = numbered(size, static_cast<unsigned>(i));
    }
    return frames;
}

TEST_F(Merged, ConsecutiveSegmentsBecomeOnePacketWithTheirBytesInOrder) {
    const auto frames = train(3, 1448);
    merge(frames);
    ASSERT_EQ(burst.size(), 1u);
    const Packet& p = *burst[0];
    EXPECT_EQ(p.meta.gso, GsoType::Tcp4);
    EXPECT_EQ(p.meta.gso_size, 1448);
    EXPECT_EQ(p.meta.gso_segments, 3);
    EXPECT_EQ(p.meta.checksum, ChecksumState::Verified);
    EXPECT_EQ(p.meta.arrived, Instant::from_ns(1000)) << "the first one's";
    EXPECT_EQ(p.network_offset(), 14u);
    EXPECT_EQ(p.transport_offset(), 34u);
    const Octets bytes = content(p);
    const auto ip = wire::parse_ipv4(Bytes{bytes}.subspan(14));
    ASSERT_TRUE(ip) << "its header checksum is right";
    EXPECT_EQ(ip->total_bytes, 20 + 20 + 3 * 1448);
    Octets payload;
    for (const TcpFrame& f : frames) {
        payload.insert(payload.end(), f.payload.begin(), f.payload.end());
    }
    EXPECT_EQ(Octets(bytes.begin() + 54, bytes.end()), payload);
}

TEST_F(Merged, Ipv6AndBarePacketsAreMergedTheSameWay) {
    for (const bool has_link_header : {true, false}) {
        merge(train(4, 1000, {.is_v6 = true, .has_link_header = has_link_header}));
        ASSERT_EQ(burst.size(), 1u);
        EXPECT_EQ(burst[0]->meta.gso, GsoType::Tcp6);
        const Octets bytes = content(*burst[0]);
        const auto ip = wire::parse_ipv6(Bytes{bytes}.subspan(has_link_header ? 14 : 0));
        ASSERT_TRUE(ip);
        EXPECT_EQ(ip->payload_bytes, 20 + 4 * 1000);
        merge(train(4, 1000, {.has_link_header = has_link_header}));
        EXPECT_THAT(segments(), ElementsAre(4));
    }
}

TEST_F(Merged, ShorterSegmentEndsThePacket) {
    auto frames = train(4, 1000);
    frames[2].payload.resize(10 + 8);
    frames[3].sequence = 2018;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(3, 1));
    EXPECT_EQ(burst[0]->meta.gso_size, 1000);
}

TEST_F(Merged, LongerSegmentBeginsAnother) {
    auto frames = train(3, 1000);
    frames[0].payload.resize(500);
    frames[0].sequence = 500;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(1, 2));
}

TEST_F(Merged, PushEndsThePacketAndStaysOnIt) {
    auto frames = train(5, 1000);
    frames[2].flags.psh = true;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(3, 2));
    const auto flags = [&](std::size_t i) {
        const Octets bytes = content(*burst[i]);
        return wire::parse_tcp(Bytes{bytes}.subspan(34))->flags;
    };
    EXPECT_TRUE(flags(0).psh);
    EXPECT_FALSE(flags(1).psh);
    frames[0].flags.psh = true;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(1, 2, 2));
}

// RFC 9768 REQ-3.3.3
TEST_F(Merged, TheFlagsOfEcnAreMergedWhereTheyAreTheSame) {
    auto frames = train(6, 1000);
    for (TcpFrame& f : frames) f.flags.ece = f.flags.ae = true;
    frames[3].flags.cwr = frames[4].flags.cwr = frames[5].flags.cwr = true;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(3, 3));
    for (std::size_t i = 0; i < 2; ++i) {
        const Octets bytes = content(*burst[i]);
        const wire::TcpFlags flags = wire::parse_tcp(Bytes{bytes}.subspan(34))->flags;
        EXPECT_TRUE(flags.ae && flags.ece);
        EXPECT_EQ(flags.cwr, i == 1);
    }
}

TEST_F(Merged, GapOrRepetitionBeginsAnotherPacket) {
    auto frames = train(6, 1000);
    frames[2].sequence = 5000;
    frames[3].sequence = 6000;
    frames[4].sequence = 0;
    frames[5].sequence = 1000;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(2, 2, 2));
}

TEST_F(Merged, SequenceNumbersWrap) {
    merge(train(4, 1000, {.sequence = 0xffff'f800}));
    EXPECT_THAT(segments(), ElementsAre(4));
}

// One difference in the middle one of three keeps it from both its neighbours.
struct Difference {
    const char* name;
    void (*apply)(TcpFrame&);
    bool is_v6 = false;
    int pieces = 3;
};

class MergedUnless : public Merged, public ::testing::WithParamInterface<Difference> {};

TEST_P(MergedUnless, TheMiddleOneDiffers) {
    const TcpFrame like{.is_v6 = GetParam().is_v6, .options = octets({1, 1, 1, 1})};
    auto frames = train(3, 1000, like);
    GetParam().apply(frames[1]);
    merge(frames);
    EXPECT_EQ(burst.size(), static_cast<std::size_t>(GetParam().pieces));
    for (std::size_t i = 0; i < burst.size(); ++i) {
        EXPECT_EQ(content(*burst[i]), frame_of(frames[i])) << "untouched";
    }
}

const Difference kDifferences[] = {
    {"Ack", [](TcpFrame& f) { f.ack = 2; }},
    {"Window", [](TcpFrame& f) { f.window = 501; }},
    {"OptionBytes", [](TcpFrame& f) { f.options[3] = std::byte{0}; }},
    {"OptionLength", [](TcpFrame& f) { f.options.resize(8, std::byte{1}); }},
    {"Fin", [](TcpFrame& f) { f.flags.fin = true; }},
    {"Syn", [](TcpFrame& f) { f.flags.syn = true; }},
    {"Rst", [](TcpFrame& f) { f.flags.rst = true; }},
    {"Urg", [](TcpFrame& f) { f.flags.urg = true; }},
    {"Ece", [](TcpFrame& f) { f.flags.ece = true; }},
    {"Cwr", [](TcpFrame& f) { f.flags.cwr = true; }},
    {"Ae", [](TcpFrame& f) { f.flags.ae = true; }},
    {"NoAck", [](TcpFrame& f) { f.flags.ack = false; }},
    {"Tos", [](TcpFrame& f) { f.traffic_class = 3; }},
    {"Ttl", [](TcpFrame& f) { f.ttl = 63; }},
    {"DontFragment", [](TcpFrame& f) { f.dont_fragment = false; }},
    {"IpOptions", [](TcpFrame& f) { f.ip_options = octets({1, 1, 1, 1}); }},
    {"Fragment", [](TcpFrame& f) { f.more_fragments = true; }},
    {"Padding", [](TcpFrame& f) { f.padding = 1; }},
    {"Station", [](TcpFrame& f) { f.source_mac = kOtherMac; }},
    {"TcpChecksum", [](TcpFrame& f) { f.is_tcp_corrupt = true; }},
    {"IpChecksum", [](TcpFrame& f) { f.is_ip_corrupt = true; }},
    {"Port", [](TcpFrame& f) { f.source_port = 40001; }},
    {"TargetPort", [](TcpFrame& f) { f.target_port = 81; }},
    {"TrafficClass6", [](TcpFrame& f) { f.traffic_class = 3; }, true},
    {"HopLimit6", [](TcpFrame& f) { f.ttl = 63; }, true},
    {"TcpChecksum6", [](TcpFrame& f) { f.is_tcp_corrupt = true; }, true},
};
INSTANTIATE_TEST_SUITE_P(Gro, MergedUnless, ::testing::ValuesIn(kDifferences),
                         [](const auto& one) { return one.param.name; });

TEST_F(Merged, IdMustCountOnOnlyWhereThePacketMayBeFragmented) {
    auto frames = train(3, 1000, {.dont_fragment = false, .id = 65535});
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(3));
    frames[2].id = 9;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(2, 1));
    for (TcpFrame& f : frames) f.dont_fragment = true;
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(3));
}

TEST_F(Merged, SegmentWithoutPayloadKeepsItsPlace) {
    auto frames = train(4, 1000);
    frames.insert(frames.begin() + 2, TcpFrame{.sequence = 2000});
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(2, 1, 2));
    EXPECT_EQ(content(*burst[1]), frame_of(frames[2]));
}

TEST_F(Merged, OtherFlowsInterleave) {
    std::vector<TcpFrame> frames;
    const auto one = train(4, 1000);
    const auto two = train(4, 800, {.is_v6 = true});
    for (std::size_t i = 0; i < 4; ++i) {
        frames.push_back(one[i]);
        frames.push_back(two[i]);
    }
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(4, 4));
}

TEST_F(Merged, NinthFlowClosesTheOldest) {
    std::vector<TcpFrame> frames;
    for (std::uint32_t round = 0; round < 2; ++round) {
        for (std::uint16_t flow = 0; flow < 9; ++flow) {
            frames.push_back(
                {.source_port = flow, .sequence = round * 100, .payload = numbered(100)});
        }
    }
    merge(frames);
    // Flow 0 gave way to 8, came back in place of 1, and so on: none finds its own any more but 8.
    std::size_t total = 0;
    for (const int n : segments()) total += static_cast<std::size_t>(n);
    EXPECT_EQ(total, 18u);
    frames.erase(frames.begin() + 9);
    frames.erase(frames.begin());
    merge(frames);
    EXPECT_THAT(segments(), ElementsAre(2, 2, 2, 2, 2, 2, 2, 2));
}

TEST_F(Merged, NothingGrowsOver64KiB) {
    // Slices of one buffer, so that the number of slices is no limit.
    const std::size_t size = 1448;
    const Octets all = numbered(size * 64);
    std::vector<Slice> buffers;
    for (std::size_t i = 0; i < 64; ++i) {
        const TcpFrame f{.sequence = static_cast<std::uint32_t>(i * size),
                         .payload = {all.begin() + static_cast<std::ptrdiff_t>(i * size),
                                     all.begin() + static_cast<std::ptrdiff_t>((i + 1) * size)}};
        const Octets frame = frame_of(f);
        PacketPtr p = pool.packet();
        std::memcpy(p->push_front(54).data(), frame.data(), 54);
        if (i % 22 == 0) buffers.push_back(pool.large_buffer());
        const auto at = static_cast<std::uint32_t>(i % 22 * size);
        Slice part = buffers.back().part(at, size);
        std::memcpy(part.mutable_bytes().data(), frame.data() + 54, size);
        ASSERT_TRUE(p->append(std::move(part)));
        burst.push_back(std::move(p));
    }
    merge_burst(LinkKind::Ethernet);
    EXPECT_THAT(segments(), ElementsAre(45, 19));
    EXPECT_LE(burst[0]->size() - 14, 65535u);
    EXPECT_EQ(burst[0]->slice_count(), 3u) << "neighbours join";
}

TEST_F(Merged, SegmentsOverTheRoomForSlicesBeginAnother) {
    merge(train(20, 1448));
    EXPECT_THAT(segments(), ElementsAre(Packet::kMaxSlices, 20 - Packet::kMaxSlices));
}

TEST_F(Merged, HeadersAreWrittenInNoSharedBytes) {
    const auto frames = train(2, 1000);
    for (const TcpFrame& f : frames) burst.push_back(pool.copy(frame_of(f)));
    const PacketPtr duplicate = pool.clone(*burst[0]);
    merge_burst(LinkKind::Ethernet);
    EXPECT_THAT(segments(), ElementsAre(2));
    EXPECT_EQ(content(*duplicate), frame_of(frames[0]));
}

TEST_F(Merged, WhatTheDeviceVerifiedOrMergedIsBelieved) {
    auto frames = train(2, 1000);
    for (TcpFrame& f : frames) f.is_tcp_corrupt = true;
    for (const TcpFrame& f : frames) {
        burst.push_back(pool.copy(frame_of(f)));
        burst.back()->meta.checksum = ChecksumState::Verified;
    }
    merge_burst(LinkKind::Ethernet);
    EXPECT_THAT(segments(), ElementsAre(2));
    burst.clear();
    for (const TcpFrame& f : train(2, 1000)) {
        burst.push_back(pool.copy(frame_of(f)));
        burst.back()->meta.gso = GsoType::Tcp4;
        burst.back()->meta.gso_size = 500;
        burst.back()->meta.gso_segments = 2;
    }
    merge_burst(LinkKind::Ethernet);
    EXPECT_THAT(segments(), ElementsAre(2, 2));
}

TEST_F(Merged, VerifiedSegmentThatStaysAloneKeepsThatState) {
    auto frames = train(2, 1000);
    frames[1].sequence = 7777;
    merge(frames);
    EXPECT_EQ(burst[0]->meta.checksum, ChecksumState::Verified);
    EXPECT_EQ(burst[1]->meta.checksum, ChecksumState::Verified);
    EXPECT_EQ(burst[0]->meta.gso, GsoType::None);
    frames[0].is_tcp_corrupt = true;
    merge(frames);
    EXPECT_EQ(burst[0]->meta.checksum, ChecksumState::None);
}

TEST_F(Merged, SingleFrameIsNotLookedAt) {
    merge(train(1, 1000));
    EXPECT_EQ(burst[0]->meta.checksum, ChecksumState::None);
    EXPECT_EQ(gro.merge(LinkKind::Ethernet, {}), 0u);
}

TEST_F(Merged, EveryTruncationIsLeftAsItIs) {
    for (const bool is_v6 : {false, true}) {
        const auto frames = train(2, 20, {.is_v6 = is_v6});
        const Octets whole = frame_of(frames[0]);
        for (std::size_t n = 1; n < whole.size(); ++n) {
            burst.clear();
            burst.push_back(pool.copy(Bytes{whole}.first(n)));
            burst.push_back(pool.copy(frame_of(frames[1])));
            merge_burst(LinkKind::Ethernet);
            ASSERT_EQ(burst.size(), 2u) << n;
            EXPECT_EQ(content(*burst[0]),
                      Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
        }
    }
}

// Bytes of the headers at random, believed by the device, whole or in pieces: whatever they say, no
// byte is read out of bounds (the sanitizers look on) and every packet that is left can be read.
TEST_F(Merged, LyingHeadersAreSurvived) {
    constexpr std::uint64_t kSeed = 5;
    SCOPED_TRACE("seed 5");
    Prng chance{kSeed};
    for (int round = 0; round < 3000; ++round) {
        burst.clear();
        for (const TcpFrame& f : train(6, 60, {.is_v6 = chance.chance(1, 2)})) {
            Octets frame = frame_of(f);
            if (chance.chance(1, 2))
                frame[chance.below(80)] ^= static_cast<std::byte>(chance.next());
            if (chance.chance(1, 8)) frame.resize(chance.below(frame.size()) + 1);
            PacketPtr p = pool.copy(frame);
            if (chance.chance(1, 4)) p->pull(chance.below(std::min<std::size_t>(p->size(), 100)));
            p->meta.checksum = ChecksumState::Verified;
            burst.push_back(std::move(p));
        }
        merge_burst(chance.chance(1, 8) ? LinkKind::Ip : LinkKind::Ethernet);
        int all = 0;
        for (const int n : segments()) all += n;
        ASSERT_EQ(all, 6) << "round " << round;
        for (const PacketPtr& p : burst) ASSERT_EQ(content(*p).size(), p->size());
    }
}

// --- against unmerged delivery ---

// Splitting what was merged gives the frames that came, to the bit and in each flow's order.
class MergedAtRandom : public Merged, public ::testing::WithParamInterface<std::uint64_t> {
protected:
    void add(Prng& chance, std::size_t flow, std::vector<TcpFrame>& frames) {
        TcpFrame f = states_[flow];
        const std::size_t bytes = chance.chance(1, 6) ? chance.below(1400) : 700 + 100 * flow;
        f.payload = numbered(bytes, static_cast<unsigned>(chance.next()));
        f.flags.psh = chance.chance(1, 10);
        if (chance.chance(1, 30)) f.flags.fin = true;
        if (chance.chance(1, 30)) f.flags.ece = true;
        if (chance.chance(1, 20)) f.is_tcp_corrupt = true;
        if (chance.chance(1, 40)) f.is_ip_corrupt = true;
        if (chance.chance(1, 40)) f.padding = 5;
        if (chance.chance(1, 40) && !f.is_v6) f.ip_options = octets({1, 1, 1, 0});
        if (chance.chance(1, 20)) states_[flow].ack += 100;
        if (chance.chance(1, 20)) f.sequence -= 100;
        if (chance.chance(1, 20)) states_[flow].options = octets({1, 1, 1, 1});
        if (chance.chance(1, 20)) states_[flow].options.clear();
        f.options = states_[flow].options;
        states_[flow].sequence += static_cast<std::uint32_t>(f.payload.size());
        ++states_[flow].id;
        if (!chance.chance(1, 15)) frames.push_back(f);  // else lost
        if (frames.size() > 1 && chance.chance(1, 12)) {
            std::swap(frames[frames.size() - 1], frames[frames.size() - 2]);
        }
    }

    std::array<TcpFrame, 12> states_{};
};

struct FlowName {
    bool is_v6 = false;
    std::uint16_t port = 0;
    auto operator<=>(const FlowName&) const = default;
};

std::size_t transport_at(const Octets& frame) {
    if (frame[12] == std::byte{0x86}) return 14 + 40;
    return 14 + (std::to_integer<std::size_t>(frame[14]) & 0xf) * 4;
}

// Without what means nothing: where DF is set, the id and the checksum over it; which of its two
// zeros a TCP checksum has (a splitter writes all ones, as it must for UDP).
Octets comparable(Octets frame) {
    if (frame[12] == std::byte{0x08} && (frame[20] & std::byte{0x40}) != std::byte{0}) {
        for (const std::size_t i : {18u, 19u, 24u, 25u}) frame[i] = std::byte{0};
    }
    const std::size_t checksum = transport_at(frame) + wire::TcpHeader::kChecksumAt;
    if (load_be<std::uint16_t>(frame, checksum) == 0xffff) {
        store_be<std::uint16_t>(frame, checksum, 0);
    }
    return frame;
}

using Flows = std::map<FlowName, std::vector<Octets>>;

std::string first_difference(const Flows& left, const Flows& came) {
    if (left.size() != came.size()) return "other flows";
    for (const auto& [name, frames] : came) {
        const std::string where =
            (name.is_v6 ? "v6 port " : "v4 port ") + std::to_string(name.port);
        if (!left.contains(name)) return where + " is missing";
        const auto& ours = left.at(name);
        if (ours.size() != frames.size()) return where + ": another number of frames";
        for (std::size_t i = 0; i < frames.size(); ++i) {
            if (ours[i] == frames[i]) continue;
            const auto at = std::ranges::mismatch(ours[i], frames[i]).in1 - ours[i].begin();
            return where + ": frame " + std::to_string(i) + " from byte " + std::to_string(at);
        }
    }
    return "";
}

TEST_P(MergedAtRandom, SplitsIntoWhatCame) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    Prng chance{GetParam()};
    const std::size_t flows = 1 + chance.below(12);
    for (std::size_t i = 0; i < flows; ++i) {
        states_[i] = {.is_v6 = chance.chance(1, 3),
                      .source_port = static_cast<std::uint16_t>(1000 + i),
                      .sequence = static_cast<std::uint32_t>(chance.next()),
                      .dont_fragment = chance.chance(1, 2)};
    }
    std::vector<TcpFrame> frames;
    for (int i = 0; i < 64; ++i) add(chance, chance.below(flows), frames);

    Flows came;
    burst.clear();
    for (const TcpFrame& f : frames) {
        came[{f.is_v6, f.source_port}].push_back(comparable(frame_of(f)));
        burst.push_back(pool.copy(frame_of(f)));
        // Some as another stack in memory hands them over: headers apart from the payload.
        if (chance.chance(1, 2)) {
            burst.back()->own_front((f.is_v6 ? 74 : 54) + f.ip_options.size() + f.options.size());
        }
    }
    merge_burst(LinkKind::Ethernet);
    Flows left;
    for (PacketPtr& p : burst) {
        const Octets bytes = content(*p);
        const bool is_v6 = bytes[12] == std::byte{0x86};
        const FlowName name{is_v6, load_be<std::uint16_t>(bytes, transport_at(bytes))};
        const auto done = link::split(
            std::move(p), pool, link::Summing::Complete,
            [&](PacketPtr segment) { left[name].push_back(comparable(content(*segment))); });
        EXPECT_EQ(done, link::SplitResult::Done);
    }
    EXPECT_EQ(first_difference(left, came), "");
    if (flows == 1) {
        EXPECT_LT(burst.size(), frames.size()) << "it does merge";
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MergedAtRandom, ::testing::Range<std::uint64_t>(1, 401));

}  // namespace
