// lab/control_server.hpp — the socket by which other programs look at a running stack.
//
// Owns:      a listening AF_UNIX socket (0600) and a few clients: a request line in, an answer out,
//            in parts, between two polls of the stack and on its thread.
// Rules:     Only root and the user who runs the stack are answered. A client has one answer at a
//            time, and a bounded number of requests; who sends no line in time, takes no answer in
//            time or says what is no request is cut off. The socket's file goes when this goes.
// Not here:  the loop (loop.hpp), what is said (inspect/control_answer.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "device/file_descriptor.hpp"
#include "inspect/control_answer.hpp"

namespace fairlead::lab {

class ControlServer {
public:
    static constexpr std::size_t kMostClients = 8;
    static constexpr int kMostRequests = 64;  // of one client
    static constexpr Duration kPatience = 5_s;

    // In control_folder(), under the identity's name. The stack outlives it.
    static std::expected<std::unique_ptr<ControlServer>, std::string> open(
        Stack& stack, const inspect::ControlIdentity& identity);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    ~ControlServer();

    // Readable: tell so, and call work().
    int fd() const { return epoll_.get(); }
    void on_readable() { is_readable_ = true; }
    const std::string& path() const { return path_; }
    // Does a bounded amount, and nothing at all (no system call either) where nothing has come;
    // says when it is to be called again even if nothing happens.
    Instant work(Instant now);
    std::size_t client_count() const { return clients_.size(); }

private:
    struct Client {
        device::FileDescriptor fd{};
        std::string in{};
        std::string out{};
        std::size_t written = 0;  // of out
        std::optional<inspect::ControlAnswer> answer{};
        int requests = 0;
        bool waits_to_write = false;
        Instant moved{};
    };
    enum class Step : std::uint8_t { Moved, Waits, Over };

    ControlServer(Stack& stack, inspect::ControlIdentity identity)
        : stack_{stack}, identity_{std::move(identity)} {}
    std::expected<void, std::string> listen(const std::string& folder);
    void accept(Instant now);
    Step advance(Client& c);
    Step read_request(Client& c);
    Step write_out(Client& c);
    void wait_for(Client& c, bool writable);

    Stack& stack_;
    inspect::ControlIdentity identity_;
    std::string path_{};
    device::FileDescriptor epoll_{};
    device::FileDescriptor listener_{};
    std::list<Client> clients_{};
    bool is_readable_ = false;
    Instant next_ = Instant::never();  // what work() said last
};

}  // namespace fairlead::lab
