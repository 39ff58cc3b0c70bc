// The C library's resolver, by which programs ask for records of other types.
#include <cerrno>

#include <dlfcn.h>
#include <netdb.h>

#include "preload/dns.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"

namespace fairlead::preload {
namespace {

template <typename F>
F* real_call(const char* name) {
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

std::span<unsigned char> room_of(unsigned char* bytes, int size) {
    return {bytes, static_cast<std::size_t>(size < 0 ? 0 : size)};
}

// The state that belongs to this thread, as the C library has filled it.
dns::State& own_state() {
    dns::State& state = *::__res_state();
    if ((state.options & RES_INIT) == 0) (void)::res_init();
    return state;
}

int send(dns::State& state, const unsigned char* message, int size, unsigned char* into, int room) {
    if (size < NS_HFIXEDSZ) {
        errno = EINVAL;
        return -1;
    }
    dns::Question question{.sent = {message, static_cast<std::size_t>(size)},
                           .answer = room_of(into, room)};
    dns::ask_servers(state, {&question, 1});
    return question.size == 0 ? -1 : static_cast<int>(question.size);
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN int res_nsend(res_state state, const unsigned char* message, int size,
                             unsigned char* into, int room) {
    if (is_hosted()) return fairlead::preload::send(*state, message, size, into, room);
    return real_call<decltype(::res_nsend)>("res_nsend")(state, message, size, into, room);
}

FAIRLEAD_TAKEN int res_send(const unsigned char* message, int size, unsigned char* into, int room) {
    if (is_hosted()) return fairlead::preload::send(own_state(), message, size, into, room);
    return real_call<decltype(::res_send)>("res_send")(message, size, into, room);
}

FAIRLEAD_TAKEN int res_nquery(res_state state, const char* name, int kind, int type,
                              unsigned char* into, int room) {
    if (is_hosted()) return dns::query(*state, name, kind, type, room_of(into, room));
    return real_call<decltype(::res_nquery)>("res_nquery")(state, name, kind, type, into, room);
}

FAIRLEAD_TAKEN int res_query(const char* name, int kind, int type, unsigned char* into, int room) {
    if (is_hosted()) return dns::query(own_state(), name, kind, type, room_of(into, room));
    return real_call<decltype(::res_query)>("res_query")(name, kind, type, into, room);
}

FAIRLEAD_TAKEN int res_nsearch(res_state state, const char* name, int kind, int type,
                               unsigned char* into, int room) {
    if (is_hosted()) return dns::search(*state, name, kind, type, room_of(into, room));
    return real_call<decltype(::res_nsearch)>("res_nsearch")(state, name, kind, type, into, room);
}

FAIRLEAD_TAKEN int res_search(const char* name, int kind, int type, unsigned char* into, int room) {
    if (is_hosted()) return dns::search(own_state(), name, kind, type, room_of(into, room));
    return real_call<decltype(::res_search)>("res_search")(name, kind, type, into, room);
}
