// posix/abi.hpp — the numbers of Linux's socket calls.
//
// Owns:   constants and layouts as Linux's userland ABI has them (asm-generic, x86-64 and arm64
//         alike), so that nothing in posix/ needs a header of the operating system.
// Proof:  tests/unit/posix/abi_test.cpp holds each against the system's own.
// Not here: what a number does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fairlead::posix::abi {

// --- sys/socket.h ---
inline constexpr int kUnspecified = 0;  // AF_...
inline constexpr int kInet = 2;
inline constexpr int kInet6 = 10;

inline constexpr int kStream = 1;  // SOCK_...
inline constexpr int kDatagram = 2;
inline constexpr int kRaw = 3;
inline constexpr int kTypeCount = 11;
inline constexpr int kTypeMask = 0xf;
inline constexpr int kNonblock = 0x800;       // SOCK_NONBLOCK, O_NONBLOCK
inline constexpr int kCloseOnExec = 0x80000;  // SOCK_CLOEXEC, O_CLOEXEC, EPOLL_CLOEXEC

inline constexpr int kIcmp = 1;  // IPPROTO_...
inline constexpr int kTcp = 6;
inline constexpr int kUdp = 17;
inline constexpr int kIcmpV6 = 58;
inline constexpr int kProtocolCount = 263;

inline constexpr std::size_t kLargestName = 128;  // sizeof(struct sockaddr_storage)
inline constexpr std::size_t kInetName = 16;      // sizeof(struct sockaddr_in)
inline constexpr std::size_t kInet6Name = 28;     // sizeof(struct sockaddr_in6)
inline constexpr std::size_t kOldInet6Name = 24;  // before sin6_scope_id (RFC 2133)

namespace msg {
inline constexpr int kOutOfBand = 0x1;
inline constexpr int kPeek = 0x2;
inline constexpr int kControlTruncated = 0x8;
inline constexpr int kTruncated = 0x20;
inline constexpr int kDontWait = 0x40;
inline constexpr int kEndOfRecord = 0x80;
inline constexpr int kWaitAll = 0x100;
inline constexpr int kConfirm = 0x800;
inline constexpr int kErrorQueue = 0x2000;
inline constexpr int kNoSignal = 0x4000;
inline constexpr int kMore = 0x8000;
inline constexpr int kZeroCopy = 0x4000000;
inline constexpr int kFastOpen = 0x20000000;
}  // namespace msg
inline constexpr std::size_t kMostPieces = 1024;  // UIO_MAXIOV

// --- levels and names of options ---
inline constexpr int kSolIp = 0;
inline constexpr int kSolSocket = 1;
inline constexpr int kSolTcp = 6;
inline constexpr int kSolIpV6 = 41;

namespace so {
inline constexpr int kReuseAddress = 2;
inline constexpr int kType = 3;
inline constexpr int kError = 4;
inline constexpr int kBroadcast = 6;
inline constexpr int kSendBuffer = 7;
inline constexpr int kReceiveBuffer = 8;
inline constexpr int kKeepAlive = 9;
inline constexpr int kOutOfBandInline = 10;
inline constexpr int kPriority = 12;
inline constexpr int kLinger = 13;
inline constexpr int kReusePort = 15;
inline constexpr int kReceiveLowWater = 18;
inline constexpr int kSendLowWater = 19;
inline constexpr int kReceiveTimeout = 20;
inline constexpr int kSendTimeout = 21;
inline constexpr int kBindToDevice = 25;
inline constexpr int kTimestamp = 29;
inline constexpr int kAcceptConnections = 30;
inline constexpr int kSendBufferForce = 32;
inline constexpr int kReceiveBufferForce = 33;
inline constexpr int kTimestampNs = 35;
inline constexpr int kMark = 36;
inline constexpr int kTimestamping = 37;
inline constexpr int kProtocol = 38;
inline constexpr int kDomain = 39;
inline constexpr int kMaxPacingRate = 47;
inline constexpr int kStampStatistics = 54;  // SCM_TIMESTAMPING_OPT_STATS
inline constexpr int kMemoryInfo = 55;
inline constexpr int kCookie = 57;
inline constexpr int kZeroCopy = 60;
inline constexpr int kBindToIndex = 62;
}  // namespace so

namespace ip {
inline constexpr int kTos = 1;
inline constexpr int kTtl = 2;
inline constexpr int kPacketInfo = 8;
inline constexpr int kMtuDiscover = 10;
inline constexpr int kReceiveError = 11;
inline constexpr int kOptions = 4;  // IP_OPTIONS
inline constexpr int kReceiveOptions = 6;
inline constexpr int kReturnOptions = 7;
inline constexpr int kReceiveTtl = 12;
inline constexpr int kReceiveTos = 13;
inline constexpr int kMtu = 14;
inline constexpr int kBindAddressNoPort = 24;
inline constexpr int kMulticastTtl = 33;
inline constexpr int kLocalPortRange = 51;
}  // namespace ip

namespace ip6 {
inline constexpr int kUnicastHops = 16;
inline constexpr int kMulticastHops = 18;
inline constexpr int kMtuDiscover = 23;
inline constexpr int kMtu = 24;
inline constexpr int kReceiveError = 25;
inline constexpr int kV6Only = 26;
inline constexpr int kReceivePacketInfo = 49;
inline constexpr int kPacketInfo = 50;
inline constexpr int kReceiveHopLimit = 51;
inline constexpr int kHopLimit = 52;
inline constexpr int kReceiveClass = 66;
inline constexpr int kClass = 67;
}  // namespace ip6

