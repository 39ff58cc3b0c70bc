// What the kernel's own loopback sockets do, ours do: the same calls, the same answers.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/posix/both.hpp"

namespace fairlead::posix::both {
namespace {

constexpr int kStreams = abi::kStream | abi::kNonblock;
constexpr int kDatagrams = abi::kDatagram | abi::kNonblock;
constexpr int kAllEvents = 0x3 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x2000;

// Runs the scenario on both, and holds the two logs against each other, line by line.
template <typename Scenario>
void compare(Scenario&& scenario) {
    const auto kernel = make_kernel();
    if (kernel == nullptr) GTEST_SKIP() << "needs a network namespace of its own";
    const auto layer = make_layer();
    scenario(*kernel);
    scenario(*layer);
    const std::size_t lines = std::min(kernel->log().size(), layer->log().size());
    for (std::size_t i = 0; i < lines; ++i) {
        EXPECT_EQ(kernel->log()[i], layer->log()[i])
            << "line " << i << (i == 0 ? "" : ", after " + kernel->log()[i - 1]);
    }
    EXPECT_EQ(kernel->log().size(), layer->log().size());
}

struct Pair {
    int listener = -1;
    int here = -1;
    int there = -1;
};

Pair connection(Calls& c, std::uint16_t port = 2000) {
    Pair p{.listener = c.socket(2, kStreams, 0)};
    c.set(p.listener, 1, abi::so::kReuseAddress, 1);
    c.bind(p.listener, at(port).bytes());
    c.listen(p.listener, 5);
    p.here = c.socket(2, kStreams, 0);
    c.connect(p.here, at(port).bytes());
    c.settle();
    p.there = c.accept(p.listener, abi::kNonblock);
    return p;
}

TEST(Differential, SocketsThatThereAreNot) {
    compare([](Calls& c) {
        for (const int domain : {-1, 2, 10, 99}) {
            for (const int type : {0, 1, 2, 4, 5, 6, 11, 15, 1 | 0x1000, 1 | 0x800}) {
                for (const int protocol : {-1, 0, 6, 17, 132, 263}) {
                    const int fd = c.socket(domain, type, protocol);
                    if (fd >= 0) c.close(fd);
                }
            }
        }
    });
}

TEST(Differential, NamesThatAreTooShortOrOfAnotherFamily) {
    compare([](Calls& c) {
        for (const int domain : {2, 10}) {
            for (const int type : {kStreams, kDatagrams}) {
                const SocketName v4 = at(2001);
                const SocketName v6 = at(2002, Family::Inet6);
                for (const SocketName& name : {v4, v6}) {
                    for (const std::size_t size : {0u, 1u, 2u, 8u, 15u, 16u, 23u, 24u, 28u}) {
                        if (size > name.size) continue;
                        const Bytes part = name.bytes().first(size);
                        const int fd = c.socket(domain, type, 0);
                        c.bind(fd, part);
                        c.close(fd);
                        const int other = c.socket(domain, type, 0);
                        c.connect(other, part);
                        c.settle();
                        c.close(other);
                        if (type == kStreams) continue;
                        const int third = c.socket(domain, type, 0);
                        if (size > 0) c.send(third, "x", 0, part);
                        c.close(third);
                    }
                }
            }
        }
    });
}

TEST(Differential, ConnectAtEachStage) {
    compare([](Calls& c) {
        const Pair p = connection(c);
        c.connect(p.here, at(2000).bytes());
        c.connect(p.here, at(2000).bytes());
        c.connect(p.there, at(2000).bytes());
        c.connect(p.listener, at(2000).bytes());
        c.getsockname(p.here);
        c.getpeername(p.here);
        c.getpeername(p.listener);
        c.getsockname(p.listener);
        c.listen(p.here, 1);
        c.bind(p.here, at(2003).bytes());
        c.accept(p.here, 0);
        c.accept(p.listener, 0);
        c.accept(p.listener, 1);
        const int refused = c.socket(2, kStreams, 0);
        c.poll(refused, kAllEvents);
        c.connect(refused, at(2999).bytes());
        c.settle();
        c.poll(refused, kAllEvents);
        c.get(refused, 1, abi::so::kError, 4);
        c.get(refused, 1, abi::so::kError, 4);
        c.connect(refused, at(2999).bytes());
        c.settle();
        c.poll(refused, kAllEvents);
        c.connect(refused, at(2999).bytes());
        c.settle();
        c.connect(refused, at(2999).bytes());
        c.poll(refused, kAllEvents);
        c.connect(refused, at(2000).bytes());
        c.settle();
        c.connect(refused, at(2000).bytes());
    });
}

TEST(Differential, StreamsThatHaveEnded) {
    for (const int how : {0, 1, 2}) {
        compare([how](Calls& c) {
            const Pair p = connection(c);
            c.send(p.here, "hello", 0);
            c.settle();
            c.poll(p.there, kAllEvents);
            c.shutdown(p.here, how);
            c.settle();
            for (const int fd : {p.here, p.there}) {
                c.poll(fd, kAllEvents);
                c.receive(fd, 3, abi::msg::kPeek);
                c.receive(fd, 0, 0);
                c.receive(fd, 3, 0);
                c.receive(fd, 9, 0);
                c.receive(fd, 9, 0);
                c.send(fd, "", 0);
            }
            c.send(p.there, "abc", 0);
            c.settle();
            c.receive(p.here, 9, 0);
            c.receive(p.here, 9, 0);
            c.poll(p.here, kAllEvents);
            c.shutdown(p.there, 1);
            c.settle();
            c.poll(p.here, kAllEvents);
            c.poll(p.there, kAllEvents);
            c.shutdown(p.there, 5);
            c.shutdown(p.listener, 1);
            c.poll(p.listener, kAllEvents);
        });
    }
}

TEST(Differential, AResetIsToldOnce) {
    compare([](Calls& c) {
        const Pair p = connection(c);
        c.send(p.here, "unread", 0);
        c.send(p.there, "waits", 0);
        c.settle();
        c.close(p.there);
        c.settle();
        c.poll(p.here, kAllEvents);
        c.receive(p.here, 9, 0);
        c.receive(p.here, 9, 0);
        c.receive(p.here, 9, 0);
        c.send(p.here, "x", 0);
        c.send(p.here, "", 0);
        c.poll(p.here, kAllEvents);
        c.get(p.here, 1, abi::so::kError, 4);
        c.getpeername(p.here);
        c.shutdown(p.here, 2);
    });
}

TEST(Differential, ReceivesWithFlags) {
    compare([](Calls& c) {
        const Pair p = connection(c);
        c.receive(p.there, 4, 0);
        c.receive(p.there, 0, 0);
        c.read(p.there, 0);
        c.receive(p.there, 4, abi::msg::kOutOfBand);
        c.receive(p.there, 4, abi::msg::kErrorQueue);
        c.send(p.here, "0123456789", 0);
        c.settle();
        c.ioctl(p.there, abi::io::kBytesToRead, 0);
        c.ioctl(p.here, abi::io::kBytesUnacked, 0);
        c.ioctl(p.here, abi::io::kBytesUnsent, 0);
        c.ioctl(p.there, abi::io::kAtMark, 7);
        c.ioctl(p.listener, abi::io::kBytesToRead, 0);
        c.ioctl(p.listener, abi::io::kBytesUnacked, 0);
        c.ioctl(p.here, 0x1234, 0);
        c.receive(p.there, 2, abi::msg::kPeek | abi::msg::kWaitAll);
        c.receive(p.there, 2, abi::msg::kTruncated);
        c.receive(p.there, 2, 0);
        c.receive(p.there, 20, abi::msg::kWaitAll);
        c.receive(p.there, 20, abi::msg::kWaitAll);
        c.receive(p.listener, 4, 0);
        c.send(p.listener, "x", 0);
        const int fresh = c.socket(2, kStreams, 0);
        c.receive(fresh, 4, 0);
        c.send(fresh, "x", 0);
        c.send(fresh, "x", 0, at(2000).bytes());
        c.shutdown(fresh, 1);
        c.getpeername(fresh);
        c.getsockname(fresh);
    });
}

TEST(Differential, Datagrams) {
    compare([](Calls& c) {
        const int server = c.socket(2, kDatagrams, 0);
        const int fd = c.socket(2, kDatagrams, 0);
        c.bind(server, at(2010).bytes());
        c.bind(server, at(2011).bytes());
        c.bind(fd, at(2010).bytes());
        c.listen(server, 1);
        c.accept(server, 0);
        c.send(fd, "nobody", 0);
        c.getpeername(fd);
        const int shut = c.socket(2, kDatagrams, 0);
        c.shutdown(shut, 2);
        c.poll(shut, kAllEvents);
        c.receive(shut, 4, 0);
        c.send(shut, "x", 0, at(2010).bytes());
        for (const int option :
             {abi::ip::kPacketInfo, abi::ip::kReceiveTtl, abi::ip::kReceiveTos}) {
            c.set(server, 0, option, 1);
        }
        c.send(fd, "question", 0, at(2010).bytes());
        c.settle();
        c.poll(server, kAllEvents);
        c.ioctl(server, abi::io::kBytesToRead, 0);
        c.receive(server, 4, abi::msg::kPeek | abi::msg::kTruncated, 200);
        c.receive(server, 4, abi::msg::kPeek, 40);
        c.receive(server, 4, abi::msg::kPeek, 20);
        c.receive(server, 4, abi::msg::kPeek, 8);
        c.receive(server, 20, 0, 200);
        c.receive(server, 20, 0, 200);
        c.send(fd, "", 0, at(2010).bytes());
        c.settle();
        c.poll(server, kAllEvents);
        c.receive(server, 20, 0);
        c.connect(fd, at(2010).bytes());
        c.send(fd, "connected", 0);
        c.send(fd, std::string(65508, 'x'), 0);
        c.send(fd, "oob", abi::msg::kOutOfBand);
        c.settle();
        c.receive(server, 20, 0);
        c.getpeername(fd);
        c.connect(fd, at(2999).bytes());
        c.send(fd, "to nobody", 0);
        c.settle();
        c.poll(fd, kAllEvents);
        c.send(fd, "again", 0);
        c.settle();
        c.receive(fd, 20, 0);
        c.receive(fd, 20, 0);
        c.connect(fd, Bytes{SocketName{}.storage}.first(16));
        c.getpeername(fd);
        c.getsockname(fd);
        c.connect(fd, at(2010).bytes());
        c.shutdown(fd, 0);
        c.poll(fd, kAllEvents);
        c.receive(fd, 20, 0);
        c.shutdown(fd, 1);
        c.poll(fd, kAllEvents);
        c.send(fd, "x", 0);
    });
}

TEST(Differential, DescriptorsAndTheirFlags) {
    compare([](Calls& c) {
        const Pair p = connection(c);
        const int copy = c.dup(p.here);
        c.fcntl(p.here, abi::fcntl::kGetFlags, 0);
        c.fcntl(p.there, abi::fcntl::kGetFlags, 0);
        c.fcntl(copy, abi::fcntl::kSetFlags, 0);
        c.fcntl(p.here, abi::fcntl::kGetFlags, 0);
        c.ioctl(p.here, abi::io::kNonblock, 1);
        c.fcntl(copy, abi::fcntl::kGetFlags, 0);
        c.fcntl(p.here, abi::fcntl::kSetDescriptorFlags, 1);
        c.fcntl(p.here, abi::fcntl::kGetDescriptorFlags, 0);
        c.fcntl(copy, abi::fcntl::kGetDescriptorFlags, 0);
        c.fcntl(copy, 12345, 0);
        c.fcntl(copy, abi::fcntl::kDuplicate, -1);
        c.fcntl(copy, abi::fcntl::kGetOwner, 0);
        c.close(p.here);
        c.send(copy, "x", 0);
        c.settle();
        c.receive(p.there, 4, 0);
        c.close(copy);
        c.close(copy);
        c.settle();
        c.receive(p.there, 4, 0);
        c.fcntl(99, abi::fcntl::kGetFlags, 0);
        c.dup(99);
        c.send(99, "x", 0);
    });
}

TEST(Differential, OptionsOfEveryLevel) {
    compare([](Calls& c) {
        const Pair p = connection(c);
        const int datagrams = c.socket(2, kDatagrams, 0);
        const int stream6 = c.socket(10, kStreams, 0);
        const int datagrams6 = c.socket(10, kDatagrams, 0);
        struct Row {
            int level = 0;
            int name = 0;
        };
        const std::vector<Row> rows{{1, abi::so::kReuseAddress},
                                    {1, abi::so::kType},
                                    {1, abi::so::kError},
                                    {1, abi::so::kBroadcast},
                                    {1, abi::so::kKeepAlive},
                                    {1, abi::so::kOutOfBandInline},
                                    {1, abi::so::kLinger},
                                    {1, abi::so::kReusePort},
                                    {1, abi::so::kReceiveLowWater},
                                    {1, abi::so::kSendLowWater},
                                    {1, abi::so::kTimestamp},
                                    {1, abi::so::kAcceptConnections},
                                    {1, abi::so::kTimestampNs},
                                    {1, abi::so::kProtocol},
                                    {1, abi::so::kDomain},
                                    {1, abi::so::kReceiveTimeout},
                                    {1, abi::so::kSendTimeout},
                                    {1, 9999},
                                    {0, abi::ip::kTos},
                                    {0, abi::ip::kTtl},
                                    {0, abi::ip::kPacketInfo},
                                    {0, abi::ip::kReceiveTtl},
                                    {0, abi::ip::kReceiveTos},
                                    {0, abi::ip::kReceiveError},
                                    {0, 9999},
                                    {41, abi::ip6::kV6Only},
                                    {41, abi::ip6::kReceivePacketInfo},
                                    {41, abi::ip6::kReceiveHopLimit},
                                    {41, abi::ip6::kReceiveClass},
                                    {41, abi::ip6::kClass},
                                    {41, 9999},
                                    {6, abi::tcp::kNoDelay},
                                    {6, abi::tcp::kCork},
                                    {6, abi::tcp::kKeepIdle},
                                    {6, abi::tcp::kKeepInterval},
                                    {6, abi::tcp::kKeepCount},
                                    {6, abi::tcp::kSynCount},
                                    {6, abi::tcp::kLinger2},
                                    {6, abi::tcp::kDeferAccept},
                                    {6, abi::tcp::kUserTimeout},
                                    {6, 9999},
                                    {17, 9999},
                                    {99, 1}};
        for (const int fd : {p.here, p.listener, datagrams, stream6, datagrams6}) {
            for (const Row& row : rows) {
                c.get(fd, row.level, row.name, 4);
                for (const int value : {1, 0, -1, 300, 70000})
                    c.set(fd, row.level, row.name, value);
                c.get(fd, row.level, row.name, 4);
                const std::array<int, 4> large{1, 0, 8000, 0};
                for (const std::size_t size : {0u, 1u, 3u, 8u, 16u}) {
                    c.set(fd, row.level, row.name, std::as_bytes(std::span{large}).first(size));
                    c.get(fd, row.level, row.name, size);
                }
            }
        }
        const std::string reno = "reno";
        const std::string none = "none";
        c.set(p.here, 6, abi::tcp::kCongestion, std::as_bytes(std::span{reno}));
        c.get(p.here, 6, abi::tcp::kCongestion, 16);
        c.get(p.here, 6, abi::tcp::kCongestion, 3);
        c.set(p.here, 6, abi::tcp::kCongestion, Bytes{});
        c.set(p.here, 6, abi::tcp::kCongestion, std::as_bytes(std::span{none}));
        c.get(p.here, 6, abi::tcp::kInfo, 1);
        c.get(99, 1, 2, 4);
    });
}

TEST(Differential, PipesAndSplice) {
    compare([](Calls& c) {
        const Pair p = connection(c);
        int fds[2];
        c.pipe(fds);
        c.read(fds[0], 4);
        c.poll(fds[0], kAllEvents);
        c.poll(fds[1], kAllEvents);
        c.write(fds[0], "x");
        c.read(fds[1], 1);
        c.write(fds[1], "piped");
        c.poll(fds[0], kAllEvents);
        c.ioctl(fds[0], abi::io::kBytesToRead, 0);
        c.splice(fds[0], p.here, 3);
        c.settle();
        c.receive(p.there, 9, 0);
        c.splice(p.there, fds[1], 9);
        c.send(p.here, "spliced", 0);
        c.settle();
        c.splice(p.there, fds[1], 4);
        c.read(fds[0], 20);
        c.splice(p.here, p.there, 4);
        c.splice(fds[0], fds[1], 4);
        c.splice(99, fds[1], 4);
        c.splice(fds[1], p.here, 4);
        c.send(fds[0], "x", 0);
        c.receive(fds[0], 1, 0);
        c.close(fds[1]);
        c.poll(fds[0], kAllEvents);
        c.read(fds[0], 4);
        c.pipe(fds);
        c.close(fds[0]);
        c.poll(fds[1], kAllEvents);
        c.set(fds[1], 1, 2, 1);
        c.shutdown(fds[1], 1);
        c.getsockname(fds[1]);
    });
}

TEST(Differential, EpollsErrorsAndNesting) {
    compare([](Calls& c) {
        const int fd = c.socket(2, kDatagrams, 0);
        std::vector<int> sets;
        for (int i = 0; i < 7; ++i) sets.push_back(c.epoll());
        for (const unsigned events :
             {1u, 1u | abi::kExclusive, 1u | abi::kExclusive | abi::kOneShot,
              1u | abi::kExclusive | abi::kReadHangup, 4u | abi::kExclusive | abi::kEdge}) {
            for (const int operation : {0, 1, 1, 3, 2, 2, 3, 4}) {
                c.control(sets[0], operation, fd, events, 1);
                c.wait(sets[0], 4);
            }
            c.control(sets[0], 1, sets[1], events, 1);
            c.control(sets[0], 2, sets[1], events, 1);
        }
        c.control(sets[0], 1, sets[0], 1, 1);
        c.control(fd, 1, sets[0], 1, 1);
        c.control(99, 1, fd, 1, 1);
        c.control(sets[0], 1, 99, 1, 1);
        c.wait(fd, 1);
        c.wait(sets[0], 0);
        c.wait(99, 1);
        c.read(sets[0], 1);
        c.write(sets[0], "x");
        c.receive(sets[0], 1, 0);
        c.control(sets[0], 1, fd, 4, 7);
        for (std::size_t i = 1; i < sets.size(); ++i) {
            c.control(sets[i], 1, sets[i - 1], 1, i);
            c.wait(sets[i], 1);
            c.poll(sets[i], 1);
        }
        c.control(sets[0], 1, sets[3], 1, 9);
        c.control(sets[2], 1, sets[3], 1, 9);
        c.close(fd);
        c.wait(sets[3], 1);
        c.wait(sets[0], 1);
    });
}

// A byte beside the stream, its mark, what waits before it and behind it.
void read_all_ways(Calls& c, int fd) {
    c.poll(fd, kAllEvents);
    c.ioctl(fd, abi::io::kAtMark, 0);
    c.ioctl(fd, abi::io::kBytesToRead, 0);
    c.receive(fd, 0, abi::msg::kOutOfBand);
    c.receive(fd, 9, abi::msg::kOutOfBand | abi::msg::kPeek);
    c.receive(fd, 9, abi::msg::kOutOfBand | abi::msg::kTruncated | abi::msg::kPeek);
    c.receive(fd, 9, abi::msg::kPeek);
    c.receive(fd, 2, 0);
    c.ioctl(fd, abi::io::kAtMark, 0);
    c.receive(fd, 9, 0);
    c.poll(fd, kAllEvents);
    c.receive(fd, 9, abi::msg::kOutOfBand);
    c.receive(fd, 9, abi::msg::kOutOfBand);
    c.ioctl(fd, abi::io::kBytesToRead, 0);
    c.poll(fd, kAllEvents);
    c.receive(fd, 9, abi::msg::kPeek);
    c.receive(fd, 9, abi::msg::kTruncated);
    c.receive(fd, 9, 0);
    c.ioctl(fd, abi::io::kAtMark, 0);
}

TEST(Differential, UrgentData) {
    for (const bool is_inline : {false, true}) {
        compare([is_inline](Calls& c) {
            const Pair p = connection(c);
            if (is_inline) c.set(p.there, 1, abi::so::kOutOfBandInline, 1);
            read_all_ways(c, p.there);
            for (const char* before : {"", "abcd"}) {
                for (const char* behind : {"", "xyz"}) {
                    if (*before != 0) c.send(p.here, before, 0);
                    c.send(p.here, "!", abi::msg::kOutOfBand);
                    if (*behind != 0) c.send(p.here, behind, 0);
                    c.settle();
                    read_all_ways(c, p.there);
                }
            }
            c.send(p.here, "one!", abi::msg::kOutOfBand);
            c.settle();
            c.send(p.here, "two?", abi::msg::kOutOfBand);
            c.send(p.here, "", abi::msg::kOutOfBand);
            c.settle();
            read_all_ways(c, p.there);
            c.send(p.here, "last", abi::msg::kOutOfBand);
            c.shutdown(p.here, 1);
            c.settle();
            read_all_ways(c, p.there);
            c.receive(p.listener, 1, abi::msg::kOutOfBand);
            c.receive(p.here, 1, abi::msg::kOutOfBand);
            c.close(p.there);
            c.settle();
            c.receive(p.here, 1, abi::msg::kOutOfBand);
        });
    }
}

TEST(Differential, AListenersSocketsTakeUrgentDataAsItSays) {
    compare([](Calls& c) {
        const int listener = c.socket(2, kStreams, 0);
        c.set(listener, 1, abi::so::kOutOfBandInline, 1);
        c.bind(listener, at(2300).bytes());
        c.listen(listener, 1);
        const int fd = c.socket(2, kStreams, 0);
        c.connect(fd, at(2300).bytes());
        c.settle();
        const int there = c.accept(listener, abi::kNonblock);
        c.get(there, 1, abi::so::kOutOfBandInline, 4);
        c.ioctl(there, abi::io::kGetOwnerOf, 0);
        c.ioctl(there, abi::io::kGetGroup, 0);
        c.send(fd, "ab", abi::msg::kOutOfBand);
        c.settle();
        c.ioctl(there, abi::io::kBytesToRead, 0);
        c.receive(there, 9, 0);
        c.receive(there, 9, 0);
    });
}

TEST(Differential, TheErrorQueueOfDatagrams) {
    for (const int domain : {2, 10}) {
        compare([domain](Calls& c) {
            const int level = domain == 2 ? 0 : 41;
            const int option = domain == 2 ? abi::ip::kReceiveError : abi::ip6::kReceiveError;
            const Family family = domain == 2 ? Family::Inet : Family::Inet6;
            const int fd = c.socket(domain, kDatagrams, 0);
            c.bind(fd, at(2400, family).bytes());
            c.receive(fd, 9, abi::msg::kErrorQueue, 100);
            c.set(fd, level, option, 1);
            for (const char* text : {"to nobody", "", "again"}) {
                c.send(fd, text, 0, at(2999, family).bytes());
                c.settle();
                c.poll(fd, kAllEvents);
            }
            c.receive(fd, 4, abi::msg::kErrorQueue, 100);
            c.poll(fd, kAllEvents);
            c.get(fd, 1, abi::so::kError, 4);
            c.poll(fd, kAllEvents);
            c.receive(fd, 9, 0, 100);
            c.receive(fd, 9, abi::msg::kErrorQueue, 20);
            c.receive(fd, 9, 0, 100);
            c.send(fd, "more", 0, at(2999, family).bytes());
            c.settle();
            c.send(fd, "is refused", 0, at(2400, family).bytes());
            c.receive(fd, 9, abi::msg::kErrorQueue, 100);
            c.receive(fd, 9, abi::msg::kErrorQueue, 0);
            c.receive(fd, 9, abi::msg::kErrorQueue, 100);
            c.send(fd, "more", 0, at(2999, family).bytes());
            c.settle();
            c.set(fd, level, option, 0);
            c.poll(fd, kAllEvents);
            c.receive(fd, 9, abi::msg::kErrorQueue, 100);
            c.receive(fd, 9, 0, 100);
            c.poll(fd, kAllEvents);
            // Connected, and no option: the error alone.
            c.connect(fd, at(2999, family).bytes());
            c.send(fd, "connected", 0);
            c.settle();
            c.poll(fd, kAllEvents);
            c.receive(fd, 9, abi::msg::kErrorQueue, 100);
            c.send(fd, "is refused", 0);
        });
    }
}

TEST(Differential, ZeroCopyIsToldComplete) {
    for (const bool is_stream : {true, false}) {
        compare([is_stream](Calls& c) {
            const Pair p = connection(c);
            const int datagrams = c.socket(2, kDatagrams, 0);
            c.bind(datagrams, at(2500).bytes());
            c.connect(datagrams, at(2500).bytes());
            const int fd = is_stream ? p.here : datagrams;
            c.get(fd, 1, abi::so::kZeroCopy, 4);
            c.send(fd, "no option", abi::msg::kZeroCopy);
            c.settle();
            c.receive(fd, 1, abi::msg::kErrorQueue, 100);
            for (const int value : {2, -1, 1}) c.set(fd, 1, abi::so::kZeroCopy, value);
            c.get(fd, 1, abi::so::kZeroCopy, 4);
            c.send(fd, "zero", abi::msg::kZeroCopy);
            c.settle();
            c.poll(fd, kAllEvents);
            c.receive(fd, 1, abi::msg::kErrorQueue, 100);
            c.poll(fd, kAllEvents);
            c.receive(fd, 1, abi::msg::kErrorQueue, 100);
            for (int i = 0; i < 3; ++i) {
                c.send(fd, "several", abi::msg::kZeroCopy);
                c.send(fd, "", abi::msg::kZeroCopy);
                c.send(fd, "copied", 0);
                c.settle();
            }
            c.receive(fd, 1, abi::msg::kErrorQueue, 100);
            c.receive(fd, 1, abi::msg::kErrorQueue, 100);
        });
    }
}

// Where a frame begins: the link's header, and of IPv4 the length. What is behind them differs from run
// to run, as the time does, which is not asked for.
TEST(Differential, WhatWasSentComesBackBesideItsStamp) {
    constexpr Stamps kAll = kStampScheduled | kStampSent | kStampAcked;
    for (const int domain : {2, 10}) {
        const std::size_t most = domain == 2 ? 14 + 4 : 14 + 1;
        for (const Stamps more : {Stamps{0}, kStampNumbered, kStampNumbered | kStampNamed,
                                  kStampNumbered | kStampNamed | kStampOnly}) {
            compare([domain, most, more](Calls& c) {
                const Pair p = connection(c);
                const Family family = domain == 2 ? Family::Inet : Family::Inet6;
                const int datagrams = c.socket(domain, kDatagrams, 0);
                c.bind(datagrams, at(2500, family).bytes());
                c.connect(datagrams, at(2500, family).bytes());
                for (const int fd : {p.here, datagrams}) {
                    c.set(fd, 1, abi::so::kTimestamping, static_cast<int>(kAll | more));
                    for (const int name : {8, 12, 13}) c.set(fd, 0, name, 1);    // IP_PKTINFO, ...
                    for (const int name : {49, 51, 66}) c.set(fd, 41, name, 1);  // IPV6_RECVPKTINFO
                    for (const char* text : {"first", "the second"}) {
                        c.send(fd, text, 0);
                        c.settle();
                        c.receive(fd, most, abi::msg::kErrorQueue, 400);
                        c.receive(fd, most, abi::msg::kErrorQueue, 400);
                        c.receive(fd, most, abi::msg::kErrorQueue, 400);
                        c.receive(fd, most, abi::msg::kErrorQueue, 400);
                    }
                }
            });
        }
    }
}

// Calls drawn by chance; whoever of the two answers differently is found at that line.
class Chance {
public:
    Chance(std::uint64_t seed, Calls& calls) : random_{seed}, c_{calls} {}

