"""Names that programs on a host look up: by the host's own UDP and TCP, from a server of the kernel's.

    names_test.py FAIRLEAD [unittest arguments]

What is not installed is skipped, and said to be. Ends with 77 where no network may be made.
"""
import os
import pathlib
import shutil
import socket
import sys
import time
import unittest

from on_host import KERNEL, STACK, OnHost, await_port, main, output

HERE = pathlib.Path(__file__).resolve().parent
STACK6, KERNEL6 = "fd77::1", "fd77::2"
RECORDS = ("--host-record=both.test,10.1.2.3,fd77::1234", "--host-record=v4.test,10.1.2.4",
           "--host-record=v6.test,fd77::1236", "--cname=alias.test,both.test",
           "--txt-record=text.test,some text", f"--host-record=web.test,{KERNEL},{KERNEL6}",
           f"--host-record=stack.test,{STACK},{STACK6}")
UNKNOWN = """
import socket
try: socket.getaddrinfo("both.test", 80)
except socket.gaierror as error: print(error.errno)
"""


class Names(OnHost):
    maxDiff = None
    OPTIONS = ("--address", f"{STACK6}/64", "--host-address", f"{KERNEL6}/64",
               "--route", "0.0.0.0/0=192.0.2.2")

    def setUp(self):
        if shutil.which("dnsmasq") is None:
            self.skipTest("dnsmasq is not installed")
        super().setUp()
        output("ip", "route", "add", "default", "via", STACK)  # the kernel has somewhere to go as well
        self.file("/etc/hosts", "127.0.0.1 localhost\n10.4.5.6 in.hosts more.hosts\n")

    def tearDown(self):
        for file in ("/etc/resolv.conf", "/etc/hosts"):
            output("umount", file)
        super().tearDown()

    def file(self, name: str, text: str) -> None:
        """In the place of one of the system's, for this test alone."""
        own = pathlib.Path(self.folder.name) / pathlib.Path(name).name
        own.write_text(text)
        self.assertEqual(output("mount", "--bind", str(own), name), "")

    def servers(self, *addresses: str, options: str = "timeout:20 attempts:1") -> None:
        lines = [f"nameserver {address}" for address in addresses]
        self.file("/etc/resolv.conf", "\n".join([*lines, "search test", f"options {options}", ""]))

    def dnsmasq(self, *listens: str, on_host: bool = False) -> None:
        many = pathlib.Path(self.folder.name) / "many"
        many.write_text("".join(f"10.3.0.{i} many.test\n" for i in range(60)))
        command = ("dnsmasq", "-d", "--no-resolv", "--no-hosts", "--user=root", "--bind-interfaces",
                   "--local=/test/", "--local=/10.in-addr.arpa/", *RECORDS, f"--addn-hosts={many}",
                   *(f"--listen-address={address}" for address in listens))
        self.start(*(self.hosted(*command) if on_host else command))
        await_port(listens[0], 53)

    def page(self, how: str) -> tuple[str, str]:
        page = (sys.executable, str(HERE / "host/names.py"), how)
        return output(*self.hosted(*page)), output(*page)

    def test_what_is_found_is_what_the_kernels_programs_find(self):
        for server in (KERNEL, KERNEL6):
            self.servers(server)
            self.dnsmasq(KERNEL, KERNEL6)
            self.assertMultiLineEqual(*self.page("known"))
            self.ended(self.children.pop())
            output("umount", "/etc/resolv.conf")

    def test_a_server_on_the_host_itself(self):
        self.servers("127.0.0.1")
        self.dnsmasq(STACK, "127.0.0.1", on_host=True)
        page = (sys.executable, str(HERE / "host/names.py"), "known")
        self.assertIn("both.test AF_INET: AF_INET SOCK_STREAM 6  10.1.2.3:80", output(*self.hosted(*page)))

    def test_the_second_server_is_asked_where_the_first_is_not_there(self):
        self.servers("192.0.2.77", KERNEL, options="timeout:1 attempts:1")
        self.dnsmasq(KERNEL)
        self.assertIn("10.1.2.3", output(*self.hosted("getent", "ahosts", "both.test")))

    def test_no_server_is_told_in_bounded_time(self):
        self.servers(KERNEL)
        told, expected = self.page("unknown")  # it refuses
        self.assertMultiLineEqual(told, expected)
        self.assertIn("no server: EAI_AGAIN", told)
        output("umount", "/etc/resolv.conf")
        self.servers("192.0.2.77", options="timeout:1 attempts:1")
        begin = time.monotonic()
        self.assertEqual(self.python(UNKNOWN), f"{socket.EAI_AGAIN}\n")  # it is nobody
        self.assertLess(time.monotonic() - begin, 20)

    def test_curl_by_name(self):
        self.servers(KERNEL)
        self.dnsmasq(KERNEL)
        file, content = self.site()
        into = str(file) + ".got"
        for name, address, server in (("web.test", KERNEL, list), ("stack.test", STACK, self.of_host)):
            for host in (address, {KERNEL: KERNEL6, STACK: STACK6}[address]):
                self.start(*server((sys.executable, "-m", "http.server", "--bind", host, "8000",
                                    "--directory", self.folder.name)))
                await_port(host, 8000)
            for family in ("-4", "-6"):
                fetch = ("curl", "-sS", family, "--noproxy", "*", "--max-time", "20", "-o", into,
                         f"http://{name}:8000/file")
                for client in (list(fetch), self.hosted(*fetch)):
                    self.assertEqual(output(*client), "")
                    self.assertTrue(pathlib.Path(into).read_bytes() == content)
                    os.unlink(into)

    def of_host(self, command: tuple[str, ...]) -> list[str]:
        return self.hosted(*command)


if __name__ == "__main__":
    main("--mount")
