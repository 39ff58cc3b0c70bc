#include "stack/replay.hpp"

#include <memory>

#include "sim/transfer.hpp"
#include "stack/recorder.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

using File = std::vector<std::byte>;

RecordSink into(File& file) {
    return {&file, [](void* context, Bytes bytes) {
                auto& to = *static_cast<File*>(context);
                to.insert(to.end(), bytes.begin(), bytes.end());
            }};
}

struct Recorded {
    File client{};
    File server{};
    std::uint64_t frames_to_client = 0;
};

// A lossy world with streams of both families, a datagram, closes and a link that goes down.
Recorded record_world(std::uint64_t seed, DeviceFeatures features) {
    Recorded files;
    InputRecorder a_recorder{into(files.client)};
    InputRecorder b_recorder{into(files.server)};
    sim::World world{seed};
    Config config;
    config.tcp_keepalive_time = 60;
    sim::Host& a = world.add_host("a", config, &a_recorder);
    sim::Host& b = world.add_host("b", {}, &b_recorder);
    const sim::Faults faults{.loss = 10'000,
                             .duplication = 10'000,
                             .reordering = 10'000,
                             .corruption = 2'000,
                             .delay = 3_ms,
                             .bits_per_second = 50'000'000};
    sim::Link& link = world.join(a, b, {.features = features, .there = faults, .back = faults});
    a.set_default_route(b.address(Family::Inet));
    const sim::StreamPlan plan{.to_send = 300'000, .no_delay = true, .keep_alive = true};
    sim::Listener v4{b, {b.address(Family::Inet), 80}, sim::mirrored(plan, 100'000)};
    sim::Listener v6{b, {b.address(Family::Inet6), 80}, sim::mirrored(plan, 100'000)};
    std::deque<sim::Stream> streams;
    for (const Family family : {Family::Inet, Family::Inet6}) {
        streams.emplace_back(a, sim::start_connecting(a, {b.address(family), 80}), plan);
    }
    const SocketId datagrams = *a.stack().socket(Family::Inet, SocketType::Datagram);
    const std::array<std::byte, 5000> large{};  // in fragments
    EXPECT_TRUE(a.stack().send_to(datagrams, large, {.to = {b.address(Family::Inet), 9}}));
    world.run_for(100_ms);
    link.set_mtu(1400);
    world.run_for(100_ms);
    link.set_up(false);
    world.run_for(1_s);
    link.set_up(true);
    world.run_for(120_s);
    for (const sim::Stream& s : streams) EXPECT_EQ(s.state(), sim::Stream::State::Closed);
    files.frames_to_client = link.back().left;
    return files;
}

constexpr DeviceFeatures kAllOffloads{
    .checksum_out = true, .tso4 = true, .tso6 = true, .uso = true};

const Recorded& recorded() {
    static const Recorded files = [] {
        Recorded made;
        // The recorders end the recording when they go.
        made = record_world(1, kAllOffloads);
        return made;
    }();
    return files;
}

std::string difference_of(const Replay& replay) {
    std::string text;
    if (const auto& fault = replay.fault()) {
        text = std::string{message_of(*fault)} + " at " + std::to_string(replay.fault_offset());
    }
    if (const auto& d = replay.difference()) {
        text += std::string{message_of(d->kind)} + ", record " + std::to_string(d->record) +
                ", frame " + std::to_string(d->frame);
    }
    return text;
}

TEST(Replay, ALossyTransferLeavesTheSameFramesAgain) {
    for (const DeviceFeatures features : {kAllOffloads, DeviceFeatures{}}) {
        const Recorded files = record_world(2, features);
        for (const File* file : {&files.client, &files.server}) {
            Replay replay{*file};
            EXPECT_TRUE(replay.run()) << difference_of(replay);
            EXPECT_GT(replay.counts().frames_in, 100u);
            EXPECT_GT(replay.counts().frames_out, 100u);
            EXPECT_GT(replay.counts().calls, 500u);
        }
    }
}

TEST(Replay, TheStackIsThereToBeLookedAt) {
    Replay replay{recorded().client};
    EXPECT_EQ(replay.stack(), nullptr);
    while (replay.step() && replay.last().kind != InputKind::Connect) {
    }
    ASSERT_NE(replay.stack(), nullptr);
    const auto rows = replay.stack()->sockets();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].state, TcpState::SynSent);
    EXPECT_EQ(replay.stack()->config().tcp_keepalive_time, 60);
    ASSERT_TRUE(replay.run()) << difference_of(replay);
    EXPECT_EQ(replay.stack()->counters()[Counter::TcpActiveOpens], 2u);
}

TEST(Replay, AWitnessSeesEveryFrameAsItPasses) {
    struct Seen {
        std::uint64_t in = 0;
        std::uint64_t out = 0;
        std::string name{};
    } seen;
    const ReplayWitness witness{
        .context = &seen,
        .device = [](void* context, std::uint16_t,
                     const DeviceInfo& info) { static_cast<Seen*>(context)->name = info.name; },
        .frame =
            [](void* context, std::uint16_t, Instant, bool leaves, const Packet&) {
                ++(leaves ? static_cast<Seen*>(context)->out : static_cast<Seen*>(context)->in);
            }};
    Replay replay{recorded().client, witness};
    ASSERT_TRUE(replay.run());
    EXPECT_EQ(seen.in, recorded().frames_to_client);
    EXPECT_EQ(seen.in, replay.counts().frames_in);
    EXPECT_EQ(seen.out, replay.counts().frames_out);
    EXPECT_EQ(seen.name, "link1");
}

// --- what is not as it was ---

// Changes the n-th record of that kind, and makes its check right again.
template <typename Change>
File changed(const File& file, InputKind kind, int n, Change&& change) {
    RecordStream stream{file};
    EXPECT_TRUE(stream.open());
    File out{file.begin(), file.begin() + kRecordHeaderBytes};
    std::uint64_t number = 0;
    for (bool is_over = false; !is_over; ++number) {
        const auto record = stream.next();
        EXPECT_TRUE(record);
        is_over = record->kind == InputKind::End;
        File body{record->body.begin(), record->body.end()};
        bool is_kept = true;
        if (record->kind == kind && n-- == 0) is_kept = change(body);
        if (!is_kept) {
            --number;
            continue;
        }
        RecordWriter w;
        w.u8(static_cast<std::uint8_t>(record->kind));
        w.blob(body);
        w.u32(record_check(number, record->kind, body));
        out.insert(out.end(), w.bytes().begin(), w.bytes().end());
    }
    return out;
}

TEST(Replay, TheFirstFrameThatDiffersIsNamed) {
    // One bit of the hash of the first frame of the fifth burst.
    std::uint64_t expected = 0;
    const File file = changed(recorded().client, InputKind::Sent, 4, [&](File& body) {
        body[2 + 4 + 6 + 4] ^= std::byte{1};
        RecordReader reader{Bytes{body}.subspan(2 + 4 + 6 + 4)};
        expected = reader.u64();
        return true;
    });
    Replay replay{file};
    EXPECT_FALSE(replay.run());
    ASSERT_TRUE(replay.difference().has_value());
    const ReplayDifference& d = *replay.difference();
    EXPECT_EQ(d.kind, ReplayDifference::Kind::OtherFrame);
    EXPECT_EQ(d.expected_hash, expected);
    EXPECT_EQ(d.actual_hash, expected ^ 1);
    EXPECT_GE(d.frame, 4u);
    EXPECT_EQ(d.expected_bytes, d.actual_bytes);
    RecordStream stream{file};
    ASSERT_TRUE(stream.open());
    for (std::uint64_t i = 0; i < d.record; ++i) ASSERT_TRUE(stream.next());
    EXPECT_EQ(stream.offset(), d.offset);
    EXPECT_EQ(stream.next()->kind, InputKind::Sent);
    EXPECT_FALSE(replay.step());
}

TEST(Replay, ACallThatIsLeftOutIsNoticed) {
    const File file =
        changed(recorded().client, InputKind::Connect, 1, [](File&) { return false; });
    Replay replay{file};
    EXPECT_FALSE(replay.run());
    EXPECT_TRUE(replay.difference().has_value());
    EXPECT_FALSE(replay.fault().has_value());
}

TEST(Replay, AFrameThatIsLeftOutIsNoticed) {
    const File file =
        changed(recorded().server, InputKind::Received, 20, [](File&) { return false; });
    Replay replay{file};
    EXPECT_FALSE(replay.run());
    EXPECT_TRUE(replay.difference().has_value());
}

TEST(Replay, ARecordingThatWasCutOffSaysWhere) {
    const File& whole = recorded().client;
    for (const std::size_t kept : {std::size_t{1}, kRecordHeaderBytes - 1, kRecordHeaderBytes,
                                   kRecordHeaderBytes + 3, whole.size() / 2, whole.size() - 1}) {
        Replay replay{Bytes{whole}.first(kept)};
        EXPECT_FALSE(replay.run()) << kept;
        EXPECT_EQ(replay.fault(), RecordFault::Truncated) << kept;
        EXPECT_LE(replay.fault_offset(), kept);
        EXPECT_FALSE(replay.difference().has_value());
    }
    Replay nothing{Bytes{}};
    EXPECT_FALSE(nothing.run());
    EXPECT_EQ(nothing.fault(), RecordFault::NotARecording);
}

TEST(Replay, AnythingElseIsNoRecording) {
    File file = recorded().client;
    file[3] ^= std::byte{1};
    EXPECT_EQ(Replay{file}.fault(), RecordFault::NotARecording);
    file = recorded().client;
    file[kRecordMagic.size()] = std::byte{99};
    EXPECT_EQ(Replay{file}.fault(), RecordFault::UnknownVersion);
}

// Every bit of the file is watched over.
TEST(Replay, ADamagedRecordingIsAFaultAndNeverMore) {
    Prng chance{5};
    for (int i = 0; i < 60; ++i) {
        File file = recorded().client;
        const auto at = static_cast<std::size_t>(
            chance.between(kRecordHeaderBytes, std::min<std::size_t>(file.size(), 200'000) - 1));
        file[at] ^= static_cast<std::byte>(1u << chance.below(8));
        Replay replay{file};
        EXPECT_FALSE(replay.run()) << "byte " << at;
        EXPECT_TRUE(replay.fault() == RecordFault::Damaged ||
                    replay.fault() == RecordFault::Truncated)
            << "byte " << at;
        EXPECT_LE(replay.fault_offset(), at);
    }
}

// The checks are right, what they vouch for is not: no crash, whatever comes out.
TEST(Replay, ARecordingMadeUpByAnEnemyDoesNoHarm) {
    Prng chance{6};
    for (const InputKind kind : {InputKind::Open, InputKind::AddInterface, InputKind::Received,
                                 InputKind::Sent, InputKind::Send, InputKind::Receive,
                                 InputKind::SetOption, InputKind::Socket, InputKind::Poll}) {
        for (int i = 0; i < 8; ++i) {
            const File file = changed(recorded().client, kind, i, [&](File& body) {
                for (int bits = 0; bits < 3 && !body.empty(); ++bits) {
                    body[chance.below(body.size())] ^= static_cast<std::byte>(chance.next());
                }
                if (chance.chance(1, 4)) body.resize(body.size() / 2);
                return true;
            });
            Replay replay{file};
            replay.run();
        }
    }
}

}  // namespace
