#include "posix/call.hpp"

#include <utility>

#include "posix/client.hpp"

namespace fairlead::posix {
namespace {

constexpr PollMask kAlways = abi::kError | abi::kHangup;
// What receiver_wake_function() lets through to a datagram socket's reader.
constexpr PollMask kDatagramKey = abi::kIn | abi::kError;

bool is_datagram_read(const pending::Work& work, const OpenFile& file) {
    return std::holds_alternative<pending::Receive>(work) && !file.socket.is_stream;
}

// How far a call came that is ended from outside.
std::size_t done_of(const pending::Work& work) {
    return std::visit(
        [](const auto& w) -> std::size_t {
            if constexpr (requires { w.done; }) return w.done;
            return 0;
        },
        work);
}

}  // namespace

Pending::Pending(Client& of, pending::Work what, OpenFile* on, Instant until)
    : client{of}, work{std::move(what)}, file{on}, deadline{until} {
    if (file == nullptr) {
        wait_for_many();
        return;
    }
    client.files_.hold(*file);
    if (std::holds_alternative<pending::EpollWait>(work)) {
        wait_at(waiter_, file->epoll->waiting(), kAnything, true);
        return;
    }
    const bool is_datagram = is_datagram_read(work, *file);
    const bool is_exclusive = is_datagram || std::holds_alternative<pending::Accept>(work);
    wait_at(waiter_, file->queue, is_datagram ? kDatagramKey : kAnything, is_exclusive);
    if (const auto* transfer = std::get_if<pending::Transfer>(&work)) {
        more_waiters_ = std::make_unique<Waiter[]>(1);
        wait_for(*transfer->from, 0, kAnything);
    }
}

Pending::~Pending() {
    // Who was told and goes without having looked passes it on.
    if (waiter_.is_exclusive && is_woken && waiter_.queue != nullptr) {
        WaitQueue& queue = *waiter_.queue;
        waiter_.leave();
        queue.wake(kAnything, false);
    }
    waiter_.leave();
    more_waiters_.reset();
    if (file != nullptr) client.files_.release(*file);
    const auto release_all = [this](const std::vector<OpenFile*>& files) {
        for (OpenFile* held : files) {
            if (held != nullptr) client.files_.release(*held);
        }
    };
    if (const auto* poll = std::get_if<pending::Poll>(&work)) release_all(poll->files);
    if (const auto* select = std::get_if<pending::Select>(&work)) release_all(select->files);
    if (const auto* transfer = std::get_if<pending::Transfer>(&work)) {
        client.files_.release(*transfer->from);
    }
}

void Pending::wait_at(Waiter& waiter, WaitQueue& queue, PollMask key, bool is_exclusive) {
    waiter.owner = this;
    waiter.on_wake = &Pending::on_wake;
    waiter.key = key;
    waiter.is_exclusive = is_exclusive;
    queue.add(waiter);
}

void Pending::wait_for(OpenFile& on, std::size_t slot, PollMask key) {
    client.files_.hold(on);
    wait_at(more_waiters_[slot], on.queue, key, false);
}

void Pending::wait_for_many() {
    if (const auto* poll = std::get_if<pending::Poll>(&work)) {
        more_waiters_ = std::make_unique<Waiter[]>(poll->files.size());
        for (std::size_t i = 0; i < poll->files.size(); ++i) {
            const auto asked = static_cast<std::uint16_t>(poll->entries[i].events);
            if (poll->files[i] != nullptr) wait_for(*poll->files[i], i, asked | kAlways);
        }
        return;
    }
    const auto& select = std::get<pending::Select>(work);
    more_waiters_ = std::make_unique<Waiter[]>(select.files.size());
    for (std::size_t i = 0; i < select.files.size(); ++i) {
        if (select.files[i] != nullptr) wait_for(*select.files[i], i, kAnything);
    }
}

bool Pending::on_wake(Waiter& waiter, PollMask key) {
    if ((key & waiter.key) == 0) return false;
    auto& self = *static_cast<Pending*>(waiter.owner);
    // One that has been told already leaves this wake-up to the next.
    if (self.is_woken && waiter.is_exclusive) return false;
    if (!self.is_woken && self.cookie != 0) self.client.files_.note_woken(self.cookie);
    self.is_woken = true;
    return true;
}

bool Call::resume() {
    if (pending_ == nullptr) return true;
    Pending& p = *pending_;
    p.client.files_.collect();
    p.is_woken = false;
    const bool may_wait = p.client.stack_.now() < p.deadline;
    const auto answer = p.client.attempt(p.work, p.file, may_wait);
    if (!answer) return false;
    answer_ = *answer;
    let_go();
    return true;
}

void Call::interrupt() {
    if (pending_ == nullptr) return;
    const std::size_t done = done_of(pending_->work);
    if (std::holds_alternative<pending::Close>(pending_->work)) {
        answer_ = {};
    } else if (done > 0) {
        answer_ = {.value = static_cast<std::int64_t>(done)};
    } else {
        answer_ = {.value = std::unexpected{Errc::Interrupted}};
    }
    let_go();
}

void Call::let_go() {
    if (pending_ == nullptr) return;
    Pending* const pending = std::exchange(pending_, nullptr);
    pending->client.files_.pending().destroy(pending);
}

}  // namespace fairlead::posix
