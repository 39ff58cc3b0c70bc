// From one file to another: pipes, sendfile, splice.
#include <algorithm>

#include "posix/client.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }
Call failed(Errc e) { return Call{Answer{.value = refused(e)}}; }
Answer error(Errc e) { return {.value = refused(e)}; }
Answer count(std::size_t n) { return {.value = static_cast<std::int64_t>(n)}; }

bool is_pipe(const OpenFile& f) {
    return f.kind == FileKind::PipeReader || f.kind == FileKind::PipeWriter;
}

void wake_reader(Pipe& pipe) {
    if (pipe.reader != nullptr) pipe.reader->queue.wake(abi::kIn | abi::kReadNormal, false);
}
void wake_writer(Pipe& pipe) {
    if (pipe.writer != nullptr) pipe.writer->queue.wake(abi::kOut | abi::kWriteNormal, false);
}

}  // namespace

Result<std::array<int, 2>> Client::pipe(int flags) {
    if ((flags & ~(abi::kNonblock | abi::kCloseOnExec)) != 0) return refused(Errc::InvalidArgument);
    OpenFile* reader = nullptr;
    OpenFile* writer = nullptr;
    const bool is_made = files_.open_pipe(flags & abi::kNonblock, reader, writer);
    if (!is_made) return refused(Errc::OutOfMemory);
    const auto first = install(reader, flags);
    if (!first) {
        files_.release(*writer);
        return refused(first.error());
    }
    const auto second = install(writer, flags);
    if (!second) {
        drop(*first);
        return refused(second.error());
    }
    return std::array{*first, *second};
}

Result<int> Client::open_source(const FileSource& source, int flags) {
    return install(files_.open_source(source), flags);
}

std::optional<Answer> Client::attempt(pending::PipeRead& r, OpenFile& f, bool may_wait) {
    Pipe& pipe = *f.pipe;
    for (;;) {
        const MutableBytes part = r.into.from(r.done);
        const Bytes there = pipe.front();
        if (part.empty() || there.empty()) break;
        const std::size_t n = std::min(part.size(), there.size());
        std::ranges::copy(there.first(n), part.begin());
        pipe.drop(n);
        r.done += n;
    }
    if (r.done > 0) {
        wake_writer(pipe);
        return count(r.done);
    }
    if (pipe.writer == nullptr || r.into.size() == 0) return count(0);
    if (may_wait) return std::nullopt;
    return error(Errc::WouldBlock);
}

std::optional<Answer> Client::attempt(pending::PipeWrite& w, OpenFile& f, bool may_wait) {
    Pipe& pipe = *f.pipe;
    for (;;) {
        const Bytes part = w.from.from(w.done);
        if (part.empty()) return count(w.done);
        if (pipe.reader == nullptr) {
            if (w.done > 0) return count(w.done);
            return Answer{.value = refused(Errc::BrokenPipe), .raises_sigpipe = true};
        }
        const std::size_t n = pipe.write(part);
        if (n == 0) break;
        w.done += n;
        wake_reader(pipe);
    }
    if (may_wait) return std::nullopt;
    return w.done > 0 ? count(w.done) : error(Errc::WouldBlock);
}

Call Client::sendfile(int out, int in, std::int64_t* offset, std::size_t size) {
    const auto source = file(in);
    if (!source) return failed(source.error());
    const auto target = file(out);
    if (!target) return failed(target.error());
    if ((*source)->kind == FileKind::PipeWriter) return failed(Errc::BadDescriptor);
    // A socket or a pipe has no offset to read from.
    if (offset != nullptr && (*source)->kind != FileKind::Source) return failed(Errc::IllegalSeek);
    if ((*source)->kind != FileKind::Source) return failed(Errc::InvalidArgument);
    OpenFile& to = **target;
    if (to.kind == FileKind::PipeReader || to.kind == FileKind::Source) {
        return failed(Errc::BadDescriptor);
    }
    if (to.kind == FileKind::Epoll) return failed(Errc::InvalidArgument);
    const Duration timeout = to.is_socket() ? to.socket.send_timeout : Duration::infinite();
    return begin(pending::Transfer{.from = *source, .offset = offset, .count = size}, &to,
                 !to.is_nonblocking(), timeout);
}

