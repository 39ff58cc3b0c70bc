// What the pair rests on is the kernel's behaviour: it is asked here.
#include "host/pair.hpp"

#include <cstddef>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fairlead::host {
namespace {

constexpr short kAsked = POLLIN | POLLOUT | POLLRDHUP;

int mask_of(int fd) {
    pollfd entry{.fd = fd, .events = kAsked, .revents = 0};
    return ::poll(&entry, 1, 0) == 1 ? entry.revents : 0;
}

Pair made() {
    const auto charge = Charge::probe();
    EXPECT_TRUE(charge.has_value());
    auto pair = Pair::make(*charge);
    EXPECT_TRUE(pair.has_value());
    return std::move(*pair);
}

void put_filler(int fd) { EXPECT_EQ(::send(fd, "f", 1, MSG_DONTWAIT), 1); }
void take_token(int fd) {
    char byte{};
    EXPECT_EQ(::recv(fd, &byte, 1, MSG_DONTWAIT), 1);
}

TEST(Charge, IsFoundOutOnThisKernel) {
    const auto charge = Charge::probe();
    ASSERT_TRUE(charge.has_value());
    EXPECT_GE(charge->bytes, 1);
    EXPECT_LE(charge->bytes, 8);
}

TEST(Pair, ShowsReadableAndWritableEachByItself) {
    const Pair pair = made();
    const int p = pair.program.get();
    const int d = pair.host.get();
    EXPECT_EQ(mask_of(p), POLLOUT);
    EXPECT_TRUE(send_token(d));
    EXPECT_EQ(mask_of(p), POLLIN | POLLOUT);
    put_filler(p);
    EXPECT_EQ(mask_of(p), POLLIN);
    take_token(p);
    EXPECT_EQ(mask_of(p), 0);
    EXPECT_TRUE(take_filler(d));
    EXPECT_EQ(mask_of(p), POLLOUT);
}

TEST(Pair, ATokenIsAnEdgeEvenBehindAnother) {
    const Pair pair = made();
    const int set = ::epoll_create1(0);
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
    ASSERT_EQ(::epoll_ctl(set, EPOLL_CTL_ADD, pair.program.get(), &event), 0);
    EXPECT_EQ(::epoll_wait(set, &event, 1, 0), 0);
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(send_token(pair.host.get()));
        EXPECT_EQ(::epoll_wait(set, &event, 1, 0), 1);
        EXPECT_EQ(::epoll_wait(set, &event, 1, 0), 0);
    }
    ::close(set);
}

TEST(Pair, AnEndThatIsShutShowsTheEndAndThenTheHangup) {
    const Pair pair = made();
    const int p = pair.program.get();
    ::shutdown(pair.host.get(), SHUT_WR);
    EXPECT_EQ(mask_of(p), POLLIN | POLLOUT | POLLRDHUP);
    ::shutdown(pair.host.get(), SHUT_RD);
    EXPECT_EQ(mask_of(p), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

TEST(Pair, AnEndThatIsClosedOverItsChargeShowsAnErrorOnce) {
    Pair pair = made();
    const int p = pair.program.get();
    pair.host.reset();
    EXPECT_EQ(mask_of(p), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    int error = 0;
    socklen_t size = sizeof error;
    ASSERT_EQ(::getsockopt(p, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    EXPECT_EQ(error, ECONNRESET);
    EXPECT_EQ(mask_of(p), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}

TEST(Pair, OnlyTheLastCloseIsAHangup) {
    Pair pair = made();
    const int copy = ::dup(pair.program.get());
    pair.program.reset();
    EXPECT_EQ(mask_of(pair.host.get()) & POLLHUP, 0);
    ::close(copy);
    EXPECT_EQ(mask_of(pair.host.get()) & POLLHUP, POLLHUP);
}

TEST(CloseWatch, HangsUpWithTheLastCloseThoughTheHostsEndIsGone) {
    Pair pair = made();
    const auto watch = put_close_watch(pair.host.get());
    ASSERT_TRUE(watch.has_value());
    pair.host.reset();
    const int copy = ::dup(pair.program.get());
    pair.program.reset();
    EXPECT_EQ(mask_of(watch->get()) & POLLHUP, 0);
    ::close(copy);
    EXPECT_EQ(mask_of(watch->get()) & POLLHUP, POLLHUP);
}

}  // namespace
}  // namespace fairlead::host
