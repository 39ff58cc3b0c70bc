#include "drill/stack_backend.hpp"

#include <gtest/gtest.h>

#include "drill/suite.hpp"

namespace fairlead::drill {
namespace {

Verdict run(std::string_view text) {
    const auto verdict = run_text(text, "t.pkt", {}, &make_stack_backend, {});
    EXPECT_TRUE(verdict) << verdict.error().message;
    return verdict ? *verdict : Verdict{};
}
void expect_passed(std::string_view text) {
    const Verdict verdict = run(text);
    EXPECT_EQ(verdict.kind, VerdictKind::Passed) << verdict.text;
}

constexpr std::string_view kAccepted = R"(
0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 2000
+0 accept(3, ..., ...) = 4
)";

TEST(StackBackend, ABlockingWriteWaitsForRoom) {
    // More than any send buffer: only the reset ends it, with what was queued by then.
    expect_passed(std::string{kAccepted} + R"(
+0 fcntl(4, F_GETFL) = 0x2 (flags O_RDWR)
+0...0.1 write(4, ..., 10000000) = ...
+0 > P. 1:2001(2000) ack 1
+.1 < R. 1:1(0) ack 1 win 0
)");
}

TEST(StackBackend, AWriteThatDoesNotBlockTakesWhatFits) {
    expect_passed(std::string{kAccepted} + R"(
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 fcntl(4, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)
+0 write(4, ..., 10000000) = ...
+0 write(4, ..., 10000000) = -1 EAGAIN
)");
}

TEST(StackBackend, APollWaitsForItsTimeoutOrForWhatItAsks) {
    expect_passed(std::string{kAccepted} + R"(
+0...0.25 poll([{fd=4, events=POLLIN, revents=0}], 1, 250) = 0
+.5...0.6 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 250) = 1
+.1 < P. 1:2(1) ack 1 win 2000
)");
}

TEST(StackBackend, HoursPassInNoTime) {
    expect_passed(std::string{kAccepted} + R"(
+7000 < P. 1:2(1) ack 1 win 2000
* > . 1:1(0) ack 2
)");
}

TEST(StackBackend, TheSameScriptGivesTheSamePackets) {
    std::string first;
    std::string second;
    const SuiteOptions options{.is_verbose = true};
    for (std::string* out : {&first, &second}) {
        const auto verdict =
            run_text(kAccepted, "t.pkt", options, &make_stack_backend,
                     [out](std::string_view line) { *out += std::string{line} + "\n"; });
        EXPECT_TRUE(verdict);
    }
    EXPECT_EQ(first, second);
    EXPECT_FALSE(first.empty());
}

TEST(StackBackend, ACallThatIsNotThereSkipsTheScript) {
    EXPECT_EQ(run("0 mmap(3) = 0\n").kind, VerdictKind::Skipped);
}

TEST(StackBackend, ABadOptionHasLinuxsError) {
    expect_passed(R"(
0  socket(..., SOCK_STREAM, 0) = 3
+0 setsockopt(3, IPPROTO_TCP, 9999, [1], 4) = -1 ENOPROTOOPT
+0 socket(..., SOCK_STREAM, IPPROTO_UDP) = -1 EPROTONOSUPPORT
+0 ioctl(3, 0x1234, [0]) = -1 ENOTTY
)");
}

TEST(StackBackend, DescriptorsThatAreNotOpenAreBad) {
    expect_passed(R"(
0  read(7, ..., 1) = -1 EBADF
+0 write(7, ..., 1) = -1 EBADF
+0 bind(7, ..., ...) = -1 EBADF
+0 listen(7, 1) = -1 EBADF
+0 connect(7, ..., ...) = -1 EBADF
+0 accept(7, ..., ...) = -1 EBADF
+0 shutdown(7, SHUT_WR) = -1 EBADF
+0 fcntl(7, F_GETFL) = -1 EBADF
+0 ioctl(7, SIOCINQ, [0]) = -1 EBADF
+0 setsockopt(7, IPPROTO_TCP, TCP_NODELAY, [1], 4) = -1 EBADF
+0 getsockopt(7, IPPROTO_TCP, TCP_NODELAY, [1], [4]) = -1 EBADF
+0 poll([{fd=7, events=POLLIN, revents=POLLNVAL}], 1, 0) = 1
+0 close(7) = -1 EBADF
)");
}

TEST(StackBackend, UnknownSysctlsFail) {
    EXPECT_EQ(run("`sysctl -q net.ipv4.nonsense=1`\n0 close(3) = -1\n").kind, VerdictKind::Failed);
    expect_passed("`sysctl -q -e net.ipv4.nonsense=1`\n0 close(3) = -1\n");
}

}  // namespace
}  // namespace fairlead::drill
