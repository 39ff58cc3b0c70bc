#include "device/pcapng_writer.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "device/memory.hpp"
#include "unit/device/large_packet.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::MemoryLink;
using device::PcapngFile;
using device::PcapngWriter;

namespace {

struct Block {
    std::uint32_t type = 0;
    std::vector<std::byte> body{};

    template <typename T>
    T number(std::size_t at) const {
        T v{};
        EXPECT_LE(at + sizeof v, body.size());
        std::memcpy(&v, body.data() + at, sizeof v);
        return v;
    }
    // The value of an option; the options begin at `at`.
    std::optional<std::vector<std::byte>> option(std::size_t at, std::uint16_t code) const {
        while (at + 4 <= body.size()) {
            const auto c = number<std::uint16_t>(at);
            const auto n = number<std::uint16_t>(at + 2);
            if (c == 0) return {};
            const auto begin = body.begin() + static_cast<std::ptrdiff_t>(at + 4);
            if (c == code) return std::vector<std::byte>(begin, begin + n);
            at += 4 + (n + 3u) / 4 * 4;
        }
        return {};
    }
};

// Reads the structure as the draft has it; a file that breaks it fails the test.
std::vector<Block> read_blocks(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    const std::vector<char> raw{std::istreambuf_iterator<char>{in}, {}};
    std::vector<std::byte> file(raw.size());
    if (!raw.empty()) std::memcpy(file.data(), raw.data(), raw.size());
    std::vector<Block> blocks;
    std::size_t at = 0;
    while (at < file.size()) {
        std::uint32_t head[2];
        std::uint32_t tail = 0;
        if (at + 12 > file.size()) break;
        std::memcpy(head, file.data() + at, 8);
        if (head[1] % 4 != 0 || head[1] < 12 || at + head[1] > file.size()) break;
        std::memcpy(&tail, file.data() + at + head[1] - 4, 4);
        if (tail != head[1]) break;
        const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at);
        blocks.push_back({head[0], {begin + 8, begin + head[1] - 4}});
        at += head[1];
    }
    EXPECT_EQ(at, file.size()) << "a block is broken";
    return blocks;
}

class Pcapng : public testing::Test {
protected:
    Pcapng() {
        directory_ = std::filesystem::temp_directory_path() / "fairlead-pcapng-XXXXXX";
        EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
        path_ = directory_ + "/trace.pcapng";
    }
    ~Pcapng() override { std::filesystem::remove_all(directory_); }

    std::unique_ptr<PcapngFile> create(device::PcapngOptions options = {}) {
        options.path = path_;
        auto file = PcapngFile::create(options);
        EXPECT_TRUE(file.has_value());
        return std::move(*file);
    }

    std::string directory_;
    std::string path_;
    PacketPool pool_;
};

std::string output_of(const std::string& command, int& status) {
    std::string out;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return out;
    char line[4096];
    while (std::fgets(line, sizeof line, pipe) != nullptr) out += line;
    status = ::pclose(pipe);
    return out;
}

