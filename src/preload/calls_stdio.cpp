// Streams of the C library on sockets: its own reads and writes would not come by us.
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"
#include "preload/transfer.hpp"

namespace fairlead::preload {
namespace {

// The cookie of a stream is its descriptor.
void* cookie_of(int fd) { return std::bit_cast<void*>(static_cast<std::intptr_t>(fd)); }
int fd_in(const void* cookie) { return static_cast<int>(reinterpret_cast<std::intptr_t>(cookie)); }

ssize_t read_cookie(void* cookie, char* into, std::size_t size) {
    return ::read(fd_in(cookie), into, size);
}

// All, or an error: a count below `size` is one.
ssize_t write_cookie(void* cookie, const char* from, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t sent = ::write(fd_in(cookie), from + done, size - done);
        if (sent < 0) break;
        done += static_cast<std::size_t>(sent);
    }
    return static_cast<ssize_t>(done);
}

int close_cookie(void* cookie) { return ::close(fd_in(cookie)); }

FILE* open_stream(int fd, const char* mode) {
    FILE* stream = ::fopencookie(
        cookie_of(fd), mode,
        {.read = read_cookie, .write = write_cookie, .seek = nullptr, .close = close_cookie});
    if (stream != nullptr) stream->_fileno = fd;  // what fileno() says
    return stream;
}

// A program may begin with sockets in the place of its streams, as what inetd starts does.
[[gnu::constructor]] void replace_streams() {
    if (!is_hosted()) return;
    if (socket_of(STDIN_FILENO) != nullptr) stdin = open_stream(STDIN_FILENO, "r");
    if (socket_of(STDOUT_FILENO) != nullptr) stdout = open_stream(STDOUT_FILENO, "w");
    if (socket_of(STDERR_FILENO) != nullptr) {
        stderr = open_stream(STDERR_FILENO, "w");
        (void)std::setvbuf(stderr, nullptr, _IONBF, 0);
    }
}

// The stream's descriptor is to be the file's from now on; the C library does so with files only.
FILE* reopen(const char* path, const char* mode, FILE* stream, int fd) {
    FILE** const standard = stream == stdin    ? &stdin
                            : stream == stdout ? &stdout
                            : stream == stderr ? &stderr
                                               : nullptr;
    FILE* file = path == nullptr ? nullptr : std::fopen(path, mode);
    const int error = errno;
    (void)std::fclose(stream);
    if (file == nullptr) {
        errno = path == nullptr ? EBADF : error;
        return nullptr;
    }
    FILE* fresh = file;
    if (const int number = ::fileno(file); number != fd) {
        fresh = real().dup2(number, fd) < 0 ? nullptr : ::fdopen(fd, mode);
        (void)std::fclose(file);
    }
    if (standard != nullptr && fresh != nullptr) *standard = fresh;
    return fresh;
}

int print_to(int fd, const char* format, va_list arguments) {
    char* text = nullptr;
    const int size = ::vasprintf(&text, format, arguments);
    if (size < 0) return size;
    const ssize_t done = write_cookie(cookie_of(fd), text, static_cast<std::size_t>(size));
    std::free(text);
    return done < size ? -1 : size;
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN FILE* fdopen(int fd, const char* mode) noexcept {
    if (socket_of(fd) != nullptr) return open_stream(fd, mode);
    static const auto real = reinterpret_cast<decltype(&::fdopen)>(::dlsym(RTLD_NEXT, "fdopen"));
    return real(fd, mode);
}

FAIRLEAD_TAKEN int vdprintf(int fd, const char* format, va_list arguments) {
    if (socket_of(fd) != nullptr) return print_to(fd, format, arguments);
    static const auto real =
        reinterpret_cast<decltype(&::vdprintf)>(::dlsym(RTLD_NEXT, "vdprintf"));
    return real(fd, format, arguments);
}

FAIRLEAD_TAKEN int dprintf(int fd, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int size = vdprintf(fd, format, arguments);
    va_end(arguments);
    return size;
}

FAIRLEAD_TAKEN FILE* freopen(const char* path, const char* mode, FILE* stream) {
    const int fd = ::fileno(stream);
    if (socket_of(fd) != nullptr) return reopen(path, mode, stream, fd);
    static const auto real = reinterpret_cast<decltype(&::freopen)>(::dlsym(RTLD_NEXT, "freopen"));
    return real(path, mode, stream);
}

FAIRLEAD_TAKEN FILE* freopen64(const char* path, const char* mode, FILE* stream) {
    return freopen(path, mode, stream);
}
