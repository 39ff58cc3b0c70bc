// Each segment that a connection, a request, a TIME-WAIT entry or a listener passes over is counted
// under the name that Linux 6.18 gives it when its drops are traced (skb:kfree_skb).
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "property/stranger.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

constexpr std::uint16_t kPort = 80;

// A listener, and what somebody says to it.
struct World : Stranger {
    World() : Stranger{options()} {
        listener = *stack.socket(Family::Inet, SocketType::Stream);
        FAIRLEAD_ASSERT(stack.set_option(listener, Option::ReceiveBuffer, 8000).has_value());
        FAIRLEAD_ASSERT(stack.bind(listener, {IpAddress::any(Family::Inet), kPort}).has_value());
        FAIRLEAD_ASSERT(stack.listen(listener, 1).has_value());
    }
    static Config options() {
        Config config;
        config.tcp_invalid_ratelimit = 0;
        return config;
    }
    Talk& opened(Frame with = syn_options()) {
        Talk& t = open(Family::Inet, kPort, 1000, std::move(with));
        socket = *stack.accept(listener);
        return t;
    }
    // A segment of its own making: from what an honest one would be.
    void send(const Talk& t, const std::function<void(Said&)>& change, std::size_t bytes = 0) {
        Said s = honest(t, Frame(bytes));
        change(s);
        say(t, s);
        FAIRLEAD_ASSERT(settle());
    }

    SocketId listener{};
    SocketId socket{};
};

