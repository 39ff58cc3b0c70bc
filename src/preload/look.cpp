#include "preload/look.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>

#include "preload/session.hpp"

namespace fairlead::preload {
namespace {

constexpr std::int64_t kMostUs = 10'000;
constexpr int kPauses = 16;  // between two looks at the clock

std::int64_t now_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// Nothing is known before there is a host: -1.
std::int64_t most_ns() {
    static std::atomic<std::int64_t> known{-1};
    std::int64_t most = known.load(std::memory_order_relaxed);
    if (most >= 0) return most;
    std::int64_t us = spin_of_host();
    if (us < 0) return -1;
    if (const char* said = std::getenv(kSpinVariable)) us = std::atoll(said);
    most = std::clamp<std::int64_t>(us, 0, kMostUs) * 1000;
    known.store(most, std::memory_order_relaxed);
    return most;
}

struct Budget {
    bool is_known = false;
    host::Spin spin{};
};
constinit thread_local Budget t_budget{};

}  // namespace

Look::Look() {
    Budget& mine = t_budget;
    if (!mine.is_known) {
        const std::int64_t most = most_ns();
        if (most < 0) return;
        mine = {.is_known = true, .spin = host::Spin{most}};
    }
    if (!mine.spin.is_any()) return;
    spin_ = &mine.spin;
    begin_ = now_ns();
}

Look::~Look() {
    if (spin_ != nullptr) spin_->came_after(now_ns() - begin_);
}

bool Look::goes_on() {
    if (spin_ == nullptr || spin_->budget() == 0) return false;
    for (int i = 0; i < kPauses; ++i) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    return spin_->goes_on(now_ns() - begin_);
}

}  // namespace fairlead::preload
