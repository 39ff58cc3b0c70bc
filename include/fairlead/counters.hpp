// fairlead/counters.hpp — what happened, counted under Linux's MIB names.
//
// Owns:      Counter (the names that nstat prints), Counters (one per stack).
// Source:    /proc/net/snmp, snmp6 and netstat of Linux 6.18; RFC 4022, 4113, 4293 for the first.
// Not here:  what each one means: the room that counts it says so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead {

enum class Counter : std::uint16_t {
    // clang-format off
    IpInReceives, IpInHdrErrors, IpInAddrErrors, IpForwDatagrams, IpInUnknownProtos,
    IpInDiscards, IpInDelivers, IpOutRequests, IpOutDiscards, IpOutNoRoutes, IpReasmTimeout,
    IpReasmReqds, IpReasmOKs, IpReasmFails, IpFragOKs, IpFragFails, IpFragCreates,
    IpOutTransmits, IcmpInMsgs, IcmpInErrors, IcmpInCsumErrors, IcmpInDestUnreachs,
    IcmpInTimeExcds, IcmpInParmProbs, IcmpInSrcQuenchs, IcmpInRedirects, IcmpInEchos,
    IcmpInEchoReps, IcmpInTimestamps, IcmpInTimestampReps, IcmpInAddrMasks, IcmpInAddrMaskReps,
    IcmpOutMsgs, IcmpOutErrors, IcmpOutRateLimitGlobal, IcmpOutRateLimitHost,
    IcmpOutDestUnreachs, IcmpOutTimeExcds, IcmpOutParmProbs, IcmpOutSrcQuenchs, IcmpOutRedirects,
    IcmpOutEchos, IcmpOutEchoReps, IcmpOutTimestamps, IcmpOutTimestampReps, IcmpOutAddrMasks,
    IcmpOutAddrMaskReps, TcpActiveOpens, TcpPassiveOpens, TcpAttemptFails, TcpEstabResets,
    TcpCurrEstab, TcpInSegs, TcpOutSegs, TcpRetransSegs, TcpInErrs, TcpOutRsts, TcpInCsumErrors,
    UdpInDatagrams, UdpNoPorts, UdpInErrors, UdpOutDatagrams, UdpRcvbufErrors, UdpSndbufErrors,
    UdpInCsumErrors, UdpIgnoredMulti, UdpMemErrors, Ip6InReceives, Ip6InHdrErrors,
    Ip6InTooBigErrors, Ip6InNoRoutes, Ip6InAddrErrors, Ip6InUnknownProtos, Ip6InTruncatedPkts,
    Ip6InDiscards, Ip6InDelivers, Ip6OutForwDatagrams, Ip6OutRequests, Ip6OutDiscards,
    Ip6OutNoRoutes, Ip6ReasmTimeout, Ip6ReasmReqds, Ip6ReasmOKs, Ip6ReasmFails, Ip6FragOKs,
    Ip6FragFails, Ip6FragCreates, Ip6InMcastPkts, Ip6OutMcastPkts, Ip6InOctets, Ip6OutOctets,
    Ip6InMcastOctets, Ip6OutMcastOctets, Ip6InBcastOctets, Ip6OutBcastOctets, Ip6InNoECTPkts,
    Ip6InECT1Pkts, Ip6InECT0Pkts, Ip6InCEPkts, Ip6OutTransmits, Icmp6InMsgs, Icmp6InErrors,
    Icmp6OutMsgs, Icmp6OutErrors, Icmp6InCsumErrors, Icmp6OutRateLimitHost, Icmp6InDestUnreachs,
    Icmp6InPktTooBigs, Icmp6InTimeExcds, Icmp6InParmProblems, Icmp6InEchos, Icmp6InEchoReplies,
    Icmp6InGroupMembQueries, Icmp6InGroupMembResponses, Icmp6InGroupMembReductions,
    Icmp6InRouterSolicits, Icmp6InRouterAdvertisements, Icmp6InNeighborSolicits,
    Icmp6InNeighborAdvertisements, Icmp6InRedirects, Icmp6InMLDv2Reports, Icmp6OutDestUnreachs,
    Icmp6OutPktTooBigs, Icmp6OutTimeExcds, Icmp6OutParmProblems, Icmp6OutEchos,
    Icmp6OutEchoReplies, Icmp6OutGroupMembQueries, Icmp6OutGroupMembResponses,
    Icmp6OutGroupMembReductions, Icmp6OutRouterSolicits, Icmp6OutRouterAdvertisements,
    Icmp6OutNeighborSolicits, Icmp6OutNeighborAdvertisements, Icmp6OutRedirects,
    Icmp6OutMLDv2Reports, Udp6InDatagrams, Udp6NoPorts, Udp6InErrors, Udp6OutDatagrams,
    Udp6RcvbufErrors, Udp6SndbufErrors, Udp6InCsumErrors, Udp6IgnoredMulti, Udp6MemErrors,
    TcpExtSyncookiesSent, TcpExtSyncookiesRecv, TcpExtSyncookiesFailed, TcpExtEmbryonicRsts,
    TcpExtPruneCalled, TcpExtRcvPruned, TcpExtOfoPruned, TcpExtOutOfWindowIcmps,
    TcpExtLockDroppedIcmps, TcpExtArpFilter, TcpExtTW, TcpExtTWRecycled, TcpExtTWKilled,
    TcpExtPAWSActive, TcpExtPAWSEstab, TcpExtBeyondWindow, TcpExtTSEcrRejected, TcpExtPAWSOldAck,
    TcpExtPAWSTimewait, TcpExtDelayedACKs, TcpExtDelayedACKLocked, TcpExtDelayedACKLost,
    TcpExtListenOverflows, TcpExtListenDrops, TcpExtTCPHPHits, TcpExtTCPPureAcks,
    TcpExtTCPHPAcks, TcpExtTCPRenoRecovery, TcpExtTCPSackRecovery, TcpExtTCPSACKReneging,
    TcpExtTCPSACKReorder, TcpExtTCPRenoReorder, TcpExtTCPTSReorder, TcpExtTCPFullUndo,
    TcpExtTCPPartialUndo, TcpExtTCPDSACKUndo, TcpExtTCPLossUndo, TcpExtTCPLostRetransmit,
    TcpExtTCPRenoFailures, TcpExtTCPSackFailures, TcpExtTCPLossFailures, TcpExtTCPFastRetrans,
    TcpExtTCPSlowStartRetrans, TcpExtTCPTimeouts, TcpExtTCPLossProbes,
    TcpExtTCPLossProbeRecovery, TcpExtTCPRenoRecoveryFail, TcpExtTCPSackRecoveryFail,
    TcpExtTCPRcvCollapsed, TcpExtTCPBacklogCoalesce, TcpExtTCPDSACKOldSent,
    TcpExtTCPDSACKOfoSent, TcpExtTCPDSACKRecv, TcpExtTCPDSACKOfoRecv, TcpExtTCPAbortOnData,
    TcpExtTCPAbortOnClose, TcpExtTCPAbortOnMemory, TcpExtTCPAbortOnTimeout,
    TcpExtTCPAbortOnLinger, TcpExtTCPAbortFailed, TcpExtTCPMemoryPressures,
    TcpExtTCPMemoryPressuresChrono, TcpExtTCPSACKDiscard, TcpExtTCPDSACKIgnoredOld,
    TcpExtTCPDSACKIgnoredNoUndo, TcpExtTCPSpuriousRTOs, TcpExtTCPMD5NotFound,
    TcpExtTCPMD5Unexpected, TcpExtTCPMD5Failure, TcpExtTCPSackShifted, TcpExtTCPSackMerged,
    TcpExtTCPSackShiftFallback, TcpExtTCPBacklogDrop, TcpExtPFMemallocDrop, TcpExtTCPMinTTLDrop,
    TcpExtTCPDeferAcceptDrop, TcpExtIPReversePathFilter, TcpExtTCPTimeWaitOverflow,
    TcpExtTCPReqQFullDoCookies, TcpExtTCPReqQFullDrop, TcpExtTCPRetransFail,
    TcpExtTCPRcvCoalesce, TcpExtTCPOFOQueue, TcpExtTCPOFODrop, TcpExtTCPOFOMerge,
    TcpExtTCPChallengeACK, TcpExtTCPSYNChallenge, TcpExtTCPFastOpenActive,
    TcpExtTCPFastOpenActiveFail, TcpExtTCPFastOpenPassive, TcpExtTCPFastOpenPassiveFail,
    TcpExtTCPFastOpenListenOverflow, TcpExtTCPFastOpenCookieReqd, TcpExtTCPFastOpenBlackhole,
    TcpExtTCPSpuriousRtxHostQueues, TcpExtBusyPollRxPackets, TcpExtTCPAutoCorking,
    TcpExtTCPFromZeroWindowAdv, TcpExtTCPToZeroWindowAdv, TcpExtTCPWantZeroWindowAdv,
    TcpExtTCPSynRetrans, TcpExtTCPOrigDataSent, TcpExtTCPHystartTrainDetect,
    TcpExtTCPHystartTrainCwnd, TcpExtTCPHystartDelayDetect, TcpExtTCPHystartDelayCwnd,
    TcpExtTCPACKSkippedSynRecv, TcpExtTCPACKSkippedPAWS, TcpExtTCPACKSkippedSeq,
    TcpExtTCPACKSkippedFinWait2, TcpExtTCPACKSkippedTimeWait, TcpExtTCPACKSkippedChallenge,
    TcpExtTCPWinProbe, TcpExtTCPKeepAlive, TcpExtTCPMTUPFail, TcpExtTCPMTUPSuccess,
    TcpExtTCPDelivered, TcpExtTCPDeliveredCE, TcpExtTCPAckCompressed, TcpExtTCPZeroWindowDrop,
    TcpExtTCPRcvQDrop, TcpExtTCPWqueueTooBig, TcpExtTCPFastOpenPassiveAltKey,
    TcpExtTcpTimeoutRehash, TcpExtTcpDuplicateDataRehash, TcpExtTCPDSACKRecvSegs,
    TcpExtTCPDSACKIgnoredDubious, TcpExtTCPMigrateReqSuccess, TcpExtTCPMigrateReqFailure,
    TcpExtTCPPLBRehash, TcpExtTCPAORequired, TcpExtTCPAOBad, TcpExtTCPAOKeyNotFound,
    TcpExtTCPAOGood, TcpExtTCPAODroppedIcmps, IpExtInNoRoutes, IpExtInTruncatedPkts,
    IpExtInMcastPkts, IpExtOutMcastPkts, IpExtInBcastPkts, IpExtOutBcastPkts, IpExtInOctets,
    IpExtOutOctets, IpExtInMcastOctets, IpExtOutMcastOctets, IpExtInBcastOctets,
    IpExtOutBcastOctets, IpExtInCsumErrors, IpExtInNoECTPkts, IpExtInECT1Pkts, IpExtInECT0Pkts,
    IpExtInCEPkts, IpExtReasmOverlaps,
    // Why a segment was not taken, by the names of Linux's SKB_DROP_REASON_..., which it tells to
    // who traces it and does not count.
    DropNotSpecified, DropNoSocket, DropOtherHost, DropProtoMem, DropTcpFlags, DropTcpAbortOnData,
    DropTcpZeroWindow, DropTcpOldData, DropTcpOverWindow, DropTcpOfoMerge, DropTcpRfc7323Paws,
    DropTcpRfc7323PawsAck, DropTcpRfc7323TwPaws, DropTcpRfc7323TsEcr, DropTcpListenOverflow,
    DropTcpOldSequence, DropTcpInvalidSequence, DropTcpInvalidEndSequence,
    DropTcpInvalidAckSequence, DropTcpReset, DropTcpInvalidSyn, DropTcpClose, DropTcpOldAck,
    DropTcpTooOldAck, DropTcpAckUnsentData, DropTcpOfoQueuePrune,
    // clang-format on
    // Ours: drops that Linux does not count by a name of their own.
    ArpInErrors,
    ArpConflicts,  // another station claims one of our addresses
    NeighbourFailed,
    NeighbourQueueDrops,
    LinkInUnknownProtos,
    LinkInTruncated,
    DeviceSendBusy,
    TimeWentBack,
};
inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::TimeWentBack) + 1;

std::string_view name_of(Counter counter);  // "TcpExtListenDrops"
std::optional<Counter> counter_by_name(std::string_view name);

class Counters {
public:
    void add(Counter c, std::uint64_t n = 1) { values_[static_cast<std::size_t>(c)] += n; }
    void subtract(Counter c) { --values_[static_cast<std::size_t>(c)]; }  // gauges: TcpCurrEstab
    std::uint64_t operator[](Counter c) const { return values_[static_cast<std::size_t>(c)]; }

private:
    std::array<std::uint64_t, kCounterCount> values_{};
};

}  // namespace fairlead
