"""A file through each program of a host, byte for byte, over a path that loses one packet of a hundred.

    loss_test.py FAIRLEAD [unittest arguments]

FAIRLEAD_FAULTS=1 in the environment: 1 GiB through each, where else it is 2 MiB. What is not installed is
skipped, and said to be. Ends with 77 where no network may be made.
"""
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import unittest

from on_host import FAIRLEAD, KERNEL, STACK, OnHost, await_port, main, output

SIZE = 1 << 30 if os.environ.get("FAIRLEAD_FAULTS") == "1" else 2 << 20
NGINX = """
daemon off; worker_processes 2; pid {here}/nginx.pid; error_log {here}/error.log;
events {{ }}
http {{
  access_log off; sendfile on; proxy_max_temp_file_size 0;
  client_body_temp_path {here}/1; proxy_temp_path {here}/2; fastcgi_temp_path {here}/3;
  uwsgi_temp_path {here}/4; scgi_temp_path {here}/5;
  server {{ listen {address}:8080; listen {address}:8443 ssl http2; root {here};
    ssl_certificate {here}/certificate; ssl_certificate_key {here}/key; }}
}}
"""
HAPROXY = """
defaults
  mode tcp
  timeout connect 20s
  timeout client 60s
  timeout server 60s
listen all
  bind {address}:8090
  server one 127.0.0.1:8091
"""
NODE = "require('http').createServer((_, a) => require('fs').createReadStream(process.argv[1]).pipe(a)).listen(8070)"
ASYNCIO = """
import asyncio, sys
async def serve(_, writer):
    with open(sys.argv[1], "rb") as file:
        while part := file.read(100_000):
            writer.write(part)
            await writer.drain()
    writer.close()
async def run():
    await (await asyncio.start_server(serve, None, 7100)).serve_forever()
asyncio.run(run())
"""


class Loss(OnHost):
    DEVICE = "packet:lossa"

    def setUp(self):
        # The kernel is behind the path's other end.
        self.path = subprocess.Popen(
            [FAIRLEAD, "path", "--between", "tap:lossa", "tap:lossb", "--loss", "1%", "--seed", "1"],
            stdout=subprocess.PIPE, text=True)
        self.path.stdout.readline()
        for command in (f"addr add {KERNEL}/24 dev lossb", "link set lossa up", "link set lossb up"):
            subprocess.run(["ip", *command.split()], check=True)
        super().setUp()
        self.here = pathlib.Path(self.folder.name)
        self.here.chmod(0o755)
        piece = os.urandom(1 << 20)
        with (self.here / "file").open("wb") as file:
            for _ in range(SIZE >> 20):
                file.write(piece)
                piece = piece[1:] + piece[:1]
        with (self.here / "file").open("rb") as file:
            self.wanted = hashlib.file_digest(file, "sha256").hexdigest()

    def tearDown(self):
        super().tearDown()
        self.path.send_signal(signal.SIGINT)
        self.path.communicate(timeout=10)

    def need(self, *programs: str) -> None:
        missing = [p for p in programs if shutil.which(p) is None]
        if missing:
            self.skipTest(f"{', '.join(missing)}: not installed")

    def fetched(self, *client: str) -> None:
        """What a client prints is the file."""
        child = subprocess.Popen(client, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        timer = threading.Timer(280, child.kill)
        timer.start()
        digest = hashlib.sha256()
        while part := child.stdout.read(1 << 20):
            digest.update(part)
        child.stdout.close()
        child.wait()
        timer.cancel()
        self.assertEqual(digest.hexdigest(), self.wanted, client)

    def both_ways(self, server, port: int, client) -> None:
        """`server(address)` on the host for a client on the kernel, and the other way round."""
        daemon = self.start(*self.hosted(*server(STACK)))
        await_port(STACK, port)
        self.fetched(*client(STACK))
        self.ended(daemon)
        self.start(*server(KERNEL))
        await_port(KERNEL, port)
        self.fetched(*self.hosted(*client(KERNEL)))

    def curl(self, scheme: str, port: int, file: str = "file"):
        return lambda address: ["curl", "-sSk", "--noproxy", "*", f"{scheme}://{address}:{port}/{file}"]

    def nginx(self, address: str) -> list[str]:
        if not (self.here / "key").exists():
            output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                   str(self.here / "key"), "-out", str(self.here / "certificate"), "-days", "2", "-subj",
                   "/CN=test")
        (self.here / "nginx.conf").write_text(NGINX.format(here=self.here, address=address))
        return ["nginx", "-c", f"{self.here}/nginx.conf", "-p", str(self.here)]

    def test_nginx_and_curl(self):
        self.need("nginx", "curl", "openssl")
        self.both_ways(self.nginx, 8080, self.curl("http", 8080))

    def test_nginx_and_curl_by_tls(self):
        self.need("nginx", "curl", "openssl")
        self.both_ways(self.nginx, 8443, self.curl("https", 8443))

    def test_haproxy(self):
        self.need("haproxy", "curl")

        def server(address: str) -> list[str]:
            files = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "8091", "--directory",
                     str(self.here)]
            is_hosted = address == STACK
            self.start(*(self.hosted(*files) if is_hosted else files), stdin=subprocess.DEVNULL)
            if is_hosted:
                self.await_socket("127.0.0.1:8091")
            else:
                await_port("127.0.0.1", 8091)
            (self.here / "haproxy").write_text(HAPROXY.format(address=address))
            return ["haproxy", "-db", "-f", f"{self.here}/haproxy"]
        self.both_ways(server, 8090, self.curl("http", 8090))

    def test_http_server_of_python(self):
        self.need("curl")
        self.both_ways(lambda address: [sys.executable, "-m", "http.server", "--bind", address, "8060",
                                        "--directory", str(self.here)], 8060, self.curl("http", 8060))

    def test_asyncio_and_socat(self):
        self.need("socat")
        self.both_ways(lambda _: [sys.executable, "-c", ASYNCIO, f"{self.here}/file"], 7100,
                       lambda address: ["socat", "-u", f"TCP:{address}:7100", "-"])

    def test_node(self):
        self.need("node", "curl")
        self.both_ways(lambda _: ["node", "-e", NODE, f"{self.here}/file"], 8070, self.curl("http", 8070))

    def test_socat_and_nc(self):
        self.need("socat", "nc")
        self.both_ways(lambda _: ["socat", "-U", "TCP-LISTEN:7777,fork,reuseaddr",
                                  f"OPEN:{self.here}/file,rdonly"], 7777,
                       lambda address: ["nc", "-d", address, "7777"])


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    main()