namespace tcp {
inline constexpr int kNoDelay = 1;
inline constexpr int kMaxSegment = 2;
inline constexpr int kCork = 3;
inline constexpr int kKeepIdle = 4;
inline constexpr int kKeepInterval = 5;
inline constexpr int kKeepCount = 6;
inline constexpr int kSynCount = 7;
inline constexpr int kLinger2 = 8;
inline constexpr int kDeferAccept = 9;
inline constexpr int kWindowClamp = 10;
inline constexpr int kInfo = 11;
inline constexpr int kQuickAck = 12;
inline constexpr int kCongestion = 13;
inline constexpr int kSignature = 14;  // TCP_MD5SIG
inline constexpr int kThinLinearTimeouts = 16;
inline constexpr int kUserTimeout = 18;
inline constexpr int kFastOpen = 23;
inline constexpr int kNotSentLowWater = 25;
inline constexpr int kFastOpenConnect = 30;
inline constexpr int kSignatureExtended = 32;
inline constexpr int kFastOpenKey = 33;
inline constexpr int kFastOpenNoCookie = 34;
inline constexpr int kInquire = 36;         // TCP_INQ, TCP_CM_INQ
inline constexpr int kAddKey = 38;          // TCP_AO_ADD_KEY
inline constexpr int kDeleteKey = 39;       // TCP_AO_DEL_KEY
inline constexpr int kAuthentication = 40;  // TCP_AO_INFO
inline constexpr int kKeys = 41;            // TCP_AO_GET_KEYS
inline constexpr int kCcInfo = 26;
inline constexpr std::size_t kCongestionName = 16;  // TCP_CA_NAME_MAX
}  // namespace tcp

namespace udp {
inline constexpr int kCork = 1;
inline constexpr int kSegment = 103;
inline constexpr int kGro = 104;
}  // namespace udp

// --- fcntl.h, sys/ioctl.h ---
inline constexpr int kReadOnly = 0;  // O_...
inline constexpr int kWriteOnly = 1;
inline constexpr int kReadWrite = 2;
inline constexpr int kAppend = 0x400;
inline constexpr int kAsync = 0x2000;

namespace fcntl {
inline constexpr int kDuplicate = 0;
inline constexpr int kGetDescriptorFlags = 1;
inline constexpr int kSetDescriptorFlags = 2;
inline constexpr int kGetFlags = 3;
inline constexpr int kSetFlags = 4;
inline constexpr int kSetOwner = 8;
inline constexpr int kGetOwner = 9;
inline constexpr int kDuplicateCloseOnExec = 1030;
inline constexpr int kGetPipeSize = 1032;
}  // namespace fcntl
inline constexpr int kCloseOnExecFlag = 1;  // FD_CLOEXEC
inline constexpr unsigned kCloseRangeCloseOnExec = 4;

namespace io {
inline constexpr std::uint64_t kBytesUnacked = 0x5411;  // SIOCOUTQ
inline constexpr std::uint64_t kBytesToRead = 0x541b;   // FIONREAD, SIOCINQ
inline constexpr std::uint64_t kNonblock = 0x5421;      // FIONBIO
inline constexpr std::uint64_t kClearCloseOnExec = 0x5450;
inline constexpr std::uint64_t kSetCloseOnExec = 0x5451;
inline constexpr std::uint64_t kAsync = 0x5452;
inline constexpr std::uint64_t kSetOwnerOf = 0x8901;   // FIOSETOWN
inline constexpr std::uint64_t kSetGroup = 0x8902;     // SIOCSPGRP
inline constexpr std::uint64_t kGetOwnerOf = 0x8903;   // FIOGETOWN
inline constexpr std::uint64_t kGetGroup = 0x8904;     // SIOCGPGRP
inline constexpr std::uint64_t kAtMark = 0x8905;       // SIOCATMARK
inline constexpr std::uint64_t kBytesUnsent = 0x894b;  // SIOCOUTQNSD
}  // namespace io

// --- poll.h, sys/epoll.h ---
using PollMask = std::uint32_t;
inline constexpr PollMask kIn = 0x1;
inline constexpr PollMask kPriority = 0x2;
inline constexpr PollMask kOut = 0x4;
inline constexpr PollMask kError = 0x8;
inline constexpr PollMask kHangup = 0x10;
inline constexpr PollMask kInvalid = 0x20;
inline constexpr PollMask kReadNormal = 0x40;
inline constexpr PollMask kReadBand = 0x80;
inline constexpr PollMask kWriteNormal = 0x100;
inline constexpr PollMask kWriteBand = 0x200;
inline constexpr PollMask kReadHangup = 0x2000;
inline constexpr PollMask kExclusive = 1u << 28;
inline constexpr PollMask kWakeup = 1u << 29;
inline constexpr PollMask kOneShot = 1u << 30;
inline constexpr PollMask kEdge = 1u << 31;

inline constexpr int kEpollAdd = 1;
inline constexpr int kEpollDelete = 2;
inline constexpr int kEpollModify = 3;
inline constexpr std::size_t kMostEpollEvents = 178956970;  // EP_MAX_EVENTS

inline constexpr unsigned kSpliceNonblock = 2;
inline constexpr unsigned kSpliceMore = 4;
inline constexpr unsigned kSpliceKnown = 15;

}  // namespace fairlead::posix::abi
