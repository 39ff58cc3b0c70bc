// fairlead replay — a recorded stack lives once more, and must send the same frames to the bit.
#include "stack/replay.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/subcommands.hpp"
#include "device/pcapng_writer.hpp"
#include "lab/record_file.hpp"

namespace fairlead::cli {
namespace {

constexpr int kDiffers = 1;
constexpr int kUnusable = 2;

struct Arguments {
    std::string file{};
    std::string pcap{};
    bool is_verbose = false;
};

struct Observer {
    std::unique_ptr<device::PcapngFile> pcap{};
    std::vector<std::uint32_t> interfaces{};  // their numbers in the pcapng file
    bool is_verbose = false;

    ReplayWitness witness() {
        return {
            .context = this,
            .device = [](void* self, std::uint16_t,
                         const DeviceInfo& info) { static_cast<Observer*>(self)->add(info); },
            .frame =
                [](void* self, std::uint16_t number, Instant at, bool leaves, const Packet& frame) {
                    static_cast<Observer*>(self)->show(number, at, leaves, frame);
                }};
    }
    void add(const DeviceInfo& info) {
        if (pcap != nullptr) interfaces.push_back(pcap->add_interface(info));
    }
    void show(std::uint16_t number, Instant at, bool leaves, const Packet& frame) {
        using Direction = device::PcapngFile::Direction;
        if (pcap != nullptr) {
            const auto direction = leaves ? Direction::Out : Direction::In;
            pcap->write(interfaces.at(number), at, direction, frame);
        }
        if (is_verbose) {
            fmt::print("{:.9f} device {} {} {} bytes\n", static_cast<double>(at.ns()) / 1e9, number,
                       leaves ? "sends" : "receives", frame.size());
        }
    }
};

void print_call(Replay& replay) {
    const Input& in = replay.last();
    const double now =
        replay.stack() == nullptr ? 0 : static_cast<double>(replay.stack()->now().ns()) / 1e9;
    fmt::print("{:.9f} {}", now, name_of(in.kind));
    const std::uint16_t fields = fields_of(in.kind);
    if ((fields & kHasSocket) != 0) fmt::print(" #{}.{}", in.socket.index, in.socket.generation);
    if ((fields & kHasEndpoint) != 0) fmt::print(" {}", in.endpoint.to_string());
    if ((fields & kHasAddress) != 0) fmt::print(" {}", in.address.to_string());
    if ((fields & kHasNumber) != 0) fmt::print(" {}", in.number);
    if ((fields & kHasBytes) != 0) fmt::print(" {} bytes", in.bytes.size());
    fmt::print("\n");
}

[[noreturn]] void fail(int code, const std::string& message) {
    fmt::print(stderr, "fairlead replay: {}\n", message);
    throw CLI::RuntimeError{code};
}

void tell_difference(const std::string& file, const ReplayDifference& d) {
    std::string text =
        fmt::format("{}: {}: record {} at byte {}, time {:.9f} s, device {}, frame {}", file,
                    message_of(d.kind), d.record, d.offset, static_cast<double>(d.at.ns()) / 1e9,
                    d.device, d.frame);
    if (d.kind == ReplayDifference::Kind::OtherFrame) {
        text += fmt::format(": {} bytes with hash {:016x}, recorded were {} with {:016x}",
                            d.actual_bytes, d.actual_hash, d.expected_bytes, d.expected_hash);
    }
    fail(kDiffers, text);
}

void run(const Arguments& arguments) {
    const auto bytes = lab::read_whole(arguments.file);
    if (!bytes) {
        fail(kUnusable, fmt::format("{}: {}", arguments.file, std::strerror(bytes.error())));
    }
    Observer observer{.is_verbose = arguments.is_verbose};
    if (!arguments.pcap.empty()) {
        auto opened = device::PcapngFile::create({.path = arguments.pcap});
        if (!opened) fail(kUnusable, opened.error().text);
        observer.pcap = std::move(*opened);
    }
    const bool is_watched = arguments.is_verbose || observer.pcap != nullptr;
    Replay replay{*bytes, is_watched ? observer.witness() : ReplayWitness{}};
    while (replay.step()) {
        if (arguments.is_verbose) print_call(replay);
    }
    if (observer.pcap != nullptr && !observer.pcap->flush()) {
        fail(kUnusable, fmt::format("{}: could not be written", arguments.pcap));
    }
    if (const auto& d = replay.difference()) tell_difference(arguments.file, *d);
    if (const auto& fault = replay.fault()) {
        fail(kUnusable,
             fmt::format("{}: {} at byte {}, after {} records", arguments.file, message_of(*fault),
                         replay.fault_offset(), replay.counts().records));
    }
    const ReplayCounts& counts = replay.counts();
    fmt::print("{}: the same to the bit: {} calls, {} frames in, {} frames out\n", arguments.file,
               counts.calls, counts.frames_in, counts.frames_out);
}

}  // namespace

void add_replay(CLI::App& app) {
    CLI::App* command = app.add_subcommand("replay", "Run a recorded stack again and compare");
    auto arguments = std::make_shared<Arguments>();
    command->add_option("FILE", arguments->file, "What --record wrote")->required();
    command->add_option("--pcap", arguments->pcap, "Write the frames that pass to this file");
    command->add_flag("-v,--verbose", arguments->is_verbose, "Print every call and frame");
    command->callback([arguments] { run(*arguments); });
}

}  // namespace fairlead::cli
