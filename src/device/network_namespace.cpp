#include "device/network_namespace.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "device/interface.hpp"

namespace fairlead::device {
namespace {

std::string first_line(const char* path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

// What stands in the way, as far as the kernel lets us see.
std::string advice_for_unshare(int code) {
    const std::string or_root = "or run this as root";
    if (code == ENOSPC || first_line("/proc/sys/user/max_user_namespaces") == "0") {
        return "user namespaces are used up: sysctl -w user.max_user_namespaces=10000, " + or_root;
    }
    if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
        return "user namespaces are switched off: sysctl -w kernel.unprivileged_userns_clone=1, " +
               or_root;
    }
    if (first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
        return "AppArmor forbids user namespaces: sysctl -w "
               "kernel.apparmor_restrict_unprivileged_userns=0, " +
               or_root;
    }
    return "in a container, it must be allowed to make namespaces: docker run --privileged; "
           "elsewhere, run this as root";
}

Opened<void> write_file(const std::string& path, std::string_view text) {
    const FileDescriptor fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    const bool is_written = fd.is_open() && ::write(fd.get(), text.data(), text.size()) ==
                                                static_cast<ssize_t>(text.size());
    if (!is_written) return cannot("write " + path, errno);
    return {};
}

// We are root inside, and ourselves outside: the files we make are ours.
Opened<void> map_ourselves(uid_t user, gid_t group) {
    // user_namespaces(7): before an unprivileged process may map its group.
    const auto denied = write_file("/proc/self/setgroups", "deny");
    if (!denied && denied.error().code != ENOENT) return denied;
    if (auto done = write_file("/proc/self/uid_map", fmt::format("0 {} 1", user)); !done) {
        return done;
    }
    return write_file("/proc/self/gid_map", fmt::format("0 {} 1", group));
}

FileDescriptor open_ours() {
    return FileDescriptor{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
}

Opened<void> bring_loopback_up() {
    auto control = InterfaceControl::open();
    if (!control) return std::unexpected{control.error()};
    return control->set_up("lo");
}

}  // namespace

Opened<void> enter_private_network() {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    // Root needs no user namespace, unless it is a container's root without CAP_SYS_ADMIN.
    if (::unshare(CLONE_NEWNET) != 0) {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
            const int code = errno;
            return cannot("make a private network (user and network namespace)", code,
                          advice_for_unshare(code));
        }
        if (auto done = map_ourselves(user, group); !done) return done;
    }
    return bring_loopback_up();
}

Opened<void> write_network_sysctl(std::string_view path, std::string_view value) {
    return write_file(fmt::format("/proc/sys/net/{}", path), value);
}

Opened<NetworkNamespace> NetworkNamespace::make() {
    FileDescriptor before = open_ours();
    if (!before.is_open()) return cannot("open /proc/thread-self/ns/net", errno);
    if (::unshare(CLONE_NEWNET) != 0) {
        if (auto done = enter_private_network(); !done) return std::unexpected{done.error()};
        before = open_ours();
        if (::unshare(CLONE_NEWNET) != 0) return cannot("make a network namespace", errno);
    }
    NetworkNamespace made{open_ours()};
    const auto is_up = bring_loopback_up();
    if (::setns(before.get(), CLONE_NEWNET) != 0) {
        return cannot("come back from a new network namespace", errno);
    }
    if (!is_up) return std::unexpected{is_up.error()};
    return made;
}

// To go on in the wrong network would do there what was meant for the other: better to end.
NetworkNamespace::Stay::Stay(const NetworkNamespace& home) : back_{open_ours()} {
    if (!back_.is_open() || ::setns(home.self_.get(), CLONE_NEWNET) != 0) std::abort();
}

NetworkNamespace::Stay::~Stay() {
    if (::setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

std::string NetworkNamespace::path() const {
    return fmt::format("/proc/{}/fd/{}", ::getpid(), self_.get());
}

}  // namespace fairlead::device
