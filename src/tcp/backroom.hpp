// tcp/backroom.hpp — what a sender needs only when something is missing, or its window is large.
//
// Owns:   the rooms of loss recovery, the state of a congestion controller that has more than a
//         window, and with it the delivery rate and the pace. A connection that has none of these
//         keeps none of it: a backroom comes from the stack's slab when the first SACK, duplicate ACK
//         or timeout asks for it, or the controller.
// Not here: who uses it (sender_recovery.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/slab.hpp"
#include "fairlead/congestion.hpp"
#include "tcp/delivery_rate.hpp"
#include "tcp/flight_index.hpp"
#include "tcp/pacer.hpp"
#include "tcp/prr.hpp"
#include "tcp/rack.hpp"
#include "tcp/undo.hpp"

namespace fairlead::tcp {

// What may leave until the next ACK, beside what the windows say.
enum class Repair : std::uint8_t {
    Nothing,  // no retransmission
    NewData,  // F-RTO: something new, to learn whether the timeout was one
    Lost,
};

struct Backroom {
    explicit Backroom(Duration round_trip) : rack{round_trip} {}

    FlightIndex index{};
    Rack rack;
    RateReduction reduction{};
    Undo undo{};
    DeliveryRate rate{};
    Pacer pacer{};
    Position recovery_end{};        // all that was out when the phase began
    Position highest_sacked{};      // the end of it
    Position indexed_to{};          // the index is needed at least until this is acknowledged
    std::uint32_t duplicates = 0;   // segments that DSACKs told of
    std::uint32_t reorderings = 0;  // how often something came late
    alignas(8) std::array<std::byte, CongestionOperations::kMostBytes> controller{};
    Repair repair = Repair::Nothing;
    bool is_tentative = false;  // F-RTO: the timeout may have been a mistake (RFC 5682)
    bool is_indexing = false;
    bool has_controller = false;  // its state lives
    SlabNumber slab_number{};

    // Nothing in it is worth keeping.
    bool is_blank() const {
        return !has_controller && !pacer.is_on() && !undo.is_open() &&
               duplicates + reorderings == 0;
    }
};

}  // namespace fairlead::tcp
