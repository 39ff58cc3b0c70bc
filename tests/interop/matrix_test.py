"""Each program, as server and as client, on the kernel and on a host, by IPv4 and IPv6: what a client
prints is the same wherever it and its server are.

    matrix_test.py FAIRLEAD [unittest arguments]
    FAIRLEAD_MATRIX=all matrix_test.py FAIRLEAD      also those that take longer (docs/host.md)

Eight runs for each row of CASES: server on the kernel or on the host, client likewise, both families.
What is not installed is skipped, and said to be. Ends with 77 where no network may be made.
"""
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest
from collections.abc import Callable

from on_host import FAIRLEAD, KERNEL, STACK, OnHost, await_port, main, output

STACK6, KERNEL6 = "fd77::1", "fd77::2"
ALL = os.environ.get("FAIRLEAD_MATRIX") == "all"
SIZE = 2_000_003

NGINX = """
daemon off;
worker_processes 4;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events { worker_connections 128; }
http {
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path FOLDER/1; proxy_temp_path FOLDER/2; fastcgi_temp_path FOLDER/3;
  uwsgi_temp_path FOLDER/4; scgi_temp_path FOLDER/5;
  server {
    listen 0.0.0.0:8080; listen [::]:8080; listen 0.0.0.0:8443 ssl http2; listen [::]:8443 ssl http2;
    ssl_certificate FOLDER/certificate; ssl_certificate_key FOLDER/key;
    root FOLDER;
    location /proxy/ { proxy_pass http://127.0.0.1:8081/; }
  }
  server { listen 127.0.0.1:8081; root FOLDER; }
}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 20s
  timeout client 60s
  timeout server 60s
listen all
  bind 0.0.0.0:8090
  bind :::8090 v6only
  server one 127.0.0.1:8091
listen file
  bind 127.0.0.1:8091
  http-request return status 200 content-type text/plain file FOLDER/small
"""
ASYNCIO = """
import asyncio
async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()
async def run():
    server = await asyncio.start_server(serve, None, 7100)
    await server.serve_forever()
asyncio.run(run())
"""
ASYNCIO_CLIENT = """
import asyncio, sys
async def ask(number):
    reader, writer = await asyncio.open_connection(sys.argv[1], 7100)
    writer.write(b"line %d\\n" % number)
    line = await reader.readline()
    writer.close()
    return line
async def run():
    print(await asyncio.gather(*(ask(n) for n in range(20))))
asyncio.run(run())
"""
THREADS = """
import socket, socketserver
class Each(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())
class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = daemon_threads = True
Server(("::", 7200), Each).serve_forever()
"""
THREADS_CLIENT = """
import socket, sys, threading
told = [None] * 8
def ask(number):
    with socket.create_connection((sys.argv[1], 7200)) as s:
        for i in range(50):
            s.sendall(b"%d and %d\\n" % (number, i))
            told[number] = s.makefile("rb").readline() if i == 49 else s.recv(100)
threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(told))]
for t in threads: t.start()
for t in threads: t.join()
print(told)
"""
NODE = "require('http').createServer((_, answer) => answer.end('by node')).listen(8070, '::')"
NODE_CLIENT = """
require('http').get({host: process.argv[1], port: 8070}, answer => {
    console.log(answer.statusCode, answer.httpVersion)
    answer.on('data', d => console.log(`${d}`)) })
"""


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def benchmarked(text: str) -> str:
    """Of which commands it said how fast they are."""
    return " ".join(re.findall(r"(\w+): [\d.]+ requests per second", text))


@dataclasses.dataclass
class Case:
    programs: tuple[str, ...]
    server: Callable[..., list[str]]  # of the folder, the addresses that it is to serve
    port: int
    client: Callable[..., list[str]]  # of the folder and the server's address
    said: str = ""
    same: Callable[[str], str] = str  # what of the output is to be the same
    shows: str = ""  # and what it is to contain
    datagrams: bool = False  # nobody listens by TCP
    is_once: bool = False  # a server for each client
    is_long: bool = False


