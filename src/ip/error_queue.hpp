// ip/error_queue.hpp — what a socket is told of its errors, in the order in which they came.
//
// Owns:   ErrorQueue: messages with the bytes they are about, oldest first.
// Knows:  sock_queue_err_skb(), sock_dequeue_err_skb() and msg_zerocopy_callback(): what is charged
//         against the receive buffer, which pending error the next message brings, how completions of
//         zero-copy sends that follow each other become one.
// Not here: who asks for it (tcp/, udp/), struct sock_extended_err (posix/message.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "fairlead/bytes.hpp"
#include "fairlead/socket.hpp"

namespace fairlead::ip {

class ErrorQueue {
public:
    struct Entry {
        ErrorMessage message{};
        std::vector<std::byte> bytes{};
    };

    bool empty() const { return entries_.empty(); }
    // False: there is no room.
    bool push(const ErrorMessage& message, std::vector<std::byte> bytes, std::size_t limit) {
        const std::size_t charge = kOverhead + bytes.size();
        if (charged_ + charge >= limit) return false;
        charged_ += charge;
        entries_.push_back({message, std::move(bytes)});
        return true;
    }
    // The sends with these numbers are done with the caller's bytes, which were copied.
    void complete(std::uint32_t number, std::size_t limit) {
        if (!entries_.empty()) {
            ErrorMessage& last = entries_.back().message;
            if (last.origin == ErrorOrigin::ZeroCopy && number == last.data + 1) {
                last.data = number;
                return;
            }
        }
        constexpr std::uint8_t kCopied = 1;  // SO_EE_CODE_ZEROCOPY_COPIED
        push({.origin = ErrorOrigin::ZeroCopy, .code = kCopied, .info = number, .data = number}, {},
             limit);
    }
    // The oldest, whose bytes go into `into` as far as they fit. Nothing: there is none.
    std::optional<ErrorMessage> take(MutableBytes into) {
        if (entries_.empty()) return std::nullopt;
        const Entry entry = std::move(entries_.front());
        entries_.erase(entries_.begin());
        charged_ -= kOverhead + entry.bytes.size();
        ErrorMessage message = entry.message;
        message.size = entry.bytes.size();
        message.copied = std::min(into.size(), message.size);
        std::copy_n(entry.bytes.begin(), message.copied, into.begin());
        return message;
    }
    // What the socket's pending error is once `taken` is gone; nothing: as it was.
    std::optional<Errc> error_after(const ErrorMessage& taken) const {
        if (!entries_.empty() && is_icmp(entries_.front().message)) {
            return entries_.front().message.error;
        }
        return is_icmp(taken) ? std::optional{Errc{}} : std::nullopt;
    }
    void clear() {
        entries_.clear();
        charged_ = 0;
    }

private:
    static constexpr std::size_t kOverhead = 768;  // what an sk_buff and its data cost at the least
    static bool is_icmp(const ErrorMessage& m) {
        return m.origin == ErrorOrigin::Icmp || m.origin == ErrorOrigin::Icmp6;
    }

    std::vector<Entry> entries_{};
    std::size_t charged_ = 0;
};

}  // namespace fairlead::ip