TEST_F(Pcapng, BothWaysAreWrittenWithDirectionStampAndBytes) {
    MemoryLink link{{.features = {.checksum_out = true, .tso4 = true}}};
    {
        const auto file = create({.epoch_ns = 1'700'000'000'000'000'000});
        PcapngWriter writer{link.left(), *file};
        PacketPtr p = large_packet(pool_, 3001);
        ASSERT_EQ(writer.send(0, Instant::from_ns(123'456'789), {&p, 1}), 1u);
        p = large_packet(pool_, 10);
        ASSERT_EQ(link.right().send(0, Instant::from_ns(5'000'000'001), {&p, 1}), 1u);
        std::array<PacketPtr, 4> out;
        ASSERT_EQ(writer.receive(0, Instant::from_ns(6'000'000'000), pool_, out), 1u);
        EXPECT_EQ(file->counts().written, 2u);
    }
    link.clear();
    const auto blocks = read_blocks(path_);
    ASSERT_EQ(blocks.size(), 4u);
    EXPECT_EQ(blocks[0].type, 0x0a0d0d0au);
    EXPECT_EQ(blocks[0].number<std::uint32_t>(0), 0x1a2b3c4du);
    EXPECT_EQ(blocks[0].number<std::uint16_t>(4), 1);

    EXPECT_EQ(blocks[1].type, 1u);
    EXPECT_EQ(blocks[1].number<std::uint16_t>(0), 1);  // LINKTYPE_ETHERNET
    const auto name = blocks[1].option(8, 2);
    ASSERT_TRUE(name.has_value());
    EXPECT_EQ(std::memcmp(name->data(), "mem0", 4), 0);
    const auto resolution = blocks[1].option(8, 9);
    ASSERT_TRUE(resolution.has_value());
    EXPECT_EQ((*resolution)[0], std::byte{9});

    const auto stamp_of = [](const Block& b) {
        return std::uint64_t{b.number<std::uint32_t>(4)} << 32 | b.number<std::uint32_t>(8);
    };
    const Block& sent = blocks[2];
    EXPECT_EQ(sent.type, 6u);
    EXPECT_EQ(stamp_of(sent), 1'700'000'000'123'456'789u);
    EXPECT_EQ(sent.number<std::uint32_t>(12), 3055u);
    EXPECT_EQ(sent.number<std::uint32_t>(16), 3055u);
    const auto flags = sent.option(20 + 3056, 2);
    ASSERT_TRUE(flags.has_value());
    EXPECT_EQ((*flags)[0], std::byte{2});
    std::vector<std::byte> frame(3055);
    large_packet(pool_, 3001)->copy_to(0, frame);
    EXPECT_EQ(std::memcmp(sent.body.data() + 20, frame.data(), frame.size()), 0);

    EXPECT_EQ(stamp_of(blocks[3]), 1'700'000'005'000'000'001u);
    const auto in = blocks[3].option(20 + 64, 2);
    ASSERT_TRUE(in.has_value());
    EXPECT_EQ((*in)[0], std::byte{1});
}

TEST_F(Pcapng, OnlyWhatTheDeviceTookIsWritten) {
    MemoryLink link{{.features = {.checksum_out = true}, .queue_frames = 3}};
    {
        const auto file = create();
        PcapngWriter writer{link.left(), *file};
        std::array<PacketPtr, 5> burst;
        for (PacketPtr& p : burst) p = large_packet(pool_, 10);
        EXPECT_EQ(writer.send(0, {}, burst), 3u);
        EXPECT_EQ(writer.send(0, {}, std::span{burst}.subspan(3)), 0u);
        EXPECT_EQ(file->counts().written, 3u);
    }
    link.clear();
    EXPECT_EQ(read_blocks(path_).size(), 2u + 3);
}

TEST_F(Pcapng, LongBurstsOfLargeFramesPassTheBoundedBuffer) {
    MemoryLink link{{.features = {.checksum_out = true, .tso4 = true}}};
    {
        const auto file = create();
        PcapngWriter writer{link.left(), *file};
        std::vector<PacketPtr> burst(100);
        for (PacketPtr& p : burst) p = large_packet(pool_, 60000);
        EXPECT_EQ(writer.send(0, {}, burst), 100u);
    }
    link.clear();
    const auto blocks = read_blocks(path_);
    ASSERT_EQ(blocks.size(), 102u);
    for (std::size_t i = 2; i < 102; ++i) EXPECT_EQ(blocks[i].number<std::uint32_t>(12), 60054u);
}

TEST_F(Pcapng, SnappedFramesKeepTheirLength) {
    MemoryLink link{{.features = {.checksum_out = true, .tso4 = true}}};
    {
        const auto file = create({.snap_length = 54});
        PcapngWriter writer{link.left(), *file};
        PacketPtr p = large_packet(pool_, 3000);
        EXPECT_EQ(writer.send(0, {}, {&p, 1}), 1u);
    }
    link.clear();
    const auto blocks = read_blocks(path_);
    ASSERT_EQ(blocks.size(), 3u);
    EXPECT_EQ(blocks[2].number<std::uint32_t>(12), 54u);
    EXPECT_EQ(blocks[2].number<std::uint32_t>(16), 3054u);
}

TEST_F(Pcapng, AFileAtItsLimitTakesNoMoreAndTheDeviceGoesOn) {
    MemoryLink link{{.features = {.checksum_out = true}}};
    {
        const auto file = create({.most_bytes = 1000});
        PcapngWriter writer{link.left(), *file};
        for (int i = 0; i < 20; ++i) {
            PacketPtr p = large_packet(pool_, 10);
            EXPECT_EQ(writer.send(0, {}, {&p, 1}), 1u);
        }
        EXPECT_GT(file->counts().written, 0u);
        EXPECT_EQ(file->counts().written + file->counts().left_out, 20u);
        EXPECT_TRUE(file->flush());
        EXPECT_LE(std::filesystem::file_size(path_), 1000u);
    }
    link.clear();
    read_blocks(path_);
}

TEST_F(Pcapng, AFullDiskIsNoticedAndTheDeviceGoesOn) {
    if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
    auto file = PcapngFile::create({.path = "/dev/full"});
    ASSERT_TRUE(file.has_value());
    MemoryLink link{{.features = {.checksum_out = true}}};
    PcapngWriter writer{link.left(), **file};
    EXPECT_FALSE((*file)->flush());
    PacketPtr p = large_packet(pool_, 10);
    EXPECT_EQ(writer.send(0, {}, {&p, 1}), 1u);
    EXPECT_EQ((*file)->counts().left_out, 1u);
    link.clear();
}

TEST_F(Pcapng, APathThatCannotBeWrittenIsNamed) {
    const auto file = PcapngFile::create({.path = directory_ + "/no/such/place"});
    ASSERT_FALSE(file.has_value());
    EXPECT_NE(file.error().text.find("/no/such/place"), std::string::npos);
}

TEST_F(Pcapng, TsharkReadsItWithoutAComplaint) {
    MemoryLink link{{.features = {.checksum_out = true}}};
    MemoryLink routed{{.link = LinkKind::Ip, .features = {.checksum_out = true}}};
    {
        const auto file = create({.epoch_ns = 1'700'000'000'000'000'000});
        PcapngWriter ethernet{link.left(), *file};
        PcapngWriter raw{routed.left(), *file};
        for (std::size_t i = 0; i < 10; ++i) {
            PacketPtr p = large_packet(pool_, 10 + i);
            ASSERT_EQ(ethernet.send(0, Instant::from_ns(static_cast<int>(i) + 1), {&p, 1}), 1u);
            p = large_packet(pool_, 10 + i);
            p->trim_front(wire::EthernetHeader::kBytes);
            ASSERT_EQ(raw.send(0, Instant::from_ns(static_cast<int>(i) + 1), {&p, 1}), 1u);
        }
    }
    link.clear();
    routed.clear();
    if (std::system("command -v tshark capinfos >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "tshark and capinfos are not installed";
    }
    int status = -1;
    const std::string fields = output_of(
        "tshark -r " + path_ +
            " -T fields -E separator=, -e frame.interface_name -e frame.packet_flags_direction"
            " -e frame.time_epoch -e ip.src -e tcp.len -e _ws.malformed",
        status);
    EXPECT_EQ(status, 0) << fields;
    // tshark warns of running as root; every other line is a packet.
    EXPECT_NE(fields.find("mem0,0x00000002,1700000000.000000003,10.0.0.1,12,\n"), std::string::npos)
        << fields;
    EXPECT_EQ(fields.find("alformed"), std::string::npos) << fields;
    EXPECT_EQ(fields.find("cut short"), std::string::npos) << fields;
    std::size_t packets = 0;
    for (auto at = fields.find("mem0,"); at != std::string::npos; ++packets) {
        at = fields.find("mem0,", at + 1);
    }
    EXPECT_EQ(packets, 20u) << fields;
    const std::string info = output_of("capinfos " + path_, status);
    EXPECT_EQ(status, 0) << info;
    EXPECT_NE(info.find("nanoseconds (9)"), std::string::npos) << info;
    EXPECT_NE(info.find("Number of packets = 10"), std::string::npos) << info;
}

}  // namespace
