"""HTTP/2 from clients, over TLS and in clear, to HTTP/1.1 nodes."""

import shutil
import struct
import subprocess
import threading
import time
import unittest

import h2.settings

import harness
import wire
from h2_client import DATA, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, Frames, H2Client, frame, h2_context, headers, request
from harness import chunk, config, wait_until
from test_tls import PATTERN, context, files, scrape

PROTOCOL_ERROR, FLOW_CONTROL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 1, 3, 8, 11


class Http2(harness.Case):
    def serve(self, *nodes, **top):
        """Three listeners: clear, TLS, and clear for HTTP/2 alone."""
        return self.weir(config(nodes, listeners=[
            {"address": "127.0.0.1:0", "name": "clear"},
            {"address": "127.0.0.1:0", "tls": {"certificates": [files("a-ecdsa")]}},
            {"address": "127.0.0.1:0", "protocol": "h2"}], **top))

    def h2(self, server, index=0, **options):
        client = H2Client(server.addresses[index], tls=h2_context() if index == 1 else None, **options)
        self.addCleanup(client.close)
        return client

    def frames(self, server, index=0):
        client = Frames(server.addresses[index], tls=h2_context() if index == 1 else None)
        self.addCleanup(client.close)
        return client

    def assert_ok2(self, answer, body=None):
        self.assertEqual((answer.status, answer.ended), (200, True), answer)
        if body is not None:
            self.assertEqual(answer.body, body)

    def test_requests(self):
        node = self.origin()
        server = self.serve(node)
        for index in range(3):
            client = self.h2(server, index)
            for number in range(5):
                self.assert_ok2(client.ask(path=f"/{number}", scheme="https" if index == 1 else "http"), f"GET /{number}".encode())
        first = node.requests[0]
        self.assertEqual((first.get("Host"), first.get("Via"), first.get("X-Forwarded-Proto")), ("a.test", "2 weir", "http"))
        self.assertEqual(node.requests[5].get("X-Forwarded-Proto"), "https")

    def test_versions_by_listener(self):
        server = self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "protocol": "h1"}, {"address": "127.0.0.1:0", "protocol": "h2"}]))
        client = self.client(server)
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.assert_local(client.read_response(), 400, 505)
        self.assert_ok(self.client(server).request())
        other = self.client(server, 1)
        other.send(harness.head())
        self.assertIn(other.read_end(), ("data", "rst", "fin"))

    def test_a_listener_for_h2_alone_wants_no_alpn(self):
        server = self.weir(config([self.origin()], listeners=[
            {"address": "127.0.0.1:0", "protocol": "h2", "tls": {"certificates": [files("a-ecdsa")]}}]))
        client = H2Client(server.address, tls=context())
        self.addCleanup(client.close)
        self.assert_ok2(client.ask(scheme="https"))

    def test_the_preface_in_pieces(self):
        server = self.serve(self.origin())
        whole = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS) + headers(1, request())
        client = self.client(server)
        for at in range(len(whole)):
            client.send(whole[at:at + 1])
        while True:
            head = client.reader.exactly(9)
            client.reader.exactly(int.from_bytes(head[:3], "big"))
            if head[3] == HEADERS:
                break

    def test_what_begins_like_the_preface_and_is_none(self):
        server = self.serve(self.origin())
        client = self.client(server)
        client.send(b"P", b"RI / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assert_ok(client.read_response(), b"PRI /")
        self.assert_ok(client.request("POST", body=b"x"))

    def test_many_at_a_time_over_one_connection(self):
        release = threading.Event()

        def slow(connection, request):
            if request.target == "/slow":
                release.wait(harness.seconds(10))
            harness.answer(connection, request)

        client = self.h2(self.serve(self.origin(on_request=slow)))
        slow_one = client.send(request(path="/slow"))
        for number in range(50):
            self.assert_ok2(client.ask(path=f"/{number}"), f"GET /{number}".encode())
        release.set()
        self.assert_ok2(client.answer(slow_one), b"GET /slow")

    def test_bodies_both_ways(self):
        def echo(connection, got):
            connection.reply(body=got.body)

        server = self.serve(self.origin(on_request=echo))
        body = PATTERN * 64  # 1 MiB
        for index in (0, 1):
            client = self.h2(server, index)
            self.assert_ok2(client.ask("POST", body=body), body)
            self.assert_ok2(client.ask("POST", fields=[("content-length", "5")], body=b"hello"), b"hello")

    def test_trailers_both_ways(self):
        def echo(connection, got):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n", chunk(got.body))
            connection.send("0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in got.trailers) + "\r\n")

        node = self.origin(on_request=echo)
        client = self.h2(self.serve(node))
        stream = client.send(request("POST", fields=[("te", "trailers"), ("trailer", "x-sum")]), b"hello", end=False)
        client.connection.send_headers(stream, [("x-sum", "42")], end_stream=True)
        client.flush()
        answer = client.answer(stream)
        self.assert_ok2(answer, b"hello")
        self.assertEqual(answer.trailers, [("x-sum", "42")])

    def test_interim_answers(self):
        def early(connection, _):
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            connection.reply(body=b"done")

        answer = self.h2(self.serve(self.origin(on_request=early))).ask()
        self.assert_ok2(answer, b"done")
        self.assertEqual(answer.interims[0][:2], [(":status", "103"), ("link", "</a>")])

    def test_head_and_empty_answers(self):
        def reply(connection, got):
            if got.method == "HEAD":
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            else:
                connection.send("HTTP/1.1 204 No Content\r\n\r\n")

        client = self.h2(self.serve(self.origin(on_request=reply)))
        answer = client.ask("HEAD")
        self.assert_ok2(answer, b"")
        self.assertEqual(answer.get("content-length"), "5")
        self.assertEqual(client.ask("GET").status, 204)

    def test_a_stream_that_is_reset_cancels_its_request_alone(self):
        seen = threading.Event()
        gone = threading.Event()

        def hang(connection):
            while got := connection.read_request():
                if got.target == "/hang":
                    seen.set()
                    connection.wait_end()
                    gone.set()
                    return
                harness.answer(connection, got)

        client = self.h2(self.serve(self.origin(on_connection=hang)))
        stream = client.send(request(path="/hang"))
        self.assertTrue(seen.wait(harness.seconds(5)))
        client.connection.reset_stream(stream, CANCEL)
        client.flush()
        self.assertTrue(gone.wait(harness.seconds(5)), "the node still works for nobody")
        self.assert_ok2(client.ask())

    def test_a_body_that_is_cut(self):
        def cut(connection, _):
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            connection.close()

        client = self.h2(self.serve(self.origin(on_request=cut)))
        answer = client.ask()
        self.assertEqual((answer.body, answer.ended, answer.reset), (b"hello", False, 2), answer)
        self.assertEqual(client.ask().reset, 2)

    def test_own_answers(self):
        server = self.weir(config(pools={"app": {"nodes": []}}, routes=[{"match": {"host": "a.test"}, "pool": "app"}]))
        client = self.h2(server)
        self.assertEqual(client.ask().status, 503)
        self.assertEqual(client.ask(authority="other.test").status, 404)

    def test_a_client_that_takes_nothing_holds_little(self):
        def long(connection, _):
            connection.reply(body=PATTERN * 64)

        server = self.serve(self.origin(on_request=long))
        client = self.h2(server)
        client.consume = False
        before = server.status("VmRSS")
        streams = [client.send(request()) for _ in range(20)]
        client.wait(lambda: sum(len(client.answers[stream].body) for stream in streams) == 65535)
        if harness.SLOW == 1:  # a sanitizer keeps what was freed
            self.assertLess(server.status("VmRSS") - before, 8 << 20)
        client.consume = True
        for stream in streams:  # the window opens again
            client.connection.acknowledge_received_data(len(client.answers[stream].body), stream)
        client.flush()
        for stream in streams:
            self.assert_ok2(client.answer(stream), PATTERN * 64)

    def test_an_answer_that_its_client_never_takes_is_cut(self):
        """And the connection goes on."""
        def long(connection, asked):
            connection.reply(body=PATTERN * 8 if asked.target == "/long" else b"short")

        server = self.serve(self.origin(on_request=long), timeouts={"body": "500ms"})
        client = self.h2(server)
        client.consume = False
        stream = client.send(request(path="/long"))
        client.wait(lambda: len(client.answers[stream].body) == 65535)
        client.wait(lambda: client.answers[stream].reset == CANCEL)
        client.connection.increment_flow_control_window(65535)
        client.flush()
        self.assert_ok2(client.ask(path="/short"), b"short")

    def test_answers_that_wait_their_turn_are_not_cut(self):
        """What a client takes slowly comes one after another; it takes all the time, and that is enough for each."""
        def long(connection, _):
            connection.reply(body=PATTERN * 64)

        server = self.serve(self.origin(on_request=long), timeouts={"body": "500ms"})
        client = self.h2(server, receive_buffer=1 << 18, settings={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 24}, window=1 << 26)
        streams = [client.send(request()) for _ in range(10)]
        began = time.monotonic()
        while not all(client.over(stream) for stream in streams):
            time.sleep(0.03)
            client.read(1 << 16)
        self.assertGreater(time.monotonic() - began, 2, "none had to wait")
        for stream in streams:
            self.assert_ok2(client.answers[stream], PATTERN * 64)

    def test_old_connections_leave(self):
        """With the first request after their time: what has begun is answered, and later requests need another."""
        server = self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "max_connection_age": "50ms"}]))
        client, other = self.frames(server), self.client(server)
        last, pings = [], []
        for stream in range(1, 100_000, 2):
            client.send(headers(stream, request()))
            while (got := client.read_until(GOAWAY, DATA, PING))[0] == PING:
                pings.append(frame(PING, 1, payload=got[3]))
            if got[0] == GOAWAY:
                last.append(struct.unpack(">II", got[3]))
                break
        client.send(*pings)
        with self.assertRaises(wire.Ended):
            while True:
                kind, _, _, payload = client.read_until(GOAWAY, DATA)
                if kind == GOAWAY:
                    last.append(struct.unpack(">II", payload))
                elif payload:
                    self.assertEqual(payload, b"GET /")
        self.assertEqual(last, [(0x7FFFFFFF, 0), (stream, 0)])
        wait_until("Connection: close", lambda: self.assert_ok(other.request()).get("Connection") == "close")
        self.assertEqual(other.read_end(), "fin")

    def test_websocket_by_extended_connect(self):
        def tunnel(connection):
            got = connection.read_request()
            connection.state["request"] = got
            connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: y\r\n\r\n")
            while data := connection.receive():
                connection.send(data.upper())
            connection.send(b"goodbye")
            connection.fin()
            connection.wait_end()

        node = self.origin(on_connection=tunnel)
        client = self.h2(self.serve(node))
        client.wait(lambda: h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL in client.settings)
        stream = client.send([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"), (":authority", "a.test"),
                              ("sec-websocket-version", "13")], end=False)
        answer = client.answers[stream]
        client.wait(lambda: answer.status)
        self.assertEqual(answer.status, 200)
        asked = node.connections[0].state["request"]
        self.assertEqual((asked.method, asked.target, asked.get("Upgrade"), len(asked.get("Sec-WebSocket-Key"))), ("GET", "/chat", "websocket", 24))
        client.send_body(stream, b"hello", end=False)
        client.wait(lambda: answer.body == b"HELLO")
        client.send_body(stream, b"", end=True)
        client.wait(lambda: answer.ended)
        self.assertEqual(answer.body, b"HELLOgoodbye")

    def test_fields_that_would_smuggle(self):
        node = self.origin()
        server = self.serve(node)
        bad = [
            request(fields=[("transfer-encoding", "chunked")]), request(fields=[("connection", "close")]), request(fields=[("x", "a\r\nb: c")]),
            request(fields=[("x", "a\0b")]), request(fields=[("X-Upper", "a")]), request(fields=[("a b", "c")]), request(fields=[("te", "gzip")]),
            request(path=""), request(path="x"), request(path="/a b"), request(authority="user@a.test"), request(fields=[("host", "b.test")]),
            request(fields=[("content-length", "5")]), request(fields=[("content-length", "x")]), request()[1:], request() + [(":path", "/b")],
            request(fields=[("keep-alive", "1")]), request(fields=[("proxy-connection", "1")]), request(fields=[("upgrade", "x")]),
        ]
        for fields in bad:
            client = self.frames(server)
            client.send(headers(1, fields))
            kind, _, stream, payload = client.read_until(RST_STREAM, GOAWAY, HEADERS)
            self.assertEqual((kind, stream, struct.unpack(">I", payload[:4])[0]), (RST_STREAM, 1, PROTOCOL_ERROR), fields)
            client.send(headers(3, request()))
            self.assertEqual(client.read_until(HEADERS, RST_STREAM, GOAWAY)[:1], (HEADERS,), fields)
        self.assertEqual(len(node.requests), len(bad))  # the good ones

    def test_floods(self):
        node = self.origin()
        server = self.serve(node)
        good = self.h2(server)
        floods = {
            "rapid reset": lambda n: headers(2 * n + 1, request()) + frame(RST_STREAM, 0, 2 * n + 1, struct.pack(">I", CANCEL)),
            "ping": lambda n: frame(PING, payload=b"12345678"),
            "settings": lambda n: frame(SETTINGS),
            "empty data": lambda n: (headers(1, request("POST"), flags=4) if n == 0 else b"") + frame(DATA, 0, 1),
            "tiny windows": lambda n: (headers(1, request("POST"), flags=4) if n == 0 else b"") + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
            "provoked resets": lambda n: headers(2 * n + 1, request(fields=[("connection", "x")])),
        }
        for name, one in floods.items():
            client = self.frames(server)
            sent = client.send(*(one(number) for number in range(20000)))
            try:
                code = struct.unpack(">II", client.read_until(GOAWAY)[3][:8])[1]
                self.assertEqual(code, ENHANCE_YOUR_CALM, name)
            except harness.wire.Ended as end:
                self.assertEqual((end.how, sent), ("rst", False), name)
            self.assert_ok2(good.ask())
        self.assertLess(len(node.requests), 5000)
        limits = {key.partition('limit="')[2][:-2]: value for key, value in scrape(server).items() if key.startswith('weir_http2_limits_total{listener="clear"') and value}
        self.assertEqual(set(limits), {"client_resets", "pings", "settings", "empty_frames", "window_updates", "provoked_resets"})

    def test_draining_is_told_in_two_steps(self):
        server = self.serve(self.origin(), shutdown_timeout="10s", shutdown_grace="5s")
        client = self.h2(server)
        self.assert_ok2(client.ask())
        server.signal(15)
        client.wait(lambda: len(client.goaway) == 2)
        self.assertEqual([code for code, _ in client.goaway], [0, 0])
        client.wait_closed()
        self.assertEqual(server.wait_exit(), 0)

    def test_idle_connections_are_closed(self):
        client = self.h2(self.serve(self.origin(), timeouts={"idle": "300ms"}))
        self.assert_ok2(client.ask())
        client.wait_closed()
        self.assertEqual(client.goaway[-1][0], 0)

    @unittest.skipUnless(shutil.which("h2load"), "needs h2load")
    def test_h2load(self):
        server = self.serve(self.origin())
        for index, scheme in ((0, "http"), (1, "https")):
            got = subprocess.run(["h2load", "-n2000", "-c4", "-m16", f"{scheme}://{server.addresses[index]}/"], capture_output=True, text=True,
                                 timeout=harness.seconds(60), check=False)
            self.assertIn("2000 succeeded, 0 failed", got.stdout, got.stderr)


if __name__ == "__main__":
    harness.main()
