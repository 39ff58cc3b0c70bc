// host/host.hpp — a stack whose sockets belong to other programs.
//
// Owns:      the programs that are connected, their arenas and sockets; the way of bytes between their
//            rings and the stack, and of readiness into their descriptors.
// Contract:  on the thread of the stack. work() after each poll() of the stack, and whenever fd() is
//            readable; it takes the stack's events, so nobody else may. Before the caller sleeps it has
//            called work(), which arranges that programs ring.
// Rules:     what a program writes is hostile: it costs that program's sockets, no others. A socket goes
//            when the last descriptor of it does, in whichever process: the kernel says when.
// Files:     host.cpp (programs come and go, turns), sockets.cpp (making and ending), pump.cpp (bytes of
//            streams), datagrams.cpp, listening.cpp, unusual.cpp (urgent data, errors, lingering),
//            requests.cpp, doors.cpp (programs that have become another user's),
//            plain.cpp (programs without the library), buffers.cpp (what the stack holds for them).
// Not here:  devices and addresses (cli/up.cpp), the program's side (src/preload).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/program_socket.hpp"
#include "host/spin.hpp"
#include "posix/client.hpp"

namespace fairlead::host {

// Whose a socket is: which socket of the kernel stands for it in the programs.
struct Owner {
    SocketId socket{};
    std::uint64_t inode = 0;
    int pid = 0;  // who made it
};

struct HostSettings {
    Duration spin{};          // how long it looks before it sleeps, at most; zero: not at all
    Duration program_spin{};  // and its programs, where they do not say themselves
    // Of a program and its forked children; each has two rings, and what the stack buffers.
    std::uint32_t program_sockets = kSlots;
    std::uint64_t program_memory = std::uint64_t{4} << 30;   // bytes of its rings, used or not
    std::uint64_t program_buffers = std::uint64_t{1} << 30;  // bytes that the stack holds for it
};

class Host {
public:
    // `path`: of the socket to which programs connect. What is wrong, in words.
    static std::expected<std::unique_ptr<Host>, std::string> open(Stack& stack, std::string path,
                                                                  const HostSettings& settings);
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host();

    int fd() const { return epoll_.get(); }
    const std::string& path() const { return path_; }
    // Says when it is to be called again even if nothing happens.
    Instant work(Instant now);

    std::size_t program_count() const { return programs_.size(); }
    std::size_t socket_count() const { return socket_count_; }
    std::vector<Owner> owners();

private:
    struct Program {
        std::uint32_t number = 0;
        FileDescriptor fd{};
        int pid = 0;
        bool is_privileged = false;
        std::uint32_t group = 0;
        std::vector<ProgramArena*> arenas{};  // the first is its own
    };
    struct Incoming {
        Request request{};
        Bytes bytes{};
        int fd = -1;
    };
    struct Outgoing {
        Reply reply{};
        std::array<std::byte, kMostBytes> bytes{};
        std::vector<int> fds{};
        Bytes more{};           // behind all of the bytes
        FileDescriptor kept{};  // one of fds, closed when it was sent
    };
    // A stream that is closed and whose peer has not heard all of it, or who waits for that.
    struct Lingering {
        SocketKey key{};
        std::optional<posix::Call> call{};  // nothing: its bytes are not in the stack yet
        FileDescriptor writer{};            // of the pipe that a program waits at
    };
    struct Door {
        std::uint32_t number = 0;
        FileDescriptor fd{};
    };
    struct Kind {
        bool is_stream = false;
        bool is_inet6 = false;
        bool is_plain = false;
    };
    struct MadeSocket {
        ProgramSocket* socket = nullptr;
        FileDescriptor program{};
    };

    Host(Stack& stack, std::string path, const HostSettings& settings);
    std::expected<void, std::string> start();

    // host.cpp
    void take_kernel_events();
    void take_stack_events();
    void take_dirty();
    void take_turns();
    void on_ring(std::uint32_t arena);
    void accept_program();
    void take_program(FileDescriptor fd, bool is_known_user);
    int open_door(Outgoing& out);
    void answer_door(std::uint32_t number);
    void end_program(std::uint32_t number);
    void leave(ProgramArena& arena);
    bool is_any_dirty() const;
    bool looks_again(Instant now);
    bool watch(int epoll, int fd, std::uint32_t events, std::uint64_t tag) const;

    // sockets.cpp
    std::expected<MadeSocket, int> make_socket(ProgramArena& arena, int fd, const Kind& kind);
    int take_number(ProgramArena& arena);
    void give_number(ProgramSocket& s);
    int attach_pair(ProgramSocket& s, Pair pair);
    std::expected<FileDescriptor, int> renew(ProgramSocket& s);
    void raise_in(ProgramSocket& s);
    void raise_in_for_error(ProgramSocket& s);
    void raise_out(ProgramSocket& s);
    void pay_fillers(ProgramSocket& s);
    void set_status(ProgramSocket& s, std::uint32_t add, std::uint32_t remove = 0);
    void publish_error(ProgramSocket& s, int error);
    void end_reading(ProgramSocket& s);
    void show_hangup(ProgramSocket& s);
    void end(ProgramSocket& s, int error);
    void abort(ProgramSocket& s, int error);
    bool put_watch(ProgramSocket& s);
    void drain_closes();
    void on_close(ProgramSocket& s);
    void try_release(ProgramSocket& s);
    ProgramSocket* find(const SocketKey& key);
    void queue(ProgramSocket& s);

