// tcp/reassembly_pool.hpp — out-of-order rooms for those that need one.
//
// Owns:   ReassemblyPool: rooms taken when a connection has a gap and given back when it is filled.
// Why:    they keep their memory, so that a lossy transfer asks nothing of the heap, and an idle
//         connection holds none.
#pragma once

#include <memory>
#include <vector>

#include "tcp/reassembly.hpp"

namespace fairlead::tcp {

class ReassemblyPool {
public:
    Reassembly* take() {
        if (free_.empty()) {
            all_.push_back(std::make_unique<Reassembly>());
            free_.reserve(all_.size());
            return all_.back().get();
        }
        Reassembly* r = free_.back();
        free_.pop_back();
        return r;
    }
    void give_back(Reassembly* r) {
        r->clear();
        free_.push_back(r);
    }

private:
    std::vector<std::unique_ptr<Reassembly>> all_;
    std::vector<Reassembly*> free_;
};

}  // namespace fairlead::tcp
