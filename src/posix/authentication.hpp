// posix/authentication.hpp — TCP-AO by setsockopt() and getsockopt(), in the structs of linux/tcp.h.
//
// Owns:   struct tcp_ao_add, tcp_ao_del, tcp_ao_info_opt and tcp_ao_getsockopt, as Linux 6.7 has them; the
//         checks of their fields and its errors.
// Rules:  There is no VRF here: a key for one is refused, as by Linux for an interface that is none.
// Not here: what a key does (fairlead/authentication.hpp). TCP_AO_REPAIR: there is no TCP_REPAIR.
#pragma once

#include <optional>

#include "fairlead/stack.hpp"
#include "posix/open_file.hpp"

namespace fairlead::posix {

inline constexpr std::size_t kKeyRecordBytes = 304;

// For how many records TCP_AO_GET_KEYS is said to have room; at least one.
std::size_t records_asked_for(Bytes first_record);

// Nothing: the option is none of these.
std::optional<Result<void>> set_authentication(Stack& stack, const SocketFile& s, int name,
                                               Bytes value);
// Of TCP_AO_GET_KEYS as many records as there is room for; the length told is that of one.
std::optional<Result<std::size_t>> get_authentication(Stack& stack, const SocketFile& s, int name,
                                                      MutableBytes value);

}  // namespace fairlead::posix
