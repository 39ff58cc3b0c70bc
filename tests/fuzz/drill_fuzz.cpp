// Any text as a script: it parses, or gives an error with a place in it; what parses is written
// back and parses to the same.
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "drill/format.hpp"
#include "drill/parser.hpp"
#include "fuzz/fuzz.hpp"

using namespace fairlead;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto script = drill::parse_script(text, "fuzz");
    if (!script) {
        FAIRLEAD_ASSERT(script.error().place.line >= 1 && script.error().place.column >= 1);
        FAIRLEAD_ASSERT(!script.error().message.empty());
        return 0;
    }
    const auto again = drill::parse_script(drill::format(*script), "fuzz");
    FAIRLEAD_ASSERT(again && *again == *script);
    return 0;
}
