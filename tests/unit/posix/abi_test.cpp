// Each number of ours is the system's.
#include "posix/abi.hpp"

#include <cstddef>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fairlead/timestamping.hpp"
#include "posix/call.hpp"
#include "posix/tcp_info.hpp"

namespace fairlead::posix {
namespace {

static_assert(abi::kInet == AF_INET && abi::kInet6 == AF_INET6 && abi::kUnspecified == AF_UNSPEC);
static_assert(abi::kStream == SOCK_STREAM && abi::kDatagram == SOCK_DGRAM && abi::kRaw == SOCK_RAW);
static_assert(abi::kNonblock == SOCK_NONBLOCK && abi::kNonblock == O_NONBLOCK);
static_assert(abi::kCloseOnExec == SOCK_CLOEXEC && abi::kCloseOnExec == O_CLOEXEC);
static_assert(abi::kCloseOnExec == EPOLL_CLOEXEC);
static_assert(abi::kIcmp == IPPROTO_ICMP && abi::kTcp == IPPROTO_TCP && abi::kUdp == IPPROTO_UDP);
static_assert(abi::kIcmpV6 == IPPROTO_ICMPV6);
static_assert(abi::kLargestName == sizeof(sockaddr_storage));
static_assert(abi::kInetName == sizeof(sockaddr_in) && abi::kInet6Name == sizeof(sockaddr_in6));
static_assert(abi::kOldInet6Name == offsetof(sockaddr_in6, sin6_scope_id));

static_assert(abi::msg::kOutOfBand == MSG_OOB && abi::msg::kPeek == MSG_PEEK);
static_assert(abi::msg::kControlTruncated == MSG_CTRUNC && abi::msg::kTruncated == MSG_TRUNC);
static_assert(abi::msg::kDontWait == MSG_DONTWAIT && abi::msg::kEndOfRecord == MSG_EOR);
static_assert(abi::msg::kWaitAll == MSG_WAITALL && abi::msg::kErrorQueue == MSG_ERRQUEUE);
static_assert(abi::msg::kNoSignal == MSG_NOSIGNAL && abi::msg::kMore == MSG_MORE);
static_assert(abi::kMostPieces == UIO_MAXIOV);

static_assert(abi::kSolIp == SOL_IP && abi::kSolSocket == SOL_SOCKET &&
              abi::kSolTcp == IPPROTO_TCP);
static_assert(abi::kSolIpV6 == SOL_IPV6);
static_assert(abi::so::kReuseAddress == SO_REUSEADDR && abi::so::kCookie == SO_COOKIE);
static_assert(abi::so::kType == SO_TYPE && abi::so::kError == SO_ERROR);
static_assert(abi::so::kBroadcast == SO_BROADCAST);
static_assert(abi::so::kSendBuffer == SO_SNDBUF && abi::so::kReceiveBuffer == SO_RCVBUF);
static_assert(abi::so::kKeepAlive == SO_KEEPALIVE && abi::so::kOutOfBandInline == SO_OOBINLINE);
static_assert(abi::so::kPriority == SO_PRIORITY && abi::so::kLinger == SO_LINGER);
static_assert(abi::so::kReusePort == SO_REUSEPORT && abi::so::kReceiveLowWater == SO_RCVLOWAT);
static_assert(abi::so::kSendLowWater == SO_SNDLOWAT && abi::so::kReceiveTimeout == SO_RCVTIMEO);
static_assert(abi::so::kSendTimeout == SO_SNDTIMEO && abi::so::kBindToDevice == SO_BINDTODEVICE);
static_assert(abi::so::kTimestamp == SO_TIMESTAMP && abi::so::kAcceptConnections == SO_ACCEPTCONN);
static_assert(abi::so::kSendBufferForce == SO_SNDBUFFORCE);
static_assert(abi::so::kReceiveBufferForce == SO_RCVBUFFORCE);
static_assert(abi::so::kTimestamping == SO_TIMESTAMPING);
static_assert(abi::msg::kConfirm == MSG_CONFIRM);
static_assert(abi::so::kTimestampNs == SO_TIMESTAMPNS && abi::so::kMark == SO_MARK);
static_assert(abi::so::kProtocol == SO_PROTOCOL && abi::so::kDomain == SO_DOMAIN);
static_assert(abi::so::kMemoryInfo == SO_MEMINFO && abi::so::kBindToIndex == SO_BINDTOIFINDEX);

static_assert(abi::ip::kTos == IP_TOS && abi::ip::kTtl == IP_TTL);
static_assert(abi::ip::kPacketInfo == IP_PKTINFO && abi::ip::kMtuDiscover == IP_MTU_DISCOVER);
static_assert(abi::ip::kReceiveError == IP_RECVERR && abi::ip::kReceiveTtl == IP_RECVTTL);
static_assert(abi::ip::kReceiveTos == IP_RECVTOS && abi::ip::kMtu == IP_MTU);
static_assert(abi::ip6::kUnicastHops == IPV6_UNICAST_HOPS && abi::ip6::kV6Only == IPV6_V6ONLY);
static_assert(abi::ip6::kMtuDiscover == IPV6_MTU_DISCOVER && abi::ip6::kMtu == IPV6_MTU);
static_assert(abi::ip6::kReceiveError == IPV6_RECVERR && abi::ip6::kPacketInfo == IPV6_PKTINFO);
static_assert(abi::ip6::kReceivePacketInfo == IPV6_RECVPKTINFO);
static_assert(abi::ip6::kReceiveHopLimit == IPV6_RECVHOPLIMIT);
static_assert(abi::ip6::kHopLimit == IPV6_HOPLIMIT && abi::ip6::kClass == IPV6_TCLASS);
static_assert(abi::ip6::kReceiveClass == IPV6_RECVTCLASS);

static_assert(abi::tcp::kNoDelay == TCP_NODELAY && abi::tcp::kMaxSegment == TCP_MAXSEG);
static_assert(abi::tcp::kCork == TCP_CORK && abi::tcp::kKeepIdle == TCP_KEEPIDLE);
static_assert(abi::tcp::kKeepInterval == TCP_KEEPINTVL && abi::tcp::kKeepCount == TCP_KEEPCNT);
static_assert(abi::tcp::kSynCount == TCP_SYNCNT && abi::tcp::kLinger2 == TCP_LINGER2);
static_assert(abi::tcp::kDeferAccept == TCP_DEFER_ACCEPT);
static_assert(abi::tcp::kWindowClamp == TCP_WINDOW_CLAMP && abi::tcp::kInfo == TCP_INFO);
static_assert(abi::tcp::kQuickAck == TCP_QUICKACK && abi::tcp::kCongestion == TCP_CONGESTION);
static_assert(abi::tcp::kUserTimeout == TCP_USER_TIMEOUT && abi::tcp::kCcInfo == TCP_CC_INFO);
static_assert(abi::tcp::kNotSentLowWater == TCP_NOTSENT_LOWAT);
static_assert(abi::tcp::kInquire == TCP_INQ && abi::tcp::kInquire == TCP_CM_INQ);
static_assert(abi::udp::kCork == UDP_CORK && abi::udp::kSegment == UDP_SEGMENT);
static_assert(abi::udp::kGro == UDP_GRO);

static_assert(kStampSent == SOF_TIMESTAMPING_TX_SOFTWARE);
static_assert(kStampReceived == SOF_TIMESTAMPING_RX_SOFTWARE);
static_assert(kStampTellSoftware == SOF_TIMESTAMPING_SOFTWARE);
static_assert(kStampNumbered == SOF_TIMESTAMPING_OPT_ID);
static_assert(kStampScheduled == SOF_TIMESTAMPING_TX_SCHED);
static_assert(kStampAcked == SOF_TIMESTAMPING_TX_ACK);
static_assert(kStampNamed == SOF_TIMESTAMPING_OPT_CMSG);
static_assert(kStampOnly == SOF_TIMESTAMPING_OPT_TSONLY);
static_assert(kStampStatistics == SOF_TIMESTAMPING_OPT_STATS);
static_assert(kStampOfClock == SOF_TIMESTAMPING_BIND_PHC);
static_assert(int{static_cast<std::uint8_t>(StampKind::Sent)} == SCM_TSTAMP_SND);
static_assert(int{static_cast<std::uint8_t>(StampKind::Scheduled)} == SCM_TSTAMP_SCHED);
static_assert(int{static_cast<std::uint8_t>(StampKind::Acked)} == SCM_TSTAMP_ACK);

static_assert(abi::kReadOnly == O_RDONLY && abi::kWriteOnly == O_WRONLY);
static_assert(abi::kReadWrite == O_RDWR && abi::kAppend == O_APPEND && abi::kAsync == O_ASYNC);
static_assert(abi::fcntl::kDuplicate == F_DUPFD);
static_assert(abi::fcntl::kGetDescriptorFlags == F_GETFD && abi::fcntl::kGetFlags == F_GETFL);
static_assert(abi::fcntl::kSetDescriptorFlags == F_SETFD && abi::fcntl::kSetFlags == F_SETFL);
static_assert(abi::fcntl::kSetOwner == F_SETOWN && abi::fcntl::kGetOwner == F_GETOWN);
static_assert(abi::fcntl::kDuplicateCloseOnExec == F_DUPFD_CLOEXEC);
static_assert(abi::fcntl::kGetPipeSize == F_GETPIPE_SZ && abi::kCloseOnExecFlag == FD_CLOEXEC);
static_assert(abi::io::kBytesUnacked == SIOCOUTQ && abi::io::kBytesToRead == SIOCINQ);
static_assert(abi::io::kBytesToRead == FIONREAD && abi::io::kNonblock == FIONBIO);
static_assert(abi::io::kClearCloseOnExec == FIONCLEX && abi::io::kSetCloseOnExec == FIOCLEX);
static_assert(abi::io::kAsync == FIOASYNC && abi::io::kAtMark == SIOCATMARK);
static_assert(abi::io::kBytesUnsent == SIOCOUTQNSD);

static_assert(abi::kIn == POLLIN && abi::kPriority == POLLPRI && abi::kOut == POLLOUT);
static_assert(abi::kError == POLLERR && abi::kHangup == POLLHUP && abi::kInvalid == POLLNVAL);
static_assert(abi::kReadNormal == POLLRDNORM && abi::kReadBand == POLLRDBAND);
static_assert(abi::kWriteNormal == POLLWRNORM && abi::kWriteBand == POLLWRBAND);
static_assert(abi::kReadHangup == POLLRDHUP && abi::kIn == EPOLLIN && abi::kOut == EPOLLOUT);
static_assert(abi::kExclusive == EPOLLEXCLUSIVE && abi::kWakeup == EPOLLWAKEUP);
static_assert(abi::kOneShot == EPOLLONESHOT && abi::kEdge == PollMask{EPOLLET});
static_assert(abi::kEpollAdd == EPOLL_CTL_ADD && abi::kEpollDelete == EPOLL_CTL_DEL);
static_assert(abi::kEpollModify == EPOLL_CTL_MOD);
static_assert(abi::kSpliceNonblock == SPLICE_F_NONBLOCK && abi::kSpliceMore == SPLICE_F_MORE);

static_assert(sizeof(PollEntry) == sizeof(pollfd));
static_assert(offsetof(PollEntry, revents) == offsetof(pollfd, revents));

TEST(Abi, TcpInfoLiesAsInTheSystemsHeader) {
    const TcpInfo info{.state = TcpState::Established,
                       .send_window_scale = 7,
                       .receive_window_scale = 9,
                       .rto = Duration::from_us(204'000),
                       .send_mss = 1448,
                       .unacked_segments = 5,
                       .lost_segments = 4,
                       .total_retransmitted = 3,
                       .rtt = Duration::from_us(1234),
                       .minimum_rtt = Duration::from_us(99),
                       .congestion_window_segments = 10,
                       .receive_space = 14600,
                       .send_window = 65000,
                       .bytes_acked = 11,
                       .bytes_received = 12,
                       .bytes_sent = 13,
                       .bytes_retransmitted = 14,
                       .segments_out = 15,
                       .data_segments_out = 16,
                       .out_of_order = 17,
                       .delivered_segments = 18,
                       .last_ack_received = Duration::from_ms(77)};
    const auto bytes = write_tcp_info(info);
    tcp_info theirs{};
    static_assert(sizeof theirs <= sizeof bytes);
    std::memcpy(&theirs, bytes.data(), sizeof theirs);
    EXPECT_EQ(theirs.tcpi_state, 1);
    EXPECT_EQ(theirs.tcpi_snd_wscale, 7);
    EXPECT_EQ(theirs.tcpi_rcv_wscale, 9);
    EXPECT_EQ(theirs.tcpi_rto, 204'000u);
    EXPECT_EQ(theirs.tcpi_snd_mss, 1448u);
    EXPECT_EQ(theirs.tcpi_unacked, 5u);
    EXPECT_EQ(theirs.tcpi_lost, 4u);
    EXPECT_EQ(theirs.tcpi_total_retrans, 3u);
    EXPECT_EQ(theirs.tcpi_rtt, 1234u);
    EXPECT_EQ(theirs.tcpi_min_rtt, 99u);
    EXPECT_EQ(theirs.tcpi_snd_cwnd, 10u);
    EXPECT_EQ(theirs.tcpi_rcv_space, 14600u);
    EXPECT_EQ(theirs.tcpi_snd_wnd, 65000u);
    EXPECT_EQ(theirs.tcpi_bytes_acked, 11u);
    EXPECT_EQ(theirs.tcpi_bytes_received, 12u);
    EXPECT_EQ(theirs.tcpi_bytes_sent, 13u);
    EXPECT_EQ(theirs.tcpi_bytes_retrans, 14u);
    EXPECT_EQ(theirs.tcpi_segs_out, 15u);
    EXPECT_EQ(theirs.tcpi_data_segs_out, 16u);
    EXPECT_EQ(theirs.tcpi_rcv_ooopack, 17u);
    EXPECT_EQ(theirs.tcpi_delivered, 18u);
    EXPECT_EQ(theirs.tcpi_last_ack_recv, 77u);
}

}  // namespace
}  // namespace fairlead::posix
