"""An origin that speaks HTTP/2 (python3-h2 does frames and header compression), one thread a connection.

`h2_node(on_request)` makes what RawOrigin takes as `on_connection`. `on_request(connection, request)` is called with each
request once its head is there (`whole=False`) or once it is whole, in the connection's thread.
"""

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings


class H2Request:
    def __init__(self, stream, fields, connection):
        self.stream, self.fields, self.connection = stream, fields, connection
        self.body, self.trailers = b"", []
        self.complete = False
        self.reset = None  # a code
        self.took = None   # who else hears of what comes: called with each piece, and with None at the end

    def get(self, name):
        return next((value for key, value in self.fields if key == name), None)

    @property
    def method(self):
        return self.get(":method")

    @property
    def target(self):
        return self.get(":path")


class H2Serving:
    """One connection. Requests by stream; `origin.requests` holds the whole ones of all connections."""

    def __init__(self, connection, on_request, whole, settings, first):
        self.raw = connection
        self.origin, self.index = connection.origin, connection.index
        self.on_request, self.whole = on_request, whole
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
        self.requests = {}
        self.pings, self.goaway = 0, None
        self.answers_pings = True
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values={
                **{code: value for code, value in self.h2.local_settings.items()}, **settings})
        self.h2.initiate_connection()
        if first:
            first(self)
        self.flush()

    def flush(self):
        return self.raw.send(self.h2.data_to_send())

    def run(self):
        while True:
            data = self.raw.receive()
            if not data:
                return
            try:
                events = self.h2.receive_data(data)
            except h2.exceptions.ProtocolError as error:
                with self.origin.lock:
                    self.origin.violations.append(f"connection {self.index}: {error!r}")
                self.flush()
                return
            for event in events:
                self.take(event)
            self.flush()

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            request = self.requests[event.stream_id] = H2Request(event.stream_id, list(event.headers), self.index)
            if not self.whole:
                self.on_request(self, request)
            return
        request = self.requests.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.DataReceived):
            request.body += event.data
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if request.took:
                request.took(event.data)
        elif isinstance(event, h2.events.TrailersReceived):
            request.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            request.complete = True
            self.origin.note_request(request)
            if request.took:
                request.took(None)
            if self.whole:
                self.on_request(self, request)
        elif isinstance(event, h2.events.StreamReset):
            request.reset = event.error_code
            self.origin.note_partial(request)
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code

    def head(self, request, status=200, fields=(), end=False):
        self.h2.send_headers(request.stream, [(":status", str(status)), ("x-origin", self.origin.name), *fields], end_stream=end)
        self.flush()

    def data(self, request, body, end=False):
        """As far as windows go, and on as they open."""
        body = memoryview(body)
        while body:
            room = min(self.h2.local_flow_control_window(request.stream), self.h2.max_outbound_frame_size, len(body))
            if room:
                self.h2.send_data(request.stream, bytes(body[:room]))
                body = body[room:]
                continue
            self.flush()
            data = self.raw.receive()
            if not data:
                return
            for event in self.h2.receive_data(data):
                self.take(event)
        if end:
            self.h2.end_stream(request.stream)
        self.flush()

    def trailers(self, request, fields):
        self.h2.send_headers(request.stream, fields, end_stream=True)
        self.flush()

    def reply(self, request, status=200, fields=(), body=b"", trailers=()):
        self.head(request, status, [("content-length", str(len(body))), *fields], end=not body and not trailers)
        if body:
            self.data(request, body, end=not trailers)
        if trailers:
            self.trailers(request, trailers)

    def reset(self, request, code=h2.errors.ErrorCodes.INTERNAL_ERROR):
        self.h2.reset_stream(request.stream, code)
        self.flush()

    def refuse(self, request):
        self.reset(request, h2.errors.ErrorCodes.REFUSED_STREAM)

    def go_away(self, last=None, code=0):
        """No new streams; those up to `last` will be answered."""
        payload = (last or 0).to_bytes(4, "big") + int(code).to_bytes(4, "big")
        self.flush()
        return self.raw.send(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + payload)


def answer(connection, request):
    """The ordinary answer: says what it was asked."""
    connection.reply(request, body=b"" if request.method == "HEAD" else f"{request.method} {request.target}".encode("latin-1"))


def h2_node(on_request=answer, whole=True, settings=None, first=None):
    def run(connection):
        served = H2Serving(connection, on_request, whole, settings, first)
        connection.state["h2"] = served
        served.run()
    return run
