// cli/supervisor.hpp — the answers to the socket calls of a program without the library.
//
// Owns:      a connection to the host, its arena, and which sockets of the kernel stand for which of the
//            host's; the calls that are not answered yet: accept() and connect() that wait.
// Knows:     seccomp_unotify(2): what the program's memory says may change until it is answered; a call may
//            be over before that.
// Rules:     a call on a descriptor that is none of ours goes on to the kernel. connect() of a socket that
//            does not block waits all the same: its descriptor could not show that it is under way.
// Not here:  the filter (supervised.hpp), bytes (host/plain.cpp).
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <linux/seccomp.h>

#include "device/file_descriptor.hpp"
#include "host/arena.hpp"
#include "host/protocol.hpp"

namespace fairlead::cli {

class Supervisor {
public:
    // What is wrong, in words.
    static std::expected<std::unique_ptr<Supervisor>, std::string> open(
        const std::string& host_path, int notices);
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    ~Supervisor();

    // Until nobody is left whose calls could be stopped.
    void work();

private:
    struct Told {
        host::Reply reply{};
        std::vector<std::byte> bytes{};
        device::FileDescriptor fd{};
    };
    struct Pending {
        seccomp_notif call{};
        host::SocketKey key{};
        device::FileDescriptor listener{};  // of accept()
    };
    // A descriptor of the program's that stands for a socket of the host.
    struct Mine {
        device::FileDescriptor fd{};
        host::SocketKey key{};
    };

    explicit Supervisor(int notices) : notices_{notices} {}
    bool attach(const std::string& host_path);
    std::optional<Told> ask(host::Request request, std::span<const std::byte> bytes = {}) const;

    void take_call();
    void answer(const seccomp_notif& call, std::int64_t result) const;
    void leave_to_kernel(const seccomp_notif& call) const;
    void give_descriptor(const seccomp_notif& call, int fd, bool closes_on_exec) const;
    bool is_over(const seccomp_notif& call) const;

    void on_socket(const seccomp_notif& call);
    void on_call(const seccomp_notif& call, Mine mine);
    void on_name(const seccomp_notif& call, const Mine& mine, host::Op op) const;
    void on_get_option(const seccomp_notif& call, const Mine& mine) const;
    void on_connect(const seccomp_notif& call, Mine mine);
    bool try_accept(const Pending& wait);
    bool try_connect(const Pending& wait) const;
    void try_pending();

    void remember(int fd, const host::SocketKey& key);
    std::optional<Mine> find(const seccomp_notif& call) const;
    host::Slot& slot(const host::SocketKey& key) const;

    int notices_;
    device::FileDescriptor control_{};
    device::FileDescriptor doorbell_{};
    host::ArenaView arena_{};
    std::map<std::uint64_t, host::SocketKey> sockets_{};  // by the inode of the program's end
    std::vector<std::uint64_t> inodes_ = std::vector<std::uint64_t>(host::kSlots);  // by slot
    std::vector<Pending> pending_{};
};

}  // namespace fairlead::cli
