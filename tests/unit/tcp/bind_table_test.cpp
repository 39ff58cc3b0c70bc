// Who may share a port. Every expectation here is what Linux 6.18 answered to the same calls.
#include <gtest/gtest.h>

#include "fairlead/stack.hpp"
#include "unit/tcp/loopback.hpp"

namespace fairlead::tcp {
namespace {

struct Wish {
    const char* name = "0.0.0.0:4000";
    bool reuse_address = false;
    bool reuse_port = false;
    bool v6_only = false;
    bool is_on_lo = false;
    bool listens = false;
};

class Ports : public Loopback {
protected:
    // Whether bind(), and listen() where it is wished, succeed. The socket stays.
    bool take(const Wish& wish) {
        const Endpoint at = *Endpoint::parse(wish.name);
        // "::ffff:a.b.c.d" is an IPv6 socket's way to an IPv4 name.
        const bool is_v6 = wish.name[0] == '[';
        const SocketId s = *stack.socket(is_v6 ? Family::Inet6 : Family::Inet, SocketType::Stream);
        sockets.push_back(s);
        EXPECT_TRUE(stack.set_option(s, Option::ReuseAddress, wish.reuse_address));
        EXPECT_TRUE(stack.set_option(s, Option::ReusePort, wish.reuse_port));
        if (is_v6) {
            EXPECT_TRUE(stack.set_option(s, Option::V6Only, wish.v6_only));
        }
        if (wish.is_on_lo) {
            EXPECT_TRUE(stack.set_option(s, Option::BindToDevice, 1));
        }
        const auto bound = stack.bind(s, at);
        if (!bound) {
            EXPECT_EQ(bound.error(), Errc::AddressInUse);
            return false;
        }
        const auto listening = wish.listens ? stack.listen(s, 1) : Result<void>{};
        if (!listening) {
            EXPECT_EQ(listening.error(), Errc::AddressInUse);
        }
        return listening.has_value();
    }
    // The second's answer where the first succeeds.
    bool second(const Wish& a, const Wish& b) {
        EXPECT_TRUE(take(a));
        const bool answer = take(b);
        drop_all();
        return answer;
    }
    void drop_all() {
        for (const SocketId s : sockets) EXPECT_TRUE(stack.close(s));
        sockets.clear();
    }

