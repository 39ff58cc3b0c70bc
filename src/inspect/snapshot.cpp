#include "inspect/snapshot.hpp"

#include <algorithm>

namespace fairlead::inspect {

std::string_view Snapshot::interface_name(InterfaceIndex index) const {
    const auto found = std::ranges::find(interfaces, index, &InterfaceInfo::index);
    return found == interfaces.end() ? std::string_view{} : std::string_view{found->name};
}

Snapshot take(const Stack& stack) {
    constexpr std::size_t kPart = 1024;
    Snapshot all{.counters = stack.counters(),
                 .config = stack.config(),
                 .interfaces = stack.interfaces(),
                 .routes = stack.routes()};
    SocketCursor cursor;
    while (stack.sockets(cursor, kPart, all.sockets)) {
    }
    return all;
}

}  // namespace fairlead::inspect
