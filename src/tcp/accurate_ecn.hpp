// tcp/accurate_ecn.hpp — how many marks there were, told both ways.
//
// Owns:   AccurateEcn, the counters of one connection: what came with which mark (told in the ACE field
//         and the AccECN option), and what of ours did, as far as the peer told.
// Knows:  RFC 9768 §3.1 (what a SYN-ACK answers), §3.2.2 (the ACE field), §3.2.3 (the option; where
//         the two contradict each other, §3.2.3.2.5, nothing is believed), with the readings of
//         Linux's tcp_ecn.h: when the option is sent, and how many marks a difference of three bits
//         means.
// Not here: who asks (handshake.cpp), what a mark does to the window (sender_recovery.cpp), the
//         option's bytes (wire/tcp_options.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/time.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

inline constexpr unsigned kAceMask = 7;
inline constexpr std::uint32_t kFirstCep = 5;  // RFC 9768 §3.2.1: no counter begins at 0

// AE, CWR and ECE as one number.
constexpr std::uint8_t ace_of(const wire::TcpFlags& f) {
    return static_cast<std::uint8_t>((f.ae ? 4 : 0) | (f.cwr ? 2 : 0) | (f.ece ? 1 : 0));
}
constexpr void put_ace(wire::TcpFlags& flags, unsigned ace) {
    flags.ae = (ace & 4) != 0;
    flags.cwr = (ace & 2) != 0;
    flags.ece = (ace & 1) != 0;
}

inline constexpr std::uint8_t kAsksForEcn = 3;          // in a SYN: CWR and ECE
inline constexpr std::uint8_t kAsksForAccurateEcn = 7;  // and AE

enum class EcnMode : std::uint8_t { None, Classic, Accurate };

// What a SYN asks for: any other combination is one of the future's (RFC 9768 §3.1.3).
constexpr EcnMode mode_asked(std::uint8_t ace) {
    if (ace == 0) return EcnMode::None;
    return ace == kAsksForEcn ? EcnMode::Classic : EcnMode::Accurate;
}
// RFC 9768 REQ-3.1.2: table 2, of who asked for the accurate form.
constexpr EcnMode mode_answered(std::uint8_t ace) {
    if (ace == 0 || ace == kAsksForAccurateEcn) return EcnMode::None;
    return ace == 1 || ace == 5 ? EcnMode::Classic : EcnMode::Accurate;
}

// Tables 2 and 3: the codepoint that a SYN, or a SYN-ACK, came with, as its answer repeats it.
constexpr std::uint8_t reflection_of(wire::Ecn codepoint) {
    constexpr std::array<std::uint8_t, 4> kAce{2, 3, 4, 6};
    return kAce[static_cast<std::size_t>(codepoint)];
}
// And back; what is not used counts as Not-ECT (table 4).
constexpr wire::Ecn codepoint_reflected(std::uint8_t ace) {
    switch (ace) {
        case 3: return wire::Ecn::Capable1;
        case 4: return wire::Ecn::Capable0;
        case 6: return wire::Ecn::Congestion;
        default: return wire::Ecn::NotCapable;
    }
}
// What an honest path can make of a codepoint (RFC 9768 §3.2.2.3).
constexpr bool may_become(wire::Ecn sent, wire::Ecn heard) {
    if (sent == heard) return true;
    return sent != wire::Ecn::NotCapable && sent != wire::Ecn::Congestion &&
           heard != wire::Ecn::NotCapable;
}

class AccurateEcn {
public:
    // Linux's tcpi_accecn_fail_mode: what does not get through, to the peer or from it.
    enum Failure : std::uint8_t {
        kAceNotSent = 1,
        kAceNotHeard = 2,
        kOptionNotSent = 4,
        kOptionNotHeard = 8,
    };
    // tcpi_accecn_opt_seen
    enum class Seen : std::uint8_t { Nothing, Empty, Counters, Zeroed };

    // --- the handshake ---
    // Our SYN asks, and has left with that codepoint.
    void ask(wire::Ecn sent) { has_asked_ = true, sent_ = sent; }
    bool has_asked() const { return has_asked_; }
    // A SYN, or a SYN-ACK, went without the three flags (RFC 9768 §3.1.4, §3.1.5): nothing is ECT.
    void fall_back() { failures_ |= kAceNotSent; }
    // It is agreed; `heard`: what the peer's SYN, or SYN-ACK, came with; the latter counts as marked.
    void begin(wire::Ecn heard, bool is_syn_ack);
    void set_sent(wire::Ecn sent) { sent_ = sent; }
    wire::Ecn heard() const { return heard_; }
    // The SYN-ACK repeats the codepoint of our SYN. `checks`: tcp_ecn_fallback.
    void on_answer(std::uint8_t ace, bool checks);
    // Who answered a SYN waits for the segment that ends the handshake. `is_bare`: no data, no SACK.
    bool awaits_third() const { return awaits_third_; }
    void await_third() { awaits_third_ = true; }
    void on_third(std::uint8_t ace, bool is_bare, bool checks);
    // The next segment without data repeats the codepoint of the SYN-ACK.
    void reflect() { reflects_ = true; }

