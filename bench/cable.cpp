#include "bench/cable.hpp"

#include <cstdlib>
#include <stdexcept>

namespace fairlead::bench {

NetworkNamespace new_network() {
    auto made = NetworkNamespace::make();
    if (!made) throw std::runtime_error{made.error().text};
    // Whatever this machine prefers: the same for all contenders, and never paced.
    set_in(*made, "ipv4/tcp_congestion_control", "reno");
    return std::move(*made);
}

void run_in(const NetworkNamespace& home, const std::string& command) {
    const NetworkNamespace::Stay inside{home};
    if (std::system((command + " >/dev/null").c_str()) != 0) {
        throw std::runtime_error{"failed: " + command};
    }
}

void set_in(const NetworkNamespace& home, const std::string& path, const std::string& value) {
    const NetworkNamespace::Stay inside{home};
    const auto done = device::write_network_sysctl(path, value);
    if (!done) throw std::runtime_error{done.error().text};
}

VethPair::VethPair(bool offloads) {
    run_in(near, "ip link add near type veth peer name far netns " + far.path());
    run_in(near, "ip address add 10.9.0.1/24 dev near");
    run_in(near, "ip link set near up");
    run_in(far, "ip address add 10.9.0.2/24 dev far");
    run_in(far, "ip route add local 10.9.1.0/24 dev far");
    run_in(far, "ip link set far up");
    run_in(near, "ip route add 10.9.1.0/24 via 10.9.0.2");
    if (offloads) return;
    run_in(near, "ethtool -K near tso off gso off gro off tx off rx off sg off");
    run_in(far, "ethtool -K far tso off gso off gro off tx off rx off sg off");
}

}  // namespace fairlead::bench
