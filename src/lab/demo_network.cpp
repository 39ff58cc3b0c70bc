#include "lab/demo_network.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "device/network_namespace.hpp"
#include "lab/child_process.hpp"

namespace fairlead::lab {
namespace {

using device::cannot;
using device::Opened;

constexpr Duration kTick = 100_ms;

Opened<http::Folder> open_folder(const std::string& path) {
    auto folder = http::Folder::open_root(path);
    if (!folder) return cannot(fmt::format("serve the folder {}", path), folder.error());
    return std::move(*folder);
}

template <typename T>
Opened<void> done_or(const Result<T>& result, std::string_view what) {
    if (result) return {};
    return cannot(what, to_errno(result.error()));
}

}  // namespace

Opened<std::unique_ptr<DemoNetwork>> DemoNetwork::make(const DemoNetworkOptions& options,
                                                       StopSignals& signals) {
    std::unique_ptr<DemoNetwork> network{new DemoNetwork{signals}};
    if (auto done = network->build(options); !done) return std::unexpected{done.error()};
    return network;
}

Opened<void> DemoNetwork::build(const DemoNetworkOptions& options) {
    auto files = open_folder(options.files);
    if (!files) return std::unexpected{files.error()};
    auto uploads = open_folder(options.uploads);
    if (!uploads) return std::unexpected{uploads.error()};
    site_.files = std::move(*files);
    site_.uploads = std::move(*uploads);
    if (auto done = build_link(options); !done) return done;
    return build_stack(options);
}

Opened<void> DemoNetwork::build_link(const DemoNetworkOptions& options) {
    auto file = device::PcapngFile::create(options.capture);
    if (!file) return std::unexpected{file.error()};
    file_ = std::move(*file);
    if (auto done = device::enter_private_network(); !done) return done;
    auto link = link_to_kernel(options.link);
    if (!link) return std::unexpected{link.error()};
    link_ = std::move(*link);
    faults_ = std::make_unique<device::FaultInjector>(*link_.device, pool_, options.seed);
    writer_ = std::make_unique<device::PcapngWriter>(*faults_, *file_);
    return {};
}

Opened<void> DemoNetwork::build_stack(const DemoNetworkOptions& options) {
    StackOptions stack;
    stack.seed = entropy();
    stack.pool = &pool_;
    stack_ = std::make_unique<Stack>(stack);
    const auto interface = stack_->add_interface(*writer_);
    if (auto done = done_or(interface, "add the interface"); !done) return done;
    for (const Prefix& address : {options.stack_v4, options.stack_v6}) {
        const auto added = stack_->add_address(*interface, address);
        if (auto done = done_or(added, "take the address " + address.to_string()); !done) {
            return done;
        }
    }
    server_ = std::make_unique<Server>(*stack_, site_, ServerOptions{});
    if (auto done = done_or(server_->listen(), "listen on port 80"); !done) return done;
    loop_ = std::make_unique<Loop>(*stack_);
    loop_->watch(link_.fd);
    loop_->watch(signals_.fd(), [this] {
        if (signals_.is_raised()) loop_->stop();
    });
    return {};
}

void DemoNetwork::set_faults(const link::Faults& faults) {
    faults_->set_outgoing(faults);
    faults_->set_incoming(faults);
}

void DemoNetwork::capture(std::uint64_t bytes) {
    capture_until_ = file_->bytes() + bytes;
    writer_->set_enabled(true);
}

Instant DemoNetwork::work(Instant now) {
    if (file_->bytes() >= capture_until_) writer_->set_enabled(false);
    const Instant next = server_->work({.stack = now, .wall = {wall_seconds()}});
    if (server_->counts().open > most_open_) {
        most_open_ = server_->counts().open;
        busiest_ = inspect::take(*stack_);
    }
    return next;
}

Opened<Outcome> DemoNetwork::run(const std::vector<std::string>& command, Duration patience,
                                 const std::function<void()>& on_tick) {
    if (signals_.is_raised()) return Outcome{.ending = Ending::Interrupted};
    auto child = ChildProcess::start(command);
    if (!child) return std::unexpected{child.error()};
    loop_->watch(child->exit_fd(), [this] { loop_->stop(); });
    const Instant begin = real_now();
    const auto work_once = [this](Instant now) { return work(now); };
    while (!child->has_ended() && !signals_.is_raised() && real_now() - begin < patience) {
        loop_->run(work_once, std::min(real_now() + kTick, begin + patience));
        on_tick();
    }
    loop_->unwatch(child->exit_fd());
    Outcome outcome{.elapsed = real_now() - begin};
    if (!child->has_ended()) {
        outcome.ending = signals_.is_raised() ? Ending::Interrupted : Ending::TimedOut;
        child->kill();
    }
    outcome.is_success = outcome.ending == Ending::Ended && child->is_success();
    outcome.output = child->output();
    return outcome;
}

}  // namespace fairlead::lab
