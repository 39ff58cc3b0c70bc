#include "drill/symbols.hpp"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/errqueue.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace fairlead::drill {
namespace {

#define EXPECT_SYMBOL(name) EXPECT_EQ(symbol_value(#name), static_cast<std::int64_t>(name)) << #name

TEST(Symbols, HaveTheValuesOfTheSystemHeaders) {
    EXPECT_SYMBOL(AF_INET);
    EXPECT_SYMBOL(AF_INET6);
    EXPECT_SYMBOL(SOCK_STREAM);
    EXPECT_SYMBOL(SOCK_NONBLOCK);
    EXPECT_SYMBOL(IPPROTO_TCP);
    EXPECT_SYMBOL(SOL_SOCKET);
    EXPECT_SYMBOL(SHUT_RDWR);
    EXPECT_SYMBOL(MSG_FASTOPEN);
    EXPECT_SYMBOL(MSG_ERRQUEUE);
    EXPECT_SYMBOL(SO_REUSEADDR);
    EXPECT_SYMBOL(SO_LINGER);
    EXPECT_SYMBOL(SO_ZEROCOPY);
    EXPECT_SYMBOL(SO_TIMESTAMPING);
    EXPECT_SYMBOL(SO_EE_ORIGIN_ICMP);
    EXPECT_SYMBOL(TCP_NODELAY);
    EXPECT_SYMBOL(TCP_INFO);
    EXPECT_SYMBOL(TCP_FASTOPEN_CONNECT);
    EXPECT_SYMBOL(IP_TOS);
    EXPECT_SYMBOL(IP_MTU_DISCOVER);
    EXPECT_SYMBOL(IPV6_V6ONLY);
    EXPECT_SYMBOL(O_NONBLOCK);
    EXPECT_SYMBOL(F_SETFL);
    EXPECT_SYMBOL(POLLRDHUP);
    EXPECT_SYMBOL(EPOLLET);
    EXPECT_SYMBOL(SIOCINQ);
    EXPECT_SYMBOL(SIOCOUTQ);
    EXPECT_SYMBOL(FIONREAD);
    EXPECT_SYMBOL(EAGAIN);
    EXPECT_SYMBOL(EINPROGRESS);
    EXPECT_EQ(symbol_value("SOL_TCP"), 6);
    EXPECT_FALSE(symbol_value("SO_NONSENSE"));
}

TEST(Symbols, AnErrnoHasOneNameAndANameOneErrno) {
    EXPECT_EQ(errno_name(EAGAIN), "EAGAIN");
    EXPECT_EQ(errno_value("EWOULDBLOCK"), EAGAIN);
    EXPECT_EQ(errno_name(ECONNREFUSED), "ECONNREFUSED");
    EXPECT_EQ(errno_name(4000), "4000");
    EXPECT_FALSE(errno_value("AF_INET"));
}

}  // namespace
}  // namespace fairlead::drill
