#include "packetdrill/machine.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "fairlead/config.hpp"

namespace fairlead::packetdrill {
namespace {

constexpr std::int64_t kBegin = 1'000'000'000'000'000;  // ns
constexpr std::int64_t kPatience = 4 * 3600 * std::int64_t{1'000'000'000};
constexpr auto kTimeToLeave = std::chrono::milliseconds{1000};

// The lock that this thread's call holds.
thread_local std::unique_lock<std::mutex>* t_lock = nullptr;

bool is_first_thread() { return ::gettid() == ::getpid(); }

std::string with_length(std::string_view address, bool is_v6) {
    std::string out{address};
    if (!out.contains('/')) out += is_v6 ? "/48" : "/16";
    return out;
}

}  // namespace

void read_option(std::string_view word, Address& into) {
    const auto value_of = [&](std::string_view name) -> std::string_view {
        return word.starts_with(name) ? word.substr(name.size()) : std::string_view{};
    };
    if (const auto local = value_of("--local_ip="); !local.empty()) {
        const bool is_v6 = local.contains(':');
        (is_v6 ? into.local_v6 : into.local_v4) = with_length(local, is_v6);
    }
    if (const auto mtu = value_of("--mtu="); !mtu.empty()) {
        const long bytes = std::strtol(std::string{mtu}.c_str(), nullptr, 10);
        if (bytes >= 68 && bytes <= 65535) into.mtu = static_cast<std::uint32_t>(bytes);
    }
}

Machine::Machine(const Address& address) : now_ns_{kBegin} {
    std::uint8_t seed[32];
    for (std::size_t i = 0; i < sizeof seed; ++i) seed[i] = static_cast<std::uint8_t>(i);
    stack_ = fl_create(seed);
    if (stack_ == nullptr) give_up("no memory for a stack");
    // packetdrill is the only neighbour, and nobody else can have our address.
    fl_set_config(stack_, "net.ipv6.conf.default.dad_transmits", "0");
    const fl_device device{.name = "tun0",
                           .mtu = address.mtu,
                           .has_ethernet = 0,
                           .mac = {},
                           .user = this,
                           .send = &on_send,
                           .receive = &on_receive};
    const int interface = fl_add_device(stack_, &device);
    fl_set_wait(stack_, &wait_in_call, this);
    fl_poll(stack_, now_ns_);
    const int v4 = fl_add_address(stack_, interface, address.local_v4.c_str());
    const int v6 = fl_add_address(stack_, interface, address.local_v6.c_str());
    if (v4 != 0 || v6 != 0) give_up("the local address is none");
    fl_add_route(stack_, "0.0.0.0/0", nullptr, interface);
    fl_add_route(stack_, "::/0", nullptr, interface);
    read_settings();
    pump();
    outbound_.clear();  // what a stack says when it comes up is no concern of a script
}

Machine::~Machine() { fl_destroy(stack_); }

Machine::Turn::Turn(Machine& machine) : machine_{machine}, lock_{machine.mutex_} {
    t_lock = &lock_;
}

// What the call has sent leaves; who sleeps looks again.
Machine::Turn::~Turn() {
    machine_.settle();
    t_lock = nullptr;
}

int Machine::give(int ours) {
    if (ours < 0) return ours;
    const int real = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (real < 0) {
        fl_close(stack_, ours);
        return -errno;
    }
    // A number that comes again was closed behind our back.
    if (const int old = find(real); old >= 0) fl_close(stack_, old);
    descriptors_[real] = ours;
    return real;
}

int Machine::find(int real) const {
    const auto found = descriptors_.find(real);
    return found == descriptors_.end() ? -1 : found->second;
}

// --- time ---

std::int64_t Machine::now_usecs() {
    if (looking_.erase(std::this_thread::get_id()) != 0) changed_.notify_all();
    return now_ns_ / 1000;
}

void Machine::pump() {
    constexpr int kMostRounds = 1000;
    for (int i = 0; i < kMostRounds; ++i) {
        if (fl_poll(stack_, now_ns_) == 0 && inbound_.empty()) return;
    }
}

void Machine::settle() {
    pump();
    tell_sleepers();
}

// They look again, and sleep again or are gone; who has ended is given the time to ask what time it
// is, which stands still.
void Machine::tell_sleepers() {
    if (sleepers_.empty() || t_lock == nullptr) return;
    ++generation_;
    for (const auto& [sleeper, until] : sleepers_) looking_.insert(sleeper);
    sleepers_.clear();
    changed_.notify_all();
    changed_.wait_for(*t_lock, kTimeToLeave, [&] { return looking_.empty(); });
    looking_.clear();
    pump();
}

bool Machine::advance_to_next(std::int64_t latest_ns) {
    std::int64_t next = fl_next_deadline(stack_);
    for (const auto& [sleeper, until] : sleepers_) next = std::min(next, until);
    if (next > latest_ns) return false;
    now_ns_ = std::max(now_ns_, next);
    settle();
    return true;
}

void Machine::sleep(std::int64_t usecs) {
    const std::int64_t end = now_ns_ + usecs * 1000;
    while (advance_to_next(end)) {
    }
    now_ns_ = end;
    settle();
}

int Machine::wait_in_call(void* user, fl_stack*, std::int64_t deadline_ns) {
    return static_cast<Machine*>(user)->wait(deadline_ns);
}

int Machine::wait(std::int64_t deadline_ns) {
    if (is_first_thread()) {
        pump();
        if (deadline_ns == FL_NEVER || deadline_ns - now_ns_ > kPatience) {
            give_up("a call waits for what will never happen");
        }
        now_ns_ = std::max(now_ns_, deadline_ns);
        pump();
        return 0;
    }
    pump();
    const std::uint64_t seen = generation_;
    looking_.erase(std::this_thread::get_id());
    sleepers_[std::this_thread::get_id()] = deadline_ns;
    changed_.notify_all();
    changed_.wait(*t_lock, [&] { return generation_ != seen; });
    return 0;
}

void Machine::give_up(const char* what) {
    std::fprintf(stderr, "fairlead: %s\n", what);
    std::fflush(nullptr);
    std::_Exit(EXIT_FAILURE);
}

// --- packets ---

void Machine::inject(const void* packet, std::size_t size) {
    const auto* bytes = static_cast<const std::uint8_t*>(packet);
    inbound_.emplace_back(bytes, bytes + size);
    settle();
}

bool Machine::receive(void* into, std::size_t& size, long long& usecs) {
    const std::int64_t latest = now_ns_ + kPatience;
    while (outbound_.empty()) {
        if (!advance_to_next(latest)) give_up("no packet will ever leave");
    }
    const Frame first = std::move(outbound_.front());
    outbound_.pop_front();
    if (first.bytes.size() > size) return false;
    std::memcpy(into, first.bytes.data(), first.bytes.size());
    size = first.bytes.size();
    usecs = first.at_ns / 1000;
    return true;
}

int Machine::on_send(void* user, const void* frame, std::size_t size) {
    auto& self = *static_cast<Machine*>(user);
    const auto* bytes = static_cast<const std::uint8_t*>(frame);
    self.outbound_.push_back({.at_ns = self.now_ns_, .bytes = {bytes, bytes + size}});
    return 0;
}

std::size_t Machine::on_receive(void* user, void* into, std::size_t room) {
    auto& self = *static_cast<Machine*>(user);
    if (self.inbound_.empty()) return 0;
    const std::vector<std::uint8_t> first = std::move(self.inbound_.front());
    self.inbound_.pop_front();
    if (first.size() > room) return 0;
    std::memcpy(into, first.data(), first.size());
    return first.size();
}

void Machine::read_settings() {
    for (const std::string_view name : Config::names()) {
        // Addresses of a script are taken without asking the neighbours.
        if (name.starts_with("net.ipv6.conf.")) continue;
        std::string path = "/proc/sys/" + std::string{name};
        std::replace(path.begin() + 10, path.end(), '.', '/');
        std::ifstream file{path};
        std::string value;
        if (!std::getline(file, value)) continue;
        std::replace(value.begin(), value.end(), '\t', ' ');
        fl_set_config(stack_, std::string{name}.c_str(), value.c_str());
    }
}

}  // namespace fairlead::packetdrill
