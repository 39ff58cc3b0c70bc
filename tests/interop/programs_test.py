"""Programs of Debian on a host, as servers and as clients, inside it and from the kernel.

    programs_test.py FAIRLEAD [unittest arguments]

What is not installed is skipped, and said to be. Ends with 77 where no network may be made.
"""
import json
import pathlib
import re
import shutil
import subprocess
import time
import unittest

from on_host import KERNEL, STACK, OnHost, await_port, main, output

STACK6, KERNEL6 = "fd77::1", "fd77::2"

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
  server one 127.0.0.1:8091
"""
NODE_SERVER = """
require('http').createServer((_, answer) => answer.end('by node'))
    .listen(8070, '::', () => console.log('ready'))
"""
NODE_CLIENT = """
require('http').get({host: process.argv[1], port: 8070},
                    answer => answer.on('data', d => console.log(`${d}`)))
"""
MEMCACHED = "set name 0 0 5\r\nvalue\r\nget name\r\nquit\r\n"


class Programs(OnHost):
    OPTIONS = ("--address", f"{STACK6}/64", "--host-address", f"{KERNEL6}/64")

    def need(self, *programs: str) -> None:
        for program in programs:
            if shutil.which(program) is None:
                self.skipTest(f"{program} is not installed")

    def from_both(self, *command: str, said: str = "") -> list[str]:
        """What a client prints that is the kernel's, and then one that is the host's."""
        return [subprocess.run(c, input=said, text=True, capture_output=True, timeout=60,
                               check=False).stdout for c in (list(command), self.hosted(*command))]

    def everywhere(self, server, port: int, client, said: str = "") -> list[str]:
        """What a client prints on the kernel and on the host, of a server on the kernel and then on the
        host, by both families: `server(addresses)` and `client(address)` are their commands."""
        told = []
        for addresses in ((KERNEL, KERNEL6), (STACK, STACK6)):
            command = server(addresses)
            daemon = self.start(*(command if addresses[0] == KERNEL else self.hosted(*command)))
            for address in addresses:
                await_port(address, port)
                told += self.from_both(*client(address), said=said)
            self.ended(daemon)
        self.assertEqual(len(told), 8)
        return told

    def fetch(self, url: str) -> tuple[list[str], str]:
        into = str(pathlib.Path(self.folder.name) / "got")
        return ["curl", "-sSgk", "--noproxy", "*", "--max-time", "50", "-o", into, "-w",
                "%{http_version} %{http_code}", url], into

    def certificate(self) -> tuple[str, str]:
        key, certificate = (f"{self.folder.name}/{name}" for name in ("key", "certificate"))
        output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
               certificate, "-days", "2", "-subj", "/CN=test")
        return key, certificate

    def fetched_by_both(self, url: str, content: bytes, version: str = "1.1") -> None:
        command, into = self.fetch(url)
        for client in (command, self.hosted(*command)):
            self.assertEqual(output(*client), f"{version} 200", client)
            self.assertTrue(pathlib.Path(into).read_bytes() == content, client)

    def test_nginx(self):
        self.need("nginx", "openssl", "curl")
        _, content = self.site()
        self.certificate()
        config = pathlib.Path(self.folder.name) / "nginx.conf"
        config.write_text(NGINX.replace("FOLDER", self.folder.name))
        # Its workers are another user's.
        pathlib.Path(self.folder.name).chmod(0o755)
        command = ("nginx", "-c", str(config), "-p", self.folder.name)
        server = self.start(*self.hosted(*command))
        await_port(STACK, 8080)
        for url, version in ((f"http://{STACK}:8080/file", "1.1"), (f"https://{STACK}:8443/file", "2"),
                             (f"http://{STACK}:8080/proxy/file", "1.1"),
                             (f"http://[{STACK6}]:8080/file", "1.1"),
                             (f"https://[{STACK6}]:8443/file", "2")):
            self.fetched_by_both(url, content, version)
        twice, into = self.fetch(f"http://{STACK}:8080/file")
        for client in (twice, self.hosted(*twice)):
            self.assertIn("Re-using existing connection",
                          output(*client, "-v", "-o", into, f"http://{STACK}:8080/file"))
        output(*command, "-s", "reload")
        time.sleep(0.2)
        self.fetched_by_both(f"http://{STACK}:8080/file", content)
        output(*command, "-s", "quit")
        self.assertEqual(server.wait(20), 0)

    def test_wrk_with_nginx(self):
        self.need("nginx", "wrk", "openssl")
        self.certificate()
        config = pathlib.Path(self.folder.name) / "nginx.conf"
        config.write_text(NGINX.replace("FOLDER", self.folder.name))
        pathlib.Path(self.folder.name).chmod(0o755)
        (pathlib.Path(self.folder.name) / "small").write_text("small\n")
        self.start(*self.hosted("nginx", "-c", str(config), "-p", self.folder.name))
        await_port(STACK, 8080)
        for said in self.from_both("wrk", "-t", "2", "-c", "16", "-d", "1",
                                   f"http://{STACK}:8080/small"):
            self.assertGreater(int(re.search(r"(\d+) requests in", said)[1]), 0)
            self.assertNotIn("errors", said)

    def test_iperf3(self):
        self.need("iperf3")
        for options in ((), ("-R",), ("-P", "8"), ("-u", "-b", "20M")):
            for address in (STACK, STACK6) if options == () else (STACK,):
                client = ("iperf3", "-J", "-c", address, "-n", "4M", *options)
                for command in (list(client), self.hosted(*client)):
                    # One for each: between two clients it closes its listener and opens another.
                    server = self.start(*self.hosted("iperf3", "-s", "-1"))
                    self.await_socket(":5201")
                    told = json.loads(output(*command))
                    self.assertNotIn("error", told)
                    total = told["end"]["sum" if "-u" in options else "sum_received"]
                    self.assertGreater(total["bytes"], 0)
                    self.assertEqual(server.wait(20), 0)

    def test_openssl(self):
        self.need("openssl")
        key, certificate = self.certificate()
        for option, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            told = self.everywhere(
                lambda _: ["openssl", "s_server", "-accept", "4433", "-cert", certificate, "-key", key,
                           "-www"], 4433,
                lambda address, version=option: [
                    "openssl", "s_client", "-connect",
                    f"[{address}]:4433" if ":" in address else f"{address}:4433", version, "-quiet"],
                said="GET / HTTP/1.0\r\n\r\n")
            for said in told:
                self.assertRegex(said, rf"Protocol +: {name}")

    def test_memcached_and_socat(self):
        self.need("memcached", "socat")
        told = self.everywhere(
            lambda _: ["memcached", "-u", "root", "-l", "0.0.0.0", "-l", "::", "-t", "4"], 11211,
            lambda address: ["socat", "-t", "20", "-", f"TCP:[{address}]:11211" if ":" in address
                             else f"TCP:{address}:11211"], said=MEMCACHED)
        for said in told:
            self.assertEqual(said.split(), ["STORED", "VALUE", "name", "0", "5", "value", "END"])

    def test_socat_forks_for_each(self):
        self.need("socat")
        told = self.everywhere(
            lambda _: ["socat", "TCP6-LISTEN:7777,ipv6only=0,fork,reuseaddr", "EXEC:cat"], 7777,
            lambda address: ["socat", "-t", "20", "-", f"TCP:[{address}]:7777" if ":" in address
                             else f"TCP:{address}:7777"], said="hi\n")
        self.assertEqual(set(told), {"hi\n"})

    def test_redis_of_both_families(self):
        self.need("redis-server", "redis-cli")
        told = self.everywhere(
            lambda _: ["redis-server", "--bind", "0.0.0.0", "::", "--save", "", "--protected-mode", "no"],
            6379, lambda address: ["redis-cli", "-h", address],
            said="set name value\nget name\nlpush list 1 2 3\nlrange list 0 -1\ndel list\nno such\n")
        self.assertIn("value", told[0])
        self.assertEqual(set(told), {told[0]})

    def test_haproxy(self):
        self.need("haproxy", "curl")
        _, content = self.site()
        config = pathlib.Path(self.folder.name) / "haproxy"
        config.write_text(HAPROXY)
        self.start(*self.hosted("python3", "-m", "http.server", "--bind", "127.0.0.1", "8091",
                                "--directory", self.folder.name))
        self.await_socket("127.0.0.1:8091")
        self.start(*self.hosted("haproxy", "-db", "-f", str(config)))
        await_port(STACK, 8090)
        self.fetched_by_both(f"http://{STACK}:8090/file", content, "1")

    def test_dnsmasq_and_dig(self):
        self.need("dnsmasq", "dig")
        self.start(*self.hosted("dnsmasq", "-d", "--no-resolv", "--no-hosts", "--user=root",
                                "--bind-interfaces", f"--listen-address={STACK}",
                                "--address=/name.test/10.1.2.3"))
        self.await_socket(f"{STACK}:53")
        for options in ((), ("+tcp",)):
            self.assertEqual(self.from_both("dig", "+short", "+time=20", *options, f"@{STACK}",
                                            "name.test"), ["10.1.2.3\n", "10.1.2.3\n"])

    def test_node(self):
        self.need("node", "curl")
        told = self.everywhere(lambda _: ["node", "-e", NODE_SERVER], 8070,
                               lambda address: ["node", "-e", NODE_CLIENT, address])
        self.assertEqual(set(told), {"by node\n"})
        self.started("node", "-e", NODE_SERVER)
        self.fetched_by_both(f"http://{STACK}:8070/", b"by node")


if __name__ == "__main__":
    main()
