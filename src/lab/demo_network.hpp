// lab/demo_network.hpp — a stack that serves files, and the kernel's programs that use it.
//
// Owns:   the private network of a demonstration: the link with its faults and its capture, the
//         stack and the HTTP server on it, and running one program of the kernel's side while the
//         stack works.
// Rules:  One thread does it all. An interrupt (Ctrl-C) ends what runs, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/fault_injector.hpp"
#include "device/pcapng_writer.hpp"
#include "fairlead/stack.hpp"
#include "http/answer.hpp"
#include "inspect/snapshot.hpp"
#include "lab/kernel_link.hpp"
#include "lab/loop.hpp"
#include "lab/server.hpp"

namespace fairlead::lab {

struct DemoNetworkOptions {
    KernelLinkOptions link{};
    Prefix stack_v4{IpAddress::v4(10, 77, 0, 2), 24};
    Prefix stack_v6{IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}), 64};
    std::string files{};    // the folder that is served
    std::string uploads{};  // where PUT writes
    device::PcapngOptions capture{};
    std::uint64_t seed = 1;  // of the faults
};

enum class Ending : std::uint8_t { Ended, TimedOut, Interrupted };

struct Outcome {
    Ending ending = Ending::Ended;
    bool is_success = false;
    std::string output{};
    Duration elapsed{};
};

class DemoNetwork {
public:
    // Enters the private network: from here on this process sees nothing else. `signals` outlives
    // it.
    static device::Opened<std::unique_ptr<DemoNetwork>> make(const DemoNetworkOptions& options,
                                                             StopSignals& signals);

    // Both ways of the link; no faults: large segments cross whole.
    void set_faults(const link::Faults& faults);
    // Capture goes on until the file has grown by this many bytes.
    void capture(std::uint64_t bytes);
    // Runs the program to its end; calls on_tick a few times a second, and once at the end.
    device::Opened<Outcome> run(const std::vector<std::string>& command, Duration patience,
                                const std::function<void()>& on_tick);

    // As they were when most connections were open.
    const inspect::Snapshot& busiest() const { return busiest_; }
    Stack& stack() { return *stack_; }
    const Server& server() const { return *server_; }
    const KernelLink& link() const { return link_; }
    const device::FaultInjector& faults() const { return *faults_; }
    device::PcapngFile& file() { return *file_; }

private:
    explicit DemoNetwork(StopSignals& signals) : signals_{signals} {}
    device::Opened<void> build(const DemoNetworkOptions& options);
    device::Opened<void> build_link(const DemoNetworkOptions& options);
    device::Opened<void> build_stack(const DemoNetworkOptions& options);
    Instant work(Instant now);

    StopSignals& signals_;
    // What waits in the link belongs to the pool: it is the last to go.
    PacketPool pool_{};
    KernelLink link_{};
    std::unique_ptr<device::FaultInjector> faults_{};
    std::unique_ptr<device::PcapngFile> file_{};
    std::unique_ptr<device::PcapngWriter> writer_{};
    std::uint64_t capture_until_ = 0;
    std::unique_ptr<Stack> stack_{};
    http::Site site_{};
    std::unique_ptr<Server> server_{};
    std::unique_ptr<Loop> loop_{};
    inspect::Snapshot busiest_{};
    std::size_t most_open_ = 0;
};

}  // namespace fairlead::lab
