// tcp/position.hpp — a place in the byte stream that never wraps.
//
// Owns:   Position (64-bit, totally ordered) and the door between it and wire::Seq32.
// Why:    32-bit sequence numbers have no order, only neighbours. We unwrap them once, when a
//         segment enters, and wrap them once, when one leaves. No room in between can compare
//         two numbers the wrong way around, and any container may hold them.
//
//         SYN is position 0, the first byte of data is position 1.
#pragma once

#include <compare>
#include <cstdint>

#include "wire/tcp.hpp"

namespace fairlead::tcp {

class Position {
public:
    constexpr Position() = default;
    explicit constexpr Position(std::int64_t value) : value_{value} {}

    constexpr std::int64_t value() const { return value_; }

    constexpr auto operator<=>(const Position&) const = default;
    friend constexpr Position operator+(Position p, std::int64_t n) {
        return Position{p.value_ + n};
    }
    friend constexpr Position operator-(Position p, std::int64_t n) {
        return Position{p.value_ - n};
    }
    friend constexpr std::int64_t operator-(Position a, Position b) { return a.value_ - b.value_; }

private:
    std::int64_t value_ = 0;
};

// Enough to tell positions apart that are less than 2 GiB from each other.
constexpr std::uint32_t low_bits(Position p) { return static_cast<std::uint32_t>(p.value()); }

// One direction of one connection: where its stream begins on the wire.
class SeqSpace {
public:
    explicit constexpr SeqSpace(wire::Seq32 initial)
        : initial_{static_cast<std::uint32_t>(initial)} {}

    constexpr wire::Seq32 to_wire(Position p) const {
        return wire::Seq32{initial_ + static_cast<std::uint32_t>(p.value())};
    }

    // The position nearest to `near` that travels as `seq`.
    constexpr Position from_wire(wire::Seq32 seq, Position near) const {
        const auto distance =
            static_cast<std::uint32_t>(seq) - static_cast<std::uint32_t>(to_wire(near));
        return near + static_cast<std::int32_t>(distance);
    }

private:
    std::uint32_t initial_;
};

}  // namespace fairlead::tcp
