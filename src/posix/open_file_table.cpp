#include "posix/open_file_table.hpp"

#include <algorithm>
#include <array>

namespace fairlead::posix {
namespace {

// What Linux's tcp_poll() and datagram_poll() set together.
PollMask widened(Readiness readiness, bool is_stream) {
    PollMask mask = readiness;
    if ((readiness & kReadable) != 0) mask |= abi::kReadNormal;
    if ((readiness & kWritable) != 0) {
        mask |= abi::kWriteNormal | (is_stream ? 0 : abi::kWriteBand);
    }
    return mask;
}

// What a wake-up of a socket says happened (sock_def_readable(), sk_stream_write_space()).
PollMask key_of(Readiness rose) {
    if (rose == kEverything) return kAnything;
    PollMask key = rose & kError;
    constexpr PollMask kData = abi::kIn | abi::kPriority | abi::kReadNormal | abi::kReadBand;
    if ((rose & kReadable) != 0) key |= kData;
    if ((rose & kWritable) != 0) key |= abi::kOut | abi::kWriteNormal | abi::kWriteBand;
    return key;
}

PollMask pipe_mask(const OpenFile& file) {
    const Pipe& pipe = *file.pipe;
    if (file.kind == FileKind::PipeReader) {
        return (pipe.size() > 0 ? abi::kIn | abi::kReadNormal : 0) |
               (pipe.writer == nullptr ? abi::kHangup : 0);
    }
    return (pipe.room() >= Pipe::kAtomic ? abi::kOut | abi::kWriteNormal : 0) |
           (pipe.reader == nullptr ? abi::kError : 0);
}

}  // namespace

OpenFile::OpenFile() = default;
OpenFile::~OpenFile() = default;

OpenFile* OpenFileTable::open(FileKind kind, int flags) {
    OpenFile* file = files_.make();
    if (file == nullptr) return nullptr;
    file->kind = kind;
    file->flags = flags;
    file->references = 1;
    return file;
}

OpenFile* OpenFileTable::open_socket(SocketId id, Family family, bool is_stream, int flags) {
    OpenFile* file = open(FileKind::Socket, abi::kReadWrite | flags);
    if (file == nullptr) return nullptr;
    file->socket = {.id = id, .family = family, .is_stream = is_stream};
    (void)stack_.set_cookie(id, files_.index_of(file) + std::uint64_t{1});
    return file;
}

OpenFile* OpenFileTable::open_epoll() {
    OpenFile* file = open(FileKind::Epoll, abi::kReadWrite);
    if (file != nullptr) file->epoll = std::make_unique<EpollSet>(*this, *file);
    return file;
}

bool OpenFileTable::open_pipe(int flags, OpenFile*& reader, OpenFile*& writer) {
    reader = open(FileKind::PipeReader, abi::kReadOnly | flags);
    writer = open(FileKind::PipeWriter, abi::kWriteOnly | flags);
    if (reader == nullptr || writer == nullptr) {
        if (reader != nullptr) files_.destroy(reader);
        if (writer != nullptr) files_.destroy(writer);
        return false;
    }
    reader->pipe = writer->pipe = std::make_shared<Pipe>();
    reader->pipe->reader = reader;
    reader->pipe->writer = writer;
    return true;
}

OpenFile* OpenFileTable::open_source(const FileSource& source) {
    OpenFile* file = open(FileKind::Source, abi::kReadOnly);
    if (file != nullptr) file->source = source;
    return file;
}

void OpenFileTable::release(OpenFile& file) {
    if (--file.references != 0) return;
    EpollSet::forget(file);
    switch (file.kind) {
        case FileKind::Socket: (void)stack_.close(file.socket.id); break;
        case FileKind::Epoll: break;
        case FileKind::PipeReader:
            file.pipe->reader = nullptr;
            if (OpenFile* other = file.pipe->writer) {
                other->queue.wake(abi::kOut | abi::kWriteNormal | abi::kError | abi::kHangup, true);
            }
            break;
        case FileKind::PipeWriter:
            file.pipe->writer = nullptr;
            if (OpenFile* other = file.pipe->reader) {
                other->queue.wake(abi::kIn | abi::kReadNormal | abi::kError | abi::kHangup, true);
            }
            break;
        case FileKind::Source:
            if (file.source.closed != nullptr) file.source.closed(file.source.user);
            break;
    }
    files_.destroy(&file);
}

PollMask OpenFileTable::poll_mask(OpenFile& file) {
    switch (file.kind) {
        case FileKind::Socket: {
            const Readiness is_ready = stack_.readiness(file.socket.id).value_or(kError | kHangup);
            // tcp_poll(): who looks and finds no room waits for it (SOCK_NOSPACE).
            const bool is_open = file.socket.is_stream && file.socket.stage == Stage::Connected;
            if (is_open && (is_ready & (kWritable | kError | kHangup)) == 0) {
                (void)stack_.send(file.socket.id, {}, {.waits = true});
            }
            return widened(is_ready, file.socket.is_stream);
        }
        case FileKind::Epoll: return file.epoll->is_ready() ? abi::kIn | abi::kReadNormal : 0;
        case FileKind::PipeReader:
        case FileKind::PipeWriter: return pipe_mask(file);
        case FileKind::Source: break;
    }
    // A file is always ready.
    return abi::kIn | abi::kOut | abi::kReadNormal | abi::kWriteNormal;
}

void OpenFileTable::collect() {
    std::array<SocketEvent, 64> events;
    for (;;) {
        const std::size_t count = stack_.take_events(events);
        for (const SocketEvent& event : std::span{events}.first(count)) {
            if (event.cookie == 0 || event.cookie > files_.capacity()) continue;
            const auto index = static_cast<std::uint32_t>(event.cookie - 1);
            if (!files_.is_live(index)) continue;
            OpenFile& file = *files_.at(index);
            if (!file.is_socket() || file.socket.id != event.socket) continue;
            if ((event.rose & kPriority) != 0) note_urged(file);
            const Readiness rose = event.rose & ~kPriority;
            if (rose != 0) file.queue.wake(key_of(rose), rose == kEverything);
        }
        if (count < events.size()) return;
    }
}

// sk_send_sigurg(): a signal that was sent and not taken yet is not sent again.
void OpenFileTable::note_urged(const OpenFile& file) {
    if (file.owner == 0 || std::ranges::find(urged_, file.owner) != urged_.end()) return;
    urged_.push_back(file.owner);
}

std::size_t OpenFileTable::take_woken(std::span<std::uint64_t> into) {
    const std::size_t count = std::min(into.size(), woken_.size());
    const auto end = woken_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(woken_.begin(), end, into.begin());
    woken_.erase(woken_.begin(), end);
    return count;
}

MutableBytes OpenFileTable::scratch() {
    constexpr std::size_t kScratch = 65536;
    if (scratch_.empty()) scratch_.resize(kScratch);
    return scratch_;
}

}  // namespace fairlead::posix
