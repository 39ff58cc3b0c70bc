#include "stack/record_format.hpp"

#include <algorithm>
#include <array>

#include "base/stream_hash.hpp"

namespace fairlead {
namespace {

constexpr std::size_t kFrameBytes = 1 + 4 + 4;  // kind, length, check

std::uint32_t load_u32(Bytes from, std::size_t at) {
    RecordReader reader{from.subspan(at, 4)};
    return reader.u32();
}

void write_endpoint(RecordWriter& to, const Endpoint& e) {
    to.address(e.address);
    to.u16(e.port);
}

Endpoint read_endpoint(RecordReader& from) {
    Endpoint e;
    e.address = from.address();
    e.port = from.u16();
    return e;
}

void write_route(RecordWriter& to, const Route& r) {
    to.address(r.destination.address);
    to.u8(r.destination.length);
    to.address(r.gateway);
    to.u32(r.interface);
    to.u32(r.metric);
    to.u32(r.mtu);
    to.address(r.source);
    to.u32(r.hints.advmss);
    to.u32(r.hints.initcwnd);
    to.u32(r.hints.initrwnd);
    to.u64(static_cast<std::uint64_t>(r.hints.rto_min.ns()));
    to.u8(r.hints.is_quick ? 1 : 0);
    to.u8(r.hints.is_mtu_locked ? 1 : 0);
    for (const char c : r.hints.congctl) to.u8(static_cast<std::uint8_t>(c));
}

Route read_route(RecordReader& from) {
    Route r;
    r.destination.address = from.address();
    r.destination.length = from.u8();
    r.gateway = from.address();
    r.interface = from.u32();
    r.metric = from.u32();
    r.mtu = from.u32();
    r.source = from.address();
    r.hints.advmss = from.u32();
    r.hints.initcwnd = from.u32();
    r.hints.initrwnd = from.u32();
    r.hints.rto_min = Duration::from_ns(static_cast<std::int64_t>(from.u64()));
    r.hints.is_quick = from.u8() != 0;
    r.hints.is_mtu_locked = from.u8() != 0;
    for (char& c : r.hints.congctl) c = static_cast<char>(from.u8());
    r.hints.congctl.back() = 0;
    return r;
}

}  // namespace

Bytes RecordReader::raw(std::size_t n) {
    if (n > rest_.size()) {
        ran_out_ = true;
        rest_ = {};
        return {};
    }
    const Bytes out = rest_.first(n);
    rest_ = rest_.subspan(n);
    return out;
}

std::uint64_t RecordReader::get(std::size_t bytes) {
    const Bytes from = raw(bytes);
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
        v |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
    }
    return v;
}

IpAddress RecordReader::address() {
    std::array<std::uint8_t, 16> bytes{};
    const Bytes from = raw(bytes.size());
    for (std::size_t i = 0; i < from.size(); ++i) bytes[i] = std::to_integer<std::uint8_t>(from[i]);
    return IpAddress::v6(bytes, u32());
}

void write_input(RecordWriter& to, const Input& in) {
    const std::uint16_t fields = fields_of(in.kind);
    if ((fields & kHasSocket) != 0) {
        to.u32(in.socket.index);
        to.u32(in.socket.generation);
    }
    if ((fields & kHasEndpoint) != 0) write_endpoint(to, in.endpoint);
    if ((fields & kHasAddress) != 0) to.address(in.address);
    if ((fields & kHasInterface) != 0) to.u32(in.interface);
    if ((fields & kHasNumber) != 0) to.u64(static_cast<std::uint64_t>(in.number));
    if ((fields & kHasWhat) != 0) to.u32(in.what);
    if ((fields & kHasRoute) != 0) write_route(to, in.route);
    if ((fields & kHasName) != 0) to.text(in.name);
    if ((fields & kHasBytes) != 0) to.blob(in.bytes);
}

