// pcapng_writer.hpp — what passes a device, in a file that tshark and Wireshark read.
//
// Owns:   PcapngFile (the blocks and a bounded buffer before the file), PcapngWriter (wears any
//         device and writes both ways).
// Knows:  draft-ietf-opsawg-pcapng §3 and §4: section header, interface description with
//         if_tsresol 9 and if_name, enhanced packets with direction flags.
// Rules:  Frames are written as they cross the seam: large segments whole, partial checksums
//         partial. Only what the device took is written. A file that cannot be written to (a full
//         disk) or has reached its limit takes no more and counts what it leaves out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

struct PcapngOptions {
    std::string path{};
    std::uint32_t snap_length = 131072;  // bytes kept of each frame; that many at most
    std::uint64_t most_bytes = 0;        // of the file; 0: no limit
    // Wall-clock time of Instant 0, in nanoseconds since 1970: a stack's time has no epoch.
    std::int64_t epoch_ns = 0;
};

class PcapngFile {
public:
    enum class Direction : std::uint8_t { Unknown = 0, In = 1, Out = 2 };
    struct Counts {
        std::uint64_t written = 0;   // frames
        std::uint64_t left_out = 0;  // after the limit, or after a write failed
    };

    static Opened<std::unique_ptr<PcapngFile>> create(const PcapngOptions& options);
    ~PcapngFile();
    PcapngFile(const PcapngFile&) = delete;
    PcapngFile& operator=(const PcapngFile&) = delete;

    // The number by which write() names it.
    std::uint32_t add_interface(const DeviceInfo& info);
    void write(std::uint32_t interface, Instant at, Direction direction, const Packet& packet);
    // Unwritten bytes reach the file. False: they did not, now or earlier.
    bool flush();

    const std::string& path() const { return options_.path; }
    const Counts& counts() const { return counts_; }
    std::uint64_t bytes() const { return flushed_ + buffer_.size(); }

    // For a caller that learns only later how many of its frames count: a mark, and back to it.
    // Between the two the buffer is not written out, so that has_room() must be asked before.
    struct Mark {
        std::size_t buffered = 0;
        Counts counts{};
    };
    Mark mark() const { return {buffer_.size(), counts_}; }
    void back_to(const Mark& mark);
    bool has_room(const Packet& packet) const;

private:
    PcapngFile(PcapngOptions options, FileDescriptor fd);
    void write_section_header();
    std::size_t packet_block_bytes(std::size_t frame_bytes) const;

    PcapngOptions options_;
    FileDescriptor fd_;
    std::vector<std::byte> buffer_{};
    std::uint32_t interfaces_ = 0;
    std::uint64_t flushed_ = 0;
    bool is_full_ = false;
    Counts counts_{};
};

class PcapngWriter final : public Device {
public:
    // Several devices may share a file.
    PcapngWriter(Device& inner, PcapngFile& file);

    void set_enabled(bool enabled) { is_enabled_ = enabled; }
    const DeviceInfo& info() const override { return inner_.info(); }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
    Instant next_deadline() const override { return inner_.next_deadline(); }

private:
    Device& inner_;
    PcapngFile& file_;
    std::uint32_t interface_;
    bool is_enabled_ = true;
};

}  // namespace fairlead::device
