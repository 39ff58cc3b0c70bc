// kernel_server.hpp — a server on the kernel's sockets that never waits.
//
// Owns:   KernelServer: a listener and the one connection it serves at a time, in steps.
// Why:    the same server stands behind a cable whose other end is the kernel's or ours, stepped by
//         the thread that drives that other end, or by a thread on a core of its own that spins.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "bench/cable.hpp"
#include "device/file_descriptor.hpp"

namespace fairlead::bench {

class KernelServer {
public:
    static constexpr std::uint16_t kPort = 5001;
    static constexpr std::size_t kBuffer = 65536;  // of one read or write

    enum class Work : std::uint8_t {
        Sink,    // reads
        Echo,    // writes each byte back
        Source,  // writes as much as it can
    };

    explicit KernelServer(const NetworkNamespace& home);

    void step();
    // From here on any thread may ask.
    void set_work(Work work) { work_.store(work, std::memory_order_relaxed); }
    std::uint64_t received() const { return received_.load(std::memory_order_acquire); }
    // Connections whose end was read, and which were closed from here as well.
    std::uint64_t closed() const { return closed_.load(std::memory_order_acquire); }

private:
    void serve();
    void write_back(std::size_t bytes);

    device::FileDescriptor listener_{};
    device::FileDescriptor connection_{};
    std::vector<char> buffer_ = std::vector<char>(kBuffer);
    std::atomic<Work> work_ = Work::Sink;
    std::atomic<std::uint64_t> received_ = 0;
    std::atomic<std::uint64_t> closed_ = 0;
};

}  // namespace fairlead::bench
