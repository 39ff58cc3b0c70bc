"""Names and addresses looked up: run on the kernel and on a host, and compared as text.

    names.py [known|unknown]      where a server answers, or where none does
"""
import ctypes
import errno
import socket
import sys


def outcome(call, *arguments, **options):
    try:
        return call(*arguments, **options)
    except socket.gaierror as error:
        return next(name for name, value in vars(socket).items()
                    if name.startswith("EAI_") and value == error.errno)
    except socket.herror as error:
        return f"h_errno {error.errno}"
    except OSError as error:
        return errno.errorcode[error.errno]


def addresses(*arguments, **options) -> list[str]:
    found = outcome(socket.getaddrinfo, *arguments, **options)
    if isinstance(found, str):
        return [found]
    return [f"{family.name} {kind.name} {protocol} {name} {to[0]}:{to[1]}"
            for family, kind, protocol, name, to in found]


def say(what: str, *values) -> None:
    print(f"{what}:", *values, flush=True)


def names() -> None:
    for name in ("both.test", "v4.test", "v6.test", "alias.test", "both", "both.test.", "BOTH.Test",
                 "nosuch.test", "nosuch", "text.test", "127.0.0.1", "::1", "10.1", "in.hosts", "", "."):
        for family in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
            say(f"{name} {family.name}", *addresses(name, 80, family, socket.SOCK_STREAM))
    say("all kinds", *addresses("both.test", "domain"))
    say("canonical", *addresses("alias.test", None, type=socket.SOCK_STREAM,
                                flags=socket.AI_CANONNAME))
    say("mapped", *addresses("v4.test", 1, socket.AF_INET6, socket.SOCK_STREAM,
                             flags=socket.AI_V4MAPPED))
    say("all mapped", *sorted(addresses("both.test", 1, socket.AF_INET6, socket.SOCK_STREAM,
                                        flags=socket.AI_V4MAPPED | socket.AI_ALL)))
    say("numbers only", *addresses("both.test", 1, flags=socket.AI_NUMERICHOST))
    say("no such service", *addresses("both.test", "nosuch"))
    say("no such flag", *addresses("both.test", 1, flags=0x8000_0))
    many = addresses("many.test", 1, socket.AF_INET, socket.SOCK_STREAM)
    say("by TCP", len(many), *sorted(many))


def older_calls() -> None:
    for name in ("both.test", "v6.test", "alias.test", "nosuch.test", "in.hosts", "10.1.2.3"):
        say(f"gethostbyname_ex {name}", outcome(socket.gethostbyname_ex, name))
    for address in ("10.1.2.3", "fd77::1234", "10.9.9.9", "203.0.113.9"):
        say(f"gethostbyaddr {address}", outcome(socket.gethostbyaddr, address))
        for flags in (0, socket.NI_NAMEREQD, socket.NI_NUMERICHOST):
            say(f"getnameinfo {address}", outcome(socket.getnameinfo, (address, 80), flags))
    library = ctypes.CDLL(None)
    library.gethostbyname2.restype = ctypes.POINTER(ctypes.c_char_p)  # h_name is first
    for name, family in ((b"both.test", socket.AF_INET6), (b"both.test", socket.AF_INET)):
        say("gethostbyname2", library.gethostbyname2(name, int(family)).contents.value)


def records() -> None:
    library = ctypes.CDLL(None)
    answer = (ctypes.c_ubyte * 2048)()
    IN, TXT = 1, 16
    for call in (library.res_query, library.res_search):
        for name in (b"text.test", b"nosuch.test", b"v4.test"):
            size = call(name, IN, TXT, answer, len(answer))
            say(call.__name__, name, size, bytes(answer[2:max(size, 2)]))


if sys.argv[1] == "known":
    names()
    older_calls()
    records()
else:
    say("no server", *addresses("both.test", 80))
    say("no server", outcome(socket.gethostbyname_ex, "both.test"))
    say("no server", outcome(socket.getnameinfo, ("10.1.2.3", 80), 0),
        outcome(socket.getnameinfo, ("10.1.2.3", 80), socket.NI_NAMEREQD))
    say("no server is needed", *addresses("in.hosts", 80, type=socket.SOCK_STREAM))
