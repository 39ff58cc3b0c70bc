// Who may have a port beside whom: each pair of names and options on the kernel's loopback and on
// ours, and the answers held against each other.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/posix/both.hpp"

namespace fairlead::posix::both {
namespace {

constexpr int kLo = 1;  // the index of lo, here and there
constexpr std::uint16_t kPort = 3000;
constexpr std::uint16_t kLowPorts[] = {0, 1, 79, 80, 1023, 1024};

struct Name {
    const char* address = "0.0.0.0";
    Family family = Family::Inet;
    bool v6_only = false;
};
constexpr Name kNames[] = {
    {"0.0.0.0"},
    {"127.0.0.1"},
    {"127.0.0.2"},
    {"::", Family::Inet6},
    {"::", Family::Inet6, true},
    {"::1", Family::Inet6},
    {"::ffff:127.0.0.1", Family::Inet6},
};

// Nobody's here.
constexpr Name kStrangers[] = {
    {"10.9.8.7"},
    {"2001:db8::7", Family::Inet6},
    {"ff02::1", Family::Inet6},
    {"::ffff:10.9.8.7", Family::Inet6},
};

struct Wish {
    Name name{};
    bool reuse_address = false;
    bool reuse_port = false;
    bool is_on_lo = false;
    bool listens = false;

