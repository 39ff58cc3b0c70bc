// network_namespace.hpp — private networks of the kernel, gone when their last user is.
//
// Owns:   entering one for good (and, without root, a private user namespace), NetworkNamespace
//         (one by its descriptor, entered for a while), sysctls of the network one is in.
// Knows:  namespaces(7), user_namespaces(7).
// Rules:  Nothing outside is touched or even visible. A network namespace belongs to the thread that
//         is in it, and its children; a user namespace is entered by a process with one thread only.
// Not here: what lies inside (interface.hpp, lab/kernel_link.hpp).
#pragma once

#include <string>
#include <string_view>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"

namespace fairlead::device {

// Moves the calling thread into a network namespace with nothing but "lo" up. The error says what
// to do where that is not allowed.
Opened<void> enter_private_network();

// Below /proc/sys/net, in the network that the calling thread is in: "ipv4/tcp_sack".
Opened<void> write_network_sysctl(std::string_view path, std::string_view value);

class NetworkNamespace {
public:
    // A new one, with its lo up. The calling thread stays where it was; a user without root moves
    // into a private network of its own first, as only there it may make others.
    static Opened<NetworkNamespace> make();

    // The calling thread is inside for as long as this lives.
    class Stay {
    public:
        explicit Stay(const NetworkNamespace& home);
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;
        ~Stay();

    private:
        FileDescriptor back_;
    };

    // A path by which other processes name it.
    std::string path() const;

private:
    explicit NetworkNamespace(FileDescriptor self) : self_{std::move(self)} {}

    FileDescriptor self_;
};

}  // namespace fairlead::device