Input read_input(RecordReader& from, InputKind kind) {
    Input in{.kind = kind};
    const std::uint16_t fields = fields_of(kind);
    if ((fields & kHasSocket) != 0) {
        in.socket.index = from.u32();
        in.socket.generation = from.u32();
    }
    if ((fields & kHasEndpoint) != 0) in.endpoint = read_endpoint(from);
    if ((fields & kHasAddress) != 0) in.address = from.address();
    if ((fields & kHasInterface) != 0) in.interface = from.u32();
    if ((fields & kHasNumber) != 0) in.number = static_cast<std::int64_t>(from.u64());
    if ((fields & kHasWhat) != 0) in.what = from.u32();
    if ((fields & kHasRoute) != 0) in.route = read_route(from);
    if ((fields & kHasName) != 0) in.name = from.text();
    if ((fields & kHasBytes) != 0) in.bytes = from.blob();
    return in;
}

void write_device_info(RecordWriter& to, const DeviceInfo& info) {
    to.text(info.name);
    to.u8(static_cast<std::uint8_t>(info.link));
    to.raw(std::as_bytes(std::span{info.mac}));
    to.u32(info.mtu);
    to.u16(info.queues);
    to.u8(info.is_up ? 1 : 0);
    const DeviceFeatures& f = info.features;
    to.u8(static_cast<std::uint8_t>((f.checksum_out ? 1 : 0) | (f.tso4 ? 2 : 0) | (f.tso6 ? 4 : 0) |
                                    (f.uso ? 8 : 0)));
}

DeviceInfo read_device_info(RecordReader& from) {
    DeviceInfo info;
    info.name = from.text();
    info.link = from.u8() == 0 ? LinkKind::Ethernet : LinkKind::Ip;
    for (std::uint8_t& byte : info.mac) byte = from.u8();
    info.mtu = from.u32();
    info.queues = from.u16();
    info.is_up = from.u8() != 0;
    const std::uint8_t f = from.u8();
    info.features = {.checksum_out = (f & 1) != 0,
                     .tso4 = (f & 2) != 0,
                     .tso6 = (f & 4) != 0,
                     .uso = (f & 8) != 0};
    return info;
}

std::string_view message_of(RecordFault fault) {
    switch (fault) {
        case RecordFault::NotARecording: return "not a recording";
        case RecordFault::UnknownVersion: return "written by a version of Fairlead not known here";
        case RecordFault::Truncated: return "cut off";
        case RecordFault::Damaged: return "damaged";
    }
    return {};
}

std::uint32_t record_check(std::uint64_t number, InputKind kind, Bytes body) {
    StreamHash hash;
    hash.add(number);
    hash.add(static_cast<std::uint64_t>(kind));
    hash.add(body);
    return static_cast<std::uint32_t>(hash.value());
}

std::expected<void, RecordFault> RecordStream::open() {
    const Bytes magic = std::as_bytes(std::span{kRecordMagic});
    const std::size_t n = std::min(file_.size(), magic.size());
    if (n == 0 || !std::ranges::equal(file_.first(n), magic.first(n))) {
        return std::unexpected{RecordFault::NotARecording};
    }
    if (file_.size() < kRecordHeaderBytes) return std::unexpected{RecordFault::Truncated};
    if (load_u32(file_, magic.size()) != kRecordVersion) {
        return std::unexpected{RecordFault::UnknownVersion};
    }
    at_ = kRecordHeaderBytes;
    return {};
}

std::expected<Record, RecordFault> RecordStream::next() {
    const Bytes rest = file_.subspan(at_);
    if (rest.size() < kFrameBytes) return std::unexpected{RecordFault::Truncated};
    const std::size_t length = load_u32(rest, 1);
    if (rest.size() - kFrameBytes < length) return std::unexpected{RecordFault::Truncated};
    const Record record{.kind = static_cast<InputKind>(rest[0]),
                        .number = count_,
                        .offset = at_,
                        .body = rest.subspan(5, length)};
    const bool is_sound =
        load_u32(rest, 5 + length) == record_check(count_, record.kind, record.body);
    if (!is_sound || name_of(record.kind).empty()) return std::unexpected{RecordFault::Damaged};
    if (record.kind == InputKind::End) return record;
    at_ += kFrameBytes + length;
    ++count_;
    return record;
}

}  // namespace fairlead