    std::string text() const {
        return std::string{name.address} + (name.v6_only ? " v6only" : "") +
               (reuse_address ? " reuseaddr" : "") + (reuse_port ? " reuseport" : "") +
               (is_on_lo ? " lo" : "") + (listens ? " listens" : "");
    }
};

SocketName name_of(const Name& name, std::uint16_t port) {
    return write_name({*IpAddress::parse(name.address), port}, name.family);
}

// Every name with every set of options. A datagram socket does not listen.
std::vector<Wish> all_wishes(bool are_streams) {
    std::vector<Wish> all;
    for (const Name& name : kNames) {
        for (int bits = 0; bits < (are_streams ? 16 : 8); ++bits) {
            const auto bit = [&](int n) { return (bits >> n & 1) != 0; };
            all.push_back({.name = name,
                           .reuse_address = bit(0),
                           .reuse_port = bit(1),
                           .is_on_lo = bit(2),
                           .listens = bit(3)});
        }
    }
    return all;
}

int make(Calls& c, int type, const Wish& w) {
    const int fd = c.socket(w.name.family == Family::Inet ? abi::kInet : abi::kInet6,
                            type | abi::kNonblock, 0);
    if (w.reuse_address) c.set(fd, abi::kSolSocket, abi::so::kReuseAddress, 1);
    if (w.reuse_port) c.set(fd, abi::kSolSocket, abi::so::kReusePort, 1);
    if (w.name.v6_only) c.set(fd, abi::kSolIpV6, abi::ip6::kV6Only, 1);
    if (w.is_on_lo) c.set(fd, abi::kSolSocket, abi::so::kBindToIndex, kLo);
    return fd;
}

// What bind() and listen() of the second answer, and listen() of the first after it.
struct Answer {
    long bound = 0;
    long listens = 0;
    long first_listens = 0;
    bool operator==(const Answer&) const = default;
};

Answer pair(Calls& c, int type, const Wish& a, const Wish& b) {
    const SocketName first_name = name_of(a.name, kPort);
    const SocketName second_name = name_of(b.name, kPort);
    const int first = make(c, type, a);
    EXPECT_EQ(c.bind(first, first_name.bytes()), 0) << a.text();
    if (a.listens) {
        EXPECT_EQ(c.listen(first, 1), 0) << a.text();
    }
    const int second = make(c, type, b);
    Answer answer{.bound = c.bind(second, second_name.bytes())};
    if (answer.bound == 0 && b.listens) {
        answer.listens = c.listen(second, 1);
        if (!a.listens) answer.first_listens = c.listen(first, 1);
    }
    c.close(second);
    c.close(first);
    return answer;
}

std::ostream& operator<<(std::ostream& out, const Answer& a) {
    return out << a.bound << ' ' << a.listens << ' ' << a.first_listens;
}

void compare_all(int type) {
    const auto kernel = make_kernel();
    if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    const auto layer = make_layer();
    const std::vector<Wish> wishes = all_wishes(type == abi::kStream);
    int refused = 0;
    int differences = 0;
    for (const Wish& a : wishes) {
        for (const Wish& b : wishes) {
            const Answer expected = pair(*kernel, type, a, b);
            const Answer got = pair(*layer, type, a, b);
            refused += expected.bound != 0;
            if (expected == got) continue;
            if (++differences > 60) continue;
            ADD_FAILURE() << a.text() << ", then " << b.text() << ": kernel " << expected
                          << ", ours " << got;
        }
    }
    EXPECT_EQ(differences, 0);
    EXPECT_GT(refused, 1000);
}

TEST(PortsOfBoth, EachPairOfStreamsIsAdmittedAsByTheKernel) { compare_all(abi::kStream); }

TEST(PortsOfBoth, TheSamePortIsForStreamsAndForDatagrams) {
    const auto kernel = make_kernel();
    if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    const auto layer = make_layer();
    for (Calls* c : {kernel.get(), layer.get()}) {
        for (const Name& name : kNames) {
            const int stream = make(*c, abi::kStream, {.name = name});
            const int datagrams = make(*c, abi::kDatagram, {.name = name});
            EXPECT_EQ(c->bind(stream, name_of(name, kPort + 3).bytes()), 0);
            EXPECT_EQ(c->bind(datagrams, name_of(name, kPort + 3).bytes()), 0);
            c->listen(stream, 1);
            c->close(stream);
            c->close(datagrams);
        }
    }
    EXPECT_EQ(kernel->log(), layer->log());
}

TEST(PortsOfBoth, AGroupIsANameToBindAStreamToInIPv4Only) {
    const auto kernel = make_kernel();
    if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    const auto layer = make_layer();
    for (Calls* c : {kernel.get(), layer.get()}) {
        for (const char* address : {"224.1.1.1", "255.255.255.255", "0.0.0.0"}) {
            c->bind(c->socket(abi::kInet, abi::kStream, 0), name_of({address}, kPort + 9).bytes());
        }
        c->bind(c->socket(abi::kInet6, abi::kStream, 0),
                name_of({"ff02::1", Family::Inet6}, kPort).bytes());
    }
    EXPECT_EQ(kernel->log(), layer->log());
}

TEST(PortsOfBoth, EachPairOfDatagramSocketsIsAdmittedAsByTheKernel) { compare_all(abi::kDatagram); }

// --- ports that not everybody may take ---

TEST(PortsOfBoth, LowPortsAreForThosePrivileged) {
    const auto kernel = make_kernel();
    if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    const auto layer = make_layer();
    for (Calls* c : {kernel.get(), layer.get()}) {
        for (const char* start : {"1024", "80", "0", "1024"}) {
            c->set_sysctl("net.ipv4.ip_unprivileged_port_start", start);
            for (const bool is_privileged : {true, false}) {
                for (const int type : {abi::kStream, abi::kDatagram}) {
                    for (const Name& name : {kNames[0], kNames[5], kStrangers[0], kStrangers[1]}) {
                        for (const std::uint16_t port : kLowPorts) {
                            const int fd = make(*c, type, {.name = name});
                            c->set_privileged(is_privileged);
                            c->bind(fd, name_of(name, port).bytes());
                            c->bind(fd, name_of(name, 79).bytes());
                            c->set_privileged(true);
                            c->close(fd);
                        }
                    }
                }
            }
        }
    }
    EXPECT_EQ(kernel->log(), layer->log());
    EXPECT_GT(std::ranges::count_if(kernel->log(),
                                    [](const std::string& l) { return l.ends_with("EACCES"); }),
              100);
}

// --- ports that nobody named ---

// Which ports are got until there is none, in order of their numbers (which of them comes first is
// chance), and how the last one was refused.
class Exhaustion {
public:
    Exhaustion(Calls& calls, std::vector<std::string>& told) : c_{calls}, told_{told} {}