    // --- what comes ---
    // True: something must be said at once.
    bool on_segment(wire::Ecn codepoint, std::uint32_t segments, std::uint32_t payload);
    // So many marks wait to be told that the field might wrap (RFC 9768 §3.2.2.5.1).
    bool is_nearly_full() const { return untold_ >= kMostUntold; }
    bool has_seen_ecn() const { return has_seen_ecn_; }

    // The first tells whether its counters get through. A SYN-ACK's is answered with two.
    void hear_option(const wire::AccurateEcnOption& option);
    void demand_options() { demand_ = kTwice; }

    // --- what goes ---
    // The flags of a segment that is about to leave.
    std::uint8_t take_ace(bool has_data);
    bool may_mark() const { return (failures_ & (kAceNotSent | kAceNotHeard)) == 0; }
    // `setting`, `beacons`: tcp_ecn_option and tcp_ecn_option_beacon.
    bool wants_option(std::int64_t setting, std::int64_t beacons, Duration smoothed,
                      Instant now) const;
    wire::AccurateEcnOption option() const;
    std::size_t least_counters() const { return least_counters_; }
    void on_option_sent(Instant now);

    // --- what the peer tells ---
    struct Told {
        std::uint8_t ace = 0;
        const wire::AccurateEcnOption* option = nullptr;
        std::int32_t delivered = 0;  // segments, by this ACK
        std::int64_t delivered_bytes = 0;
        std::int64_t sent_bytes = 0;  // ever
        std::int32_t mss = 0;
        bool is_news = false;       // something arrived, or the ACK is a newer one
        bool has_advanced = false;  // of data of ours
        bool counts_well = false;   // SACK, or nothing missing: `delivered` is exact
    };
    // How many of the segments delivered were marked, as is likely and safe (RFC 9768 §3.2.2.5.2).
    std::int32_t on_ack(const Told& told);

    std::uint8_t failures() const { return failures_; }
    Seen seen() const { return seen_; }
    std::uint32_t received_marks() const { return received_marks_; }
    std::uint32_t received_bytes(wire::Ecn codepoint) const {
        return received_bytes_[place_of(codepoint)];
    }
    std::uint32_t delivered_marks() const { return delivered_marks_; }
    std::uint32_t delivered_bytes(wire::Ecn codepoint) const {
        return delivered_bytes_[place_of(codepoint)];
    }

private:
    static constexpr std::uint8_t kMostUntold = 6;
    static constexpr std::uint8_t kUntoldWithData = 2;
    static constexpr std::uint8_t kTwice = 2;

    static constexpr std::size_t place_of(wire::Ecn codepoint) {
        return static_cast<std::size_t>(codepoint) - 1;
    }
    // The counters of what is ECT do not begin at 0, so that a zeroed one is known.
    static constexpr std::uint32_t first_of(wire::Ecn codepoint) {
        return codepoint == wire::Ecn::Congestion ? 0 : 1;
    }
    bool take_option(const Told& told);
    bool take_counters(const wire::AccurateEcnOption& option);
    void compare(const Told& told);

    std::array<std::uint32_t, 3> received_bytes_{};  // ECT(1), ECT(0), CE
    std::array<std::uint32_t, 3> delivered_bytes_{};
    std::uint32_t received_marks_ = 0;   // r.cep, from 0
    std::uint32_t delivered_marks_ = 0;  // s.cep, from 0
    // When an option told the bytes that came marked: these, and s.cep then.
    std::uint32_t compared_bytes_ = 0;
    std::uint32_t compared_marks_ = 0;
    Instant option_sent_{};
    std::uint8_t untold_ = 0;          // marks since the last segment that left
    std::uint8_t least_counters_ = 0;  // that the next option needs
    std::uint8_t demand_ = 0;          // options that must go
    std::uint8_t failures_ = 0;
    Seen seen_ = Seen::Nothing;
    wire::Ecn sent_ = wire::Ecn::NotCapable;   // the codepoint of our SYN, or SYN-ACK
    wire::Ecn heard_ = wire::Ecn::NotCapable;  // that of the peer's
    wire::Ecn last_codepoint_ = wire::Ecn::NotCapable;
    wire::Ecn likely_ = wire::Ecn::NotCapable;  // what our bytes arrived with, when last told
    bool has_asked_ = false;
    bool awaits_third_ = false;
    bool reflects_ = false;
    bool has_seen_ecn_ = false;
    bool has_heard_ace_ = false;
    bool has_compared_ = false;
    bool may_have_wrapped_ = false;  // the field, unheard, since then
};

// What the sender is lent to read an ACK.
struct AccurateAck {
    AccurateEcn& counters;
    std::uint8_t ace = 0;
    const wire::AccurateEcnOption* option = nullptr;
    bool has_newer_time = false;
};

}  // namespace fairlead::tcp
