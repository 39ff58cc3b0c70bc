#include "sim/world.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace fairlead::sim {
namespace {

// More turns than these at one instant are no simulation, but two stacks that never come to rest.
constexpr std::uint64_t kMostTurns = 1'000'000;

Prefix address_v4(std::uint32_t link, std::uint8_t station) {
    const auto high = static_cast<std::uint8_t>(link >> 8);
    const auto low = static_cast<std::uint8_t>(link);
    return {.address = IpAddress::v4(10, high, low, station), .length = 24};
}

Prefix address_v6(std::uint32_t link, std::uint8_t station) {
    std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
    bytes[6] = static_cast<std::uint8_t>(link >> 8);
    bytes[7] = static_cast<std::uint8_t>(link);
    bytes[15] = station;
    return {.address = IpAddress::v6(bytes), .length = 64};
}

}  // namespace

World::World(std::uint64_t seed) : chance_{seed} {}

Host& World::add_host(std::string name, const Config& config, InputRecorder* recorder,
                      std::span<const CongestionOperations* const> controllers) {
    StackOptions options{
        .config = config, .pool = &pool_, .recorder = recorder, .controllers = controllers};
    for (std::uint8_t& byte : options.seed) byte = static_cast<std::uint8_t>(chance_.next());
    hosts_.push_back(std::make_unique<Host>(std::move(name), options));
    hosts_.back()->stack().advance(now_);
    return *hosts_.back();
}

Link& World::add_link(const LinkOptions& options) {
    const auto number = static_cast<std::uint32_t>(links_.size() + 1);
    FAIRLEAD_ASSERT(number <= UINT16_MAX);
    links_.push_back(std::make_unique<Link>(options, number, chance_.next(), pool_, recorder_));
    return *links_.back();
}

Link& World::join(Host& left, Host& right, const LinkOptions& options) {
    Link& link = add_link(options);
    const auto number = static_cast<std::uint32_t>(links_.size());
    left.attach(link.left(), {address_v4(number, 1), address_v6(number, 1)});
    right.attach(link.right(), {address_v4(number, 2), address_v6(number, 2)});
    return link;
}

Instant World::next_deadline() {
    Instant next = Instant::never();
    due_.clear();
    for (const auto& host : hosts_) {
        due_.push_back(host->next_deadline());
        next = std::min(next, due_.back());
    }
    return next;
}

bool World::step(Instant limit) {
    // What was called from outside since the last step leaves at the time it was called.
    for (const auto& host : hosts_) host->stack().flush();
    const Instant next = next_deadline();
    if (next > limit || next == Instant::never()) return false;
    now_ = std::max(now_, next);
    ++counts_.steps;
    std::uint64_t turns = 0;
    for (bool is_at_rest = false; !is_at_rest;) {
        is_at_rest = true;
        for (std::size_t i = 0; i < hosts_.size(); ++i) {
            // Until the first is polled nothing has changed.
            const Instant due = turns == 0 ? due_[i] : hosts_[i]->next_deadline();
            if (due > now_) continue;
            hosts_[i]->poll(now_);
            is_at_rest = false;
            ++counts_.polls;
            FAIRLEAD_ASSERT(++turns < kMostTurns);
        }
    }
    settle();
    return true;
}

void World::run_until(Instant end) {
    while (step(end)) {
    }
    now_ = std::max(now_, end);
    settle();
}

// Calls from outside happen now, whenever a stack was last polled.
void World::settle() {
    for (const auto& host : hosts_) host->stack().advance(now_);
}

}  // namespace fairlead::sim
