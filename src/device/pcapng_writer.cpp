#include "device/pcapng_writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/assert.hpp"

namespace fairlead::device {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::uint32_t kMostSnapped = kBufferBytes / 2;  // any one frame fits the empty buffer

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kLinkEthernet = 1;
constexpr std::uint16_t kLinkRaw = 101;  // IPv4 or IPv6, told by the version

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kTimestampResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;

constexpr std::size_t padded(std::size_t n) { return (n + 3) & ~std::size_t{3}; }

// One block: type, length, body, length again; numbers in this machine's byte order.
class Block {
public:
    Block(std::vector<std::byte>& to, std::uint32_t type) : to_{to}, begin_{to.size()} {
        number(type);
        number(std::uint32_t{0});
    }
    template <typename T>
    void number(T v) {
        bytes({reinterpret_cast<const std::byte*>(&v), sizeof v});
    }
    void bytes(Bytes b) { to_.insert(to_.end(), b.begin(), b.end()); }
    void pad() { to_.resize(begin_ + padded(to_.size() - begin_)); }
    void option(std::uint16_t code, Bytes value) {
        number(code);
        number(static_cast<std::uint16_t>(value.size()));
        bytes(value);
        pad();
    }
    void finish() {
        const auto length = static_cast<std::uint32_t>(to_.size() - begin_ + 4);
        number(length);
        std::memcpy(to_.data() + begin_ + 4, &length, sizeof length);
    }

private:
    std::vector<std::byte>& to_;
    std::size_t begin_;
};

}  // namespace

Opened<std::unique_ptr<PcapngFile>> PcapngFile::create(const PcapngOptions& options) {
    FileDescriptor fd{::open(options.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!fd.is_open()) return cannot(fmt::format("write {}", options.path), errno);
    return std::unique_ptr<PcapngFile>{new PcapngFile{options, std::move(fd)}};
}

PcapngFile::PcapngFile(PcapngOptions options, FileDescriptor fd)
    : options_{std::move(options)}, fd_{std::move(fd)} {
    options_.snap_length = std::min(options_.snap_length, kMostSnapped);
    buffer_.reserve(kBufferBytes);
    write_section_header();
}

PcapngFile::~PcapngFile() { flush(); }

void PcapngFile::write_section_header() {
    Block block{buffer_, kSectionHeader};
    block.number(kByteOrderMagic);
    block.number(std::uint16_t{1});  // version 1.0
    block.number(std::uint16_t{0});
    block.number(std::int64_t{-1});  // section length: read on
    block.finish();
}

std::uint32_t PcapngFile::add_interface(const DeviceInfo& info) {
    Block block{buffer_, kInterfaceDescription};
    block.number(info.link == LinkKind::Ethernet ? kLinkEthernet : kLinkRaw);
    block.number(std::uint16_t{0});
    block.number(options_.snap_length);
    block.option(kInterfaceName, std::as_bytes(std::span{info.name}));
    constexpr std::array kNanoseconds{std::byte{9}};
    block.option(kTimestampResolution, kNanoseconds);
    block.option(kEndOfOptions, {});
    block.finish();
    return interfaces_++;
}

std::size_t PcapngFile::packet_block_bytes(std::size_t frame_bytes) const {
    constexpr std::size_t kFixed = 28 + 8 + 4 + 4;  // header, flags, end of options, length again
    return kFixed + padded(std::min<std::size_t>(frame_bytes, options_.snap_length));
}

bool PcapngFile::has_room(const Packet& packet) const {
    return buffer_.size() + packet_block_bytes(packet.size()) <= kBufferBytes;
}

void PcapngFile::back_to(const Mark& mark) {
    FAIRLEAD_ASSERT(mark.buffered <= buffer_.size());
    buffer_.resize(mark.buffered);
    counts_ = mark.counts;
}

void PcapngFile::write(std::uint32_t interface, Instant at, Direction direction,
                       const Packet& packet) {
    const std::size_t block_bytes = packet_block_bytes(packet.size());
    if (options_.most_bytes != 0 && bytes() + block_bytes > options_.most_bytes) is_full_ = true;
    if (is_full_ || (!has_room(packet) && !flush())) {
        ++counts_.left_out;
        return;
    }
    const std::size_t begin = buffer_.size();
    std::size_t left = std::min<std::size_t>(packet.size(), options_.snap_length);
    const auto stamp = static_cast<std::uint64_t>(at.ns() + options_.epoch_ns);
    Block block{buffer_, kEnhancedPacket};
    block.number(interface);
    block.number(static_cast<std::uint32_t>(stamp >> 32));
    block.number(static_cast<std::uint32_t>(stamp));
    block.number(static_cast<std::uint32_t>(left));
    block.number(static_cast<std::uint32_t>(packet.size()));
    packet.for_each_piece(0, [&](Bytes piece) {
        const std::size_t n = std::min(left, piece.size());
        block.bytes(piece.first(n));
        left -= n;
    });
    block.pad();
    const auto flags = static_cast<std::uint32_t>(direction);
    block.option(kPacketFlags, std::as_bytes(std::span{&flags, 1}));
    block.option(kEndOfOptions, {});
    block.finish();
    FAIRLEAD_ASSERT(buffer_.size() - begin == block_bytes);
    ++counts_.written;
}

bool PcapngFile::flush() {
    std::size_t at = 0;
    while (at < buffer_.size()) {
        const ssize_t n = ::write(fd_.get(), buffer_.data() + at, buffer_.size() - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            is_full_ = true;
            break;
        }
        at += static_cast<std::size_t>(n);
    }
    const bool is_whole = at == buffer_.size();
    flushed_ += at;
    buffer_.clear();
    return is_whole && fd_.is_open();
}

PcapngWriter::PcapngWriter(Device& inner, PcapngFile& file)
    : inner_{inner}, file_{file}, interface_{file.add_interface(inner.info())} {}

std::size_t PcapngWriter::receive(std::uint16_t queue, Instant now, PacketPool& pool,
                                  std::span<PacketPtr> out) {
    const std::size_t n = inner_.receive(queue, now, pool, out);
    if (!is_enabled_) return n;
    for (const PacketPtr& packet : out.first(n)) {
        file_.write(interface_, packet->meta.arrived, PcapngFile::Direction::In, *packet);
    }
    return n;
}

// The inner device takes packets away, and may take fewer than offered: each is written before,
// and what was not taken is unwritten again.
std::size_t PcapngWriter::send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) {
    if (!is_enabled_) return inner_.send(queue, now, burst);
    constexpr std::size_t kMost = 32;
    std::size_t sent = 0;
    while (sent < burst.size()) {
        std::array<PcapngFile::Mark, kMost + 1> marks;
        const auto rest = burst.subspan(sent, std::min(kMost, burst.size() - sent));
        if (!file_.has_room(*rest.front())) file_.flush();
        std::size_t n = 0;
        for (; n < rest.size() && file_.has_room(*rest[n]); ++n) {
            marks[n] = file_.mark();
            file_.write(interface_, now, PcapngFile::Direction::Out, *rest[n]);
        }
        marks[n] = file_.mark();
        const std::size_t taken = inner_.send(queue, now, rest.first(n));
        file_.back_to(marks[taken]);
        sent += taken;
        if (taken < n) break;
    }
    return sent;
}

}  // namespace fairlead::device
