// xdp_ring.hpp — a ring of descriptors that the kernel and we have both mapped.
//
// Owns:   MappedMemory (unmapped when its owner goes); XdpProducer (we fill, the kernel takes) and
//         XdpConsumer (the kernel fills, we take).
// Knows:  Linux Documentation/networking/af_xdp.rst.
// Rules:  One producer, one consumer: an index is stored by one side only, with release, and read by
//         the other with acquire. What is pushed or popped is told by publish(), once a burst.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <linux/if_xdp.h>
#include <sys/mman.h>

namespace fairlead::device {

class MappedMemory {
public:
    MappedMemory() = default;
    // Not open: errno says why.
    MappedMemory(std::size_t size, int flags, int fd, off_t offset)
        : at_{::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, offset)}, size_{size} {
        if (at_ == MAP_FAILED) at_ = nullptr;
    }
    MappedMemory(MappedMemory&& other) noexcept
        : at_{std::exchange(other.at_, nullptr)}, size_{other.size_} {}
    MappedMemory& operator=(MappedMemory&& other) noexcept {
        std::swap(at_, other.at_);
        std::swap(size_, other.size_);
        return *this;
    }
    MappedMemory(const MappedMemory&) = delete;
    MappedMemory& operator=(const MappedMemory&) = delete;
    ~MappedMemory() {
        if (at_ != nullptr) ::munmap(at_, size_);
    }

    bool is_open() const { return at_ != nullptr; }
    std::byte* bytes() const { return static_cast<std::byte*>(at_); }
    std::size_t size() const { return size_; }

private:
    void* at_ = nullptr;
    std::size_t size_ = 0;
};

// `T` is xdp_desc, or a bare address in the UMEM; `entries` a power of two.
template <typename T>
class XdpRing {
public:
    XdpRing() = default;
    // Not open: errno says why.
    XdpRing(int fd, std::uint64_t page, const xdp_ring_offset& at, std::uint32_t entries)
        : memory_{at.desc + entries * sizeof(T), MAP_SHARED | MAP_POPULATE, fd,
                  static_cast<off_t>(page)},
          mask_{entries - 1} {
        if (!memory_.is_open()) return;
        producer_ = reinterpret_cast<std::uint32_t*>(memory_.bytes() + at.producer);
        consumer_ = reinterpret_cast<std::uint32_t*>(memory_.bytes() + at.consumer);
        flags_ = reinterpret_cast<std::uint32_t*>(memory_.bytes() + at.flags);
        entries_ = reinterpret_cast<T*>(memory_.bytes() + at.desc);
    }

    bool is_open() const { return memory_.is_open(); }

protected:
    static std::uint32_t load(std::uint32_t* index) {
        return std::atomic_ref{*index}.load(std::memory_order_acquire);
    }
    static void store(std::uint32_t* index, std::uint32_t value) {
        std::atomic_ref{*index}.store(value, std::memory_order_release);
    }

    MappedMemory memory_{};
    std::uint32_t mask_ = 0;
    std::uint32_t next_ = 0;  // ours; what is told of it lies at producer_ or consumer_
    std::uint32_t* producer_ = nullptr;
    std::uint32_t* consumer_ = nullptr;
    std::uint32_t* flags_ = nullptr;
    T* entries_ = nullptr;
};

template <typename T>
class XdpProducer : public XdpRing<T> {
public:
    using XdpRing<T>::XdpRing;

    std::uint32_t room() const { return this->mask_ + 1 - untaken(); }
    // Pushed, and not yet taken by the kernel.
    std::uint32_t untaken() const { return this->next_ - this->load(this->consumer_); }
    // Only where there is room.
    void push(const T& entry) { this->entries_[this->next_++ & this->mask_] = entry; }
    void publish() { this->store(this->producer_, this->next_); }
    // The kernel does not look by itself: it wants a call.
    bool needs_wakeup() const { return (this->load(this->flags_) & XDP_RING_NEED_WAKEUP) != 0; }
};

template <typename T>
class XdpConsumer : public XdpRing<T> {
public:
    using XdpRing<T>::XdpRing;

    std::uint32_t ready() const { return this->load(this->producer_) - this->next_; }
    // The oldest; only where one is ready.
    const T& front() const { return this->entries_[this->next_ & this->mask_]; }
    void pop() { ++this->next_; }
    void publish() { this->store(this->consumer_, this->next_); }
};

}  // namespace fairlead::device
