#include "base/timer_wheel.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

struct Alarm {
    TimerEntry entry;
    Instant due = Instant::never();
    Instant rang = Instant::never();
};

Alarm& of(TimerEntry& e) { return *reinterpret_cast<Alarm*>(&e); }

TEST(TimerWheel, RingsAtTheExactInstantAndOnce) {
    TimerWheel wheel;
    Alarm a;
    wheel.arm(a.entry, Instant::from_ns(1'500'000));
    int rings = 0;
    const auto ring = [&](TimerEntry&) { ++rings; };
    wheel.expire(Instant::from_ns(1'499'999), ring);
    EXPECT_EQ(rings, 0);
    EXPECT_EQ(wheel.next(), Instant::from_ns(1'500'000));
    wheel.expire(Instant::from_ns(1'500'000), ring);
    EXPECT_EQ(rings, 1);
    EXPECT_EQ(wheel.next(), Instant::never());
    wheel.expire(Instant::from_ns(9'000'000'000), ring);
    EXPECT_EQ(rings, 1);
}

TEST(TimerWheel, SteppingFromOneDeadlineToTheNextRingsAllInOrder) {
    const unsigned seed = 20;
    std::mt19937_64 random{seed};
    TimerWheel wheel;
    std::vector<Alarm> alarms(3000);
    Instant now;
    for (Alarm& a : alarms) {
        // From microseconds to beyond the horizon of the wheel.
        const auto bits = 10 + random() % 46;
        a.due = Instant::from_ns(static_cast<std::int64_t>(random() >> (64 - bits)));
        wheel.arm(a.entry, a.due);
    }
    for (std::size_t i = 0; i < alarms.size(); i += 7) wheel.cancel(alarms[i].entry);
    std::size_t steps = 0;
    while (wheel.next() != Instant::never()) {
        ASSERT_GE(wheel.next(), now) << "seed " << seed;
        now = wheel.next();
        wheel.expire(now, [&](TimerEntry& e) { of(e).rang = now; });
        ASSERT_LT(++steps, 100'000u);
    }
    for (std::size_t i = 0; i < alarms.size(); ++i) {
        EXPECT_EQ(alarms[i].rang, i % 7 == 0 ? Instant::never() : alarms[i].due) << i;
    }
}

TEST(TimerWheel, AnAlarmMayBeArmedWhileAnotherRings) {
    TimerWheel wheel;
    Alarm a;
    Alarm b;
    wheel.arm(a.entry, Instant::from_ns(100));
    int rings = 0;
    wheel.expire(Instant::from_ns(200), [&](TimerEntry& e) {
        if (++rings == 1) {
            wheel.arm(e, Instant::from_ns(150));
            wheel.arm(b.entry, Instant::from_ns(5'000'000'000));
        }
    });
    EXPECT_EQ(rings, 2);
    wheel.arm_lazily(b.entry, Instant::from_ns(6'000'000'000));
    EXPECT_EQ(b.entry.filed_at(), Instant::from_ns(5'000'000'000));
    wheel.arm_lazily(b.entry, Instant::from_ns(4'000'000'000));
    EXPECT_EQ(b.entry.filed_at(), Instant::from_ns(4'000'000'000));
}

TEST(TimerWheel, ALongIdleTimeCostsFewSteps) {
    TimerWheel wheel;
    Alarm a;
    wheel.arm(a.entry, Instant::from_ns(7'200'000'000'000));
    std::size_t steps = 0;
    while (wheel.next() != Instant::never()) {
        wheel.expire(wheel.next(), [](TimerEntry&) {});
        ++steps;
    }
    EXPECT_LE(steps, 8u);
}

TEST(TimerWheel, AgreesWithAPlainListUnderRandomCalls) {
    const unsigned seed = 77;
    std::mt19937_64 random{seed};
    TimerWheel wheel;
    std::vector<Alarm> alarms(500);
    Instant now;
    for (int round = 0; round < 40'000; ++round) {
        Alarm& a = alarms[random() % alarms.size()];
        const auto wait = static_cast<std::int64_t>(random() >> (64 - (8 + random() % 30)));
        switch (random() % 4) {
            case 0:
                wheel.cancel(a.entry);
                a.due = Instant::never();
                break;
            case 1:
            case 2:
                a.due = now + Duration::from_ns(wait);
                wheel.arm(a.entry, a.due);
                break;
            default: {
                now = now + Duration::from_ns(wait / 64);
                Instant last;
                wheel.expire(now, [&](TimerEntry& e) {
                    ASSERT_LE(of(e).due, now) << "seed " << seed << " round " << round;
                    ASSERT_GE(of(e).due, last) << "seed " << seed << " round " << round;
                    last = of(e).due;
                    of(e).due = Instant::never();
                });
                for (const Alarm& each : alarms) {
                    ASSERT_GT(each.due, now) << "seed " << seed << " round " << round;
                    ASSERT_EQ(each.entry.filed_at(), each.due);
                    ASSERT_LE(wheel.next(), each.due) << "seed " << seed << " round " << round;
                }
            }
        }
    }
}

TEST(TimerWheel, AnAlarmThatRingsMayCancelTheNext) {
    TimerWheel wheel;
    std::vector<Alarm> alarms(40);
    for (Alarm& a : alarms) wheel.arm(a.entry, Instant::from_ns(1000));
    int rings = 0;
    wheel.expire(Instant::from_ns(2000), [&](TimerEntry&) {
        if (++rings == 1) {
            for (Alarm& a : alarms) wheel.cancel(a.entry);
        }
    });
    EXPECT_EQ(rings, 1);
    EXPECT_EQ(wheel.next(), Instant::never());
}

}  // namespace
