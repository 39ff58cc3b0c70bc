// tcp/state.hpp — the eleven states, and which may follow which.
//
// Owns:      the transition table. Connection::enter() holds every change to it, but
//            for the end of an object whose TIME-WAIT entry goes on (wait_out).
// Knows:     RFC 9293 §3.3.2, figure 5; the numbers are Linux's (info.hpp).
// Not here:  when a change happens (connection.cpp).
#pragma once

#include <cstdint>
#include <utility>

#include "fairlead/info.hpp"

namespace fairlead::tcp {

using State = TcpState;

constexpr std::uint16_t bit_of(State s) {
    return static_cast<std::uint16_t>(1u << std::to_underlying(s));
}

template <typename... S>
constexpr bool is_one_of(State s, S... of) {
    return (bit_of(s) & (bit_of(of) | ...)) != 0;
}

// Where a connection may go from `from`. TIME-WAIT has no object: entering it ends the connection,
// and a compact entry lives on (time_wait.hpp).
constexpr std::uint16_t successors(State from) {
    using enum TcpState;
    switch (from) {
        case Closed: return bit_of(Listen) | bit_of(SynSent) | bit_of(SynReceived);
        case Listen: return bit_of(Closed) | bit_of(SynSent);
        case SynSent: return bit_of(SynReceived) | bit_of(Established) | bit_of(Closed);
        case SynReceived: return bit_of(Established) | bit_of(FinWait1) | bit_of(Closed);
        case Established: return bit_of(FinWait1) | bit_of(CloseWait) | bit_of(Closed);
        case FinWait1:
            return bit_of(FinWait2) | bit_of(Closing) | bit_of(TimeWait) | bit_of(Closed);
        case FinWait2: return bit_of(TimeWait) | bit_of(Closed);
        case CloseWait: return bit_of(LastAck) | bit_of(Closed);
        case Closing: return bit_of(TimeWait) | bit_of(Closed);
        case LastAck: return bit_of(Closed);
        case TimeWait: return bit_of(Closed);
    }
    return 0;
}

constexpr bool may_follow(State from, State to) { return (successors(from) & bit_of(to)) != 0; }

// The peer's SYN has been seen: RFC 9293 calls these synchronized, but for SYN-RECEIVED.
constexpr bool is_synchronized(State s) {
    using enum TcpState;
    return is_one_of(s, Established, FinWait1, FinWait2, CloseWait, Closing, LastAck);
}
// New data may still be written.
constexpr bool may_send(State s) { return is_one_of(s, State::Established, State::CloseWait); }
// Data from the peer may still come.
constexpr bool may_receive(State s) {
    return is_one_of(s, State::Established, State::FinWait1, State::FinWait2);
}

static_assert(may_follow(State::SynSent, State::SynReceived), "simultaneous open");
static_assert(may_follow(State::FinWait1, State::Closing), "simultaneous close");
static_assert(!may_follow(State::CloseWait, State::TimeWait), "who closes second does not wait");

}  // namespace fairlead::tcp