struct Case {
    const char* name;
    Counter counter;
    std::function<void(World&)> play;
    std::uint64_t times = 1;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

void clear(Said& s) { s.flags = {}; }
void only_reset(Said& s) { s.flags = {.rst = true}; }
void only_syn(Said& s) { s.flags = {.syn = true}; }
Frame stamp(const Talk& t, std::uint32_t value) {
    return Stranger::options_of({.timestamps = wire::TcpTimestamps{value, t.stack_time}});
}

// Waits for its SYN to be answered.
Talk& calling(World& w) {
    w.socket = *w.stack.socket(Family::Inet, SocketType::Stream);
    FAIRLEAD_ASSERT(w.stack.bind(w.socket, {w.us4, 5000}).has_value());
    Talk& t = w.talk(Family::Inet, 5000, 6000);
    FAIRLEAD_ASSERT(w.stack.connect(w.socket, {w.peer4, 6000}).error() == Errc::InProgress);
    FAIRLEAD_ASSERT(w.settle());
    return t;
}

Talk& half_open(World& w) {
    Talk& t = w.talk(Family::Inet, kPort, 1000);
    w.say(t, {.seq = t.seq - 1, .flags = {.syn = true}, .options = Stranger::syn_options()});
    FAIRLEAD_ASSERT(w.settle());
    return t;
}

Talk& finished(World& w) {
    Talk& t = w.opened();
    FAIRLEAD_ASSERT(w.stack.close(w.socket).has_value());
    FAIRLEAD_ASSERT(w.settle());
    w.send(t, [](Said& s) { s.flags.fin = true; });
    return t;
}

// What the window holds has come, and nobody reads it.
Talk& full(World& w) {
    Talk& t = w.opened(Frame{});
    while (t.window > 0) {
        const std::size_t size = std::min<std::size_t>(t.window, 1000);
        w.send(t, [](Said& s) { s.flags.psh = true; }, size);
        FAIRLEAD_ASSERT(w.wait(1_s));
    }
    return t;
}

const Case kCases[] = {
    {"ResetToListener", Counter::DropTcpReset,
     [](World& w) { w.send(w.talk(Family::Inet, kPort, 1000), only_reset); }},
    {"NothingToListener", Counter::DropTcpFlags,
     [](World& w) { w.send(w.talk(Family::Inet, kPort, 1000), clear); }},
    {"AckToListener", Counter::DropTcpFlags,
     [](World& w) { w.send(w.talk(Family::Inet, kPort, 1000), [](Said&) {}); }},
    {"ResetToNobody", Counter::DropNoSocket,
     [](World& w) { w.send(w.talk(Family::Inet, 9, 1000), only_reset); }},
    {"RequestOldTimestamp", Counter::DropTcpRfc7323Paws,
     [](World& w) {
         const Talk& t = half_open(w);
         w.send(t, [&](Said& s) { s.options = stamp(t, 4000); });
     }},
    {"RequestEchoOfNothing", Counter::DropTcpRfc7323TsEcr,
     [](World& w) {
         const Talk& t = half_open(w);
         w.send(t, [&](Said& s) {
             s.options = Stranger::options_of(
                 {.timestamps = wire::TcpTimestamps{5000, t.stack_time + 1'000'000}});
         });
     }},
    {"RequestBeyondWindow", Counter::DropTcpOverWindow,
     [](World& w) { w.send(half_open(w), [](Said& s) { s.seq += 100'000; }); }},
    {"RequestWrongAck", Counter::DropTcpFlags,
     [](World& w) { w.send(half_open(w), [](Said& s) { s.ack += 7; }); }},
    {"RequestWithoutFlags", Counter::DropNotSpecified,
     [](World& w) { w.send(half_open(w), clear); }},
    {"AcceptQueueFull", Counter::DropTcpListenOverflow,
     [](World& w) {
         for (std::uint16_t port = 1000; port < 1002; ++port) {
             w.open(Family::Inet, kPort, port, Stranger::syn_options());
         }
         Talk& late = w.talk(Family::Inet, kPort, 1002);
         w.say(late, {.seq = late.seq - 1, .flags = {.syn = true}});
         w.settle();
         const SocketId first = *w.stack.accept(w.listener);
         w.say(late, {.seq = late.seq - 1, .flags = {.syn = true}});
         w.settle();
         w.open(Family::Inet, kPort, 1003, Stranger::syn_options());
         w.send(late, [](Said&) {});
         FAIRLEAD_ASSERT(w.stack.close(first).has_value());
     }},
    {"NoFlagsAtAll", Counter::DropTcpFlags, [](World& w) { w.send(w.opened(), clear, 10); }},
    {"OldTimestamp", Counter::DropTcpRfc7323Paws,
     [](World& w) {
         const Talk& t = w.opened();
         w.send(t, [&](Said& s) { s.options = stamp(t, 4000); }, 10);
     }},
    {"OldTimestampOfOldAck", Counter::DropTcpRfc7323PawsAck,
     [](World& w) {
         const Talk& t = w.opened();
         w.send(t, [&](Said& s) {
             s.options = stamp(t, 4000);
             --s.seq;
         });
     }},
    {"OldSequence", Counter::DropTcpOldSequence,
     [](World& w) { w.send(w.opened(), [](Said& s) { s.seq -= 100; }, 10); }},
    {"OldData", Counter::DropTcpOldData,
     [](World& w) {
         Talk& t = w.opened();
         w.send(t, [](Said&) {}, 10);
         w.send(t, [](Said& s) { s.seq -= 10; }, 10);
     }},
    {"BeyondWindow", Counter::DropTcpInvalidSequence,
     [](World& w) { w.send(w.opened(), [](Said& s) { s.seq += 100'000; }, 10); }},
    {"EndsBeyondWindow", Counter::DropTcpInvalidEndSequence,
     [](World& w) {
         Talk& t = full(w);
         w.send(t, [](Said&) {}, 10);
     }},
    {"ResetInWindow", Counter::DropTcpReset,
     [](World& w) {
         w.send(w.opened(), [](Said& s) {
             only_reset(s);
             s.seq += 10;
         });
     }},
    {"ResetBeyondWindow", Counter::DropTcpInvalidSequence,
     [](World& w) {
         w.send(w.opened(), [](Said& s) {
             only_reset(s);
             s.seq += 100'000;
         });
     }},
    {"SynInConnection", Counter::DropTcpInvalidSyn, [](World& w) { w.send(w.opened(), only_syn); }},
    {"AckOfWhatWasNotSent", Counter::DropTcpAckUnsentData,
     [](World& w) { w.send(w.opened(), [](Said& s) { s.ack += 1000; }); }},
    {"AckOfLongAgo", Counter::DropTcpTooOldAck,
     [](World& w) { w.send(w.opened(), [](Said& s) { s.ack -= 1'000'000'000; }); }},
    {"EarlyTwice", Counter::DropTcpOfoMerge,
     [](World& w) {
         const Talk& t = w.opened();
         for (int i = 0; i < 2; ++i) w.send(t, [](Said& s) { s.seq += 100; }, 10);
     }},
    {"BehindFin", Counter::DropNotSpecified,
     [](World& w) {
         const Talk& t = w.opened();
         w.send(t, [](Said& s) { s.flags.fin = true; });
         FAIRLEAD_ASSERT(w.wait(1_s));  // until it is acknowledged
         w.send(t, [](Said&) {}, 10);
     }},
    {"DataToOrphan", Counter::DropTcpAbortOnData,
     [](World& w) {
         const Talk& t = w.opened();
         FAIRLEAD_ASSERT(w.stack.close(w.socket).has_value());
         FAIRLEAD_ASSERT(w.settle());
         w.send(t, [](Said&) {}, 10);
     }},
    {"CallingWrongAck", Counter::DropTcpInvalidAckSequence,
     [](World& w) { w.send(calling(w), [](Said& s) { s.ack += 7; }); }},
    {"CallingAckAlone", Counter::DropTcpFlags, [](World& w) { w.send(calling(w), [](Said&) {}); }},
    {"CallingResetAlone", Counter::DropTcpReset, [](World& w) { w.send(calling(w), only_reset); }},
    {"CallingNothing", Counter::DropNotSpecified, [](World& w) { w.send(calling(w), clear); }},
    {"TimeWaitOldTimestamp", Counter::DropTcpRfc7323TwPaws,
     [](World& w) {
         const Talk& t = finished(w);
         w.send(t, [&](Said& s) { s.options = stamp(t, 4000); });
     }},
};

class SegmentDrop : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(All, SegmentDrop, ::testing::ValuesIn(kCases),
                         [](const auto& p) { return std::string{p.param.name}; });

TEST_P(SegmentDrop, IsCountedOnceUnderItsReason) {
    World world;
    GetParam().play(world);
    EXPECT_EQ(world.count(GetParam().counter), GetParam().times) << name_of(GetParam().counter);
}

}  // namespace
