// The way down: what is ready, transport first, then the devices' bursts.
#include "stack/core.hpp"

namespace fairlead {

void Stack::Core::flush() {
    if (tcp.has_ready()) tcp.flush();
    device_is_busy = !network.flush(now);
    collect_woken();
}

}  // namespace fairlead
