#include "lab/kernel_link.hpp"

#include <string>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "device/network_namespace.hpp"
#include "unit/device/in_child.hpp"

using namespace fairlead;
using testing_network::in_child;

namespace {

constexpr uid_t kNobody = 65534;

void become_nobody() {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0) {
        ::_exit(3);
    }
    // As after an exec, which is how a user comes to run us.
    ::prctl(PR_SET_DUMPABLE, 1);
}

std::string link_and_look(bool may_use_tap) {
    if (const auto done = device::enter_private_network(); !done) return done.error().text;
    const auto link = lab::link_to_kernel({.mtu = 1400, .may_use_tap = may_use_tap});
    if (!link) return link.error().text;
    if (link->device->info().mtu != 1400) return "the MTU is not what was asked";
    if (!link->device->info().is_up) return "the link is down";
    if (link->fd < 0) return "there is nothing to wait for";
    if (::if_nametoindex(link->kernel_interface.c_str()) == 0) return "no kernel end";
    if (may_use_tap && link->kind != "TAP" && link->why.empty()) return "no reason is given";
    if (!may_use_tap && link->kind == "TAP") return "a TAP, though none was wanted";
    return "";
}

bool is_allowed_as_nobody() {
    return in_child([] {
               become_nobody();
               return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? "" : "no";
           })
        .empty();
}

TEST(PrivateNetwork, ALinkToTheKernelStandsInIt) {
    EXPECT_EQ(in_child([] { return link_and_look(true); }), "");
    EXPECT_EQ(in_child([] { return link_and_look(false); }), "");
}

TEST(PrivateNetwork, NeedsNoRootWhereUserNamespacesAreAllowed) {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: the other test is this one";
    if (!is_allowed_as_nobody()) GTEST_SKIP() << "user namespaces are not allowed here";
    EXPECT_EQ(in_child([] {
                  become_nobody();
                  return link_and_look(true);
              }),
              "");
}

TEST(PrivateNetwork, NothingOfItIsSeenOutside) {
    const std::string said = in_child([]() -> std::string {
        if (const auto done = device::enter_private_network(); !done) return done.error().text;
        const auto link = lab::link_to_kernel({.may_use_tap = false});
        return link ? "made" : link.error().text;
    });
    EXPECT_EQ(said, "made");
    EXPECT_EQ(::if_nametoindex("stack0"), 0u);
    EXPECT_EQ(::if_nametoindex("kernel0"), 0u);
}

TEST(PrivateNetwork, WhereItIsNotAllowedTheErrorSaysWhatToDo) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to take the right away";
    // In a user namespace whose limits of further ones are zero.
    const std::string said = in_child([]() -> std::string {
        if (::unshare(CLONE_NEWUSER) != 0) return "";
        for (const char* limit : {"max_user_namespaces", "max_net_namespaces"}) {
            const int fd = ::open((std::string{"/proc/sys/user/"} + limit).c_str(), O_WRONLY);
            if (fd < 0 || ::write(fd, "0", 1) != 1) return "";
            ::close(fd);
        }
        const auto done = device::enter_private_network();
        return done ? "it was allowed" : done.error().text;
    });
    if (said.empty()) GTEST_SKIP() << "the limit cannot be set here";
    EXPECT_NE(said.find("max_user_namespaces"), std::string::npos) << said;
    EXPECT_NE(said.find("root"), std::string::npos) << said;
}

}  // namespace
