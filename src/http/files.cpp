#include "http/files.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fairlead::http {

namespace {

// Names that begin so are uploads in the making: neither served, nor listed, nor taken.
constexpr std::string_view kTemporary = ".fairlead-upload-";

FileFault fault_of(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG: return FileFault::NotFound;
        case EXDEV: return FileFault::Outside;
        case EACCES:
        case EPERM:
        case EROFS:
        case ELOOP:
        case ENXIO: return FileFault::Forbidden;
        case EISDIR:
        case ENOTEMPTY: return FileFault::IsDirectory;
        case ENOSPC:
        case EDQUOT:
        case EFBIG: return FileFault::NoSpace;
        case EMFILE:
        case ENFILE:
        case ENOMEM: return FileFault::Busy;
        default: return FileFault::Failed;
    }
}

std::unexpected<FileFault> last_fault() { return std::unexpected{fault_of(errno)}; }

bool is_temporary(std::string_view path) {
    return path.substr(path.rfind('/') + 1).starts_with(kTemporary);
}

int openat2_beneath(int root, const char* path, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: something was renamed while the kernel walked past (openat2(2)).
    constexpr int kTries = 16;
    for (int i = 0; i < kTries; ++i) {
        const long fd = ::syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0) return static_cast<int>(fd);
        if (errno != EAGAIN && errno != EINTR) break;
    }
    return -1;
}

struct CloseDirectory {
    void operator()(DIR* d) const { ::closedir(d); }
};

bool is_directory_entry(int folder, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
    struct stat s{};
    return ::fstatat(folder, entry.d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(s.st_mode);
}

}  // namespace

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

std::expected<File, FileFault> File::adopt(Descriptor fd) {
    struct stat s{};
    if (::fstat(fd.get(), &s) != 0) return last_fault();
    if (!S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode)) return std::unexpected{FileFault::Forbidden};
    File file;
    file.fd_ = std::move(fd);
    file.is_directory_ = S_ISDIR(s.st_mode);
    file.size_ = file.is_directory_ ? 0 : static_cast<std::uint64_t>(s.st_size);
    file.modified_ns_ = s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec;
    return file;
}

std::size_t File::read(std::uint64_t offset, MutableBytes to) const {
    std::size_t done = 0;
    while (done < to.size()) {
        const ssize_t n = ::pread(fd_.get(), to.data() + done, to.size() - done,
                                  static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done;
}

std::expected<File::Listing, FileFault> File::list(std::size_t limit) const {
    // A description of its own, so that reading it does not move ours.
    Descriptor copy{::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!copy.is_open()) return last_fault();
    const std::unique_ptr<DIR, CloseDirectory> directory{::fdopendir(copy.get())};
    if (directory == nullptr) return last_fault();
    copy.release();

    Listing listing;
    while (const dirent* entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == ".." || is_temporary(name)) continue;
        if (listing.names.size() == limit) {
            listing.is_cut = true;
            break;
        }
        listing.names.push_back(
            {.text = std::string{name}, .is_directory = is_directory_entry(fd_.get(), *entry)});
    }
    std::ranges::sort(listing.names, {}, &Name::text);
    return listing;
}

Upload::Upload(Descriptor folder, Descriptor file, std::string temporary, std::string name)
    : folder_{std::move(folder)},
      file_{std::move(file)},
      temporary_{std::move(temporary)},
      name_{std::move(name)} {}

Upload& Upload::operator=(Upload&& other) noexcept {
    if (this == &other) return *this;
    discard();
    folder_ = std::move(other.folder_);
    file_ = std::move(other.file_);
    temporary_ = std::exchange(other.temporary_, {});
    name_ = std::exchange(other.name_, {});
    return *this;
}

std::expected<void, FileFault> Upload::write(Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_fault();
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

std::expected<bool, FileFault> Upload::commit() {
    struct stat s{};
    const bool replaces = ::fstatat(folder_.get(), name_.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0;
    if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0) {
        return last_fault();
    }
    temporary_.clear();
    return replaces;
}

void Upload::discard() {
    if (!temporary_.empty()) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
    temporary_.clear();
}

std::expected<Folder, int> Folder::open_root(const std::string& path) {
    Folder folder;
    folder.root_ = Descriptor{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.root_.is_open()) return std::unexpected{errno};
    // Tried once, so that a kernel without openat2 is told of at the start and not per request.
    const Descriptor probe{openat2_beneath(folder.root_.get(), ".", O_RDONLY | O_DIRECTORY)};
    if (!probe.is_open()) return std::unexpected{errno};
    return folder;
}

std::expected<Descriptor, FileFault> Folder::open_beneath(const std::string& path,
                                                          std::uint64_t flags) const {
    Descriptor fd{openat2_beneath(root_.get(), path.empty() ? "." : path.c_str(), flags)};
    if (!fd.is_open()) return last_fault();
    return fd;
}

std::expected<File, FileFault> Folder::open(const std::string& path) const {
    if (is_temporary(path)) return std::unexpected{FileFault::NotFound};
    // Without O_NONBLOCK a FIFO would wait for its writer.
    auto fd = open_beneath(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!fd) return std::unexpected{fd.error()};
    return File::adopt(std::move(*fd));
}

std::expected<Upload, FileFault> Folder::create(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    const std::string name = path.substr(slash + 1);
    if (is_temporary(name)) return std::unexpected{FileFault::Forbidden};
    auto folder =
        open_beneath(slash == std::string::npos ? "" : path.substr(0, slash), O_PATH | O_DIRECTORY);
    if (!folder) return std::unexpected{folder.error()};
    struct stat s{};
    if (::fstatat(folder->get(), name.c_str(), &s, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(s.st_mode)) {
        return std::unexpected{FileFault::IsDirectory};
    }
    // O_EXCL settles who has a number; the limit is on uploads under way in one folder.
    constexpr int kTries = 100'000;
    for (int i = 0; i < kTries; ++i) {
        std::string temporary = std::string{kTemporary} + std::to_string(i);
        Descriptor file{::openat(folder->get(), temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)};
        if (file.is_open()) {
            return Upload{std::move(*folder), std::move(file), std::move(temporary), name};
        }
        if (errno != EEXIST) return last_fault();
    }
    return std::unexpected{FileFault::Busy};
}

}  // namespace fairlead::http
