// docs/calls.md is what our sockets answer, and what the kernel's do.
#include "unit/posix/calls_table.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace fairlead::posix::both {
namespace {

// Where ours answer otherwise than Linux 6.18, and why.
struct Difference {
    const char* table;
    const char* call;
    const char* state;
    const char* linux_says;
    const char* why;
};
const std::vector<Difference>& differences() {
    static const std::vector<Difference> kAll{};
    return kAll;
}

const Difference* difference_of(const std::string& table, const Cell& cell) {
    for (const Difference& d : differences()) {
        if (table == d.table && cell.call == d.call && cell.state == d.state) return &d;
    }
    return nullptr;
}

std::size_t count_differences(const std::vector<Table>& kernel, const std::vector<Table>& ours) {
    std::size_t count = 0;
    for (std::size_t t = 0; t < ours.size(); ++t) {
        for (std::size_t i = 0; i < ours[t].cells.size(); ++i) {
            const Cell& cell = ours[t].cells[i];
            const bool is_known = difference_of(ours[t].title, cell) != nullptr;
            if (!is_known && kernel[t].cells[i].answer != cell.answer) ++count;
        }
    }
    return count;
}

constexpr const char* kIntroduction = R"(# Every call in every state

What each socket call answers in each state that two sockets over loopback can be brought to. All sockets
are non-blocking: where a call would wait it answers EAGAIN. A number is what the call returned, a text in
quotes what was read. The page is written by `tests/unit/posix/calls_table_test.cpp`
(`FAIRLEAD_WRITE=1 build/bin/fairlead_posix_test --gtest_filter='CallsTable.*'`) from what Fairlead's sockets
answer; the same test asks the running kernel's sockets (Linux 6.18) each question too, in a network
namespace of its own, and fails where an answer is not in the list at the end.

CLOSING and SYN-RECEIVED last no time over loopback; what they do to segments is in `tests/scripts/states`.
)";

std::string page_of(const std::vector<Table>& tables) {
    std::ostringstream page;
    page << kIntroduction;
    for (const Table& t : tables) {
        page << "\n## " << t.title << "\n\n";
        // The longer side runs down.
        const bool is_turned = t.states.size() > t.calls.size();
        const auto& across = is_turned ? t.calls : t.states;
        const auto& down = is_turned ? t.states : t.calls;
        page << "|";
        for (const std::string& name : across) page << " | " << name;
        page << " |\n|---";
        for (std::size_t i = 0; i < across.size(); ++i) page << "|---";
        page << "|\n";
        for (std::size_t row = 0; row < down.size(); ++row) {
            page << "| " << down[row];
            for (std::size_t column = 0; column < across.size(); ++column) {
                page << " | " << (is_turned ? t.answer(row, column) : t.answer(column, row));
            }
            page << " |\n";
        }
    }
    page << "\n## Where Linux answers otherwise\n\n";
    if (differences().empty()) page << "Nowhere in these tables.\n";
    for (const Difference& d : differences()) {
        page << "- " << d.table << ", " << d.state << ", " << d.call << ": Linux says `"
             << d.linux_says << "`; " << d.why << ".\n";
    }
    return page.str();
}

constexpr const char* kPage = DOCS "/calls.md";

TEST(CallsTable, ThePageIsWhatOurSocketsAnswer) {
    const std::string page = page_of(tables_of(make_layer));
    if (std::getenv("FAIRLEAD_WRITE") != nullptr) std::ofstream{kPage} << page;
    std::ifstream written{kPage};
    std::ostringstream text;
    text << written.rdbuf();
    EXPECT_EQ(text.str(), page) << "write it again, as its first paragraph says";
}

TEST(CallsTable, TheKernelsSocketsAnswerTheSame) {
    if (make_kernel() == nullptr) {
        GTEST_SKIP() << "no kernel to ask: needs a network namespace of its own";
    }
    const std::vector<Table> ours = tables_of(make_layer);
    std::vector<Table> kernel = tables_of(make_hasty_kernel);
    // A busy machine may be slower than that: what differs is asked once more, with patience.
    if (count_differences(kernel, ours) != 0) kernel = tables_of(make_kernel);
    for (std::size_t t = 0; t < ours.size(); ++t) {
        for (std::size_t i = 0; i < ours[t].cells.size(); ++i) {
            const Cell& cell = ours[t].cells[i];
            const Difference* known = difference_of(ours[t].title, cell);
            EXPECT_EQ(kernel[t].cells[i].answer, known != nullptr ? known->linux_says : cell.answer)
                << ours[t].title << ", " << cell.state << ", " << cell.call;
            if (known != nullptr) {
                EXPECT_NE(kernel[t].cells[i].answer, cell.answer)
                    << "no difference any more: " << cell.state << ", " << cell.call;
            }
        }
    }
}

}  // namespace
}  // namespace fairlead::posix::both