    std::vector<SocketId> sockets;
};

TEST_F(Ports, AreSharedWhenBothReuseAndTheFirstDoesNotListenOrWhenBothSharePorts) {
    for (int bits = 0; bits < 64; ++bits) {
        const auto bit = [&](int n) { return (bits >> n & 1) != 0; };
        const Wish a{.reuse_address = bit(0), .reuse_port = bit(1), .listens = bit(2)};
        const Wish b{.reuse_address = bit(3), .reuse_port = bit(4), .listens = bit(5)};
        const bool expected =
            (a.reuse_address && b.reuse_address && !a.listens) || (a.reuse_port && b.reuse_port);
        EXPECT_EQ(second(a, b), expected) << bits;
    }
}

// listen() asks again: of two that share by SO_REUSEADDR only one can listen.
TEST_F(Ports, TheSecondOfTwoThatReuseAnAddressCannotListen) {
    const Wish reuse{.reuse_address = true};
    ASSERT_TRUE(take(reuse));
    ASSERT_TRUE(take(reuse));
    EXPECT_TRUE(stack.listen(sockets[0], 1));
    EXPECT_EQ(stack.listen(sockets[1], 1).error(), Errc::AddressInUse);
}

TEST_F(Ports, AreOneForNamesThatCoverEachOtherOnly) {
    const std::vector<Wish> names{
        {.name = "0.0.0.0:4000"},
        {.name = "127.0.0.1:4000"},
        {.name = "127.0.0.2:4000"},
        {.name = "[::]:4000"},
        {.name = "[::]:4000", .v6_only = true},
        {.name = "[::1]:4000"},
        {.name = "[::ffff:127.0.0.1]:4000"},
        {.name = "[::ffff:0.0.0.0]:4000"},
        {.name = "0.0.0.0:4000", .is_on_lo = true},
    };
    // Which pairs succeed, by Linux.
    const std::array<std::string_view, 9> free{
        "....xx...",  // 0.0.0.0
        "..x.xx...",  // 127.0.0.1
        ".x..xxx..",  // 127.0.0.2
        ".........",  // ::
        "xxx...xxx",  // :: and IPv6 only
        "xxx...xxx",  // ::1
        "..x.xx...",  // ::ffff:127.0.0.1
        "....xx...",  // ::ffff:0.0.0.0
        "....xx...",  // 0.0.0.0 on lo
    };
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (std::size_t j = 0; j < names.size(); ++j) {
            EXPECT_EQ(second(names[i], names[j]), free[i][j] == 'x')
                << names[i].name << ' ' << i << " then " << names[j].name << ' ' << j;
        }
    }
}

// A port that nobody named is nobody else's, though both have SO_REUSEADDR: else only one of them
// could listen.
TEST_F(Ports, AChosenPortIsSharedWithNobody) {
    ASSERT_TRUE(stack.set_config("net.ipv4.ip_local_port_range", "40000 40003"));
    std::vector<std::uint16_t> seen;
    const Wish any{.name = "0.0.0.0:0", .reuse_address = true, .reuse_port = true};
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(take(any));
        const std::uint16_t port = stack.local_name(sockets.back())->port;
        EXPECT_EQ(std::ranges::count(seen, port), 0);
        seen.push_back(port);
    }
    EXPECT_FALSE(take(any));
}

// TIME-WAIT keeps the port for those who did not both say SO_REUSEADDR, or both SO_REUSEPORT.
TEST_F(Ports, TimeWaitIsSharedWhenBothHadTheOption) {
    for (int bits = 0; bits < 16; ++bits) {
        const auto bit = [&](int n) { return (bits >> n & 1) != 0; };
        const std::string name = "127.0.0.1:" + std::to_string(5000 + bits);
        const Wish old{
            .name = name.c_str(), .reuse_address = bit(0), .reuse_port = bit(1), .listens = true};
        const Wish fresh{.name = name.c_str(), .reuse_address = bit(2), .reuse_port = bit(3)};
        ASSERT_TRUE(take(old));
        const SocketId listener = sockets.back();
        auto [client, server] = connect_to(listener, *Endpoint::parse(name));
        ASSERT_TRUE(stack.close(server));
        run(100_ms);
        ASSERT_TRUE(stack.close(client));
        run(100_ms);
        drop_all();
        EXPECT_EQ(take(fresh), (bit(0) && bit(2)) || (bit(1) && bit(3))) << bits;
        drop_all();
        run(61_s);
        EXPECT_TRUE(take({.name = name.c_str()})) << "a minute later it is free";
        drop_all();
    }
}

TEST_F(Ports, TimeWaitKeepsThePortOfItsOwnAddress) {
    ASSERT_TRUE(take({.name = "127.0.0.1:4000", .listens = true}));
    auto [client, server] = connect_to(sockets.back(), *Endpoint::parse("127.0.0.1:4000"));
    ASSERT_TRUE(stack.close(server));
    run(100_ms);
    ASSERT_TRUE(stack.close(client));
    run(100_ms);
    drop_all();
    EXPECT_FALSE(take({.name = "127.0.0.1:4000"}));
    EXPECT_FALSE(take({.name = "0.0.0.0:4000"}));
    EXPECT_FALSE(take({.name = "[::]:4000"}));
    EXPECT_TRUE(take({.name = "[::]:4000", .v6_only = true}));
    EXPECT_TRUE(take({.name = "127.0.0.2:4000"}));
}

}  // namespace
}  // namespace fairlead::tcp
