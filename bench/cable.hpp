// cable.hpp — private networks for the contenders, and a cable between two of them.
//
// Owns:   new_network(), what is run and set inside one, VethPair (two networks at MTU 1500).
// Rules:  What fails throws, with the command line.
// Not here: the namespaces themselves (device/network_namespace.hpp).
#pragma once

#include <string>

#include "device/network_namespace.hpp"

namespace fairlead::bench {

using device::NetworkNamespace;

// Set alike for all contenders.
NetworkNamespace new_network();
// Runs a command line inside.
void run_in(const NetworkNamespace& home, const std::string& command);
// Writes below /proc/sys/net.
void set_in(const NetworkNamespace& home, const std::string& path, const std::string& value);

// near (10.9.0.1) and far (10.9.0.2, and all of 10.9.1.0/24), each end of the cable without any
// offload if so asked.
struct VethPair {
    explicit VethPair(bool offloads);
    NetworkNamespace near = new_network();
    NetworkNamespace far = new_network();
};

}  // namespace fairlead::bench
