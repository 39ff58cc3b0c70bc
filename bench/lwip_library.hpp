// lwip_library.hpp — Debian's liblwip, as often as one likes in one process.
//
// Owns:      LwipLibrary: a private copy of the shared object, so that its globals are ours alone,
//            and the functions of its raw API.
// Why:       lwIP keeps its state in globals; two stacks back to back need two of it. Copies under
//            names of their own share our C library, and so one heap, unlike dlmopen's.
// Knows:     lwIP 2.1.3 as Debian 12 builds it (lwip/lwipopts.h): an operating system below
//            (NO_SYS 0), window and send buffer 65535, at most 180 segments queued, memory from
//            malloc without a limit on connections, checksums made (while copying) and verified,
//            no timestamps, no SACK. lwip_init() without tcpip_init() starts no thread: whoever
//            holds the library calls it, which its core-lock check allows.
#pragma once

#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#undef tcp_listen

namespace fairlead::bench {

class LwipLibrary {
public:
    LwipLibrary();
    LwipLibrary(const LwipLibrary&) = delete;
    LwipLibrary& operator=(const LwipLibrary&) = delete;
    ~LwipLibrary();

    decltype(&::lwip_init) init = nullptr;
    decltype(&::sys_check_timeouts) check_timeouts = nullptr;
    decltype(&::netif_add) add_interface = nullptr;
    decltype(&::netif_set_up) set_up = nullptr;
    decltype(&::netif_set_link_up) set_link_up = nullptr;
    decltype(&::etharp_output) arp_output = nullptr;
    decltype(&::ethernet_input) frame_input = nullptr;
    decltype(&::pbuf_alloc) allocate = nullptr;
    decltype(&::pbuf_free) free = nullptr;
    decltype(&::pbuf_copy_partial) copy_partial = nullptr;
    decltype(&::tcp_new) new_pcb = nullptr;
    decltype(&::tcp_bind) bind = nullptr;
    decltype(&::tcp_listen_with_backlog) listen = nullptr;
    decltype(&::tcp_connect) connect = nullptr;
    decltype(&::tcp_accept) accept = nullptr;
    decltype(&::tcp_arg) set_argument = nullptr;
    decltype(&::tcp_recv) on_receive = nullptr;
    decltype(&::tcp_err) on_error = nullptr;
    decltype(&::tcp_write) write = nullptr;
    decltype(&::tcp_output) output = nullptr;
    decltype(&::tcp_recved) received = nullptr;
    decltype(&::tcp_close) close = nullptr;

private:
    void* handle_ = nullptr;
};

}  // namespace fairlead::bench
