"""What nginx does beside answering (matrix_test.py): it is reloaded, keeps connections, and is asked to quit.

    programs_test.py FAIRLEAD [unittest arguments]

What is not installed is skipped, and said to be. Ends with 77 where no network may be made.
"""
import pathlib
import shutil
import time
import unittest

from on_host import STACK, OnHost, await_port, main, output

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


class Programs(OnHost):
    OPTIONS = ("--address", f"{STACK6}/64", "--host-address", f"{KERNEL6}/64")

    def need(self, *programs: str) -> None:
        for program in programs:
            if shutil.which(program) is None:
                self.skipTest(f"{program} is not installed")

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


if __name__ == "__main__":
    main()
