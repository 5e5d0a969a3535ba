"""Strict readers of HTTP/1.1 messages, independent of Weir's own code.

A Reader takes bytes from `recv` and cuts them into messages. Whatever is not exactly what RFC 9112 lets a sender
write raises Violation, so that a smuggled or out-of-step message is noticed and never repaired. How a message
ended stands in its `ended`: "complete", or what cut it: "fin", "rst", "timeout".
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
TARGET = re.compile(rb"[\x21-\x7e]+\Z")
VALUE = re.compile(rb"[^\x00\r\n]*\Z")
HEX = re.compile(rb"[0-9A-Fa-f]{1,16}\Z")
DIGITS = re.compile(rb"[0-9]{1,19}\Z")


class Violation(Exception):
    """The peer sent what no sender may send."""


class Ended(Exception):
    """No more bytes: "fin", "rst" or "timeout"."""

    def __init__(self, how):
        super().__init__(how)
        self.how = how


@dataclass
class Message:
    fields: list = field(default_factory=list)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    framing: str = "none"  # none | length | chunked | close
    ended: str = "head"

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def trailer(self, name):
        values = [value for key, value in self.trailers if key.lower() == name.lower()]
        return values[0] if values else None

    @property
    def complete(self):
        return self.ended == "complete"


@dataclass
class Request(Message):
    method: str = ""
    target: str = ""
    version: str = ""
    connection: int = -1  # which of the origin's connections it came on


@dataclass
class Response(Message):
    version: str = ""
    status: int = 0
    reason: str = ""
    interims: list = field(default_factory=list)  # of Response

    @property
    def cut(self):
        """Whether the reader could see that the body is not whole."""
        return self.status >= 200 and self.ended in ("fin", "rst")


class Reader:
    def __init__(self, recv):
        self.recv_ = recv
        self.buffer = bytearray()
        self.raw = bytearray()
        self.end_ = None

    def more(self):
        if self.end_:
            raise Ended(self.end_)
        try:
            data = self.recv_()
        except (ConnectionResetError, BrokenPipeError):
            self.end_ = "rst"
            raise Ended("rst") from None
        except TimeoutError:
            raise Ended("timeout") from None
        if not data:
            self.end_ = "fin"
            raise Ended("fin")
        self.raw += data
        self.buffer += data

    def peek(self):
        if not self.buffer:
            self.more()
        return bytes(self.buffer)

    def line(self, limit=1 << 20):
        scanned = 0
        while True:
            at = self.buffer.find(b"\n", scanned)
            if at >= 0:
                break
            scanned = len(self.buffer)
            if scanned > limit:
                raise Violation("a line without an end")
            self.more()
        text = bytes(self.buffer[: at + 1])
        del self.buffer[: at + 1]
        if not text.endswith(b"\r\n"):
            raise Violation(f"bare LF: {text[-80:]!r}")
        text = text[:-2]
        if b"\r" in text or b"\0" in text:
            raise Violation(f"CR or NUL in a line: {text[:200]!r}")
        return text

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def fields(self):
        found = []
        while True:
            line = self.line()
            if not line:
                return found
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name) or not VALUE.match(value):
                raise Violation(f"bad field line: {line[:200]!r}")
            found.append((name.decode("ascii"), value.strip(b" \t").decode("latin-1")))

    def sized_body(self, message, size):
        message.framing = "length"
        while len(self.buffer) < size:
            try:
                self.more()
            except Ended:
                message.body = bytes(self.buffer)
                self.buffer.clear()
                raise
        message.body = self.exactly(size)

    def chunked_body(self, message):
        message.framing = "chunked"
        parts = bytearray()
        try:
            while True:
                size = self.line()
                if not HEX.match(size):
                    raise Violation(f"bad chunk size: {size[:100]!r}")
                count = int(size, 16)
                if count == 0:
                    break
                while count > 0:
                    if not self.buffer:
                        self.more()
                    piece = self.buffer[:count]
                    parts += piece
                    del self.buffer[: len(piece)]
                    count -= len(piece)
                if self.exactly(2) != b"\r\n":
                    raise Violation("no CRLF after a chunk")
            message.trailers = self.fields()
        finally:
            message.body = bytes(parts)

    def chunk(self):
        """The next whole chunk; b"" at the last one's size line."""
        size = self.line()
        if not HEX.match(size):
            raise Violation(f"bad chunk size: {size[:100]!r}")
        data = self.exactly(int(size, 16))
        if data and self.exactly(2) != b"\r\n":
            raise Violation("no CRLF after a chunk")
        return data

    def close_body(self, message):
        message.framing = "close"
        try:
            while True:
                self.more()
        except Ended as end:
            message.body = bytes(self.buffer)
            self.buffer.clear()
            if end.how != "fin":
                raise


def framing_of(message):
    """("chunked", 0), ("length", n) or (None, 0); anything ambiguous is a Violation."""
    lengths = message.all("content-length")
    codings = message.all("transfer-encoding")
    if codings:
        if lengths:
            raise Violation("both Content-Length and Transfer-Encoding")
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise Violation(f"Transfer-Encoding: {codings}")
        return "chunked", 0
    if lengths:
        if len(lengths) > 1 or not DIGITS.match(lengths[0].encode("latin-1")):
            raise Violation(f"Content-Length: {lengths}")
        return "length", int(lengths[0])
    return None, 0


def read_request_head(reader):
    parts = reader.line().split(b" ")
    if len(parts) != 3 or not TOKEN.match(parts[0]) or not TARGET.match(parts[1]) or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Violation(f"bad request line: {b' '.join(parts)[:200]!r}")
    request = Request(method=parts[0].decode(), target=parts[1].decode(), version=parts[2].decode())
    request.fields = reader.fields()
    if len(request.all("host")) != 1:
        raise Violation(f"Host fields: {request.all('host')}")
    framing_of(request)
    return request


def read_request_body(reader, request):
    kind, size = framing_of(request)
    try:
        if kind == "chunked":
            reader.chunked_body(request)
        elif kind == "length":
            reader.sized_body(request, size)
        request.ended = "complete"
    except Ended as end:
        request.ended = end.how
    return request


def read_response_head(reader):
    line = reader.line()
    match = re.match(rb"(HTTP/1\.[01]) ([1-9][0-9][0-9]) ([^\x00\r\n]*)\Z", line)
    if not match:
        raise Violation(f"bad status line: {line[:200]!r}")
    response = Response(version=match[1].decode(), status=int(match[2]), reason=match[3].decode("latin-1"))
    response.fields = reader.fields()
    return response


def read_response_body(reader, response, method):
    kind, size = framing_of(response)
    try:
        if response.status < 200 or response.status == 204:
            if kind:
                raise Violation(f"{response.status} with {kind} framing")
        elif method == "HEAD" or response.status == 304:
            pass
        elif kind == "chunked":
            reader.chunked_body(response)
        elif kind == "length":
            reader.sized_body(response, size)
        else:
            reader.close_body(response)
        response.ended = "complete"
    except Ended as end:
        response.ended = end.how
    return response


def read_response(reader, method="GET"):
    """The final response with its interim ones; status 0 where not even a head came."""
    interims = []
    while True:
        try:
            response = read_response_head(reader)
        except Ended as end:
            return Response(ended=end.how, interims=interims)
        read_response_body(reader, response, method)
        if response.status >= 200 or response.status == 101:
            response.interims = interims
            return response
        interims.append(response)
