// Any bytes as lines of a control socket and as a filter of ss: they are read or refused; what was
// read is written back and reads the same; a stack answers every request, in bounded parts.
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "fuzz/fuzz.hpp"
#include "inspect/control_answer.hpp"
#include "inspect/filter.hpp"
#include "inspect/ss.hpp"

using namespace fairlead;

namespace {

void read_back(const inspect::ControlLine& line) {
    std::string text = inspect::write_line(line);
    FAIRLEAD_ASSERT(text.ends_with('\n'));
    text.pop_back();
    const auto again = inspect::parse_line(text);
    // Escapes make it longer than it came.
    FAIRLEAD_ASSERT(text.size() > inspect::kMostLineBytes ||
                    (again && again->verb == line.verb && again->words == line.words));
}

void ask(Stack& stack, std::string_view request) {
    inspect::ControlAnswer answer{request, {.name = "fuzz", .what = "fuzz", .pid = 1}};
    std::string text;
    while (answer.next(stack, text)) {
    }
    inspect::SnapshotReader reader;
    std::size_t at = 0;
    for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        if (!reader.take(std::string_view{text}.substr(at, end - at))) break;
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    Stack stack{{}};
    inspect::SnapshotReader reader;
    std::vector<std::string> words;
    bool has_more = true;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        at = end + 1;
        words.emplace_back(line);
        if (const auto parsed = inspect::parse_line(line)) read_back(*parsed);
        if (line.size() < inspect::kMostRequestBytes) ask(stack, line);
        has_more = has_more && reader.take(line);
    }
    const auto filter = inspect::parse_filter(words);
    inspect::SsOptions options{.shows_all = true, .shows_details = true, .shows_info = true};
    if (filter) options.filter = *filter;
    (void)inspect::ss_table(reader.snapshot, options);
    (void)inspect::ss_summary(reader.snapshot);
    return 0;
}
