// The states and the calls of the tables.
#include <array>
#include <functional>
#include <utility>

#include "unit/posix/calls_table.hpp"

namespace fairlead::posix::both {
namespace {

constexpr int kStreams = abi::kStream | abi::kNonblock;
constexpr int kDatagrams = abi::kDatagram | abi::kNonblock;
constexpr int kAsked = abi::kIn | abi::kPriority | abi::kOut | abi::kReadHangup;

// Two sockets, of which `it` is asked; ports that nobody else has.
struct Scene {
    Calls& c;
    std::uint16_t port = 0;
    int it = -1;
    int peer = -1;
    int listener = -1;
};

// --- what a call answered ---

std::string mask_text(unsigned mask) {
    constexpr std::array<std::pair<unsigned, const char*>, 6> kNames{{{abi::kIn, "IN"},
                                                                      {abi::kPriority, "PRI"},
                                                                      {abi::kOut, "OUT"},
                                                                      {abi::kError, "ERR"},
                                                                      {abi::kHangup, "HUP"},
                                                                      {abi::kReadHangup, "RDHUP"}}};
    std::string out;
    for (const auto& [bit, name] : kNames) {
        if ((mask & bit) == 0) continue;
        if (!out.empty()) out += ' ';
        out += name;
    }
    return out.empty() ? "-" : out;
}

std::string last(const Calls& c) {
    const std::string& line = c.log().back();
    return line.substr(line.rfind(") = ") + 4);
}

// A number or an error, and what was read.
std::string answer(const Calls& c) {
    std::string text = last(c);
    const std::size_t flags = text.find(" flags ");
    if (flags == std::string::npos) return text;
    const int set = std::stoi(text.substr(flags + 7));
    text.resize(flags);
    if ((set & abi::msg::kOutOfBand) != 0) text += " OOB";
    if ((set & abi::msg::kTruncated) != 0) text += " TRUNC";
    if ((set & abi::msg::kErrorQueue) != 0) text += " ERRQUEUE";
    return text;
}

// Without the name, which is another in each run.
std::string outcome(const Calls& c) {
    const std::string text = last(c);
    return text.substr(0, text.find(' '));
}

std::string number(const Calls& c) {
    const std::string text = last(c);
    const std::size_t space = text.find(' ');
    return space == std::string::npos ? text : text.substr(space + 1);
}

// getsockopt() of an int, which is told in hexadecimal, lowest byte first.
std::string option(Calls& c, int fd, int level, int name) {
    if (c.get(fd, level, name, 4) != 0) return last(c);
    const std::string hex = number(c);
    unsigned value = 0;
    for (std::size_t i = 4; i-- > 0;) {
        value = value << 8 | static_cast<unsigned>(std::stoul(hex.substr(2 * i, 2), nullptr, 16));
    }
    return name == abi::so::kError && level == abi::kSolSocket && value != 0
               ? std::string{name_of(static_cast<Errc>(value))}
               : std::to_string(value);
}

std::string poll(Calls& c, int fd) {
    c.poll(fd, kAsked);
    return mask_text(static_cast<unsigned>(std::stoi(number(c))));
}

std::string waited(Calls& c, int epfd) {
    c.wait(epfd, 4);
    const std::string text = last(c);
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return "-";
    return mask_text(static_cast<unsigned>(std::stoul(text.substr(colon + 1))));
}

// What two waits report, one after the other.
std::string watched(Calls& c, int fd, unsigned manner) {
    const int epfd = c.epoll();
    const unsigned events = (manner & abi::kExclusive) != 0 ? abi::kIn | abi::kOut : kAsked;
    if (c.control(epfd, abi::kEpollAdd, fd, events | manner, 1) != 0) return last(c);
    std::string out = waited(c, epfd);
    out += "; ";
    return out + waited(c, epfd);
}

template <typename Make>
std::string thrice(Calls& c, Make&& call) {
    std::string out;
    for (int i = 0; i < 3; ++i) {
        call();
        c.settle();
        if (!out.empty()) out += "; ";
        out += answer(c);
    }
    return out;
}

// --- states ---

void listen_at(Scene& s, int backlog = 5, int buffer = 0) {
    s.listener = s.c.socket(abi::kInet, kStreams, 0);
    if (buffer != 0) s.c.set(s.listener, abi::kSolSocket, abi::so::kReceiveBuffer, buffer);
    s.c.set(s.listener, abi::kSolSocket, abi::so::kReuseAddress, 1);
    s.c.bind(s.listener, at(s.port).bytes());
    s.c.listen(s.listener, backlog);
}

void fresh(Scene& s) { s.it = s.c.socket(abi::kInet, kStreams, 0); }

void connect_with(Scene& s, int buffer) {
    listen_at(s, 5, buffer);
    fresh(s);
    if (buffer != 0) s.c.set(s.it, abi::kSolSocket, abi::so::kSendBuffer, buffer);
    s.c.connect(s.it, at(s.port).bytes());
    s.c.settle();
    s.peer = s.c.accept(s.listener, abi::kNonblock);
    s.c.connect(s.it, at(s.port).bytes());
}

void connect(Scene& s) { connect_with(s, 0); }
// Small enough to be full soon.
void connect_narrow(Scene& s) { connect_with(s, 16384); }

// Until nothing more goes.
void fill(Scene& s, int from) {
    const std::string much(1 << 16, 'x');
    for (int refused = 0; refused < 3;) {
        if (s.c.send(from, much, 0) < 0) ++refused;
        s.c.settle();
    }
}

using Setup = void (*)(Scene&);
struct State {
    const char* name;
    Setup setup;
};

void bound(Scene& s) {
    fresh(s);
    s.c.bind(s.it, at(s.port).bytes());
}
void listening(Scene& s) {
    listen_at(s);
    s.it = s.listener;
}
void listening_with_one(Scene& s) {
    listening(s);
    s.peer = s.c.socket(abi::kInet, kStreams, 0);
    s.c.connect(s.peer, at(s.port).bytes());
    s.c.settle();
}
// The accept queue is full, so that no SYN is answered.
void syn_sent(Scene& s) {
    listen_at(s, 0);
    s.peer = s.c.socket(abi::kInet, kStreams, 0);
    s.c.connect(s.peer, at(s.port).bytes());
    s.c.settle();
    fresh(s);
    s.c.connect(s.it, at(s.port).bytes());
    s.c.settle();
}
void refused(Scene& s) {
    fresh(s);
    s.c.connect(s.it, at(s.port).bytes());
    s.c.settle();
}
void refused_and_told(Scene& s) {
    refused(s);
    s.c.connect(s.it, at(s.port).bytes());
}
void connected_untold(Scene& s) {
    listen_at(s);
    fresh(s);
    s.c.connect(s.it, at(s.port).bytes());
    s.c.settle();
}
void with_data(Scene& s) {
    connect(s);
    s.c.send(s.peer, "data", 0);
    s.c.settle();
}
void with_urgent(Scene& s) {
    connect(s);
    s.c.send(s.peer, "ab!", abi::msg::kOutOfBand);
    s.c.settle();
}
void full(Scene& s) {
    connect_narrow(s);
    fill(s, s.it);
}
void read_shut(Scene& s) {
    connect(s);
    s.c.shutdown(s.it, 0);
}
void read_shut_with_data(Scene& s) {
    with_data(s);
    s.c.shutdown(s.it, 0);
}
void fin_wait_1(Scene& s) {
    full(s);
    s.c.shutdown(s.it, 1);
    s.c.settle();
}
void fin_wait_2(Scene& s) {
    connect(s);
    s.c.shutdown(s.it, 1);
    s.c.settle();
}
void fin_wait_2_with_data(Scene& s) {
    fin_wait_2(s);
    s.c.send(s.peer, "data", 0);
    s.c.settle();
}
void both_shut(Scene& s) {
    connect(s);
    s.c.shutdown(s.it, 2);
    s.c.settle();
}
void close_wait(Scene& s) {
    connect(s);
    s.c.shutdown(s.peer, 1);
    s.c.settle();
}
void close_wait_with_data(Scene& s) {
    with_data(s);
    s.c.shutdown(s.peer, 1);
    s.c.settle();
}
void last_ack(Scene& s) {
    connect_narrow(s);
    s.c.shutdown(s.peer, 1);
    s.c.settle();
    fill(s, s.it);
    s.c.shutdown(s.it, 1);
    s.c.settle();
}
void time_wait(Scene& s) {
    fin_wait_2(s);
    s.c.shutdown(s.peer, 1);
    s.c.settle();
}
void closed_second(Scene& s) {
    close_wait(s);
    s.c.shutdown(s.it, 1);
    s.c.settle();
}
// With data that nobody read the peer's close() is a reset.
void reset(Scene& s) {
    connect(s);
    s.c.send(s.it, "unread", 0);
    s.c.settle();
    s.c.close(s.peer);
    s.c.settle();
}
void reset_with_data(Scene& s) {
    with_data(s);
    s.c.send(s.it, "unread", 0);
    s.c.settle();
    s.c.close(s.peer);
    s.c.settle();
}
void reset_and_told(Scene& s) {
    reset(s);
    s.c.receive(s.it, 4, 0);
}
// The peer has closed; what is sent to it is answered with a reset.
void broken(Scene& s) {
    connect(s);
    s.c.close(s.peer);
    s.c.settle();
    s.c.send(s.it, "x", 0);
    s.c.settle();
}
void disconnected(Scene& s) {
    connect(s);
    s.c.connect(s.it, Bytes{SocketName{}.storage}.first(16));
    s.c.settle();
}

void udp(Scene& s) { s.it = s.c.socket(abi::kInet, kDatagrams, 0); }
void udp_bound(Scene& s) {
    udp(s);
    s.c.bind(s.it, at(s.port).bytes());
}
void udp_with_data(Scene& s) {
    udp_bound(s);
    s.peer = s.c.socket(abi::kInet, kDatagrams, 0);
    s.c.send(s.peer, "data", 0, at(s.port).bytes());
    s.c.settle();
}
void udp_connected(Scene& s) {
    s.peer = s.c.socket(abi::kInet, kDatagrams, 0);
    s.c.bind(s.peer, at(s.port).bytes());
    udp(s);
    s.c.connect(s.it, at(s.port).bytes());
}
void udp_refused(Scene& s) {
    udp(s);
    s.c.connect(s.it, at(s.port).bytes());
    s.c.send(s.it, "x", 0);
    s.c.settle();
}
void udp_refused_and_queued(Scene& s) {
    udp(s);
    s.c.set(s.it, abi::kSolIp, abi::ip::kReceiveError, 1);
    s.c.send(s.it, "x", 0, at(s.port).bytes());
    s.c.settle();
}
void udp_read_shut(Scene& s) {
    udp_connected(s);
    s.c.shutdown(s.it, 0);
}
void udp_write_shut(Scene& s) {
    udp_connected(s);
    s.c.shutdown(s.it, 1);
}

// --- calls ---

struct Asked {
    const char* name;
    std::function<std::string(Scene&)> ask;
};

std::vector<Asked> naming() {
    return {
        {"bind", [](Scene& s) { return s.c.bind(s.it, at(0).bytes()), outcome(s.c); }},
        {"listen", [](Scene& s) { return s.c.listen(s.it, 1), outcome(s.c); }},
        {"connect to nobody",
         [](Scene& s) {
             s.c.connect(s.it, at(static_cast<std::uint16_t>(s.port + 1)).bytes());
             return outcome(s.c);
         }},
        {"connect to AF_UNSPEC",
         [](Scene& s) {
             s.c.connect(s.it, Bytes{SocketName{}.storage}.first(16));
             return outcome(s.c);
         }},
        {"accept", [](Scene& s) { return s.c.accept(s.it, 0) >= 0 ? "a socket" : outcome(s.c); }},
        {"getsockname", [](Scene& s) { return s.c.getsockname(s.it), outcome(s.c); }},
        {"getpeername", [](Scene& s) { return s.c.getpeername(s.it), outcome(s.c); }},
        {"shutdown(SHUT_RD)", [](Scene& s) { return s.c.shutdown(s.it, 0), outcome(s.c); }},
        {"shutdown(SHUT_WR)", [](Scene& s) { return s.c.shutdown(s.it, 1), outcome(s.c); }},
        {"shutdown(SHUT_RDWR)", [](Scene& s) { return s.c.shutdown(s.it, 2), outcome(s.c); }},
        {"close", [](Scene& s) { return s.c.close(s.it), outcome(s.c); }},
    };
}

std::vector<Asked> data() {
    const auto receive = [](std::size_t most, int flags) {
        return [=](Scene& s) { return s.c.receive(s.it, most, flags), answer(s.c); };
    };
    const auto send = [](const char* text, int flags) {
        return [=](Scene& s) { return s.c.send(s.it, text, flags), answer(s.c); };
    };
    return {
        {"recv, three times",
         [](Scene& s) { return thrice(s.c, [&] { s.c.receive(s.it, 3, 0); }); }},
        {"recv of 0 bytes", receive(0, 0)},
        {"recv MSG_PEEK", receive(3, abi::msg::kPeek)},
        {"recv MSG_TRUNC", receive(3, abi::msg::kTruncated)},
        {"recv MSG_OOB", receive(3, abi::msg::kOutOfBand)},
        {"recv MSG_ERRQUEUE", receive(3, abi::msg::kErrorQueue)},
        {"read of 0 bytes", [](Scene& s) { return s.c.read(s.it, 0), answer(s.c); }},
        {"send, three times",
         [](Scene& s) { return thrice(s.c, [&] { s.c.send(s.it, "x", 0); }); }},
        {"send of 0 bytes", send("", 0)},
        {"send MSG_OOB", send("x", abi::msg::kOutOfBand)},
        {"sendto with a name",
         [](Scene& s) {
             s.c.send(s.it, "x", 0, at(static_cast<std::uint16_t>(s.port + 1)).bytes());
             return answer(s.c);
         }},
        {"write", [](Scene& s) { return s.c.write(s.it, "x"), answer(s.c); }},
        {"recv, then send",
         [](Scene& s) {
             s.c.receive(s.it, 3, 0);
             std::string first = answer(s.c);
             s.c.send(s.it, "x", 0);
             return first.append("; ").append(answer(s.c));
         }},
        {"send, then recv",
         [](Scene& s) {
             s.c.send(s.it, "x", 0);
             std::string first = answer(s.c);
             s.c.receive(s.it, 3, 0);
             return first.append("; ").append(answer(s.c));
         }},
    };
}

std::vector<Asked> state_told() {
    const auto ioctl = [](std::uint64_t request) {
        return
            [=](Scene& s) { return s.c.ioctl(s.it, request, 0) == 0 ? number(s.c) : outcome(s.c); };
    };
    const auto get = [](int level, int name) {
        return [=](Scene& s) { return option(s.c, s.it, level, name); };
    };
    const auto watch = [](unsigned manner) {
        return [=](Scene& s) { return watched(s.c, s.it, manner); };
    };
    return {
        {"poll", [](Scene& s) { return poll(s.c, s.it); }},
        {"epoll, level, two waits", watch(0)},
        {"epoll, edge, two waits", watch(abi::kEdge)},
        {"epoll, one-shot, two waits", watch(abi::kOneShot)},
        {"epoll, exclusive, two waits", watch(abi::kExclusive)},
        {"SO_ERROR, twice",
         [](Scene& s) {
             const std::string first = option(s.c, s.it, abi::kSolSocket, abi::so::kError);
             return first + "; " + option(s.c, s.it, abi::kSolSocket, abi::so::kError);
         }},
        {"SO_ERROR, then poll",
         [](Scene& s) {
             const std::string first = option(s.c, s.it, abi::kSolSocket, abi::so::kError);
             return first + "; " + poll(s.c, s.it);
         }},
        {"SO_ACCEPTCONN", get(abi::kSolSocket, abi::so::kAcceptConnections)},
        {"FIONREAD", ioctl(abi::io::kBytesToRead)},
        {"SIOCATMARK", ioctl(abi::io::kAtMark)},
        {"IP_MTU", [](Scene& s) { return s.c.get(s.it, 0, abi::ip::kMtu, 4), outcome(s.c); }},
        {"set TCP_MAXSEG",
         [](Scene& s) { return s.c.set(s.it, 6, abi::tcp::kMaxSegment, 500), outcome(s.c); }},
        {"set TCP_WINDOW_CLAMP 0",
         [](Scene& s) { return s.c.set(s.it, 6, abi::tcp::kWindowClamp, 0), outcome(s.c); }},
    };
}

const std::vector<std::pair<const char*, std::vector<State>>>& groups() {
    static const std::vector<std::pair<const char*, std::vector<State>>> kGroups{
        {"Opening",
         {{"CLOSED", fresh},
          {"bound", bound},
          {"LISTEN", listening},
          {"LISTEN, one waits", listening_with_one},
          {"SYN-SENT", syn_sent},
          {"refused", refused},
          {"refused, and told", refused_and_told}}},
        {"Open",
         {{"ESTABLISHED, not told", connected_untold},
          {"ESTABLISHED", connect},
          {"data there", with_data},
          {"urgent data there", with_urgent},
          {"send buffer full", full},
          {"after SHUT_RD", read_shut},
          {"SHUT_RD, data there", read_shut_with_data}}},
        {"Closing",
         {{"FIN-WAIT-1", fin_wait_1},
          {"FIN-WAIT-2", fin_wait_2},
          {"FIN-WAIT-2, data there", fin_wait_2_with_data},
          {"FIN-WAIT-2 by SHUT_RDWR", both_shut},
          {"CLOSE-WAIT", close_wait},
          {"CLOSE-WAIT, data there", close_wait_with_data},
          {"LAST-ACK", last_ack}}},
        {"Over",
         {{"TIME-WAIT", time_wait},
          {"CLOSED after LAST-ACK", closed_second},
          {"reset", reset},
          {"reset, data there", reset_with_data},
          {"reset, and told", reset_and_told},
          {"reset in CLOSE-WAIT", broken},
          {"after AF_UNSPEC", disconnected}}},
        {"Datagrams",
         {{"UDP", udp},
          {"bound", udp_bound},
          {"data there", udp_with_data},
          {"connected", udp_connected},
          {"refused", udp_refused},
          {"IP_RECVERR, refused", udp_refused_and_queued},
          {"after SHUT_RD", udp_read_shut},
          {"after SHUT_WR", udp_write_shut}}},
    };
    return kGroups;
}

// --- edges: what a set that has told all there was tells when something happens ---

struct Happening {
    const char* name;
    Setup before;
    Setup happens;
};

const std::vector<Happening>& happenings() {
    static const std::vector<Happening> kAll{
        {"a connection waits", listening,
         [](Scene& s) {
             s.peer = s.c.socket(abi::kInet, kStreams, 0);
             s.c.connect(s.peer, at(s.port).bytes());
         }},
        {"connect() is done", [](Scene& s) { listen_at(s), fresh(s); },
         [](Scene& s) { s.c.connect(s.it, at(s.port).bytes()); }},
        {"connect() is refused", fresh, [](Scene& s) { s.c.connect(s.it, at(s.port).bytes()); }},
        {"data comes", connect, [](Scene& s) { s.c.send(s.peer, "x", 0); }},
        {"more data comes", with_data, [](Scene& s) { s.c.send(s.peer, "x", 0); }},
        {"urgent data comes", connect,
         [](Scene& s) { s.c.send(s.peer, "x", abi::msg::kOutOfBand); }},
        {"own data is acknowledged", connect, [](Scene& s) { s.c.send(s.it, "x", 0); }},
        {"there is room again", full,
         [](Scene& s) {
             while (s.c.receive(s.peer, 1 << 20, 0) > 0) s.c.settle();
         }},
        {"the peer shuts down", connect, [](Scene& s) { s.c.shutdown(s.peer, 1); }},
        {"the peer closes", connect, [](Scene& s) { s.c.close(s.peer); }},
        {"the peer closes, in FIN-WAIT-2", fin_wait_2, [](Scene& s) { s.c.close(s.peer); }},
        {"the peer resets", with_data,
         [](Scene& s) {
             s.c.send(s.it, "unread", 0);
             s.c.settle();
             s.c.close(s.peer);
         }},
        {"shutdown(SHUT_RD)", connect, [](Scene& s) { s.c.shutdown(s.it, 0); }},
        {"shutdown(SHUT_WR)", connect, [](Scene& s) { s.c.shutdown(s.it, 1); }},
        {"shutdown(SHUT_RDWR)", connect, [](Scene& s) { s.c.shutdown(s.it, 2); }},
        {"shutdown(SHUT_RD) of a listener", listening, [](Scene& s) { s.c.shutdown(s.it, 0); }},
        {"a datagram comes", udp_bound,
         [](Scene& s) {
             s.peer = s.c.socket(abi::kInet, kDatagrams, 0);
             s.c.send(s.peer, "x", 0, at(s.port).bytes());
         }},
        {"a datagram is refused", [](Scene& s) { udp(s), s.c.connect(s.it, at(s.port).bytes()); },
         [](Scene& s) { s.c.send(s.it, "x", 0); }},
    };
    return kAll;
}

class Asking {
public:
    explicit Asking(std::unique_ptr<Calls> (*make)()) : make_{make} {}

