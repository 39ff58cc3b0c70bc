#include "bench/lwip_library.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

namespace fairlead::bench {

namespace {

constexpr const char* kName = "liblwip.so.0";

// Where the dynamic linker finds the library. Asked before there are copies: it would take one of
// them for the original.
std::filesystem::path find_library() {
    void* handle = dlopen(kName, RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr) throw std::runtime_error{"liblwip0 is not installed"};
    link_map* map = nullptr;
    dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&map));
    const std::filesystem::path path = std::filesystem::canonical(map->l_name);
    dlclose(handle);
    return path;
}

const std::filesystem::path& installed_library() {
    static const std::filesystem::path kPath = find_library();
    return kPath;
}

void* open_copy(const std::filesystem::path& original) {
    std::string name = (std::filesystem::temp_directory_path() / "fairlead-lwip-XXXXXX").string();
    const int file = mkstemp(name.data());
    if (file < 0) throw std::runtime_error{"no temporary file for a copy of liblwip"};
    close(file);
    std::filesystem::copy_file(original, name, std::filesystem::copy_options::overwrite_existing);
    // It stays mapped, for what it has taken from the heap hangs on its globals to the end.
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    std::filesystem::remove(name);
    if (handle == nullptr) throw std::runtime_error{std::string{"liblwip: "} + dlerror()};
    return handle;
}

template <typename Function>
void find(void* handle, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) throw std::runtime_error{std::string{"liblwip has no "} + name};
}

}  // namespace

LwipLibrary::LwipLibrary() : handle_{open_copy(installed_library())} {
    find(handle_, "lwip_init", init);
    find(handle_, "sys_check_timeouts", check_timeouts);
    find(handle_, "netif_add", add_interface);
    find(handle_, "netif_set_up", set_up);
    find(handle_, "netif_set_link_up", set_link_up);
    find(handle_, "etharp_output", arp_output);
    find(handle_, "ethernet_input", frame_input);
    find(handle_, "pbuf_alloc", allocate);
    find(handle_, "pbuf_free", free);
    find(handle_, "pbuf_copy_partial", copy_partial);
    find(handle_, "tcp_new", new_pcb);
    find(handle_, "tcp_bind", bind);
    find(handle_, "tcp_listen_with_backlog", listen);
    find(handle_, "tcp_connect", connect);
    find(handle_, "tcp_accept", accept);
    find(handle_, "tcp_arg", set_argument);
    find(handle_, "tcp_recv", on_receive);
    find(handle_, "tcp_err", on_error);
    find(handle_, "tcp_write", write);
    find(handle_, "tcp_output", output);
    find(handle_, "tcp_recved", received);
    find(handle_, "tcp_close", close);
}

LwipLibrary::~LwipLibrary() { dlclose(handle_); }

}  // namespace fairlead::bench
