"""What Weir says to a service manager, and what it takes from one; without a service manager."""

import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import unittest

import harness
import upgrading
from harness import config, seconds, wait_until
from test_admin import admin_of, ask

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "weir.service")


class Manager:
    """The socket that NOTIFY_SOCKET names: (process, {key: value}) of each message."""

    def __init__(self, case):
        self.path = os.path.join(case.enterContext(tempfile.TemporaryDirectory(prefix="weir-e2e-")), "notify")
        self.socket = case.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.socket.settimeout(seconds(10))

    def hear(self):
        data, extra, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
        return struct.unpack("3i", extra[0][2])[0], dict(line.split("=", 1) for line in data.decode().splitlines())

    def hear_until(self, key):
        """What it says until `key` comes, that among it."""
        heard = [self.hear()]
        deadline = harness.time.monotonic() + seconds(10)
        while key not in heard[-1][1]:
            if harness.time.monotonic() > deadline:
                raise AssertionError(f"nothing was said of {key}: {heard[:40]}")
            heard.append(self.hear())
        return heard


class Told(upgrading.Upgrading):
    def start_told(self, **environment):
        self.manager = Manager(self)
        self.start(config([self.origin()], shutdown_timeout="20s"), environment={"NOTIFY_SOCKET": self.manager.path, **environment})

    def test_its_life(self):
        self.start_told()
        self.assertEqual(self.manager.hear(), (self.pid, {"READY": "1", "STATUS": "ready: 2 workers, 1 pool, 1 route"}))
        self.signal(signal.SIGHUP)
        _, reloading = self.manager.hear()
        self.assertEqual(reloading["RELOADING"], "1")
        self.assertLess(abs(int(reloading["MONOTONIC_USEC"]) / 1e6 - harness.time.monotonic()), seconds(10))
        self.assertEqual(self.manager.hear()[1]["READY"], "1")
        with open(self.server.file, "w", encoding="utf-8") as file:
            file.write("pools: 7\n")
        self.signal(signal.SIGHUP)
        self.manager.hear_until("RELOADING")
        wait_until("the file is told of", lambda: "not in force" in self.manager.hear_until("READY")[-1][1]["STATUS"])
        self.signal(signal.SIGTERM)
        self.assertEqual(self.manager.hear_until("STOPPING")[-1][1]["STOPPING"], "1")

    def test_an_upgrade(self):
        self.start_told(WATCHDOG_USEC="100000")
        self.manager.hear()
        old = self.pid
        self.upgrade()
        named = self.manager.hear_until("MAINPID")[-1]
        self.assertEqual(named, (old, {"MAINPID": str(self.pid)}))
        said = self.manager.hear()
        self.assertEqual((said[0], said[1]["READY"]), (self.pid, "1"))
        heard = [self.manager.hear() for _ in range(5)]
        self.assertEqual(heard, [(self.pid, {"WATCHDOG": "1"})] * 5)

    def test_a_manager_that_does_not_read_for_a_while(self):
        """It misses signs of life, which fill the room that there is, and nothing else."""
        self.start_told(WATCHDOG_USEC="20000")
        harness.time.sleep(0.5)
        self.signal(signal.SIGHUP)
        old = self.pid
        self.upgrade()
        harness.time.sleep(0.5)
        heard = self.manager.hear_until("MAINPID")
        self.assertEqual(heard[-1], (old, {"MAINPID": str(self.pid)}))
        told = [key for pid, said in heard if pid == old for key in said if key in ("READY", "RELOADING", "MAINPID")]
        self.assertEqual(told, ["READY", "RELOADING", "READY", "MAINPID"])
        if self.pid not in [pid for pid, _ in heard]:
            self.assertEqual(self.manager.hear_until("READY")[-1][0], self.pid)

    def test_an_upgrade_that_fails_is_not_told_of(self):
        self.start_told()
        self.manager.hear()
        self.set_binary("exit 1\n")
        self.fail_upgrade("it ended with status 1")
        self.signal(signal.SIGTERM)
        self.assertEqual(self.manager.hear()[1]["STOPPING"], "1")

    def test_signs_of_life(self):
        self.start_told(WATCHDOG_USEC="50000")
        self.assertIn("READY", self.manager.hear()[1])
        self.assertEqual([self.manager.hear() for _ in range(5)], [(self.pid, {"WATCHDOG": "1"})] * 5)

    def test_the_signs_are_anothers(self):
        self.start_told(WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        self.assertIn("READY", self.manager.hear()[1])
        self.signal(signal.SIGTERM)
        self.assertEqual(self.manager.hear()[1]["STOPPING"], "1")


class Given(upgrading.Upgrading):
    """Sockets from the service manager, from descriptor 3 on."""

    def listening(self, family=socket.AF_INET, where=("127.0.0.1", 0)):
        made = self.enterContext(socket.socket(family, socket.SOCK_STREAM))
        made.bind(where)
        made.listen()
        return made

    @staticmethod
    def address_of(made):
        return "%s:%d" % made.getsockname()[:2]

    def start_given(self, sockets, settings):
        """As systemd starts it. The numbers of `sockets` are above those that they get."""
        fds = [made.fileno() for made in sockets]
        moves = "".join(f"exec {3 + number}<&{200 + number} {200 + number}<&-\n" for number in range(len(fds)))
        high = []
        for number, fd in enumerate(fds):
            os.dup2(fd, 200 + number)
            high.append(200 + number)
        script = f'{moves}LISTEN_PID=$$ LISTEN_FDS={len(fds)} exec "$@"'
        try:
            self.start(settings, command=["bash", "-c", script, "bash", harness.BINARY], pass_fds=high)
        finally:
            for fd in high:
                os.close(fd)

    def test_listeners_and_admin_port(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        path = os.path.join(folder, "weir.sock")
        tcp, unix, admin = self.listening(), self.listening(socket.AF_UNIX, path), self.listening()
        settings = config([self.origin()], listeners=[{"address": self.address_of(tcp)}, {"address": f"unix:{path}"}],
                          admin={"address": self.address_of(admin)}, workers=3, shutdown_timeout="20s")
        self.start_given([tcp, unix, admin], settings)
        for index in (0, 1):
            for _ in range(6):
                client = self.client(self.server, index)
                self.assert_ok(client.request())
                client.close()
        self.assertEqual(ask(self.address_of(admin), "/ready")[0], 200)
        loads = self.load(4) + self.load(2, every=1) + self.load(2, index=1, every=1)
        for _ in range(2):  # the new process gets them, too
            self.upgrade()
        self.assert_unhurt(loads)
        self.assertEqual(admin_of(self.server), self.address_of(admin))
        self.signal(signal.SIGTERM)
        self.assertEqual(self.exit_of(self.pid), 0)
        self.assertEqual(os.listdir(folder), ["weir.sock"])  # the service manager's

    def test_what_nobody_wants(self):
        wanted, other = self.listening(), self.listening()
        self.start_given([wanted, other], config([self.origin()], listeners=[{"address": self.address_of(wanted)}]))
        self.server.wait_lines(f"warning a socket on {self.address_of(other)} was given, and no listener is there")
        self.assert_ok(self.client(self.server).request())

    def test_what_is_no_listening_socket(self):
        wanted = self.listening()
        datagrams = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.start_given([datagrams, wanted], config([self.origin()], listeners=[{"address": self.address_of(wanted)}]))
        self.server.wait_lines("warning descriptor 3 was given, and is no socket that listens")
        self.assert_ok(self.client(self.server).request())

    @unittest.skipUnless(shutil.which("systemd-socket-activate"), "no systemd-socket-activate")
    def test_as_systemd_does_it(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = self.address_of(free)
        settings = config([self.origin()], listeners=[{"address": address}])
        weir = harness.Weir(settings, wait=False, command=["systemd-socket-activate", "-l", address, harness.BINARY])
        self.addCleanup(lambda: self.assertEqual(weir.stop(), []))
        weir.wait_lines("Listening on")  # the first client has it started
        weir.addresses = [address]
        self.assert_ok(self.client(weir).request())
        weir.wait_lines(r"listening on ")
        self.assertEqual(weir.found(r"listening on (\S+)"), [address])


class Unit(unittest.TestCase):
    def test_what_the_manager_must_know(self):
        with open(UNIT, encoding="utf-8") as file:
            unit = file.read()
        for line in ("Type=notify", "NotifyAccess=main", "RuntimeDirectoryPreserve=restart"):
            self.assertRegex(unit, rf"(?m)^{re.escape(line)}$")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_how_exposed_it_is(self):
        """By systemd's own measure, from 0 (nothing can happen) to 10."""
        said = upgrading.run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", UNIT)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)


if __name__ == "__main__":
    harness.main()
