"""A scripted raw origin: one thread a connection, every received byte recorded, every request read strictly.

`on_request(connection, request)` answers each whole request; `on_connection(connection)` takes over a connection
from its first byte. Whatever no proxy may send stands in `violations` afterwards, and fails the test.
"""

import os
import socket
import struct
import tempfile
import threading
import time

import wire
from raw_client import seconds


class OriginConnection:
    def __init__(self, origin, sock, index):
        self.origin = origin
        self.socket = sock
        self.index = index
        self.reader = wire.Reader(self.receive)
        self.ended = threading.Event()  # the proxy closed or reset it
        self.end = None
        self.state = {}  # scripts may keep things here
        sock.settimeout(seconds(60))
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def raw(self):
        return bytes(self.reader.raw)

    def receive(self):
        try:
            return self.socket.recv(1 << 18)
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise ConnectionResetError from None

    def read_head(self):
        """None at the end of the connection."""
        try:
            self.reader.peek()
        except wire.Ended:
            return None
        try:
            request = wire.read_request_head(self.reader)
        except wire.Ended as end:
            if end.how == "fin" and self.reader.buffer:
                self.origin.note_partial(wire.Request(ended="head", connection=self.index))
            return None
        request.connection = self.index
        return request

    def wait_bytes(self):
        """Until there is something to read: None, or how the connection ended, or "timeout" (the socket's)."""
        try:
            self.reader.peek()
        except wire.Ended as end:
            return end.how
        return None

    def read_body(self, request):
        wire.read_request_body(self.reader, request)
        if request.complete:
            self.origin.note_request(request)
        else:
            self.origin.note_partial(request)
        return request

    def read_request(self):
        request = self.read_head()
        if request is None:
            return None
        self.read_body(request)
        return request if request.complete else None

    def send(self, *pieces):
        try:
            for piece in pieces:
                self.socket.sendall(piece if isinstance(piece, (bytes, bytearray, memoryview)) else piece.encode("latin-1"))
        except OSError:
            return False
        return True

    def reply(self, status=200, fields=(), body=b"", reason="OK"):
        lines = [f"HTTP/1.1 {status} {reason}", f"X-Origin: {self.origin.name}"]
        if status not in (204, 304):
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in fields]
        return self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def keep_for_fin(self):
        """What is sent from now on arrives with the FIN, as one segment if it is short."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def fin(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def wait_end(self, timeout=10.0):
        """Reads on until the proxy ends the connection; "fin", "rst" or "timeout"."""
        self.socket.settimeout(seconds(timeout))
        try:
            while True:
                self.reader.more()
        except wire.Ended as end:
            return end.how
        except OSError:
            return "rst"


def answer(connection, request):
    """The ordinary answer: says what it was asked."""
    body = f"{request.method} {request.target}".encode("latin-1")
    if request.method == "HEAD":
        connection.send(f"HTTP/1.1 200 OK\r\nX-Origin: {connection.origin.name}\r\nContent-Length: {len(body)}\r\n\r\n")
    else:
        connection.reply(body=body)


def serve(connection):
    while True:
        request = connection.read_request()
        if request is None:
            return
        connection.origin.on_request(connection, request)
        if connection.socket.fileno() < 0:
            return


class RawOrigin:
    def __init__(self, on_request=answer, on_connection=serve, name="origin", family=socket.AF_INET, backlog=1024, listen=True,
                 where=None):
        self.name = name
        self.on_request = on_request
        self.on_connection = on_connection
        self.lock = threading.Condition()
        self.connections = []
        self.requests = []  # whole ones, in order of their ends
        self.partial = []   # those that were cut
        self.violations = []
        self.folder = None
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.bind(family, where)
        self.closed = False
        if listen:
            self.listen(backlog)

    def bind(self, family, where):
        """Any free address of the family, unless `where` is the (host, port) to take."""
        if family == socket.AF_UNIX:
            self.folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
            path = os.path.join(self.folder.name, "origin.sock")
            self.socket.bind(path)
            self.address = f"unix:{path}"
        elif family == socket.AF_INET6:
            self.socket.bind(where or ("::1", 0))
            self.address = "[%s]:%d" % self.socket.getsockname()[:2]
        else:
            self.socket.bind(where or ("127.0.0.1", 0))
            self.address = "%s:%d" % self.socket.getsockname()

    def listen(self, backlog=1024):
        self.socket.listen(backlog)
        threading.Thread(target=self.accept_all, daemon=True).start()

    def accept_all(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                if self.closed:
                    sock.close()
                    return
                connection = OriginConnection(self, sock, len(self.connections))
                self.connections.append(connection)
                self.lock.notify_all()
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            self.on_connection(connection)
        except wire.Violation as violation:
            with self.lock:
                self.violations.append(f"connection {connection.index}: {violation}; received: {connection.raw[-600:]!r}")
        except OSError:
            pass  # the other side went away while the script was sending
        finally:
            try:
                connection.close()
            except OSError:
                pass
            connection.ended.set()
            with self.lock:
                self.lock.notify_all()

    def note_request(self, request):
        with self.lock:
            self.requests.append(request)
            self.lock.notify_all()

    def note_partial(self, request):
        with self.lock:
            self.partial.append(request)
            self.lock.notify_all()

    def wait(self, condition, what="something at the origin", timeout=10.0):
        deadline = time.monotonic() + seconds(timeout)
        with self.lock:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{self.name} waited in vain for: {what}")
                self.lock.wait(min(left, 1.0))

    def wait_requests(self, count, timeout=10.0):
        self.wait(lambda: len(self.requests) >= count, f"{count} requests", timeout)
        return self.requests

    def wait_connections(self, count, timeout=10.0):
        self.wait(lambda: len(self.connections) >= count, f"{count} connections", timeout)
        return self.connections

    def forget(self):
        """Drops what was recorded so far; returns (requests, partial)."""
        with self.lock:
            seen = self.requests, self.partial
            self.requests, self.partial = [], []
            return seen

    def close_listener(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def close(self):
        with self.lock:
            self.closed = True
            connections = list(self.connections)
        self.close_listener()
        for connection in connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self.folder:
            self.folder.cleanup()
