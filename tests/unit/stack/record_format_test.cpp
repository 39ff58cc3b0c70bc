#include "stack/record_format.hpp"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "stack/record_frame.hpp"

using namespace fairlead;

namespace {

TEST(RecordFormat, FieldsComeBackAsTheyWere) {
    RecordWriter w;
    w.u8(0x12);
    w.u16(0x3456);
    w.u32(0x789a'bcde);
    w.u64(0x0102'0304'0506'0708);
    w.text("name");
    const IpAddress v6 = *IpAddress::parse("fe80::1%3");
    w.address(v6);
    w.address(IpAddress::v4(192, 0, 2, 1));
    // Little-endian, whatever the machine is.
    EXPECT_EQ(w.bytes()[1], std::byte{0x56});
    RecordReader r{w.bytes()};
    EXPECT_EQ(r.u8(), 0x12);
    EXPECT_EQ(r.u16(), 0x3456);
    EXPECT_EQ(r.u32(), 0x789a'bcdeu);
    EXPECT_EQ(r.u64(), 0x0102'0304'0506'0708u);
    EXPECT_EQ(r.text(), "name");
    EXPECT_EQ(r.address(), v6);
    EXPECT_FALSE(r.is_complete());
    EXPECT_EQ(r.address(), IpAddress::v4(192, 0, 2, 1));
    EXPECT_TRUE(r.is_complete());
    EXPECT_EQ(r.u32(), 0u);
    EXPECT_TRUE(r.ran_out());
    EXPECT_FALSE(r.is_complete());
}

TEST(RecordFormat, ALengthThatLiesEndsTheReading) {
    RecordWriter w;
    w.u32(1000);
    w.u32(7);
    RecordReader r{w.bytes()};
    EXPECT_TRUE(r.blob().empty());
    EXPECT_TRUE(r.ran_out());
    EXPECT_EQ(r.u32(), 0u);
}

// Every kind of call with every field it has.
TEST(RecordFormat, EveryOptionMayBeSetAgain) {
    Stack stack{{.seed = {1}}};
    std::vector<std::byte> scratch;
    constexpr auto kLast = static_cast<std::uint32_t>(Option::MaxPacingRate);
    for (const std::uint32_t what : {0u, kLast}) {
        EXPECT_TRUE(apply({.kind = InputKind::SetOption, .what = what}, stack, scratch));
    }
    EXPECT_FALSE(apply({.kind = InputKind::SetOption, .what = kLast + 1}, stack, scratch));
}

TEST(RecordFormat, EveryCallComesBackAsItWas) {
    const std::array<std::byte, 3> bytes{std::byte{1}, std::byte{2}, std::byte{3}};
    const Input all{.socket = {5, 6},
                    .endpoint = *Endpoint::parse("[2001:db8::1]:80"),
                    .address = IpAddress::v4(10, 0, 0, 1),
                    .interface = 3,
                    .number = -77,
                    .what = 12,
                    .route = {.destination = *Prefix::parse("10.1.0.0/16"),
                              .gateway = IpAddress::v4(10, 0, 0, 9),
                              .interface = 2,
                              .metric = 5,
                              .mtu = 1400,
                              .source = IpAddress::v4(10, 0, 0, 2),
                              .hints = {.advmss = 1000,
                                        .initcwnd = 20,
                                        .initrwnd = 30,
                                        .rto_min = 70_ms,
                                        .is_quick = true,
                                        .is_mtu_locked = true,
                                        .congctl = {'b', 'b', 'r', '3'}}},
                    .name = "reno",
                    .bytes = bytes};
    int kinds = 0;
    for (std::uint8_t n = 0; n < 64; ++n) {
        Input in = all;
        in.kind = static_cast<InputKind>(n);
        if (name_of(in.kind).empty()) continue;
        ++kinds;
        RecordWriter w;
        write_input(w, in);
        RecordReader r{w.bytes()};
        const Input out = read_input(r, in.kind);
        EXPECT_TRUE(r.is_complete()) << name_of(in.kind);
        const std::uint16_t fields = fields_of(in.kind);
        const auto has = [fields](InputFields field) { return (fields & field) != 0; };
        EXPECT_TRUE(!has(kHasSocket) || out.socket == in.socket);
        EXPECT_TRUE(!has(kHasEndpoint) || out.endpoint == in.endpoint);
        EXPECT_TRUE(!has(kHasAddress) || out.address == in.address);
        EXPECT_TRUE(!has(kHasInterface) || out.interface == in.interface);
        EXPECT_TRUE(!has(kHasNumber) || out.number == in.number);
        EXPECT_TRUE(!has(kHasWhat) || out.what == in.what);
        EXPECT_TRUE(!has(kHasName) || out.name == in.name);
        EXPECT_TRUE(!has(kHasBytes) || std::ranges::equal(out.bytes, in.bytes));
        if (!has(kHasRoute)) continue;
        EXPECT_EQ(out.route.destination, in.route.destination);
        EXPECT_EQ(out.route.gateway, in.route.gateway);
        EXPECT_EQ(out.route.interface, in.route.interface);
        EXPECT_EQ(out.route.metric, in.route.metric);
        EXPECT_EQ(out.route.mtu, in.route.mtu);
        EXPECT_EQ(out.route.source, in.route.source);
        EXPECT_EQ(out.route.hints, in.route.hints);
    }
    EXPECT_EQ(kinds, 43);
}

TEST(RecordFormat, AFrameComesBackWithAllThatADeviceSaidOfIt) {
    PacketPool pool;
    std::vector<std::byte> bytes(3000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i % 251);
    PacketPtr frame = pool.copy(bytes);
    frame->meta = {.arrived = Instant::from_ns(123),
                   .flow_hash = 9,
                   .checksum = ChecksumState::Partial,
                   .checksum_offset = 16,
                   .gso = GsoType::Tcp6,
                   .gso_size = 1400,
                   .gso_segments = 3,
                   .vlan = 7,
                   .queue = 2};
    frame->mark_network(14);
    frame->mark_transport(54);
    RecordWriter w;
    write_frame(w, *frame);
    RecordReader r{w.bytes()};
    const PacketPtr back = read_frame(r, pool);
    ASSERT_NE(back, nullptr);
    EXPECT_TRUE(r.is_complete());
    std::vector<std::byte> got(back->size());
    back->copy_to(0, got);
    EXPECT_EQ(got, bytes);
    EXPECT_EQ(back->meta.arrived, frame->meta.arrived);
    EXPECT_EQ(back->meta.checksum, ChecksumState::Partial);
    EXPECT_EQ(back->meta.checksum_offset, 16);
    EXPECT_EQ(back->meta.gso, GsoType::Tcp6);
    EXPECT_EQ(back->meta.gso_size, 1400);
    EXPECT_EQ(back->meta.gso_segments, 3);
    EXPECT_EQ(back->meta.vlan, 7);
    EXPECT_EQ(back->meta.queue, 2);
    EXPECT_EQ(back->network_offset(), 14u);
    EXPECT_EQ(back->transport_offset(), 54u);
    EXPECT_EQ(hash_of_frame(*back), hash_of_frame(*frame));
    // Only one mark, as a device may leave it.
    PacketPtr half = pool.copy(bytes);
    half->meta.checksum = ChecksumState::Partial;
    half->push_front(20);
    half->mark_transport(54);
    RecordWriter other;
    write_frame(other, *half);
    RecordReader again{other.bytes()};
    const PacketPtr half_back = read_frame(again, pool);
    ASSERT_NE(half_back, nullptr);
    EXPECT_EQ(half_back->transport_offset(), 54u);
    back->meta.gso_size = 1399;
    EXPECT_NE(hash_of_frame(*back), hash_of_frame(*frame));
    // Cut off anywhere, it is no frame.
    for (std::size_t kept = 0; kept < w.bytes().size(); kept += 17) {
        RecordReader cut{w.bytes().first(kept)};
        EXPECT_EQ(read_frame(cut, pool), nullptr);
    }
}

}  // namespace
