// stack/group.hpp — several stacks, one for each core, that look like one host.
//
//      device with a queue for each member          rings, one from each member to each other
//        q0    q1    q2                               0 -> 1   0 -> 2   1 -> 0   ...
//        |     |     |
//      member0 ...  member2     each has every address, route and listener
//
// Owns:   Group (the members and what they share by value), GroupSeat (what a member knows of the
//         others), the rings over which what came to the wrong one crosses.
// Rules:  Who a packet belongs to is one function of its addresses and ports (ip::Steering), which
//         the device has too: a member that connects picks a port by which the answers come to it.
//         What a device cannot place crosses whole: a datagram that came in fragments, an ICMP
//         error, loopback. What tells of neighbours or routers goes to every member. Addresses and
//         routes have one writer, the first member; they reach the others as values before their
//         next poll. No lock anywhere: a ring has one writer and one reader, and its packets go back
//         to the pool they are from by its writer's hand.
// Not here: threads, and the order of memory between them: who runs members on threads brings both.
//         A port that was bound by one member alone, and a datagram socket that bound none, hear
//         only what the hash brings.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "fairlead/stack.hpp"
#include "ip/network.hpp"
#include "ip/steering.hpp"
#include "stack/input.hpp"

namespace fairlead {

// What goes from one member to another.
struct Crossing {
    enum class Kind : std::uint8_t { Packet, Error, Frame };
    Kind kind{};
    std::uint16_t port = 0;   // of a frame: which interface's
    ip::Incoming incoming{};  // of a frame: its packet alone
    ip::IcmpError error{};
};

// One writer, one reader, a fixed number of places.
class CrossingRing {
public:
    static constexpr std::size_t kPlaces = 256;

    // The writer's. False: full, and `crossing` is as it was.
    bool push(Crossing& crossing);
    // The writer's: lets go of the packets that were read.
    void reclaim();
    // The reader's. Null: nothing there. The packet stays the writer's: copy it.
    const Crossing* front() const {
        return read_ == written_ ? nullptr : &places_[read_ % kPlaces];
    }
    void pop() { ++read_; }
    bool empty() const { return read_ == written_; }

private:
    std::vector<Crossing> places_ = std::vector<Crossing>(kPlaces);
    std::size_t written_ = 0;
    std::size_t read_ = 0;
    std::size_t reclaimed_ = 0;
};

struct GroupCounts {
    std::uint64_t crossed = 0;  // packets and errors handed to the member they belong to
    std::uint64_t shared = 0;   // frames told to another member
    std::uint64_t dropped = 0;  // the ring was full, or the pool at its limit
};

class Group;

// A member's place: what its stack asks and tells.
class GroupSeat {
public:
    GroupSeat(Group& group, std::uint16_t own) : group_{group}, own_{own} {}

    std::uint16_t own() const { return own_; }
    const ip::Steering& steering() const;
    const GroupCounts& counts() const { return counts_; }

    // What is not ours goes to its owner; what stays moves to the front of the span.
    std::span<ip::Incoming> keep_own(std::span<ip::Incoming> incoming);
    std::span<ip::IcmpError> keep_own(std::span<ip::IcmpError> errors);
    // What the others handed to us since the last time; valid until the next.
    ip::Network::Events arrivals(PacketPool& pool);
    bool has_arrivals() const;
    // A frame that every member should hear.
    void share(const Packet& frame, std::uint16_t port, PacketPool& pool);

private:
    void hand_over(Crossing& crossing, std::uint16_t to);
    void take(const Crossing& crossing, PacketPool& pool);

    Group& group_;
    std::uint16_t own_;
    GroupCounts counts_{};
    std::vector<ip::Incoming> incoming_{};
    std::vector<ip::IcmpError> errors_{};
};

class Group {
public:
    // One stack a member, each with a pool of its own; the seed gives each its own chance.
    Group(const ip::Steering& steering, const StackOptions& options);
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    ~Group();

    std::uint16_t members() const { return steering_.members(); }
    Stack& member(std::uint16_t index) { return stacks_[index]; }
    const GroupCounts& counts(std::uint16_t index) const { return seats_[index].counts(); }
    const ip::Steering& steering() const { return steering_; }

    // Before the members run: a device with a queue for each, and listeners for each.
    Result<InterfaceIndex> add_interface(Device& device, const InterfaceOptions& options = {});
    // The socket of each member, by index. On an error none is left.
    Result<std::vector<SocketId>> listen(const Endpoint& at, int backlog);
    Result<std::vector<SocketId>> bind_datagrams(const Endpoint& at);

    // The first member's answer; the others follow at their next poll.
    Result<void> add_address(InterfaceIndex interface, const Prefix& address);
    Result<void> remove_address(InterfaceIndex interface, const IpAddress& address);
    Result<void> add_route(const Route& route);
    Result<void> remove_route(const Prefix& destination);

    PollResult poll(std::uint16_t member, Instant now);
    Instant next_deadline(std::uint16_t member) const;

private:
    friend class GroupSeat;

    // What a member sees of a device of the group: its own queue, and what the others share.
    class Port final : public Device {
    public:
        Port(GroupSeat& seat, Device& inner, std::uint16_t number)
            : seat_{seat}, inner_{inner}, number_{number} {}
        const DeviceInfo& info() const override;
        std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                            std::span<PacketPtr> out) override;
        std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
        Instant next_deadline() const override { return inner_.next_deadline(); }
        void put(PacketPtr frame) { shared_.push_back(std::move(frame)); }
        void clear() { shared_ = PacketQueue{}; }

    private:
        GroupSeat& seat_;
        Device& inner_;
        std::uint16_t number_;
        mutable DeviceInfo info_{};
        PacketQueue shared_{};
    };

    CrossingRing& ring(std::uint16_t from, std::uint16_t to) {
        return rings_[std::size_t{from} * members() + to];
    }
    Port& port(std::uint16_t member, std::uint16_t number) {
        return ports_[std::size_t{number} * members() + member];
    }
    Result<void> publish(const Input& input, Result<void> answer);
    Result<std::vector<SocketId>> open(const Endpoint& at, SocketType type, int backlog);

    const ip::Steering& steering_;
    std::deque<GroupSeat> seats_{};
    std::deque<Port> ports_{};
    std::deque<Stack> stacks_{};
    std::vector<CrossingRing> rings_;
    std::vector<std::vector<Input>> published_;  // by member: what it has not applied yet
    std::vector<std::byte> scratch_{};
};

}  // namespace fairlead
