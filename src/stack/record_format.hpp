// stack/record_format.hpp — how the inputs of a stack are written down.
//
//    "fairlead record\n"  version:u32    then records:   kind:u8  length:u32  body  check:u32
//
// Owns:   RecordWriter and RecordReader (little-endian fields of a body), RecordStream (the records
//         of a file, one after the other), and the bodies that several others share.
// Rules:  Every record has a check over its place, kind and body, so that damage is found where it
//         is. A recording ends with an End record; without it, it was cut off. A reader that runs
//         out of bytes yields zeros and says so once, at the end.
// Not here: what a record means (input.hpp, record_frame.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "stack/input.hpp"

namespace fairlead {

inline constexpr std::string_view kRecordMagic = "fairlead record\n";
inline constexpr std::uint32_t kRecordVersion = 3;
inline constexpr std::size_t kRecordHeaderBytes = kRecordMagic.size() + 4;

class RecordWriter {
public:
    void clear() { bytes_.clear(); }
    Bytes bytes() const { return bytes_; }

    void u8(std::uint8_t v) { bytes_.push_back(static_cast<std::byte>(v)); }
    void u16(std::uint16_t v) { put(v, 2); }
    void u32(std::uint32_t v) { put(v, 4); }
    void u64(std::uint64_t v) { put(v, 8); }
    void raw(Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void blob(Bytes bytes) {
        u32(static_cast<std::uint32_t>(bytes.size()));
        raw(bytes);
    }
    void text(std::string_view text) { blob(std::as_bytes(std::span{text})); }
    void address(const IpAddress& address) {
        raw(std::as_bytes(std::span{address.bytes()}));
        u32(address.zone());
    }

private:
    void put(std::uint64_t v, int bytes) {
        for (int i = 0; i < bytes; ++i) u8(static_cast<std::uint8_t>(v >> (8 * i)));
    }
    std::vector<std::byte> bytes_{};
};

class RecordReader {
public:
    explicit RecordReader(Bytes bytes) : rest_{bytes} {}

    // All was there, and no more than that.
    bool is_complete() const { return !ran_out_ && rest_.empty(); }
    bool ran_out() const { return ran_out_; }

    std::uint8_t u8() { return static_cast<std::uint8_t>(get(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(get(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(get(4)); }
    std::uint64_t u64() { return get(8); }
    Bytes raw(std::size_t n);
    Bytes blob() { return raw(u32()); }
    std::string_view text() {
        const Bytes b = blob();
        return {reinterpret_cast<const char*>(b.data()), b.size()};
    }
    IpAddress address();

private:
    std::uint64_t get(std::size_t bytes);
    Bytes rest_;
    bool ran_out_ = false;
};

void write_input(RecordWriter& to, const Input& input);
// Spans of the result point into what was read.
Input read_input(RecordReader& from, InputKind kind);
void write_device_info(RecordWriter& to, const DeviceInfo& info);
DeviceInfo read_device_info(RecordReader& from);

enum class RecordFault : std::uint8_t {
    NotARecording,   // the file does not begin as one
    UnknownVersion,  // written by a later version
    Truncated,       // ends in the middle of a record, or without its end
    Damaged,         // the check of a record is wrong, or what it says makes no sense
};

std::string_view message_of(RecordFault fault);

struct Record {
    InputKind kind{};
    std::uint64_t number = 0;  // the first is 0
    std::size_t offset = 0;    // in the file
    Bytes body{};
};

// The check of the record with that number.
std::uint32_t record_check(std::uint64_t number, InputKind kind, Bytes body);

class RecordStream {
public:
    explicit RecordStream(Bytes file) : file_{file} {}

    // Looks at the header; then next() may be called.
    std::expected<void, RecordFault> open();
    // The record after the last one; after an End record, End again.
    std::expected<Record, RecordFault> next();
    std::size_t offset() const { return at_; }
    std::uint64_t count() const { return count_; }

private:
    Bytes file_;
    std::size_t at_ = 0;
    std::uint64_t count_ = 0;
};

}  // namespace fairlead
