// Waiting for many: poll, select, epoll.
#include <algorithm>

#include "posix/client.hpp"

namespace fairlead::posix {
namespace {

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }
Call failed(Errc e) { return Call{Answer{.value = refused(e)}}; }
Answer count(std::size_t n) { return {.value = static_cast<std::int64_t>(n)}; }

constexpr PollMask kAlways = abi::kError | abi::kHangup | abi::kInvalid;
// fs/select.c: what counts for each of the three sets.
constexpr PollMask kReadSet =
    abi::kReadNormal | abi::kReadBand | abi::kIn | abi::kHangup | abi::kError | abi::kInvalid;
constexpr PollMask kWriteSet =
    abi::kWriteNormal | abi::kWriteBand | abi::kOut | abi::kError | abi::kInvalid;
constexpr PollMask kExceptSet = abi::kPriority | abi::kInvalid;

Duration or_for_ever(Duration timeout) {
    return timeout < Duration{} ? Duration::infinite() : timeout;
}

bool has(std::span<const std::uint64_t> set, int fd) {
    const auto at = static_cast<std::size_t>(fd);
    return at / 64 < set.size() && (set[at / 64] >> (at % 64) & 1) != 0;
}

}  // namespace

Call Client::poll(std::span<PollEntry> entries, Duration timeout) {
    if (entries.size() > static_cast<std::size_t>(table_.limit())) {
        return failed(Errc::InvalidArgument);
    }
    pending::Poll work{.entries = entries};
    work.files.reserve(entries.size());
    for (const PollEntry& entry : entries) {
        work.files.push_back(entry.fd < 0 ? nullptr : file(entry.fd).value_or(nullptr));
    }
    return begin(std::move(work), nullptr, true, or_for_ever(timeout));
}

std::optional<Answer> Client::attempt(pending::Poll& p, bool may_wait) {
    std::size_t ready = 0;
    for (std::size_t i = 0; i < p.entries.size(); ++i) {
        PollEntry& entry = p.entries[i];
        const auto asked = static_cast<std::uint16_t>(entry.events) | kAlways;
        PollMask state = 0;
        if (p.files[i] != nullptr) {
            state = files_.poll_mask(*p.files[i]);
        } else if (entry.fd >= 0) {
            state = abi::kInvalid;
        }
        entry.revents = static_cast<std::int16_t>(state & asked);
        if (entry.revents != 0) ++ready;
    }
    if (ready == 0 && may_wait) return std::nullopt;
    return count(ready);
}

Call Client::select(int number, const SelectSets& sets, Duration timeout) {
    if (number < 0) return failed(Errc::InvalidArgument);
    pending::Select work{.count = std::min(number, table_.limit()), .sets = sets};
    work.files.resize(static_cast<std::size_t>(work.count));
    for (int fd = 0; fd < work.count; ++fd) {
        if (!has(sets.read, fd) && !has(sets.write, fd) && !has(sets.except, fd)) continue;
        const auto found = file(fd);
        if (!found) return failed(Errc::BadDescriptor);
        work.files[static_cast<std::size_t>(fd)] = *found;
    }
    return begin(std::move(work), nullptr, true, or_for_ever(timeout));
}

std::optional<Answer> Client::attempt(pending::Select& s, bool may_wait) {
    const auto look = [&](bool writes) {
        std::size_t ready = 0;
        const auto judge = [&](std::span<std::uint64_t> set, PollMask counts) {
            for (int fd = 0; fd < s.count; ++fd) {
                OpenFile* f = s.files[static_cast<std::size_t>(fd)];
                if (f == nullptr || !has(set, fd)) continue;
                const auto at = static_cast<std::size_t>(fd);
                if ((files_.poll_mask(*f) & counts) != 0) {
                    ++ready;
                } else if (writes) {
                    set[at / 64] &= ~(std::uint64_t{1} << (at % 64));
                }
            }
        };
        judge(s.sets.read, kReadSet);
        judge(s.sets.write, kWriteSet);
        judge(s.sets.except, kExceptSet);
        return ready;
    };
    // The sets stay what was asked for as long as the call waits.
    if (look(false) == 0 && may_wait) return std::nullopt;
    return count(look(true));
}

Result<int> Client::epoll_create(int flags) {
    if ((flags & ~abi::kCloseOnExec) != 0) return refused(Errc::InvalidArgument);
    return install(files_.open_epoll(), flags);
}

// do_epoll_ctl(): the order of the checks is the kernel's.
Result<void> Client::epoll_ctl(int epfd, int operation, int fd, const EpollEvent& event) {
    OpenFile* set = FAIRLEAD_TRY(file(epfd));
    OpenFile* target = FAIRLEAD_TRY(file(fd));
    if (target->kind == FileKind::Source) return refused(Errc::NotPermitted);
    if (set == target || set->kind != FileKind::Epoll) return refused(Errc::InvalidArgument);
    files_.collect();
    return set->epoll->control(operation, *target, fd, event);
}

Call Client::epoll_wait(int epfd, std::span<EpollEvent> into, Duration timeout) {
    const auto found = file(epfd);
    if (!found) return failed(found.error());
    if (into.empty() || into.size() > abi::kMostEpollEvents) return failed(Errc::InvalidArgument);
    if ((*found)->kind != FileKind::Epoll) return failed(Errc::InvalidArgument);
    files_.collect();
    return begin(pending::EpollWait{.into = into}, *found, true, or_for_ever(timeout));
}

std::optional<Answer> Client::attempt(pending::EpollWait& w, OpenFile& f, bool may_wait) {
    const std::size_t ready = f.epoll->has_candidates() ? f.epoll->collect(w.into) : 0;
    if (ready == 0 && may_wait) return std::nullopt;
    return count(ready);
}

}  // namespace fairlead::posix
