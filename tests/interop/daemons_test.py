"""PostgreSQL and sshd on a host, and their clients, beside the same on the kernel.

    daemons_test.py FAIRLEAD [unittest arguments]

What is not installed is skipped, and said to be. Ends with 77 where no network may be made.
"""
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import time
import unittest

from on_host import FAIRLEAD, KERNEL, STACK, OnHost, await_port, main, output

STACK6, KERNEL6 = "fd77::1", "fd77::2"
V6 = ("--address", f"{STACK6}/64", "--host-address", f"{KERNEL6}/64")
SQL = """
create table numbers as select i, repeat('x', i % 100) as text from generate_series(1, 20000) i;
select count(*), sum(i), sum(length(text)) from numbers;
copy numbers to stdout;
select no_such_column from numbers;
drop table numbers;
"""
TRUST = "host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n"


class Postgres(OnHost):
    """All is a user's that is not root, who may make devices all the same: postgres runs as no other."""
    PORT = 5433

    def setUp(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            self.skipTest("postgresql is not installed")
        if os.geteuid() != 0 or pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1":
            self.skipTest("needs root, to be another user")
        self.programs = found[-1].parent
        super().setUp()

    def as_user(self, *command: str) -> list[str]:
        return ["setpriv", "--reuid", self.user.pw_name, "--regid", str(self.user.pw_gid),
                "--clear-groups", "--inh-caps", "+net_admin", "--ambient-caps", "+net_admin",
                *command]

    def up(self) -> None:
        self.user = pwd.getpwnam("postgres")
        os.chown(self.folder.name, self.user.pw_uid, self.user.pw_gid)
        node = pathlib.Path(self.folder.name) / "tun"  # the system's may be root's alone
        output("mknod", "-m", "666", str(node), "c", "10", "200")
        output("mount", "--bind", str(node), "/dev/net/tun")
        self.host = self.start(*self.as_user(
            FAIRLEAD, "up", "h", "--device", "tap:fl0", "--address", f"{STACK}/24", "--host-address",
            f"{KERNEL}/24", *V6))
        self.assertIn("h is up on tap:fl0", self.host.stdout.readline())
        self.data = f"{self.folder.name}/data"
        output(*self.as_user(f"{self.programs}/initdb", "-D", self.data, "-A", "trust", "-U",
                             "postgres", "--no-sync"))
        with open(f"{self.data}/pg_hba.conf", "a", encoding="utf-8") as access:
            access.write(TRUST)

    def tearDown(self):
        super().tearDown()
        output("umount", "/dev/net/tun")

    def sides(self, *command: str) -> tuple[list[str], list[str]]:
        return self.as_user(*command), self.as_user(*self.hosted(*command))

    def client(self, program: str, address: str, *options: str) -> tuple[list[str], list[str]]:
        return self.sides(f"{self.programs}/{program}", "-h", address, "-p", str(self.PORT), "-U",
                          "postgres", *options)

    def await_database(self, address: str) -> None:
        """It listens before it takes anybody."""
        ready, _ = self.sides(f"{self.programs}/pg_isready", "-q", "-h", address, "-p", str(self.PORT))
        end = time.monotonic() + 30
        while subprocess.run(ready, check=False).returncode != 0:
            self.assertLess(time.monotonic(), end, "the database does not start")
            time.sleep(0.05)

    def test_psql_and_pgbench(self):
        script = pathlib.Path(self.folder.name) / "script"
        script.write_text(SQL)
        servers = self.sides(f"{self.programs}/postgres", "-D", self.data, "-p", str(self.PORT), "-c",
                             "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "fsync=off")
        said = []
        for server, addresses in zip(servers, ((KERNEL, KERNEL6), (STACK, STACK6))):
            daemon = self.start(*server)
            self.await_database(addresses[0])
            for address in addresses:
                for command in self.client("psql", address, "-X", "-f", str(script), "postgres"):
                    said.append(output(*command))
            kernels, hosts = self.client("pgbench", addresses[0], "-n", "-c", "16", "-t", "20",
                                         "postgres")
            output(*self.client("pgbench", addresses[0], "-i", "-q", "postgres")[0])
            for command in (kernels, hosts):
                self.assertIn("actually processed: 320/320", output(*command))
            daemon.terminate()
            self.assertEqual(daemon.wait(30), 0)
        self.assertEqual(len(said), 8)
        self.assertRegex(said[0], r'20000 \| 200010000 \| +990000')
        self.assertIn('column "no_such_column" does not exist', said[0])
        for other in said[1:]:
            self.assertTrue(other == said[0])


class Ssh(OnHost):
    OPTIONS = V6

    def setUp(self):
        self.sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        if self.sshd is None or shutil.which("ssh") is None:
            self.skipTest("sshd or ssh is not installed")
        if os.geteuid() != 0 or pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1":
            self.skipTest("needs root, to be other users")
        super().setUp()

    def daemon(self, hosted: bool, addresses: tuple[str, ...]) -> None:
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # where its child is shut in
        options = ("Port=2222", f"HostKey={self.folder.name}/host", "StrictModes=no", "UsePAM=no",
                   f"AuthorizedKeysFile={self.folder.name}/user.pub", "PidFile=none",
                   "PermitRootLogin=yes", *(f"ListenAddress={address}" for address in addresses))
        command = (self.sshd, "-D", "-e", "-f", "/dev/null", *(f"-o{option}" for option in options))
        self.start(*(self.hosted(*command) if hosted else command))
        await_port(addresses[0], 2222)

    def test_ssh_and_sshd(self):
        for name in ("host", "user"):
            output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.folder.name}/{name}")
        file, content = self.site()
        said = []
        for hosted, addresses in ((False, (KERNEL, KERNEL6)), (True, (STACK, STACK6))):
            self.daemon(hosted, addresses)
            for address in addresses:
                command = ["ssh", "-F", "/dev/null", "-p", "2222", "-i", f"{self.folder.name}/user",
                           "-oIdentitiesOnly=yes", "-oStrictHostKeyChecking=no", "-oLogLevel=ERROR",
                           "-oUserKnownHostsFile=/dev/null", f"root@{address}",
                           f"id -un; echo $SSH_CONNECTION >&2; cat; cat {file}; exit 3"]
                for client in (command, self.hosted(*command)):
                    done = subprocess.run(client, input=content, capture_output=True, timeout=60,
                                          check=False)
                    self.assertEqual(done.returncode, 3, done.stderr)
                    self.assertTrue(done.stdout == b"root\n" + content + content)
                    said.append(re.sub(r" \d+ ", " PORT ", done.stderr.decode()).split()[-2:])
        self.assertEqual(said[0], [KERNEL, "2222"])
        self.assertEqual(len(said), 8)


if __name__ == "__main__":
    main("--mount")
