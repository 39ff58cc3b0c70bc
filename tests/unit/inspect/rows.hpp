// inspect/rows.hpp — sockets as literals, and programs of the system to hold our texts against.
#pragma once

#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

#include "inspect/snapshot.hpp"

namespace fairlead::inspect {

inline SocketRow stream(TcpState state, std::string_view local, std::string_view peer) {
    SocketRow row;
    row.info.state = state;
    row.info.local = *Endpoint::parse(local);
    row.info.peer = *Endpoint::parse(peer);
    row.info.family = row.info.local.address.family();
    return row;
}

// As it is in the middle of a transfer.
inline SocketRow busy_stream() {
    SocketRow row = stream(TcpState::Established, "192.0.2.1:80", "192.0.2.2:40000");
    row.info.socket = {.index = 4, .generation = 1};
    row.info.identity = 0x1'0000'0004;
    row.info.receive_queue = 21;
    row.info.send_queue = 4344;
    row.info.timer = TimerKind::Retransmit;
    row.info.timer_left = 204_ms;
    row.info.retransmits = 2;
    row.memory = {.receive_allocated = 2304,
                  .receive_buffer = 131072,
                  .send_buffer = 87040,
                  .write_queued = 4856};
    row.congestion = "reno";
    row.tcp = TcpInfo{.state = TcpState::Established,
                      .backoff = 2,
                      .has_timestamps = true,
                      .has_sack = true,
                      .has_window_scale = true,
                      .send_window_scale = 7,
                      .receive_window_scale = 10,
                      .rto = 816_ms,
                      .ack_timeout = 40_ms,
                      .send_mss = 1448,
                      .receive_mss = 536,
                      .advertised_mss = 1448,
                      .path_mtu = 1500,
                      .unacked_segments = 3,
                      .lost_segments = 3,
                      .retransmitted_segments = 1,
                      .total_retransmitted = 2,
                      .rtt = 1125_us,
                      .rtt_variation = 562_us,
                      .minimum_rtt = 1_ms,
                      .slow_start_threshold_segments = 7,
                      .congestion_window_segments = 1,
                      .reordering_segments = 3,
                      .receive_slow_start_threshold = 64088,
                      .receive_space = 14480,
                      .pacing_rate = 1'544'533,
                      .send_window = 64256,
                      .bytes_acked = 114072,
                      .bytes_received = 21,
                      .bytes_sent = 121312,
                      .bytes_retransmitted = 2896,
                      .segments_out = 86,
                      .segments_in = 10,
                      .data_segments_out = 84,
                      .data_segments_in = 1,
                      .delivered_segments = 80,
                      .busy = 1500_ms,
                      .limited_by_window = 100_ms,
                      .last_data_sent = 612_ms,
                      .last_data_received = 1204_ms,
                      .last_ack_received = 1020_ms};
    return row;
}

// One of each kind that ss shows.
inline Snapshot every_kind() {
    Snapshot all;
    SocketRow listener = stream(TcpState::Listen, "[::]:80", "[::]:0");
    listener.info.family = Family::Inet6;
    listener.info.socket = {.index = 0, .generation = 1};
    listener.info.send_queue = 128;
    listener.tcp = TcpInfo{.state = TcpState::Listen,
                           .sacked_segments = 128,
                           .congestion_window_segments = 10,
                           .reordering_segments = 3,
                           .pacing_rate = ~std::uint64_t{0}};
    listener.congestion = "reno";
    SocketRow waiting = stream(TcpState::TimeWait, "[2001:db8::1]:80", "[2001:db8::2]:5");
    waiting.info.timer = TimerKind::TimeWait;
    waiting.info.timer_left = 59_s;
    waiting.info.identity = 7;
    SocketRow request = stream(TcpState::SynReceived, "192.0.2.1:80", "192.0.2.9:1024");
    request.info.timer = TimerKind::Retransmit;
    request.info.timer_left = 4204_ms;
    request.info.retransmits = 1;
    SocketRow datagrams = stream(TcpState::Closed, "0.0.0.0:53", "0.0.0.0:0");
    datagrams.info.type = SocketType::Datagram;
    datagrams.info.socket = {.index = 0x8000'0000, .generation = 1};
    datagrams.memory = {.receive_buffer = 212992, .send_buffer = 212992, .drops = 3};
    all.sockets = {listener, busy_stream(), request, waiting, datagrams};
    return all;
}

// A file that is gone with its owner.
class ScratchFile {
public:
    explicit ScratchFile(std::string_view text) {
        const int fd = ::mkstemp(path_.data());
        if (fd >= 0) ::close(fd);
        std::ofstream{path_, std::ios::binary}.write(text.data(),
                                                     static_cast<std::streamsize>(text.size()));
    }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;
    ~ScratchFile() { std::remove(path_.c_str()); }
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/fairlead-inspect-XXXXXX";
};

struct ToolOutput {
    std::string text{};
    int status = -1;
};

// Of a shell's command; its standard error is not looked at.
inline ToolOutput run_tool(const std::string& command) {
    ToolOutput out;
    std::FILE* pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
    if (pipe == nullptr) return out;
    std::array<char, 4096> bytes;
    for (std::size_t n; (n = std::fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) {
        out.text.append(bytes.data(), n);
    }
    const int status = ::pclose(pipe);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
}

inline bool has_tool(const std::string& name) { return run_tool("command -v " + name).status == 0; }

}  // namespace fairlead::inspect
