// drill/calls.hpp — a scripted call becomes a request, and its outcome is held against the script.
//
// Owns:   the names of the calls, what their arguments mean, which live descriptor a scripted one
//         stands for.
// Files:  calls.cpp (sockets and files), call_transfer.cpp (bytes and messages), call_wait.cpp (poll
//         and epoll), check_call.cpp (outcomes).
// Not here: doing it (the backends), when (runner.hpp), structs as bytes (structs.hpp).
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "drill/backend.hpp"
#include "drill/evaluate.hpp"
#include "drill/script.hpp"
#include "drill/settings.hpp"

namespace fairlead::drill {

class Calls {
public:
    explicit Calls(const Settings& settings) : settings_{settings} {}

    Evaluated<Request> to_request(const Call& call) const;
    // What differs, if anything does; a descriptor that was made or closed is remembered.
    std::optional<Fault> check(const Call& call, const Request& request, const Outcome& outcome);

private:
    struct Live {
        int fd = -1;
        int domain = 0;  // of a socket
    };

    Evaluated<int> descriptor(const Expression& e) const;
    Evaluated<Request> socket(const Call& call) const;
    Evaluated<Request> bind(const Call& call) const;
    Evaluated<Request> listen(const Call& call) const;
    Evaluated<Request> connect(const Call& call) const;
    Evaluated<Request> accept(const Call& call) const;
    Evaluated<Request> shutdown(const Call& call) const;
    Evaluated<Request> close(const Call& call) const;
    Evaluated<Request> file_control(const Call& call) const;
    Evaluated<Request> io_control(const Call& call) const;
    Evaluated<Request> set_option(const Call& call) const;
    Evaluated<Request> get_option(const Call& call) const;

    Evaluated<Request> receive(const Call& call) const;
    Evaluated<Request> receive_vector(const Call& call) const;
    Evaluated<Request> receive_message(const Call& call) const;
    Evaluated<Request> send(const Call& call) const;
    Evaluated<Request> send_vector(const Call& call) const;
    Evaluated<Request> send_message(const Call& call) const;
    Evaluated<Request> pipe(const Call& call) const;
    Evaluated<Request> splice(const Call& call) const;
    Evaluated<Request> send_file(const Call& call) const;
    Evaluated<Request> open(const Call& call) const;

    Evaluated<Request> set_capabilities(const Call& call) const;

    Evaluated<Request> poll(const Call& call) const;
    Evaluated<Request> epoll_create(const Call& call) const;
    Evaluated<Request> epoll_control(const Call& call) const;
    Evaluated<Request> epoll_wait(const Call& call) const;

    // Of the socket that `fd` names; `...` is what the settings say.
    Evaluated<Octets> name(const Expression& fd, const Expression& e, const Endpoint& open) const;
    // As long as the script says it is.
    Evaluated<Octets> name_of_length(Octets name, const Expression& length) const;
    Evaluated<Octets> target(const Expression& fd, const Expression& e) const;
    int domain_of(const Expression& fd) const;

    std::optional<Fault> check_result(const Call& call, const Outcome& outcome) const;
    std::optional<Fault> check_answers(const Call& call, const Request& request,
                                       const Outcome& outcome) const;
    std::optional<Fault> remember(const Call& call, const Request& request, const Outcome& outcome);
    std::optional<Fault> remember(const Expression& scripted, const Live& live);

    const Settings& settings_;
    std::map<std::int64_t, Live> live_;  // by the scripted descriptor
};

std::unexpected<Fault> wrong_arguments(const Call& call, std::string_view form);

}  // namespace fairlead::drill
