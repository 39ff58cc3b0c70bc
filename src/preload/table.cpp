#include "preload/table.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <sys/mman.h>

#include "preload/real.hpp"

namespace fairlead::preload {
namespace {

constexpr unsigned kPageBits = 10;
constexpr unsigned kInAPage = 1u << kPageBits;
constexpr unsigned kPages = 1024;

using Entry = std::atomic<Socket*>;
std::array<std::atomic<Entry*>, kPages> g_pages{};

// A place that no socket has: the descriptor is the library's own.
Socket g_internal{};

Entry* entry_of(int fd) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number >= kPages * kInAPage) return nullptr;
    Entry* page = g_pages[number >> kPageBits].load(std::memory_order_acquire);
    return page == nullptr ? nullptr : page + number % kInAPage;
}

Entry* made_entry(int fd) {
    const auto number = static_cast<unsigned>(fd);
    if (Entry* entry = entry_of(fd)) return entry;
    if (fd < 0 || number >= kPages * kInAPage) return nullptr;
    void* page = ::mmap(nullptr, kInAPage * sizeof(Entry), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return nullptr;
    Entry* none = nullptr;
    if (!g_pages[number >> kPageBits].compare_exchange_strong(none, static_cast<Entry*>(page))) {
        ::munmap(page, kInAPage * sizeof(Entry));
    }
    return entry_of(fd);
}

void put(int fd, Socket* socket) {
    Entry* entry = socket == nullptr ? entry_of(fd) : made_entry(fd);
    if (entry != nullptr) entry->store(socket, std::memory_order_release);
}

}  // namespace

void Socket::notify() const {
    arena->view.mark_dirty(number);
    if (arena->state->is_asleep.load() == 0) return;
    const std::uint64_t one = 1;
    (void)!real().write(arena->doorbell, &one, sizeof one);
}

Socket* socket_of(int fd) {
    const Entry* entry = entry_of(fd);
    if (entry == nullptr) return nullptr;
    Socket* socket = entry->load(std::memory_order_acquire);
    return socket == &g_internal ? nullptr : socket;
}

bool is_internal(int fd) {
    const Entry* entry = entry_of(fd);
    return entry != nullptr && entry->load(std::memory_order_acquire) == &g_internal;
}

void set_socket(int fd, Socket* socket) { put(fd, socket); }
void set_internal(int fd) { put(fd, &g_internal); }

void visit_range(unsigned first, unsigned last, void (*visit)(int fd, bool is_internal, void* user),
                 void* user) {
    last = std::min(last, kPages * kInAPage - 1);
    for (unsigned fd = first; fd <= last; ++fd) {
        const Entry* page = g_pages[fd >> kPageBits].load(std::memory_order_acquire);
        if (page == nullptr) {
            fd |= kInAPage - 1;
            continue;
        }
        const Socket* socket = page[fd % kInAPage].load(std::memory_order_acquire);
        if (socket != nullptr) visit(static_cast<int>(fd), socket == &g_internal, user);
    }
}

}  // namespace fairlead::preload