    void run(int steps) {
        for (int i = 0; i < 3; ++i) sets_.push_back(c_.epoll());
        for (std::uint16_t port = 2100; port < 2102; ++port) {
            const int fd = c_.socket(2, kStreams, 0);
            c_.set(fd, 1, abi::so::kReuseAddress, 1);
            c_.bind(fd, at(port).bytes());
            c_.listen(fd, 20);
            listeners_.push_back(fd);
            all_.push_back(fd);
        }
        for (int i = 0; i < steps; ++i) step();
    }

private:
    int any() { return all_[random_.below(all_.size())]; }
    int set() { return sets_[random_.below(sets_.size())]; }

    void step() {
        switch (random_.below(16)) {
            case 0: open(); break;
            case 1: add(c_.accept(listeners_[random_.below(2)], abi::kNonblock)); break;
            case 2:
                c_.send(any(), std::string(1 + random_.below(20), 'x'),
                        random_.chance(1, 4) ? abi::msg::kOutOfBand : 0);
                break;
            case 3:
                c_.receive(any(), 1 + random_.below(20),
                           random_.chance(1, 4) ? abi::msg::kOutOfBand : 0);
                break;
            case 4: c_.receive(any(), 1000, random_.chance(1, 4) ? abi::msg::kPeek : 0); break;
            case 5: c_.poll(any(), kAllEvents); break;
            case 6:
                if (all_.size() > 2 && random_.chance(1, 2)) c_.shutdown(chosen(), how());
                break;
            case 7: close(); break;
            case 8:
                if (all_.size() < 20) add(c_.dup(any()));
                break;
            case 9:
            case 10:
            case 11: control(); break;
            default: c_.wait(set(), 16);
        }
        c_.settle();
    }
    int how() { return static_cast<int>(random_.below(3)); }
    int chosen() { return all_[2 + random_.below(all_.size() - 2)]; }
    void open() {
        if (all_.size() >= 20) return;
        if (random_.chance(1, 5)) {
            // One that sends to itself, to another, or to nobody.
            const int fd = c_.socket(2, kDatagrams, 0);
            const auto port = static_cast<std::uint16_t>(2200 + random_.below(3));
            c_.bind(fd, at(port).bytes());
            c_.connect(fd, at(static_cast<std::uint16_t>(2200 + random_.below(4))).bytes());
            return add(fd);
        }
        const int fd = c_.socket(2, kStreams, 0);
        add(fd);
        const std::uint64_t where = random_.below(5);  // one of them listens to nobody
        c_.connect(fd, at(static_cast<std::uint16_t>(2100 + where % 3)).bytes());
    }
    void close() {
        if (all_.size() <= 2) return;
        const std::size_t at = 2 + random_.below(all_.size() - 2);
        c_.close(all_[at]);
        all_.erase(all_.begin() + static_cast<long>(at));
    }
    void control() {
        unsigned events = 0;
        for (const unsigned bit : {1u, 4u, 0x2000u}) events |= random_.chance(2, 3) ? bit : 0;
        if (random_.chance(1, 2)) events |= abi::kEdge;
        if (random_.chance(1, 4)) events |= abi::kOneShot;
        if (random_.chance(1, 8)) events |= abi::kExclusive;
        const int operation = random_.chance(1, 2) ? 1 : 1 + static_cast<int>(random_.below(3));
        const int watched = random_.chance(1, 12) ? set() : any();
        c_.control(set(), operation, watched, events, random_.below(1000));
    }
    void add(int fd) {
        if (fd >= 0) all_.push_back(fd);
    }

    Prng random_;
    Calls& c_;
    std::vector<int> sets_{};
    std::vector<int> listeners_{};
    std::vector<int> all_{};
};

TEST(Differential, CallsDrawnByChance) {
    const char* given = std::getenv("FAIRLEAD_SEEDS");
    const std::uint64_t seeds = given == nullptr ? 8 : std::strtoull(given, nullptr, 10);
    for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        compare([seed](Calls& c) { Chance{seed, c}.run(150); });
    }
}

}  // namespace
}  // namespace fairlead::posix::both
