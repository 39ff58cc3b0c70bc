// unit/posix/process.hpp — programs on one stack over lo, at exact times.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "posix/client.hpp"

namespace fairlead::posix {

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

inline SocketName name_at(std::uint16_t port, Family family = Family::Inet) {
    return write_name({IpAddress::loopback(family), port}, family);
}

class Process : public testing::Test {
protected:
    using Number = Result<std::int64_t>;
    static std::unexpected<Errc> failure(Errc e) { return std::unexpected{e}; }

    // Time goes on until `end`, and no call of a program is made.
    void run(Duration how_long = Duration::from_ms(10)) {
        const Instant end = now + how_long;
        for (int i = 0; i < 100'000; ++i) {
            if (stack.poll(now).is_busy) continue;
            const Instant next = stack.next_deadline();
            if (next > end) {
                now = end;
                stack.advance(now);
                files.collect();
                return;
            }
            now = std::max(now, next);
        }
        FAIL() << "the stack does not come to rest";
    }
    // Until the call is done, or the time is over.
    Number finish(Call& call, Duration most = Duration::from_s(1000)) {
        const Instant end = now + most;
        for (int i = 0; i < 100'000 && !call.resume() && now < end; ++i) {
            if (stack.poll(now).is_busy) continue;
            if (call.resume()) break;
            const Instant next = std::min({stack.next_deadline(), call.deadline(), end});
            now = std::max(now, next);
        }
        EXPECT_TRUE(call.is_done());
        return call.value();
    }
    Number finish(Call&& call, Duration most = Duration::from_s(1000)) {
        return finish(call, most);
    }

    int stream(Family family = Family::Inet, int flags = 0) {
        const int domain = family == Family::Inet ? abi::kInet : abi::kInet6;
        return client.socket(domain, abi::kStream | flags, 0).value_or(-1);
    }
    int datagrams(int flags = 0) {
        return client.socket(abi::kInet, abi::kDatagram | flags, 0).value_or(-1);
    }
    int listener(std::uint16_t port, int flags = 0) {
        const int fd = stream(Family::Inet, flags);
        EXPECT_TRUE(client.bind(fd, name_at(port).bytes()));
        EXPECT_TRUE(client.listen(fd, 10));
        return fd;
    }
    struct Pair {
        int here = -1;
        int there = -1;
    };
    Pair connection(std::uint16_t port = 80) {
        const int listening = listener(port);
        Pair pair{.here = stream()};
        EXPECT_EQ(finish(client.connect(pair.here, name_at(port).bytes())), 0);
        pair.there = static_cast<int>(finish(client.accept(listening)).value_or(-1));
        EXPECT_TRUE(client.close(listening).is_done());
        return pair;
    }
    Call send(int fd, std::string_view text, int flags = 0) {
        return client.send(fd, {.from = bytes_of(text)}, flags);
    }
    Call receive(int fd, std::size_t most = 64, int flags = 0) {
        return client.receive(fd, {.into = MutableBytes{buffer}.first(most)}, flags);
    }
    std::string text(const Number& n) const {
        if (!n) return std::string{name_of(n.error())};
        return {reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(*n)};
    }
    std::int16_t ready(int fd, int events) {
        std::array entry{PollEntry{.fd = fd, .events = static_cast<std::int16_t>(events)}};
        EXPECT_TRUE(client.poll(entry, Duration{}).is_done());
        return entry[0].revents;
    }
    // What one wait without a timeout reports, as "data:events" in hexadecimal.
    std::string reported(int epfd, std::size_t most = 8) {
        std::vector<EpollEvent> events(most);
        const Call call = client.epoll_wait(epfd, events, Duration{});
        std::string out;
        for (std::int64_t i = 0; i < call.value().value_or(0); ++i) {
            const auto& e = events[static_cast<std::size_t>(i)];
            std::array<char, 64> line{};
            std::snprintf(line.data(), line.size(), "%s%llu:%x", out.empty() ? "" : " ",
                          static_cast<unsigned long long>(e.data), e.events);
            out += line.data();
        }
        return out;
    }

    Instant now = Instant::from_ns(1'000'000'000);
    Stack stack{{.seed = {1, 2, 3}}};
    OpenFileTable files{stack};
    Client client{files};
    std::vector<std::byte> buffer = std::vector<std::byte>(65536);

    void SetUp() override { stack.advance(now); }
};

}  // namespace fairlead::posix
