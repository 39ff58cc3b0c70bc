#include "inspect/control_text.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "inspect/control_answer.hpp"
#include "inspect/proc_net.hpp"
#include "inspect/ss.hpp"
#include "unit/inspect/rows.hpp"

namespace fairlead::inspect {
namespace {

TEST(ControlText, ALineIsAVerbAndWords) {
    const auto line = parse_line("set name=net.ipv4.tcp_rmem value=4096%09131072");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->verb, "set");
    EXPECT_EQ(*line->find("value"), "4096\t131072");
    EXPECT_EQ(line->find("other"), nullptr);
    EXPECT_EQ(write_line(*line), "set name=net.ipv4.tcp_rmem value=4096%09131072\n");
}

TEST(ControlText, WhatIsNoLineIsRefused) {
    for (const std::string_view bad :
         {"", " ", "Set", "set ", "set name", "set =1", "set Name=1", "set  name=1", "set a=%4",
          "set a=%zz", "set a=\x01", "set a=\xff", "set a=b=c", "\n"}) {
        EXPECT_FALSE(parse_line(bad)) << bad;
    }
    EXPECT_FALSE(parse_line("set a=" + std::string(kMostLineBytes, 'x')));
}

TEST(ControlText, ASocketComesOutAsItWentIn) {
    Snapshot before = every_kind();
    before.sockets[1].congestion_details = {.form = CongestionDetails::Form::Bbr,
                                            .bytes = 20,
                                            .words = {1'250'000, 1, 40'125, 739, 512}};
    SnapshotReader reader;
    for (const SocketRow& row : before.sockets) {
        std::string line = write_socket(row);
        line.pop_back();
        EXPECT_TRUE(reader.take(line)) << line;
    }
    EXPECT_FALSE(reader.take("end"));
    EXPECT_FALSE(reader.fault());
    const SsOptions all{.shows_all = true,
                        .shows_timers = true,
                        .shows_details = true,
                        .shows_memory = true,
                        .shows_info = true};
    EXPECT_EQ(ss_table(reader.snapshot, all), ss_table(before, all));
    EXPECT_EQ(proc_net_tcp(reader.snapshot, Family::Inet), proc_net_tcp(before, Family::Inet));
}

TEST(ControlText, WhatASocketCannotBeIsRefused) {
    for (const std::string_view bad :
         {"socket state=0", "socket state=12", "socket timer=5", "socket family=2", "socket type=2",
          "socket local=nonsense", "socket receive_queue=-1", "socket receive_queue=4294967296",
          "socket tcp=1 tcp_congestion_state=5", "socket orphan=2", "socket congestion_form=17"}) {
        SnapshotReader reader;
        EXPECT_FALSE(reader.take(bad)) << bad;
        EXPECT_TRUE(reader.fault()) << bad;
    }
}

TEST(ControlText, WhatIsNotKnownIsPassedOver) {
    SnapshotReader reader;
    EXPECT_TRUE(reader.take("counter name=TcpNewThing value=1"));
    EXPECT_TRUE(reader.take("counter name=TcpInSegs value=5"));
    EXPECT_TRUE(reader.take("novelty of=tomorrow"));
    EXPECT_TRUE(reader.take("socket state=1 colour=blue"));
    EXPECT_FALSE(reader.take("end"));
    EXPECT_EQ(reader.snapshot.counters[Counter::TcpInSegs], 5u);
    EXPECT_EQ(reader.snapshot.sockets.size(), 1u);
}

TEST(ControlText, InterfacesAndRoutesComeOutAsTheyWentIn) {
    const InterfaceInfo interface{.name = "a b%", .index = 3, .mtu = 1500, .is_up = true};
    const Route route{.destination = *Prefix::parse("2001:db8::/32"),
                      .gateway = *IpAddress::parse("fe80::1%3"),
                      .interface = 3,
                      .metric = 10};
    SnapshotReader reader;
    for (std::string line : {write_interface(interface), write_route(route)}) {
        line.pop_back();
        EXPECT_TRUE(reader.take(line)) << line;
    }
    ASSERT_EQ(reader.snapshot.interfaces.size(), 1u);
    EXPECT_EQ(reader.snapshot.interfaces[0].name, "a b%");
    EXPECT_EQ(reader.snapshot.interfaces[0].mtu, 1500u);
    EXPECT_TRUE(reader.snapshot.interfaces[0].is_up);
    ASSERT_EQ(reader.snapshot.routes.size(), 1u);
    EXPECT_EQ(reader.snapshot.routes[0].destination, route.destination);
    EXPECT_EQ(reader.snapshot.routes[0].gateway, route.gateway);
    EXPECT_EQ(reader.snapshot.routes[0].metric, 10u);
}

// --- what a stack answers ---

std::string answer(Stack& stack, std::string_view request, int* parts = nullptr) {
    ControlAnswer answer{request, {.name = "web", .what = "serve", .pid = 12}};
    std::string text;
    int count = 1;
    while (answer.next(stack, text)) ++count;
    if (parts != nullptr) *parts = count;
    return text;
}

TEST(ControlAnswer, SaysWhoItIs) {
    Stack stack{{}};
    EXPECT_EQ(answer(stack, "hello"), "hello version=1 name=web what=serve pid=12\nend\n");
}

TEST(ControlAnswer, SaysWhoHoldsItsSocketsWhereOthersDo) {
    Stack stack{{}};
    EXPECT_EQ(answer(stack, "holders"), "end\n");
    const ControlIdentity identity{
        .holders = [] { return std::vector<Holder>{{.socket = {3, 5}, .inode = 77}}; }};
    ControlAnswer holders{"holders", identity};
    std::string text;
    EXPECT_FALSE(holders.next(stack, text));
    EXPECT_EQ(text, "holder index=3 generation=5 inode=77\nend\n");
    SnapshotReader reader;
    EXPECT_TRUE(reader.take("holder index=3 generation=5 inode=77"));
    ASSERT_EQ(reader.snapshot.holders.size(), 1u);
    EXPECT_EQ(reader.snapshot.holders[0].socket, (SocketId{3, 5}));
    EXPECT_EQ(reader.snapshot.holders[0].inode, 77u);
    SnapshotReader bad;
    EXPECT_FALSE(bad.take("holder index=3"));
}

TEST(ControlAnswer, RefusesWhatIsNoRequest) {
    Stack stack{{}};
    EXPECT_EQ(answer(stack, "drop"), "error code=22 text=there%20is%20no%20request%20drop\n");
    EXPECT_EQ(answer(stack, "\x80"), "error code=22 text=that%20is%20no%20request\n");
    EXPECT_EQ(answer(stack, "set name=net.ipv4.tcp_sack"),
              "error code=22 text=set%20wants%20name%3D...%20value%3D...\n");
}

TEST(ControlAnswer, SetsOneStacksSetting) {
    Stack stack{{}};
    Stack other{{}};
    EXPECT_EQ(answer(stack, "set name=net.ipv4.tcp_sack value=0"), "end\n");
    EXPECT_EQ(stack.config().tcp_sack, 0);
    EXPECT_EQ(other.config().tcp_sack, 1);
    EXPECT_TRUE(answer(stack, "set name=net.ipv4.tcp_sack value=7").starts_with("error code=22 "));
    EXPECT_TRUE(answer(stack, "set name=net.ipv4.nothing value=7").starts_with("error code=2 "));
    EXPECT_TRUE(answer(stack, "set name=net.ipv4.tcp_congestion_control value=none")
                    .starts_with("error code=2 "));
    EXPECT_EQ(answer(stack, "set name=net/ipv4/tcp_congestion_control value=reno"), "end\n");
}

TEST(ControlAnswer, KillsASocket) {
    Stack stack{{}};
    const auto id = stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(id && stack.bind(*id, {IpAddress::any(Family::Inet), 80}));
    ASSERT_TRUE(stack.listen(*id, 1));
    const std::string kill = "kill index=" + std::to_string(id->index);
    EXPECT_TRUE(answer(stack, kill + " generation=99").starts_with("error code=9 "));
    EXPECT_EQ(answer(stack, kill + " generation=" + std::to_string(id->generation)), "end\n");
    EXPECT_EQ(stack.sockets().at(0).state, TcpState::Closed);
    EXPECT_TRUE(answer(stack, kill + " generation=" + std::to_string(id->generation))
                    .starts_with("error code=2 "));
}

TEST(ControlAnswer, KillsAConnectionAndBothEndsHearOfIt) {
    Stack stack{{}};
    const auto listener = stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(listener && stack.bind(*listener, {IpAddress::any(Family::Inet), 80}));
    ASSERT_TRUE(stack.listen(*listener, 1));
    const auto client = stack.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(client);
    EXPECT_EQ(stack.connect(*client, *Endpoint::parse("127.0.0.1:80")).error(), Errc::InProgress);
    Instant now{};
    const auto run = [&] {
        for (int i = 0; i < 10; ++i) stack.poll(now = now + 1_ms);
    };
    run();
    const auto server = stack.accept(*listener);
    ASSERT_TRUE(server);
    EXPECT_EQ(answer(stack, "kill index=" + std::to_string(client->index) +
                                " generation=" + std::to_string(client->generation)),
              "end\n");
    run();
    EXPECT_EQ(stack.option(*client, Option::Error), static_cast<int>(Errc::ConnectionAborted));
    EXPECT_EQ(stack.option(*server, Option::Error), static_cast<int>(Errc::ConnectionReset));
}

TEST(ControlAnswer, ManySocketsComeInParts) {
    Stack stack{{}};
    constexpr int kSockets = 1000;
    for (int i = 0; i < kSockets; ++i) {
        const auto id = stack.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(id);
        ASSERT_TRUE(
            stack.bind(*id, {IpAddress::any(Family::Inet), static_cast<std::uint16_t>(1000 + i)}));
        ASSERT_TRUE(stack.listen(*id, 1));
    }
    int parts = 0;
    const std::string text = answer(stack, "sockets", &parts);
    EXPECT_GT(parts, 7);
    EXPECT_EQ(std::ranges::count(text, '\n'), kSockets + 1);
    EXPECT_EQ(stack.sockets().size(), std::size_t{kSockets});
}

}  // namespace
}  // namespace fairlead::inspect
