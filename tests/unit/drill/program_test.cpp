#include "drill/program.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill {
namespace {

TEST(Program, WhatItPrintsAndHowItEndsIsKept) {
    const Finished finished = run_program({"sh", "-c", "echo out; echo err >&2; exit 3"});
    EXPECT_EQ(finished.status, 3);
    EXPECT_EQ(finished.output, "out\n");
    EXPECT_EQ(finished.error, "err\n");
}

TEST(Program, OneThatIsNotThereIsSaidSo) {
    const Finished finished = run_program({"no-such-program"});
    EXPECT_EQ(finished.status, 127);
    EXPECT_EQ(finished.error, "no-such-program: there is no such program\n");
}

TEST(Program, ItReadsNothing) { EXPECT_EQ(run_program({"cat"}).status, 0); }

TEST(Program, WhatIsPrintedIsBounded) {
    const Finished finished = run_program({"head", "-c", "3000000", "/dev/zero"});
    EXPECT_EQ(finished.status, 0);
    EXPECT_EQ(finished.output.size(), std::size_t{1} << 20);
}

TEST(Program, ASignalIsToldAsAShellTellsIt) {
    EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}).status, 137);
}

}  // namespace
}  // namespace fairlead::drill
