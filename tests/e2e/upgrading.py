"""What tests of binary upgrades share: a Weir whose binary can be replaced, and the processes that follow it.

The test's process adopts what loses its parent, so that every process of the chain is seen to end, and how.
"""

import ctypes
import os
import signal
import stat
import subprocess
import threading

import harness
from harness import seconds, wait_until

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

IN_CHARGE = r"upgrade: this process, (\d+), is in charge"
FAILED = r"upgrade: .*; all goes on as before"


class Upgrading(harness.Case):
    """`server` is the first process; `pid` is the one in charge."""

    def start(self, settings, environment=None, arguments=(), **options):
        self.folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        self.binary = os.path.join(self.folder, "weir")
        self.pid_file = os.path.join(self.folder, "weir.pid")
        os.symlink(harness.BINARY, self.binary)
        self.settings = settings
        options.setdefault("command", [self.binary])
        self.server = self.weir(settings, environment=environment, **options,
                                arguments=["--pid-file", self.pid_file, *arguments])
        self.server.wait_lines("ready: ")
        self.pid = self.server.pid
        self.upgrades = 0
        self.addCleanup(self.end_all)
        return self.server

    def end_all(self):
        """The process in charge ends as it should; so have those before."""
        pids = [int(pid) for pid in self.server.found(IN_CHARGE)]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for pid in pids:
            self.assertEqual(self.exit_of(pid), 0, f"{pid} did not end well\n" + "\n".join(self.server.lines[-60:]))
        if pids:
            self.server.wait_exit()

    @staticmethod
    def exit_of(pid, timeout=15.0):
        found = []

        def over():
            try:
                done, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # its parent has seen it, or still is there
                if os.path.exists(f"/proc/{pid}"):
                    return False
                found.append(0)
                return True
            if done:
                found.append(os.waitstatus_to_exitcode(status))
            return done == pid

        wait_until(f"the end of {pid}", over, timeout)
        return found[0]

    def signal(self, number):
        os.kill(self.pid, number)

    def upgrade(self):
        self.signal(signal.SIGUSR2)
        self.upgrades += 1
        self.server.wait_lines(IN_CHARGE, self.upgrades, timeout=30)
        self.pid = int(self.server.found(IN_CHARGE)[-1])

    def fail_upgrade(self, why):
        before = len(self.server.found(FAILED))
        self.signal(signal.SIGUSR2)
        self.server.wait_lines(FAILED, before + 1)
        self.assertRegex([line for line in self.server.lines if "all goes on as before" in line][-1], why)

    def set_binary(self, script):
        """Another binary, at the same path."""
        path = os.path.join(self.folder, "other")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        os.rename(path, self.binary)

    def set_real_binary(self):
        os.symlink(harness.BINARY, self.binary + ".new")
        os.rename(self.binary + ".new", self.binary)

    def begin_held(self, then=None):
        """An upgrade that goes on at release(): to the real binary, or to what else a shell can do."""
        number = len(os.listdir(self.folder))
        self.gate, real = (os.path.join(self.folder, f"{name}-{number}") for name in ("gate", "weir"))
        os.mkfifo(self.gate)
        os.symlink(harness.BINARY, real)
        then = then or f'exec "{real}" "$@"'
        self.set_binary(f'read -r _ <"{self.gate}"\n{then}\n')
        begun = len(self.server.found("upgrade: starting"))
        self.signal(signal.SIGUSR2)
        self.server.wait_lines("upgrade: starting", begun + 1)
        self.next_binary = real

    def release(self):
        with open(self.gate, "w", encoding="ascii") as gate:
            gate.write("go\n")

    def finish_held(self):
        self.release()
        self.upgrades += 1
        self.server.wait_lines(IN_CHARGE, self.upgrades, timeout=30)
        self.pid = int(self.server.found(IN_CHARGE)[-1])
        self.binary = self.next_binary

    def save(self, **top):
        self.settings = {**self.settings, **top}
        path = self.server.file
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(harness.yaml(self.settings) + "\n")
        os.rename(path + ".new", path)

    def named_by_pid_file(self):
        with open(self.pid_file, encoding="ascii") as file:
            return int(file.read())

    def load(self, count=8, index=0, every=0):
        loads = [Load(self.server.addresses[index], f"{index}-{number}", every) for number in range(count)]
        self.addCleanup(lambda: [load.end() for load in loads])
        wait_until("traffic", lambda: all(load.answers > 3 for load in loads))
        return loads

    def assert_unhurt(self, loads):
        self.assertEqual([wrong for load in loads for wrong in load.end()], [])


class Load(threading.Thread):
    """A client that keeps its connection until it is asked to make another, or makes one for `every` requests."""

    def __init__(self, address, name, every=0):
        super().__init__(daemon=True)
        self.address, self.name_, self.every = address, name, every
        self.wrong, self.answers, self.asked_to_close = [], 0, 0
        self.targets = []
        self.over = threading.Event()
        self.start()

    def run(self):
        client = None
        try:
            while not self.over.is_set():
                client = client or harness.RawClient(self.address)
                target = f"/{self.name_}/{self.answers}"
                response = client.request(target=target)
                if (response.status, response.ended, response.body) != (200, "complete", f"GET {target}".encode()):
                    self.wrong.append(f"{target}: {response!r}")
                    break
                self.targets.append(target)
                self.answers += 1
                closes = (response.get("Connection") or "").lower() == "close"
                self.asked_to_close += closes
                if closes or (self.every and self.answers % self.every == 0):
                    client.close()
                    client = None
        except OSError as error:
            self.wrong.append(repr(error))
        if client:
            client.close()

    def end(self):
        self.over.set()
        self.join(seconds(10))
        return self.wrong


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds(20), **options)
