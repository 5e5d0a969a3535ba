"""A scripted raw client: sends exactly the bytes it is told to and reads strictly."""

import os
import socket
import struct
import time

import wire

SLOW = float(os.environ.get("WEIR_E2E_SLOW", "1"))


def seconds(value):
    """A deadline, stretched for slow builds."""
    return value * SLOW


def parse_address(text):
    """HOST:PORT, [V6]:PORT or unix:/PATH as (family, what connect takes)."""
    if text.startswith("unix:"):
        return socket.AF_UNIX, text[len("unix:"):]
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


class RawClient:
    def __init__(self, address, timeout=10.0, source=None, receive_buffer=None, tls=None, server_name="a.test", session=None):
        """`tls`: an ssl.SSLContext to speak with, to `server_name`, going on with `session` if it is given one."""
        family, where = parse_address(address)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.timeout = seconds(timeout)
        self.socket.settimeout(self.timeout)
        self.socket.connect(where)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name, session=session)
        self.reader = wire.Reader(self.receive)

    def receive(self):
        return self.socket.recv(1 << 18)

    def send(self, *pieces):
        """Each piece in a send of its own. False once the peer takes no more: what it said may still be read."""
        try:
            for piece in pieces:
                self.socket.sendall(piece if isinstance(piece, (bytes, bytearray, memoryview)) else piece.encode("latin-1"))
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def read_response(self, method="GET"):
        return wire.read_response(self.reader, method)

    def read_head(self):
        return wire.read_response_head(self.reader)

    def request(self, method="GET", target="/", fields=(), body=None, version="HTTP/1.1", host="a.test"):
        self.send(head(method, target, fields, body, version, host) + (body or b""))
        return self.read_response(method)

    def read_end(self, timeout=10.0):
        """What comes next: "fin", "rst", "timeout", or "data" (bytes where none should be)."""
        if self.reader.buffer:
            return "data"
        self.socket.settimeout(seconds(timeout))
        try:
            self.reader.more()
            return "data"
        except wire.Ended as end:
            return end.how
        finally:
            self.socket.settimeout(self.timeout)

    def quiet(self, for_seconds=0.05):
        """Whether nothing arrives for so long. Only for showing that something does not happen."""
        self.socket.settimeout(for_seconds)
        try:
            return not self.reader.buffer and not self.receive_into_reader()
        finally:
            self.socket.settimeout(self.timeout)

    def receive_into_reader(self):
        try:
            self.reader.more()
            return True
        except wire.Ended as end:
            return end.how != "timeout"

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def head(method="GET", target="/", fields=(), body=None, version="HTTP/1.1", host="a.test"):
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def wait_until(what, condition, timeout=10.0):
    """Polls; only for state of another process that no event tells of (its memory, its counts)."""
    deadline = time.monotonic() + seconds(timeout)
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(0.005)
