// peer.hpp — one pair of stacks that the bench drives, whoever made them.
//
// Owns:      the Peer seam: what every row asks of ours, of the kernel and of lwIP alike.
// Contract:  a Peer is one fresh world with both ends in it, driven by the calling thread alone.
//            The application writes from and reads into its own buffers; connections close by FIN
//            on both sides, the client first, and TIME-WAIT stays. Each call returns the seconds it
//            took. What cannot be done throws std::runtime_error with one line that says why.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace fairlead::bench {

class Peer {
public:
    Peer() = default;
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    virtual ~Peer() = default;

    // One connection carries at least `bytes` one way, in writes of write_size.
    virtual double bulk(std::uint64_t bytes, std::size_t write_size) = 0;
    // One byte there and one byte back, `count` times over one connection.
    virtual double ping_pong(std::uint64_t count) = 0;
    // Connect, one byte there, close: `count` times, `at_once` connections going side by side.
    virtual double connect_close(std::uint64_t count, std::size_t at_once) = 0;
    // Opens `count` more connections and lets them be idle.
    virtual void open_idle(std::size_t count) = 0;
    // Bytes of memory that hold the ends opened so far: the process's, or the kernel's for it.
    virtual std::uint64_t memory() = 0;
    // Round trips of one byte, each over a random one of the idle connections; `in_flight` of them
    // (all different) travel at a time. Returns the seconds for all `count`.
    virtual double ping_random(std::uint64_t count, std::size_t in_flight) = 0;
    // As ping_pong, but each trip ends with the ACK of its last byte, which the next trip does not
    // carry: what a trip over one of many is, of which each rests for long. Only where the clock
    // can be moved on.
    virtual double ping_rested(std::uint64_t) { throw std::logic_error{"time can't be skipped"}; }
};

// The numbers below n in a random order that repeats: consecutive ones differ, and whoever reads
// them one after the other never waits for memory.
class RandomOrder {
public:
    explicit RandomOrder(std::size_t n) : order_(n) {
        std::iota(order_.begin(), order_.end(), 0u);
        std::shuffle(order_.begin(), order_.end(), std::minstd_rand{1});
    }
    std::span<const std::uint32_t> next(std::size_t count) {
        if (at_ + count > order_.size()) at_ = 0;
        at_ += count;
        return std::span{order_}.subspan(at_ - count, count);
    }

private:
    std::vector<std::uint32_t> order_;
    std::size_t at_ = 0;
};

using MakePeer = std::function<std::unique_ptr<Peer>()>;

// A contender: how it is called in the table, and how a fresh one is made.
struct PeerKind {
    std::string name{};
    MakePeer make{};
};

}  // namespace fairlead::bench
