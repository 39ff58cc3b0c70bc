// packetdrill/machine.hpp — one stack in virtual time, called by packetdrill's two threads.
//
// Owns:   the stack and its device, the clock, the lock, the descriptors: each of ours has a real
//         one beside it (of /dev/null), so that what packetdrill closes at its end is open.
// Time:   stands still unless a call moves it: usleep, or a wait for a packet or for a call that
//         blocks the first thread. A call that blocks the second one sleeps indeed, for packetdrill
//         looks whether it does; whenever something happens all that sleep look again, and time
//         does not go on before they have.
// Ends:   when a wait can never end: packetdrill would ask for ever.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fairlead/fairlead.h"

namespace fairlead::packetdrill {

struct Address {
    std::string local_v4 = "192.168.0.1/16";
    std::string local_v6 = "fd3d:fa7b:d17d::1/48";
    std::uint32_t mtu = 1500;
};

// Options as packetdrill's command line has them (--local_ip=, --mtu=), one to a word.
void read_option(std::string_view word, Address& into);

class Machine {
public:
    explicit Machine(const Address& address);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine();

    // A thread's turn: one call. While the call waits the other thread has its own.
    class Turn {
    public:
        explicit Turn(Machine& machine);
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn();

    private:
        Machine& machine_;
        std::unique_lock<std::mutex> lock_;
    };
    fl_stack* stack() { return stack_; }

    // --- descriptors ---
    // The real one that stands for ours from now on; -errno is passed on.
    int give(int ours);
    // Ours; a negative number: the system's.
    int find(int real) const;
    void forget(int real) { descriptors_.erase(real); }

    // --- time and packets, within a turn ---
    void sleep(std::int64_t usecs);
    void inject(const void* packet, std::size_t size);
    // The next packet that leaves, and when. False: it was larger than `size`, and is lost.
    bool receive(void* into, std::size_t& size, long long& usecs);
    std::int64_t now_usecs();
    // After any call: what it sent leaves, who waits looks again.
    void settle();
    // What the shell lines of a script have set in this namespace.
    void read_settings();

private:
    struct Frame {
        std::int64_t at_ns = 0;
        std::vector<std::uint8_t> bytes{};
    };

    static int wait_in_call(void* user, fl_stack* stack, std::int64_t deadline_ns);
    static int on_send(void* user, const void* frame, std::size_t size);
    static std::size_t on_receive(void* user, void* into, std::size_t room);
    int wait(std::int64_t deadline_ns);
    bool advance_to_next(std::int64_t latest_ns);
    void pump();
    void tell_sleepers();
    [[noreturn]] static void give_up(const char* what);

    std::mutex mutex_;
    std::condition_variable changed_;
    fl_stack* stack_ = nullptr;
    std::int64_t now_ns_;
    std::deque<std::vector<std::uint8_t>> inbound_{};
    std::deque<Frame> outbound_{};
    std::map<int, int> descriptors_{};
    std::uint64_t generation_ = 0;
    std::map<std::thread::id, std::int64_t> sleepers_{};  // until when
    std::set<std::thread::id> looking_{};                 // told, and neither asleep again nor gone
};

}  // namespace fairlead::packetdrill
