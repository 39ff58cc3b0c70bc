#include "udp/receive_queue.hpp"

#include <algorithm>
#include <utility>

namespace fairlead::udp {

void ReceiveQueue::push(Datagram datagram) {
    if (size_ == ring_.size()) {
        std::vector<Datagram> larger(std::max<std::size_t>(8, ring_.size() * 2));
        for (std::size_t i = 0; i < size_; ++i) {
            larger[i] = std::move(ring_[(head_ + i) & (ring_.size() - 1)]);
        }
        ring_ = std::move(larger);
        head_ = 0;
    }
    charged_ += charge_of(datagram.payload->size());
    ring_[(head_ + size_) & (ring_.size() - 1)] = std::move(datagram);
    ++size_;
}

void ReceiveQueue::pop() {
    charged_ -= charge_of(front().payload->size());
    front().payload.reset();
    head_ = (head_ + 1) & (ring_.size() - 1);
    --size_;
}

void ReceiveQueue::clear() {
    while (!empty()) pop();
    ring_ = std::vector<Datagram>{};
    head_ = 0;
}

}  // namespace fairlead::udp