def curl(url: str) -> Callable[..., list[str]]:
    return lambda folder, address: [
        "curl", "-sSgk", "--noproxy", "*", "--max-time", "50", "-w", "%{http_version} %{http_code}\n",
        url.replace("ADDRESS", bracketed(address))]


def iperf3(*options: str) -> Case:
    def summary(text: str) -> str:
        # Which lines of sums there are: not how much it was.
        return " ".join(re.findall("sender|receiver|error.*|iperf Done", text))
    return Case(("iperf3",), lambda folder, addresses: ["iperf3", "-s", "-1"], 5201,
                lambda folder, address: ["iperf3", "-c", address, "-n", "4M", *options],
                same=summary, shows="Done", is_once=True)


def dig(*options: str) -> Case:
    def server(_, addresses: tuple[str, ...]) -> list[str]:
        return ["dnsmasq", "-d", "--no-resolv", "--no-hosts", "--user=root", "--bind-interfaces",
                *(f"--listen-address={a}" for a in addresses), "--address=/name.test/10.1.2.3"]
    def same(text: str) -> str:
        return re.sub(r"id: \d+|time: \d+|SERVER: .*|WHEN: .*|COOKIE: .*", "", text)
    return Case(("dnsmasq", "dig"), server, 53,
                lambda folder, address: ["dig", "+time=20", *options, f"@{address}", "name.test"],
                same=same, shows="10.1.2.3")


def openssl(version: str, name: str) -> Case:
    def server(folder: str, _) -> list[str]:
        return ["openssl", "s_server", "-accept", "4433", "-cert", f"{folder}/certificate", "-key",
                f"{folder}/key", "-www"]
    def same(text: str) -> str:
        return "\n".join(re.findall(r"^ *(?:Protocol|Cipher|Server public key).*", text, re.M))
    return Case(("openssl",), server, 4433,
                lambda folder, address: ["openssl", "s_client", "-connect", f"{bracketed(address)}:4433",
                                         version, "-quiet"],
                said="GET / HTTP/1.0\r\n\r\n", same=same, shows=name)


def redis(*client: str, said: str = "", **rest) -> Case:
    return Case(("redis-server", client[0]),
                lambda folder, addresses: ["redis-server", "--bind", "0.0.0.0", "::", "--save", "",
                                           "--protected-mode", "no"], 6379,
                lambda folder, address: [client[0], "-h", address, *client[1:]], said=said, **rest)


def ping(*options: str) -> Case:
    def same(text: str) -> str:
        text = re.sub(r"time=[\d.]+ ms|time \d+ms|= [\d./]+ ms", "", text)
        return re.sub(rf"{KERNEL}|{STACK}|{KERNEL6}|{STACK6}", "THERE", text)
    return Case(("ping",), lambda folder, addresses: ["sleep", "1000"], 0,
                lambda folder, address: ["ping", "-c", "3", "-i", "0.02", "-W", "20", *options, address],
                same=same, shows="3 received", datagrams=True)


def nginx(_folder: str, _addresses) -> list[str]:
    return ["nginx", "-c", f"{_folder}/nginx.conf", "-p", _folder]


def socat(port: int, **rest) -> Callable[..., list[str]]:
    return lambda folder, address: ["socat", "-t", "20", "-", f"TCP:{bracketed(address)}:{port}"]


