#include "bench/network_namespace.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

namespace fairlead::bench {

namespace {

constexpr const char* kOurs = "/proc/thread-self/ns/net";

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error{fmt::format("{}: {}", what, std::strerror(errno))};
}

int open_ours() {
    const int descriptor = open(kOurs, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(kOurs);
    return descriptor;
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file{path};
    file << text;
    file.flush();
    if (!file) throw std::runtime_error{"cannot write " + path};
}

}  // namespace

void become_network_root() {
    static const bool kDone = [] {
        if (geteuid() == 0) return true;
        const auto user = geteuid();
        const auto group = getegid();
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) fail("a user namespace of our own");
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", fmt::format("0 {} 1", user));
        write_file("/proc/self/gid_map", fmt::format("0 {} 1", group));
        return true;
    }();
    static_cast<void>(kDone);
}

NetworkNamespace::NetworkNamespace() {
    become_network_root();
    const int before = open_ours();
    if (unshare(CLONE_NEWNET) != 0) {
        close(before);
        fail("a network namespace of our own");
    }
    descriptor_ = open_ours();
    const bool back = setns(before, CLONE_NEWNET) == 0;
    close(before);
    if (!back) fail("back from a new network namespace");
    run("ip link set lo up");
    // Whatever this machine prefers: the same for all contenders, and never paced.
    set("ipv4/tcp_congestion_control", "reno");
}

NetworkNamespace::~NetworkNamespace() { close(descriptor_); }

NetworkNamespace::Stay::Stay(const NetworkNamespace& home) : back_{open_ours()} {
    if (setns(home.descriptor_, CLONE_NEWNET) != 0) fail("entering a network namespace");
}

NetworkNamespace::Stay::~Stay() {
    setns(back_, CLONE_NEWNET);
    close(back_);
}

void NetworkNamespace::run(const std::string& command) const {
    const Stay inside{*this};
    if (std::system((command + " >/dev/null").c_str()) != 0) {
        throw std::runtime_error{"failed: " + command};
    }
}

void NetworkNamespace::set(const std::string& path, const std::string& value) const {
    const Stay inside{*this};
    write_file("/proc/sys/net/" + path, value);
}

std::string NetworkNamespace::path() const {
    return fmt::format("/proc/{}/fd/{}", getpid(), descriptor_);
}

VethPair::VethPair(bool offloads) {
    near.run("ip link add near type veth peer name far netns " + far.path());
    near.run("ip address add 10.9.0.1/24 dev near");
    near.run("ip link set near up");
    far.run("ip address add 10.9.0.2/24 dev far");
    far.run("ip route add local 10.9.1.0/24 dev far");
    far.run("ip link set far up");
    near.run("ip route add 10.9.1.0/24 via 10.9.0.2");
    if (offloads) return;
    near.run("ethtool -K near tso off gso off gro off tx off rx off sg off");
    far.run("ethtool -K far tso off gso off gro off tx off rx off sg off");
}

}  // namespace fairlead::bench