Call Client::splice(int in, int out, std::size_t size, unsigned flags) {
    if (size == 0) return Call{Answer{}};
    if ((flags & ~abi::kSpliceKnown) != 0) return failed(Errc::InvalidArgument);
    const auto source = file(in);
    if (!source) return failed(source.error());
    const auto target = file(out);
    if (!target) return failed(target.error());
    OpenFile& from = **source;
    OpenFile& to = **target;
    if (from.kind == FileKind::PipeWriter || to.kind == FileKind::PipeReader ||
        to.kind == FileKind::Source) {
        return failed(Errc::BadDescriptor);
    }
    const bool is_within = is_pipe(from) && is_pipe(to) && from.pipe == to.pipe;
    if ((!is_pipe(from) && !is_pipe(to)) || is_within || from.kind == FileKind::Epoll ||
        to.kind == FileKind::Epoll) {
        return failed(Errc::InvalidArgument);
    }
    const bool may_block =
        (flags & abi::kSpliceNonblock) == 0 && !from.is_nonblocking() && !to.is_nonblocking();
    return begin(pending::Transfer{.from = &from, .count = size, .flags = flags}, &to, may_block,
                 Duration::infinite());
}

// What can be taken from the source now, without taking it. Nothing: the end.
Result<Bytes> Client::next_of(pending::Transfer& t) {
    const MutableBytes scratch = files_.scratch();
    const MutableBytes into = scratch.first(std::min(scratch.size(), t.count - t.done));
    OpenFile& from = *t.from;
    std::size_t size = 0;
    switch (from.kind) {
        case FileKind::Socket:
            size = FAIRLEAD_TRY(stack_.receive(from.socket.id, into, {.peek = true}));
            break;
        case FileKind::PipeReader: {
            const Bytes there = from.pipe->front();
            if (there.empty() && from.pipe->writer != nullptr) return refused(Errc::WouldBlock);
            return there.first(std::min(there.size(), into.size()));
        }
        default: {
            const std::int64_t at = t.offset != nullptr ? *t.offset : from.source.offset;
            size = FAIRLEAD_TRY(from.source.read(from.source.user, at, into));
        }
    }
    return into.first(size);
}

void Client::consumed(pending::Transfer& t, std::size_t n) {
    t.done += n;
    OpenFile& from = *t.from;
    switch (from.kind) {
        case FileKind::Socket:
            (void)stack_.receive(from.socket.id, files_.scratch().first(n), {.truncate = true});
            return;
        case FileKind::PipeReader:
            from.pipe->drop(n);
            wake_writer(*from.pipe);
            return;
        default: (t.offset != nullptr ? *t.offset : from.source.offset) += static_cast<long>(n);
    }
}

Result<std::size_t> Client::pass_on(OpenFile& to, Bytes bytes, bool more) {
    if (to.is_socket()) return stack_.send(to.socket.id, bytes, {.more = more});
    Pipe& pipe = *to.pipe;
    if (pipe.reader == nullptr) return refused(Errc::BrokenPipe);
    const std::size_t n = pipe.write(bytes.first(std::min(bytes.size(), pipe.room())));
    if (n == 0) return refused(Errc::WouldBlock);
    wake_reader(pipe);
    return n;
}

std::optional<Answer> Client::attempt(pending::Transfer& t, OpenFile& f, bool may_wait) {
    // splice() is done with what is there; sendfile() goes on to the end.
    const bool is_splice = t.from->kind != FileKind::Source;
    const auto stopped = [&](Errc e) -> std::optional<Answer> {
        if (t.done > 0 && (is_splice || e != Errc::WouldBlock || !may_wait)) return count(t.done);
        if (e == Errc::WouldBlock && may_wait) return std::nullopt;
        return Answer{.value = refused(e), .raises_sigpipe = e == Errc::BrokenPipe};
    };
    while (t.done < t.count) {
        const auto bytes = next_of(t);
        if (!bytes) return stopped(bytes.error());
        if (bytes->empty()) break;
        // splice_to_socket(): more follows where the pipe has more of what was asked for.
        const bool has_more = t.from->kind == FileKind::PipeReader &&
                              t.from->pipe->size() > bytes->size() &&
                              t.done + bytes->size() < t.count;
        const bool more = is_splice && (has_more || (t.flags & abi::kSpliceMore) != 0);
        const auto sent = pass_on(f, *bytes, more);
        if (!sent) return stopped(sent.error());
        consumed(t, *sent);
    }
    return count(t.done);
}

}  // namespace fairlead::posix