CASES = {
    "nginx and curl": Case(("nginx", "curl", "openssl"), nginx, 8080, curl("http://ADDRESS:8080/small"),
                           shows="1.1 200"),
    "nginx and curl, a large file": Case(("nginx", "curl", "openssl"), nginx, 8080,
                                         curl("http://ADDRESS:8080/file"), shows="1.1 200"),
    "nginx and curl, TLS and HTTP/2": Case(("nginx", "curl", "openssl"), nginx, 8443,
                                           curl("https://ADDRESS:8443/small"), shows="2 200"),
    "nginx and curl, proxy_pass": Case(("nginx", "curl", "openssl"), nginx, 8080,
                                       curl("http://ADDRESS:8080/proxy/small"), shows="1.1 200"),
    "nginx and curl, two on one connection": Case(
        ("nginx", "curl", "openssl"), nginx, 8080,
        lambda folder, address: [*curl("http://ADDRESS:8080/small")(folder, address),
                                 f"http://{bracketed(address)}:8080/small", "-w", "%{num_connects}\n"]),
    "nginx and wrk": Case(("nginx", "wrk", "openssl"), nginx, 8080,
                          lambda folder, address: ["wrk", "-t", "2", "-c", "16", "-d", "1",
                                                   f"http://{bracketed(address)}:8080/small"],
                          same=lambda text: " ".join(re.findall(
                              "Latency|Req/Sec|requests in|Requests/sec|errors.*", text)),
                          shows="requests in"),
    "haproxy and curl": Case(("haproxy", "curl"),
                             lambda folder, _: ["haproxy", "-db", "-f", f"{folder}/haproxy"], 8090,
                             curl("http://ADDRESS:8090/small"), shows="1.1 200"),
    "python3 -m http.server and curl": Case(
        ("curl",), lambda folder, _: ["python3", "-m", "http.server", "--bind", "::", "8060",
                                      "--directory", folder], 8060,
        curl("http://ADDRESS:8060/small"), shows="1 200"),
    "python3 asyncio": Case((), lambda folder, _: ["python3", "-c", ASYNCIO], 7100,
                            lambda folder, address: ["python3", "-c", ASYNCIO_CLIENT, address],
                            shows="LINE 19"),
    "python3 threads": Case((), lambda folder, _: ["python3", "-c", THREADS], 7200,
                            lambda folder, address: ["python3", "-c", THREADS_CLIENT, address],
                            shows="7 AND 49"),
    "node": Case(("node",), lambda folder, _: ["node", "-e", NODE], 8070,
                 lambda folder, address: ["node", "-e", NODE_CLIENT, address], shows="by node"),
    "iperf3": iperf3(),
    "iperf3 -R": iperf3("-R"),
    "iperf3 -P 8": iperf3("-P", "8"),
    "iperf3 -u": iperf3("-u", "-b", "20M"),
    "openssl s_client, TLS 1.2": openssl("-tls1_2", "TLSv1.2"),
    "openssl s_client, TLS 1.3": openssl("-tls1_3", "TLSv1.3"),
    "redis-cli": redis("redis-cli", said="set name value\nget name\nlpush list 1 2 3\n"
                                         "lrange list 0 -1\ndel list\nno such\n", shows="value"),
    "redis-benchmark, P=1": redis("redis-benchmark", "-q", "-n", "2000", "-t", "set,get", shows="GET",
                                  same=benchmarked,
                                  is_long=True),
    "redis-benchmark, P=16": redis("redis-benchmark", "-q", "-n", "20000", "-P", "16", "-t", "set,get",
                                   shows="GET", same=benchmarked,
                                   is_long=True),
    "memcached and socat": Case(("memcached", "socat"),
                                lambda folder, _: ["memcached", "-u", "root", "-l", "0.0.0.0", "-l",
                                                   "::", "-t", "4"], 11211, socat(11211),
                                said="set name 0 0 5\r\nvalue\r\nget name\r\nquit\r\n", shows="STORED"),
    "socat, a process for each": Case(("socat",),
                                      lambda folder, _: ["socat", "TCP6-LISTEN:7777,ipv6only=0,fork,"
                                                         "reuseaddr", "EXEC:cat"], 7777, socat(7777),
                                      said="hi\n", shows="hi"),
    "nc": Case(("nc",), lambda folder, addresses: ["sh", "-c", f"nc -lN {addresses[0]} 7300 < "
                                                   f"{folder}/file"], 7300,
               lambda folder, address: ["nc", "-w", "20", address, "7300"], is_once=True,
               same=lambda text: f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}",
               shows=str(SIZE // 16 * 16)),
    "dnsmasq and dig": dig(),
    "dnsmasq and dig, TCP": dig("+tcp"),
    "ping": ping(),
    "ping -s 4000": ping("-s", "4000"),
    "ping -t 9": ping("-t", "9"),
}


class Matrix(OnHost):
    OPTIONS = ("--address", f"{STACK6}/64", "--host-address", f"{KERNEL6}/64")
    maxDiff = None

    def prepare(self) -> None:
        folder = pathlib.Path(self.folder.name)
        folder.chmod(0o755)  # nginx's workers are another user's
        (folder / "small").write_text("small\n")
        (folder / "file").write_bytes(b"0123456789abcde\n" * (SIZE // 16))
        (folder / "nginx.conf").write_text(NGINX.replace("FOLDER", self.folder.name))
        (folder / "haproxy").write_text(HAPROXY.replace("FOLDER", self.folder.name))
        if shutil.which("openssl") is not None:
            output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                   str(folder / "key"), "-out", str(folder / "certificate"), "-days", "2", "-subj",
                   "/CN=test")

    def told(self, command: list[str], said: str) -> str:
        done = subprocess.run(command, input=said, text=True, capture_output=True, timeout=100,
                              check=False)
        return done.stdout + done.stderr

    def serve(self, case: Case, addresses: tuple[str, ...], address: str):
        command = case.server(self.folder.name, addresses)
        is_hosted = STACK in addresses
        server = self.start(*(self.hosted(*command) if is_hosted else command))
        if case.is_once:
            self.await_listener(case.port, is_hosted, True)
        elif not case.datagrams:
            await_port(address, case.port)
        return server

    def await_listener(self, port: int, is_hosted: bool, is_there: bool) -> None:
        """Without a connection, which would be the only one that is served."""
        ss = (FAIRLEAD, "ss", "--host", str(self.host.pid)) if is_hosted else ("ss",)
        end = time.monotonic() + 30
        while (f":{port} " in output(*ss, "-tln")) != is_there:
            self.assertLess(time.monotonic(), end, f"a listener of {port}")
            time.sleep(0.02)

    def compare(self, name: str, case: Case) -> None:
        wanted: dict[bool, str] = {}
        for addresses in ((KERNEL, KERNEL6), (STACK, STACK6)):
            for address in addresses:
                server = None
                client = case.client(self.folder.name, address)
                for where, command in (("kernel", client), ("host", self.hosted(*client))):
                    if server is None:
                        server = self.serve(case, (address, *(a for a in addresses if a != address)),
                                            address) if case.is_once else self.serve(
                                                case, addresses, address)
                    told = case.same(self.told(command, case.said))
                    # Its own address is not the same on both.
                    told = told.replace(address, "THERE")
                    first = wanted.setdefault(":" in address, told)
                    if case.shows:
                        self.assertIn(case.shows, told, (name, address, where))
                    self.assertEqual(told, first, (name, address, where))
                    if case.is_once:
                        server.wait(20)
                        server = None
                        self.await_listener(case.port, addresses[0] == STACK, False)
                if server is not None:
                    self.ended(server)


def test_of(name: str, case: Case):
    def test(self) -> None:
        missing = [p for p in case.programs if shutil.which(p) is None]
        if missing:
            self.skipTest(f"{', '.join(missing)}: not installed")
        if case.is_long and not ALL:
            self.skipTest("with FAIRLEAD_MATRIX=all")
        self.prepare()
        self.compare(name, case)
    return test


for one, row in CASES.items():
    setattr(Matrix, "test_" + re.sub(r"\W+", "_", one), test_of(one, row))

if __name__ == "__main__":
    main()
