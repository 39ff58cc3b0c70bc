// crossing_peer.hpp — a client on one end of a cable, the kernel's server on the other.
//
// Owns:   Client (the seam: who drives the near end), CrossingPeer (the rows over it).
// Cores:  on one core the client's thread steps the server too; on two the server spins on the
//         first core and the client on the last. Neither side ever sleeps, whoever the client is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "bench/cable.hpp"
#include "bench/peer.hpp"
#include "fairlead/bytes.hpp"

namespace fairlead::bench {

// One connection at a time; nothing waits.
class Client {
public:
    Client() = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    virtual ~Client() = default;

    // Where the calls below are made, and where the server is.
    virtual const NetworkNamespace& home() const = 0;
    virtual const NetworkNamespace& server_home() const = 0;
    // Begins a connection to the server's address of that number.
    virtual void connect(std::uint32_t address) = 0;
    virtual bool is_connected() = 0;
    virtual std::size_t write(Bytes bytes) = 0;       // what fits, 0: nothing now
    virtual std::size_t read(MutableBytes into) = 0;  // 0: nothing now
    virtual void close() = 0;
    virtual void step() = 0;  // whatever keeps it going
    virtual std::uint64_t resets_sent() const = 0;
};

enum class Cores : std::uint8_t { One, Two };
enum class Bulk : std::uint8_t { Up, Down };  // from the client, to the client

// What ours stands on: a TAP with its offloads, or by AF_XDP the near end of veth without any.
enum class NearEnd : std::uint8_t { Tap, Xdp };

// The kernel at the near end of veth, with the offloads that veth has or without any.
std::unique_ptr<Client> kernel_client(bool offloads);
std::unique_ptr<Client> fairlead_client(NearEnd end);

std::unique_ptr<Peer> make_crossing_peer(std::unique_ptr<Client> client, Cores cores,
                                         Bulk direction);

}  // namespace fairlead::bench