    struct Plan {
        int type = abi::kStream;
        bool reuse_address = false;
        std::uint32_t range = 0;  // IP_LOCAL_PORT_RANGE
        bool binds = true;
        std::vector<SocketName> peers{};  // to each of them in turn
    };
    void run(const std::string& title, const Plan& plan) {
        std::vector<int> open;
        std::vector<std::uint16_t> ports;
        long refused = 0;
        const std::size_t rounds = std::max<std::size_t>(plan.peers.size(), 1);
        for (std::size_t round = 0; round < rounds; ++round) {
            while (open.size() < 100) {
                open.push_back(make(c_, plan.type, {.reuse_address = plan.reuse_address}));
                c_.set(open.back(), abi::kSolIp, abi::ip::kLocalPortRange,
                       static_cast<int>(plan.range));
                refused = plan.binds ? c_.bind(open.back(), name_of(kNames[1], 0).bytes())
                                     : c_.connect(open.back(), plan.peers[round].bytes());
                if (refused != 0 && refused != -to_errno(Errc::InProgress)) break;
                ports.push_back(port_of(open.back()));
            }
            ports.push_back(0);
            told_.push_back(title + ": " + std::to_string(refused));
        }
        std::ranges::sort(ports);
        for (const std::uint16_t port : ports)
            told_.back().append(" ").append(std::to_string(port));
        for (const int fd : open) close(fd);
    }
    // Without TIME-WAIT.
    void close(int fd) {
        const std::array<int, 2> at_once{1, 0};
        c_.set(fd, abi::kSolSocket, abi::so::kLinger, std::as_bytes(std::span{at_once}));
        c_.close(fd);
    }
    std::uint16_t port_of(int fd) {
        c_.getsockname(fd);
        const std::string& line = c_.log().back();
        return static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
    }

private:
    Calls& c_;
    std::vector<std::string>& told_;
};

std::vector<std::string> exhaust(Calls& c) {
    // Each holds an even number of ports: of an odd one the kernel leaves one unused, by chance.
    constexpr std::uint32_t kOwn = 20004u << 16 | 20003u;
    struct Range {
        const char* text;
        std::uint32_t outside;  // begins below it
    };
    constexpr Range kRanges[] = {{"20000 20007", 20005u << 16 | 19000u},
                                 {"20001 20008", 20004u << 16 | 19000u},
                                 {"20004 20004", 20004u << 16 | 19000u}};
    std::vector<std::string> told;
    Exhaustion e{c, told};
    const int server = c.socket(abi::kInet, abi::kStream | abi::kNonblock, 0);
    c.bind(server, name_of(kNames[0], kPort + 1).bytes());
    c.listen(server, 1000);
    const std::vector<SocketName> both{name_of(kNames[1], kPort + 1),
                                       name_of(kNames[2], kPort + 1)};
    c.set_sysctl("net.ipv4.ip_local_reserved_ports", "20002,20006-20007");
    for (const auto& [range, outside] : kRanges) {
        c.set_sysctl("net.ipv4.ip_local_port_range", range);
        for (const std::uint32_t own : {0u, kOwn, outside}) {
            const std::string title = std::string{range} + " own " + std::to_string(own);
            e.run(title + " bind", {.range = own});
            e.run(title + " bind, reuse", {.reuse_address = true, .range = own});
            e.run(title + " connect", {.range = own, .binds = false, .peers = both});
            e.run(title + " datagrams", {.type = abi::kDatagram, .range = own});
        }
    }
    c.set_sysctl("net.ipv4.ip_local_reserved_ports", "");
    c.set_sysctl("net.ipv4.ip_local_port_range", "32768 60999");
    e.close(server);
    return told;
}

TEST(PortsOfBoth, ARangeIsUsedUpToTheSamePorts) {
    const auto kernel = make_kernel();
    if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    const auto layer = make_layer();
    const std::vector<std::string> expected = exhaust(*kernel);
    const std::vector<std::string> got = exhaust(*layer);
    ASSERT_EQ(expected.size(), got.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], expected[i]);
}

// IP_BIND_ADDRESS_NO_PORT: the port comes with connect(), and may be another's to another server.
void bind_addresses_only(Calls& c, int type) {
    c.set_sysctl("net.ipv4.ip_local_port_range", "20010 20010");
    const int server = c.socket(abi::kInet, abi::kStream | abi::kNonblock, 0);
    c.bind(server, name_of(kNames[0], kPort + 2).bytes());
    c.listen(server, 1000);
    for (const int on : {0, 1}) {
        std::vector<int> open;
        for (const Name& peer : {kNames[1], kNames[2], kNames[2]}) {
            const int fd = c.socket(abi::kInet, type | abi::kNonblock, 0);
            open.push_back(fd);
            c.set(fd, abi::kSolIp, abi::ip::kBindAddressNoPort, on);
            c.get(fd, abi::kSolIp, abi::ip::kBindAddressNoPort, sizeof(int));
            c.bind(fd, name_of(kNames[2], 0).bytes());
            c.getsockname(fd);
            c.bind(fd, name_of(kNames[1], 0).bytes());
            c.getsockname(fd);
            c.connect(fd, name_of(peer, kPort + 2).bytes());
            c.getsockname(fd);
        }
        for (const int fd : open) {
            const std::array<int, 2> at_once{1, 0};
            c.set(fd, abi::kSolSocket, abi::so::kLinger, std::as_bytes(std::span{at_once}));
            c.close(fd);
        }
    }
    const int fd = c.socket(abi::kInet, type, 0);
    for (const std::uint32_t range : {0u, 5u << 16 | 5u, 5u << 16 | 6u, 5u << 16, 5u}) {
        c.set(fd, abi::kSolIp, abi::ip::kLocalPortRange, static_cast<int>(range));
        c.get(fd, abi::kSolIp, abi::ip::kLocalPortRange, sizeof(int));
    }
    c.close(server);
    c.set_sysctl("net.ipv4.ip_local_port_range", "32768 60999");
}

TEST(PortsOfBoth, AnAddressMayBeBoundWithoutAPort) {
    for (const int type : {abi::kStream, abi::kDatagram}) {
        const auto kernel = make_kernel();
        if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
        const auto layer = make_layer();
        bind_addresses_only(*kernel, type);
        bind_addresses_only(*layer, type);
        EXPECT_EQ(kernel->log(), layer->log());
    }
}

// --- more than two, and options that change when the name is there already ---

// Calls drawn from a seed on six sockets and two ports, which nobody has used before.
class Walk {
public:
    Walk(Calls& calls, std::uint64_t seed, std::uint16_t port, int type)
        : c_{calls}, prng_{seed}, port_{port}, type_{type} {}
    void run(int steps) {
        for (int i = 0; i < steps; ++i) step();
        for (const int fd : open_) c_.close(fd);
    }

private:
    std::uint64_t draw(std::uint64_t below) { return prng_.next() % below; }
    int any_of(const std::vector<int>& fds) { return fds[draw(fds.size())]; }
    SocketName draw_name() {
        const auto port = static_cast<std::uint16_t>(port_ + draw(2));
        return name_of(kNames[draw(std::size(kNames))], port);
    }
    void make() {
        if (open_.size() >= 6) return close();
        const bool is_v6 = draw(2) != 0;
        add(c_.socket(is_v6 ? abi::kInet6 : abi::kInet, type_ | abi::kNonblock, 0), is_v6);
        if (draw(2) != 0) change();
    }
    void change() {
        const int fd = any_of(open_);
        const int on = draw(4) != 0 ? 1 : 0;
        // Not SO_REUSEPORT: of a port that was shared once Linux remembers it, whatever comes later.
        switch (draw(4)) {
            case 0:
            case 1: c_.set(fd, abi::kSolSocket, abi::so::kReuseAddress, on); return;
            case 2: c_.set(fd, abi::kSolIpV6, abi::ip6::kV6Only, on); return;
            default: c_.set(fd, abi::kSolSocket, abi::so::kBindToIndex, on); return;
        }
    }
    void bind() {
        const int fd = any_of(open_);
        const bool is_odd = draw(8) == 0;
        const SocketName odd = name_of(kStrangers[draw(std::size(kStrangers))], port_);
        const SocketName name = draw_name();
        c_.bind(fd, is_odd ? odd.bytes() : name.bytes());
    }
    void close() {
        const std::size_t i = draw(open_.size());
        c_.close(open_[i]);
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    void accept() {
        const int listener = any_of(open_);
        const int fd = c_.accept(listener, abi::kNonblock);
        if (fd >= 0) add(fd, is_v6_[static_cast<std::size_t>(listener)]);
    }
    void add(int fd, bool is_v6) {
        open_.push_back(fd);
        const auto i = static_cast<std::size_t>(fd);
        is_v6_.resize(std::max(is_v6_.size(), i + 1));
        has_been_v4_.resize(is_v6_.size());
        is_v6_[i] = is_v6;
        has_been_v4_[i] = false;
    }
    // Two things of Linux's that ours does not follow. A datagram socket of IPv6 that has a name
    // there is connected to IPv4 all the same, from 127.0.0.6. A stream of IPv6 that was connected
    // to IPv4 sends a SYN in IPv6, and does not know its answer.
    void connect() {
        const int fd = any_of(open_);
        const auto i = static_cast<std::size_t>(fd);
        const SocketName name = draw_name();
        const bool is_v4 = family_of(name.bytes()) == abi::kInet ||
                           read_bind_name(name.bytes(), Family::Inet6)->address.is_v4();
        const bool is_odd = is_v6_[i] && (type_ == abi::kDatagram ? is_v4 : has_been_v4_[i]);
        if (is_odd) return;
        has_been_v4_[i] = is_v4;
        c_.connect(fd, name.bytes());
    }
    void step() {
        if (open_.empty()) return make();
        const std::uint64_t kind = draw(20);
        if (kind < 4) return make();
        if (kind < 8) return change();
        if (kind < 12) {
            bind();
            return;
        }
        if (kind < 14 && type_ == abi::kStream) {
            c_.listen(any_of(open_), 3);
            return;
        }
        if (kind < 16) {
            connect();
            return;
        }
        if (kind == 16 && type_ == abi::kStream) return accept();
        if (kind == 17) {
            c_.shutdown(any_of(open_), 0);  // a listener listens no more
            return;
        }
        if (kind == 18) {
            c_.getsockname(any_of(open_));
            c_.get(any_of(open_), abi::kSolIpV6, abi::ip6::kV6Only, sizeof(int));
            return;
        }
        close();
    }

    Calls& c_;
    Prng prng_;
    std::uint16_t port_;
    int type_;
    std::vector<int> open_{};
    std::vector<bool> is_v6_{};  // by descriptor
    std::vector<bool> has_been_v4_{};
};

void compare_walks(int type, std::uint64_t first_seed, int count) {
    if (make_kernel() == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    int differences = 0;
    for (int i = 0; i < count && differences < 5; ++i) {
        const std::uint64_t seed = first_seed + static_cast<std::uint64_t>(i);
        const auto port = static_cast<std::uint16_t>(4000 + 2 * i);
        const auto kernel = make_kernel();
        const auto layer = make_layer();
        Walk{*kernel, seed, port, type}.run(40);
        Walk{*layer, seed, port, type}.run(40);
        if (kernel->log() == layer->log()) continue;
        ++differences;
        const std::size_t lines = std::min(kernel->log().size(), layer->log().size());
        std::string story;
        for (std::size_t n = 0; n < lines; ++n) {
            story += kernel->log()[n] + '\n';
            if (kernel->log()[n] == layer->log()[n]) continue;
            story += "ours: " + layer->log()[n] + '\n';
            break;
        }
        ADD_FAILURE() << "seed " << seed << '\n' << story;
    }
}

TEST(PortsOfBoth, StreamsThatAreNamedAndClosedAtRandomGetTheKernelsAnswers) {
    compare_walks(abi::kStream, 1, 3000);
}

TEST(PortsOfBoth, DatagramSocketsThatAreNamedAndClosedAtRandomGetTheKernelsAnswers) {
    compare_walks(abi::kDatagram, 5001, 1000);
}

}  // namespace
}  // namespace fairlead::posix::both