    Table group(const std::string& title, const std::vector<State>& states,
                const std::vector<Asked>& calls) {
        Table table{.title = title};
        for (const Asked& asked : calls) table.calls.emplace_back(asked.name);
        for (const State& state : states) {
            table.states.emplace_back(state.name);
            const auto sockets = make_();
            for (const Asked& asked : calls) {
                Scene scene{.c = *sockets, .port = next_port()};
                state.setup(scene);
                table.cells.push_back({asked.name, state.name, asked.ask(scene)});
            }
        }
        return table;
    }

    Table edges() {
        constexpr std::array kAsk{"poll before", "poll after", "edge", "edge again",
                                  "edge for RDHUP alone"};
        Table table{.title = "Edges"};
        for (const char* name : kAsk) table.calls.emplace_back(name);
        for (const Happening& happening : happenings()) {
            table.states.emplace_back(happening.name);
            const auto sockets = make_();
            Calls& c = *sockets;
            Scene s{.c = c, .port = next_port()};
            happening.before(s);
            const int all = c.epoll();
            const int hangup = c.epoll();
            c.control(all, abi::kEpollAdd, s.it, kAsked | abi::kEdge, 1);
            c.control(hangup, abi::kEpollAdd, s.it, abi::kReadHangup | abi::kEdge, 1);
            const std::string before = poll(c, s.it);
            waited(c, all);
            waited(c, hangup);
            happening.happens(s);
            c.settle();
            const std::string after = poll(c, s.it);
            const std::array answers{before, after, waited(c, all), waited(c, all),
                                     waited(c, hangup)};
            for (std::size_t i = 0; i < answers.size(); ++i) {
                table.cells.push_back({kAsk[i], happening.name, answers[i]});
            }
        }
        return table;
    }

private:
    // Where no other test is, and never one again: what was there may still be in TIME-WAIT.
    static std::uint16_t next_port() {
        static std::uint16_t port = 10000;
        return port = static_cast<std::uint16_t>(port + 2);
    }

    std::unique_ptr<Calls> (*make_)();
};

}  // namespace

std::vector<Table> tables_of(std::unique_ptr<Calls> (*make)()) {
    Asking asking{make};
    std::vector<Table> all;
    for (const auto& [title, states] : groups()) {
        const std::string name{title};
        all.push_back(asking.group(name + ": names", states, naming()));
        all.push_back(asking.group(name + ": data", states, data()));
        all.push_back(asking.group(name + ": what is told", states, state_told()));
    }
    all.push_back(asking.edges());
    return all;
}

}  // namespace fairlead::posix::both