    // pump.cpp, datagrams.cpp, listening.cpp
    void on_stack_event(ProgramSocket& s, std::uint32_t mask);
    void on_dirty(ProgramSocket& s);
    void raise_wanted_edge(ProgramSocket& s);
    void pump_tx(ProgramSocket& s);
    void pump_rx(ProgramSocket& s);
    bool send_bytes(ProgramSocket& s);
    void finish_tx(ProgramSocket& s);
    void try_connect(ProgramSocket& s);
    void open_stream(ProgramSocket& s);
    void send_datagrams(ProgramSocket& s);
    void receive_datagrams(ProgramSocket& s);
    void send_record(ProgramSocket& s, const RecordHead& head);
    void put_record(ProgramSocket& s, const posix::Answer& answer, std::size_t copied);
    void hand_over_connections(ProgramSocket& s);
    bool hand_over(ProgramSocket& s);
    bool wait_for_space(ProgramSocket& s, std::uint32_t head);
    std::uint32_t to_rx_doubling(ProgramSocket& s);
    void grant_doubling(ProgramSocket& s) const;
    bool charge(ProgramArena& arena, std::uint32_t bytes) const;

    // unusual.cpp
    void meet_urgent(ProgramSocket& s);
    void note_tx_urgent(ProgramSocket& s);
    bool has_errors(const ProgramSocket& s);
    void note_error_queue(ProgramSocket& s);
    void show_unusual() const;
    int receive_error(ProgramSocket& s, std::size_t control_room, std::size_t room, Outgoing& out);
    int await_end(const SocketKey& key, Outgoing& out);
    void linger(const SocketKey& key, posix::Call call);
    Lingering* lingering(const SocketKey& key);
    Instant end_lingering();

    // plain.cpp
    void on_plain_event(std::uint64_t from);
    bool take_plain(ProgramSocket& s);
    void give_plain(ProgramSocket& s);
    void end_plain(ProgramSocket& s);

    // buffers.cpp
    void count_in_stack(ProgramSocket& s, std::uint64_t bytes) const;
    bool has_room_in_stack(ProgramArena& arena);
    std::uint64_t held_in_stack(const ProgramSocket& s);
    void hold(ProgramSocket& s);
    void try_held();

    // requests.cpp
    void serve(Program& p);
    void answer(Program& p, const Incoming& in, Outgoing& out);
    int attach(Program& p, const Incoming& in, Outgoing& out);
    int open_socket(Program& p, const Incoming& in, Outgoing& out);
    int identify(Program& p, const Incoming& in, Outgoing& out);
    int of_socket(Program& p, const Incoming& in, Outgoing& out);
    int connect(ProgramSocket& s, Bytes name);
    int listen(ProgramSocket& s, int backlog);
    int shutdown(ProgramSocket& s, int how, std::uint32_t written);
    int tell(Result<posix::SocketName> name, Outgoing& out);
    bool has_joined(const Program& p, std::uint32_t arena) const;

    Stack& stack_;
    std::string path_;
    HostSettings settings_;
    Spin spin_;
    Instant busy_at_{};
    bool was_busy_ = false;    // this turn
    bool is_looking_ = false;  // the last turn ended so
    std::uint32_t looks_ = 0;
    posix::OpenFileTable files_;
    posix::Client client_;
    int stack_events_ = -1;  // the client's epoll set
    Charge charge_{};
    std::optional<SharedMemory> state_{};
    FileDescriptor listener_{};
    FileDescriptor epoll_{};
    FileDescriptor closes_{};  // of the kernel: the hosts' ends, and the close watches
    std::vector<std::unique_ptr<ProgramArena>> arenas_{};  // by number; null: gone
    std::vector<std::unique_ptr<Program>> programs_{};
    std::vector<Door> doors_{};
    std::vector<std::unique_ptr<ProgramSocket>> sockets_{};  // by number
    std::vector<std::uint32_t> free_numbers_{};
    std::size_t socket_count_ = 0;
    std::size_t most_sockets_ = 0;  // of all programs: each is a descriptor of ours
    std::vector<std::uint32_t> queue_{};
    std::vector<std::uint32_t> turns_{};
    std::vector<std::uint32_t> owing_{};
    std::vector<std::uint32_t> held_{};     // their program has too much in the stack
    Instant now_{};                         // of this turn
    std::vector<std::uint32_t> waiting_{};  // listeners with a connection that nobody could take
    std::vector<Lingering> lingering_{};
    std::vector<std::byte> scratch_{};
    std::uint32_t next_program_ = 1;  // and door
    std::uint32_t next_generation_ = 0;
};

}  // namespace fairlead::host
