// The rooms that a sender has only while it misses something, is paced, or has a controller with a state.
#include "tcp/sender.hpp"

namespace fairlead::tcp {

Backroom* Sender::make_backroom(const SendContext& in) {
    if (backroom_ != nullptr) return backroom_;
    // Of the last delivery, where something has been in flight since.
    const Chunk* first = first_in_flight();
    Duration round_trip{};
    if (first != nullptr) round_trip = first->flight.delivered - first->flight.sent;
    if (round_trip <= Duration{}) round_trip = rtt_.smoothed();
    backroom_ = in.memory.backrooms.make(round_trip);
    if (backroom_ != nullptr) backroom_->rate.resume(flight_rate_, delivered_, first_in_flight());
    return backroom_;
}

Backroom* Sender::open_backroom(const SendContext& in) {
    if (make_backroom(in) == nullptr) return nullptr;
    if (!backroom_->is_indexing) {
        backroom_->is_indexing = true;
        backroom_->indexed_to = next_;
        backroom_->highest_sacked = una_;
        scoreboard_.follow(&backroom_->index, buffer_);
    }
    return backroom_;
}

// The index goes when nothing is missing any more and what it was built over has arrived, so that it
// is not built for each ACK anew; the room when nothing in it is worth keeping.
void Sender::tidy_backroom(SendMemory& memory) {
    if (phase_ != CongestionState::Open || !scoreboard_.is_whole()) return;
    if (backroom_->is_indexing) {
        if (una_ < backroom_->indexed_to) return;
        scoreboard_.follow(nullptr, buffer_);
        backroom_->index.clear();
        backroom_->is_indexing = false;
    }
    if (!backroom_->is_blank()) return;
    backroom_->rate.hand_back(flight_rate_, delivered_, first_in_flight());
    memory.backrooms.destroy(backroom_);
    backroom_ = nullptr;
}

void Sender::clear(SendMemory& memory) {
    scoreboard_.follow(nullptr, buffer_);
    if (backroom_ != nullptr) memory.backrooms.destroy(backroom_);
    backroom_ = nullptr;
    phase_ = CongestionState::Open;
    buffer_.clear(memory);
}

// Null: the controller keeps none, or there is no memory for it.
void* Sender::controller_state(const SendContext& in) {
    if (!controller_->has_state) return nullptr;
    if (make_backroom(in) == nullptr) return nullptr;
    void* state = backroom_->controller.data();
    if (!backroom_->has_controller) {
        controller_->start(state, {.now = in.now, .config = in.config, .chance = in.chance});
        backroom_->has_controller = true;
    }
    return state;
}

bool Sender::set_most_pacing_rate(std::int64_t most, const SendContext& in) {
    if (backroom_ == nullptr && most == Pacer::kUnbounded) return true;
    if (make_backroom(in) == nullptr) return false;
    backroom_->pacer.set_most(most);
    return true;
}

void Sender::hold_departures(bool is_held, const SendContext& in) {
    if (is_held) make_backroom(in);
    if (backroom_ != nullptr) backroom_->pacer.set_held(is_held);
}

}  // namespace fairlead::tcp
