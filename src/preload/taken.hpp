// preload/taken.hpp — how a function of the C library is taken over.
#pragma once

// Seen by the program in the place of the C library's.
#define FAIRLEAD_TAKEN extern "C" [[gnu::visibility("default")]]
