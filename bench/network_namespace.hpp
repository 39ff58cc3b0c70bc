// network_namespace.hpp — private networks of the kernel, gone when their last user is.
//
// Owns:   NetworkNamespace (one, by descriptor), VethPair (two, joined by a cable at MTU 1500).
// Rules:  a namespace belongs to the thread that is in it; within() changes ours for a while. All
//         of it needs the right to make namespaces: become_network_root() gets it where it can.
#pragma once

#include <string>

namespace fairlead::bench {

// Root stays root; others become root of a user namespace of their own. Throws where the system
// forbids that. Call it before any thread is started.
void become_network_root();

class NetworkNamespace {
public:
    NetworkNamespace();  // a new one, with its lo up; the calling thread stays where it was
    NetworkNamespace(const NetworkNamespace&) = delete;
    NetworkNamespace& operator=(const NetworkNamespace&) = delete;
    ~NetworkNamespace();

    // The calling thread is inside for as long as the result lives.
    class Stay {
    public:
        explicit Stay(const NetworkNamespace& home);
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;
        ~Stay();

    private:
        int back_;
    };

    // Runs a command line inside; throws with the line when it fails.
    void run(const std::string& command) const;
    // Writes below /proc/sys/net.
    void set(const std::string& path, const std::string& value) const;
    // A path by which other processes name this namespace.
    std::string path() const;

private:
    int descriptor_;
};

// near (10.9.0.1) and far (10.9.0.2, and all of 10.9.1.0/24), each end of the cable without any
// offload if so asked.
struct VethPair {
    explicit VethPair(bool offloads);
    NetworkNamespace near{};
    NetworkNamespace far{};
};

}  // namespace fairlead::bench
