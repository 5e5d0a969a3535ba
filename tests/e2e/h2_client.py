"""A client of HTTP/2 (python3-h2 does frames and header compression), and raw frames for what no client would send."""

import ssl
import struct
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack

from raw_client import RawClient, seconds

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)


def h2_context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["h2"])
    return made


class Answer:
    def __init__(self):
        self.fields, self.interims, self.trailers, self.body = [], [], [], b""
        self.ended = False
        self.reset = None  # a code

    @property
    def status(self):
        return int(self.get(":status") or 0)

    def get(self, name):
        return next((value for key, value in self.fields if key == name), None)

    def __repr__(self):
        return f"Answer({self.fields}, {self.body[:200]!r}, ended={self.ended}, reset={self.reset})"


def request(method="GET", path="/", fields=(), scheme="http", authority="a.test"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *fields]


class H2Client:
    """One connection; answers by stream. What comes is read in wait()."""

    def __init__(self, address, tls=None, settings=None, checks=True, window=None, receive_buffer=None):
        self.raw = RawClient(address, tls=tls, receive_buffer=receive_buffer)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="latin-1", validate_outbound_headers=checks, normalize_outbound_headers=checks))
        self.connection.initiate_connection()
        if settings:
            self.connection.update_settings(settings)
        if window:
            self.connection.increment_flow_control_window(window)
        self.answers = {}
        self.goaway = []  # (code, last stream)
        self.closed = False
        self.consume = True  # what comes is acknowledged to the window at once
        self.settings = {}
        self.pings = 0
        self.flush()

    def flush(self):
        return self.raw.send(self.connection.data_to_send())

    def send(self, fields, body=None, end=True, **options):
        """A request; the stream's number."""
        stream = self.connection.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.connection.send_headers(stream, fields, end_stream=end and body is None, **options)
        if body is not None:
            self.send_body(stream, body, end)
        self.flush()
        return stream

    def send_body(self, stream, body, end=True):
        """As far as windows go, and on as they open."""
        body = memoryview(body)
        while body:
            room = min(self.connection.local_flow_control_window(stream), self.connection.max_outbound_frame_size, len(body))
            if room == 0:
                self.flush()
                self.read()
                continue
            self.connection.send_data(stream, bytes(body[:room]))
            body = body[room:]
        if end:
            self.connection.end_stream(stream)
        self.flush()

    def read(self, most=1 << 18):
        data = self.raw.socket.recv(most)
        if not data:
            self.closed = True
            return
        for event in self.connection.receive_data(data):
            self.take(event)
        self.flush()

    def take(self, event):
        answer = self.answers.setdefault(getattr(event, "stream_id", None) or 0, Answer())
        if isinstance(event, h2.events.ResponseReceived):
            answer.fields = list(event.headers)
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.interims.append(list(event.headers))
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = list(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.consume and event.flow_controlled_length:
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway.append((event.error_code, event.last_stream_id))
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings.update({key: changed.new_value for key, changed in event.changed_settings.items()})
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings += 1

    def wait(self, condition, timeout=10.0):
        deadline = time.monotonic() + seconds(timeout)
        while not condition():
            if self.closed or time.monotonic() > deadline:
                raise AssertionError(f"waited in vain; closed: {self.closed}, GOAWAY: {self.goaway}, answers: {self.answers}")
            self.read()

    def over(self, stream):
        answer = self.answers[stream]
        return answer.ended or answer.reset is not None

    def answer(self, stream):
        self.wait(lambda: self.over(stream))
        return self.answers[stream]

    def ask(self, *args, body=None, **options):
        return self.answer(self.send(request(*args, **options), body))

    def wait_closed(self):
        while not self.closed:
            try:
                self.read()
            except (ConnectionResetError, BrokenPipeError):
                self.closed = True

    def close(self):
        self.raw.close()


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(stream, fields, flags=0x5, encoder=None):
    """HEADERS with END_HEADERS and END_STREAM, unless `flags` say otherwise."""
    return frame(HEADERS, flags, stream, (encoder or hpack.Encoder()).encode(fields))


class Frames:
    """A connection that says whatever frames it is told to, and reads what comes as (type, flags, stream, payload)."""

    def __init__(self, address, tls=None, settings=b""):
        self.raw = RawClient(address, tls=tls)
        self.raw.send(PREFACE + frame(SETTINGS, payload=settings))

    def send(self, *frames):
        return self.raw.send(b"".join(frames))

    def read(self):
        head = self.raw.reader.exactly(9)
        payload = self.raw.reader.exactly(int.from_bytes(head[:3], "big"))
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, bytes(payload)

    def read_until(self, *kinds):
        while True:
            got = self.read()
            if got[0] in kinds:
                return got

    def close(self):
        self.raw.close()
