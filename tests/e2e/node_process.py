"""An app server in a process of its own, so that it can be killed and stopped; how it answers /healthz can be told.

As a program: `node_process.py FD` serves on the listening socket FD. `Node` is such a process as a test holds it. Its
socket belongs to the test, so that its address stays the same from one life to the next.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time


def serve_health(connection, conduct):
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
    if conduct == "well":
        connection.sendall(ok)
    elif conduct == "failing":
        connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nno\n")
    elif conduct == "slow":
        for byte in ok:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
    elif conduct == "garbage":
        connection.sendall(b"\x00\x01 this is no HTTP \r\n\r\n" * 10)
    elif conduct == "endless":
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
    elif conduct == "closing":
        pass
    elif conduct == "short":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")


def serve(connection, state):
    received = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            head, _, received = received.partition(b"\r\n\r\n")
            target = head.split(b" ")[1].decode()
            if target.startswith("/be/"):
                state["conduct"] = target[len("/be/"):]
            if target == "/healthz":
                return serve_health(connection, state["conduct"])
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n")


def program(descriptor):
    listener = socket.socket(fileno=descriptor)
    state = {"conduct": "well"}

    def run(connection):
        try:
            serve(connection, state)
        except OSError:
            pass  # the other side went away

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=run, args=(connection,), daemon=True).start()


class Node:
    def __init__(self):
        self.socket = None
        self.process = None
        self.where = ("127.0.0.1", 0)
        self.start()

    def start(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.where)
        self.socket.listen(1024)
        self.where = self.socket.getsockname()
        descriptor = self.socket.fileno()
        self.process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), str(descriptor)],
                                        pass_fds=[descriptor], stdin=subprocess.DEVNULL)
        self.socket.close()  # it is the process's alone, and goes with it
        self.be("well")  # it answers

    @property
    def address(self):
        return "%s:%d" % self.where

    def be(self, conduct):
        connection = http.client.HTTPConnection(*self.where, timeout=30)
        connection.request("POST", "/be/" + conduct)
        connection.getresponse().read()
        connection.close()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


if __name__ == "__main__":
    program(int(sys.argv[1]))
