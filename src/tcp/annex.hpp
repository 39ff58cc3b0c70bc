// tcp/annex.hpp — what few connections ever need.
//
// Owns:   Annex, a block that a connection takes when the first of these is used, and gives back
//         when it ends; AnnexPool.
// Why:    the control block of a connection stays small (connection.hpp).
#pragma once

#include "base/slab.hpp"
#include "tcp/fast_open.hpp"
#include "tcp/urgent.hpp"

namespace fairlead::tcp {

struct Annex {
    SlabNumber slab_number{};
    Urgent urgent{};
    FastOpen fast_open{};
};

using AnnexPool = Slab<Annex>;

}  // namespace fairlead::tcp
