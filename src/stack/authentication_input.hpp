// stack/authentication_input.hpp — the calls of TCP-AO as inputs (input.hpp).
//
// Owns:   each call's arguments in the fields that every input has, and the call made of them again.
#pragma once

#include <vector>

#include "fairlead/authentication.hpp"
#include "stack/input.hpp"

namespace fairlead {

Input add_key_input(SocketId socket, const MasterKey& key, const KeysInUse& as);
Input remove_key_input(SocketId socket, const KeyRemoval& removal);
// `scratch` keeps what the input names.
Input set_authentication_input(SocketId socket, const AuthenticationSettings& settings,
                               std::vector<std::byte>& scratch);

void apply_authentication(const Input& input, Stack& stack);

}  // namespace fairlead
