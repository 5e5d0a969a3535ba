"""The processes of one run besides the proxy: nodes, clients, a crowd. Each is driven through its stdin and stdout."""

import contextlib
import select
import socket
import subprocess
import time


class Tool:
    """A program that says a line when it is ready, and ends with its stdin."""

    def __init__(self, *argv):
        self.popen = subprocess.Popen([str(word) for word in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.last = None

    def line(self, patience=30):
        if not select.select([self.popen.stdout], [], [], patience)[0]:
            raise SystemExit(f"faults: {self.popen.args[0]} says nothing")
        return self.popen.stdout.readline().strip()

    def end(self, patience=10):
        """What it still said; may be called again."""
        if self.last is not None:
            return self.last
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.popen.stdin.close()
        try:
            self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.last = self.popen.stdout.read().strip()
        self.popen.stdout.close()
        return self.last


class Node:
    """An app server. Its address is of its own, so that no connection from elsewhere takes its port while it is down.

    Every change is in force when its function returns."""

    def __init__(self, number, program, folder):
        self.name, self.address = f"n{number}", f"127.0.0.{10 + number}"
        self.program, self.log = program, folder / f"n{number}.log"
        self.log.touch()
        with socket.socket() as probe:
            probe.bind((self.address, 0))
            self.port = probe.getsockname()[1]
        self.settings, self.tool = {}, None
        self.start()

    def start(self):
        self.tool = Tool(self.program, self.address, self.port, self.name, self.log)
        self.expect("ready")
        for key, value in self.settings.items():
            self.say(f"set {key} {value}")

    def say(self, command):
        self.tool.popen.stdin.write(command + "\n")
        self.tool.popen.stdin.flush()
        self.expect("ok")

    def expect(self, word):
        said = self.tool.line()
        assert said == word, f"{self.name} says {said!r}"

    def set(self, **values):
        """Kept over restarts."""
        self.settings.update(values)
        for key, value in values.items():
            self.say(f"set {key} {value}")

    def kill(self):
        self.tool.popen.kill()
        self.tool.end()

    def stop(self):
        """As an app server ends for a deployment: what is in flight is answered."""
        self.say("stop")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.tool.popen.wait(1)
        self.tool.end()

    def requests(self):
        """[(microseconds, id, what)] of requests that it read whole, in all its lives."""
        rows = []
        for line in self.log.read_text().splitlines():
            at, name, what = line.split()
            rows.append((int(at), name, what))
        return rows


def sleep_until(at):
    time.sleep(max(0, at - time.monotonic()))
