#include "bench/hosted.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>
#include <poll.h>

#include "bench/machine.hpp"

namespace fairlead::bench {
namespace {

constexpr double kPatience = 20;
constexpr std::chrono::milliseconds kMoment{10};

template <typename T>
T or_throw(device::Opened<T> opened) {
    if (!opened) throw std::runtime_error{opened.error().text};
    return std::move(*opened);
}

}  // namespace

std::string program_beside(std::string_view name) {
    const std::filesystem::path path =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
    if (!std::filesystem::exists(path)) throw std::runtime_error{path.string() + " is not built"};
    return path.string();
}

std::unique_ptr<Place> Place::of_kernel() {
    std::unique_ptr<Place> place{new Place};
    place->cable_.emplace(true);
    return place;
}

std::unique_ptr<Place> Place::of_host(const std::string& options, int spin_us) {
    std::unique_ptr<Place> place{new Place};
    const std::string fairlead = program_beside("fairlead");
    place->home_.emplace(new_network());
    place->folder_.emplace(or_throw(lab::ScratchFolder::make()));
    place->environment_ =
        fmt::format("XDG_RUNTIME_DIR={} FAIRLEAD_SPIN={} ", place->folder_->path(), spin_us);
    place->host_.emplace(place->start(
        End::Far, fmt::format("{} up bench --device tap:near --address {}/24 --host-address {}/24 "
                              "{}",
                              fairlead, kNearAddress, kFarAddress, options)));
    for (const Stopwatch watch; !place->host_->output().contains("is up");) {
        if (place->host_->has_ended() || watch.seconds() > kPatience) {
            throw std::runtime_error{"no host: " + place->host_->output()};
        }
        std::this_thread::sleep_for(kMoment);
    }
    place->prefix_ = fairlead + " run --host bench -- ";
    return place;
}

lab::ChildProcess Place::start(End end, const std::string& command) const {
    const NetworkNamespace* there = home_ ? &*home_ : nullptr;
    if (cable_) there = end == End::Near ? &cable_->near : &cable_->far;
    const NetworkNamespace::Stay inside{*there};
    // sh becomes the program, so that ending the one ends the other.
    const std::string line = "exec env " + environment_ + (end == End::Near ? prefix_ : "");
    return or_throw(lab::ChildProcess::start({"sh", "-c", line + command}));
}

std::string Place::output(End end, const std::string& command) const {
    lab::ChildProcess child = start(end, command);
    pollfd ended{.fd = child.exit_fd(), .events = POLLIN, .revents = 0};
    (void)::poll(&ended, 1, static_cast<int>(kPatience * 1000));
    const bool is_over = child.has_ended();
    const std::string said = child.output();
    if (!is_over) throw std::runtime_error{command + " does not end"};
    if (!child.is_success()) throw std::runtime_error{command + ": " + said.substr(0, 200)};
    return said;
}

void Place::await_port(End end, int port) const {
    const char* address = end == End::Near ? kNearAddress : kFarAddress;
    const std::string knock =
        fmt::format("{} knock {} {}", program_beside("fairlead-bench-pair"), address, port);
    for (const Stopwatch watch; watch.seconds() < kPatience;) {
        lab::ChildProcess child = start(End::Far, knock);
        while (!child.has_ended()) std::this_thread::sleep_for(kMoment);
        if (child.is_success()) return;
    }
    throw std::runtime_error{fmt::format("nobody listens at port {}", port)};
}

double Place::host_seconds() const {
    if (!host_) return 0;
    std::ifstream file{fmt::format("/proc/{}/schedstat", host_->pid())};
    double nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds * 1e-9;
}

}  // namespace fairlead::bench
