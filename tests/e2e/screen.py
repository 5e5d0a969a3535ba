"""A program on a terminal of its own (a pty), and what its screen shows: as much of a terminal as the tests need."""

import fcntl
import os
import re
import struct
import subprocess
import termios
import threading
import time

from raw_client import seconds

HOME = "\x1b[H"
CONTROL = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    """The text on a terminal, from the bytes that a program writes. Whatever it does not know is a fault."""

    def __init__(self, columns, rows):
        self.alternate = self.hidden = False
        self.faults = []
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.x = self.y = 0

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def feed(self, text):
        at = 0
        while at < len(text):
            control = CONTROL.match(text, at)
            if control:
                self.control(*control.groups())
                at = control.end()
                continue
            self.put(text[at])
            at += 1

    def put(self, character):
        if character == "\r":
            self.x = 0
        elif character == "\n":
            if self.y == self.rows - 1:
                self.cells = self.cells[1:] + [[" "] * self.columns]
            else:
                self.y += 1
        elif not " " <= character <= "~":
            self.faults.append(f"the character {character!r}")
        elif self.x >= self.columns:
            self.faults.append("a line wider than the screen")
        else:
            self.cells[self.y][self.x] = character
            self.x += 1

    def control(self, private, numbers, final):
        if (private, final) in (("?", "h"), ("?", "l")):
            on = final == "h"
            if numbers == "25":
                self.hidden = not on
            elif numbers == "1049":
                self.alternate = on
            else:
                self.faults.append(f"the mode {numbers}")
        elif final == "H" and not numbers:
            self.x = self.y = 0
        elif final == "K" and not numbers:
            self.erase_row(self.y, self.x)
        elif final == "J" and numbers in ("", "2"):
            for row in range(0 if numbers else self.y, self.rows):
                self.erase_row(row, self.x if row == self.y and not numbers else 0)
        elif final != "m":
            self.faults.append(f"the sequence {private}{numbers}{final}")

    def erase_row(self, row, first):
        self.cells[row][first:] = [" "] * (self.columns - first)


class OnTerminal:
    """`arguments` running on a terminal; it is the terminal's foreground process."""

    def __init__(self, arguments, columns=100, rows=24, environment=None):
        self.master, slave = os.openpty()
        self.screen = Screen(columns, rows)
        self.output = ""
        self.changed = threading.Condition()
        self.set_size(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "WEIR_ADMIN")}
        env.update({"TERM": "xterm-256color", **(environment or {})})
        self.process = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.ear = threading.Thread(target=self.listen, daemon=True)
        self.ear.start()

    def listen(self):
        while True:
            try:
                got = os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:
                return
            with self.changed:
                self.output += got
                self.screen.feed(got)
                self.changed.notify_all()

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows, pattern):
        """Until the screen of the new size shows it. What was drawn for the old size, and comes late, is no fault."""
        with self.changed:
            self.screen.resize(columns, rows)
        self.set_size(columns, rows)
        text = self.wait_for(pattern)
        with self.changed:
            self.screen.faults.clear()
            frames = self.output.count(HOME)
        self.wait("a frame more", lambda: self.output.count(HOME) > frames)
        return text

    def press(self, keys):
        os.write(self.master, keys.encode())

    def wait_for(self, pattern, timeout=10.0):
        """Until the screen shows it; the screen's text then."""
        return self.wait(f"{pattern!r} on the screen", lambda: re.search(pattern, self.screen.text(), re.M), timeout)

    def wait(self, what, condition, timeout=10.0):
        deadline = time.monotonic() + seconds(timeout)
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited in vain for {what}; the screen:\n{self.screen.text()}\n{self.output[-2000:]!r}")
                self.changed.wait(min(left, 0.1))
            return self.screen.text()

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout=10.0):
        return self.process.wait(seconds(timeout))

    def restored(self):
        """What is not as it was before, in words."""
        left = []
        if termios.tcgetattr(self.slave) != self.before:
            left.append("the terminal's settings")
        if self.screen.hidden:
            left.append("a hidden cursor")
        if self.screen.alternate:
            left.append("the alternate screen")
        return left + self.screen.faults

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        self.ear.join(seconds(5))
        os.close(self.master)
