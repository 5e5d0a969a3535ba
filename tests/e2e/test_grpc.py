"""gRPC and gRPC-Web: calls of every shape, statuses of Weir's own, deadlines of callers, checks."""

import base64
import time

import harness
from h2_client import H2Client, request
from h2_node import h2_node
from harness import config, head

CANCEL = 8
TYPE = ("content-type", "application/grpc+proto")


def message(text):
    return b"\0" + len(text).to_bytes(4, "big") + text


def echo(connection, asked):
    """Every message comes back; then a status."""
    connection.head(asked, fields=[TYPE])
    if asked.body:
        connection.data(asked, asked.body)
    connection.trailers(asked, [("grpc-status", "0"), ("grpc-message", "fine")])


def streaming(connection, asked):
    """Every piece comes back as it comes."""
    connection.head(asked, fields=[TYPE])

    def took(piece):
        if piece is None:
            connection.trailers(asked, [("grpc-status", "0")])
        else:
            connection.data(asked, piece)

    asked.took = took


class Grpc(harness.Case):
    def serve(self, node, pool=None, **top):
        return self.weir(config(pools={"app": {"nodes": [node.address], "protocol": "h2", **(pool or {})}}, **top))

    def node(self, *args, **options):
        return self.origin(on_connection=h2_node(*args, **options))

    def h2(self, server):
        client = H2Client(server.address)
        self.addCleanup(client.close)
        return client

    def call(self, client, body=message(b"hello"), fields=(), end=True):
        return client.send(request("POST", "/greeter.Greeter/Greet", fields=[TYPE, ("te", "trailers"), *fields]), body, end=end)

    def assert_status(self, answer, status, *words):
        """A whole answer without a message."""
        self.assertEqual((answer.status, answer.ended, answer.body), (200, True, b""), answer)
        self.assertEqual((answer.get("content-type"), answer.get("grpc-status")), ("application/grpc", str(status)), answer)
        for word in words:
            self.assertIn(word, answer.get("grpc-message"))
        self.assertIsNone(answer.get("x-origin"))


class Calls(Grpc):
    def test_a_call(self):
        node = self.node(echo)
        client = self.h2(self.serve(node))
        got = client.answer(self.call(client))
        self.assertEqual((got.status, got.body), (200, message(b"hello")))
        self.assertEqual(dict(got.trailers), {"grpc-status": "0", "grpc-message": "fine"})
        asked = node.requests[0]
        self.assertEqual((asked.get("te"), asked.get("content-type"), asked.target), ("trailers", TYPE[1], "/greeter.Greeter/Greet"))

    def test_messages_go_both_ways_as_they_come(self):
        node = self.node(streaming, whole=False)
        client = self.h2(self.serve(node))
        stream = self.call(client, body=None, end=False)
        answer = client.answers[stream]
        for number in range(20):
            client.send_body(stream, message(b"%d" % number), end=False)
            wanted = b"".join(message(b"%d" % each) for each in range(number + 1))
            client.wait(lambda wanted=wanted: answer.body == wanted)
        client.send_body(stream, b"")
        self.assertEqual(dict(client.answer(stream).trailers), {"grpc-status": "0"})

    def test_a_silent_stream_stays(self):
        """Neither timeouts.body nor stream_idle ends it."""
        node = self.node(streaming, whole=False)
        server = self.serve(node, timeouts={"body": "100ms", "stream_idle": "100ms"})
        client = self.h2(server)
        streams = [self.call(client, body=None, end=False)]
        streams.append(self.call(client, body=message(b"first"), end=False))
        client.wait(lambda: client.answers[streams[1]].body == message(b"first"))
        other = self.client(server)
        other.send(head("POST", "/", fields=[("Content-Length", "5")]))
        self.assertEqual(other.read_response().status, 408)  # so long ago
        for stream in streams:
            client.send_body(stream, message(b"last"))
            self.assertEqual(dict(client.answer(stream).trailers), {"grpc-status": "0"})

    def test_who_only_says_that_it_is_a_call_has_no_more_time(self):
        """A type alone turns no deadline off: over HTTP/1.1 no call comes, and to such a node none goes."""
        server = self.weir(config([self.origin()], timeouts={"body": "100ms"}))
        client = self.client(server)
        client.send(head("POST", "/", fields=[("Content-Length", "5"), TYPE]))
        self.assertEqual(client.read_response().get("grpc-status"), "4")

    def test_statuses_of_our_own(self):
        client = self.h2(self.weir(config(pools={"app": {"nodes": [], "protocol": "h2"}})))
        self.assert_status(client.answer(self.call(client)), 14, "no_node")
        gone = self.origin(listen=False)
        client = self.h2(self.serve(gone))
        self.assert_status(client.answer(self.call(client)), 14, "connect_refused")
        client = self.h2(self.serve(self.node(echo), limits={"body": "10"}))
        self.assert_status(client.answer(self.call(client, body=message(b"x" * 100))), 8, "too_large")
        server = self.weir(config(pools={"app": {"nodes": [gone.address], "protocol": "h2"}}, routes=[{"match": {"path": "/no/"}, "pool": "app"}]))
        client = self.h2(server)
        self.assert_status(client.answer(self.call(client)), 12, "no_route")

    def test_a_node_that_resets(self):
        client = self.h2(self.serve(self.node(lambda connection, asked: connection.reset(asked)), pool={"retry": {"attempts": 1}}))
        self.assert_status(client.answer(self.call(client)), 14, "upstream_reset")

    def test_a_caller_s_deadline(self):
        node = self.node(lambda connection, asked: None)
        client = self.h2(self.serve(node))
        begun = time.monotonic()
        self.assert_status(client.answer(self.call(client, fields=[("grpc-timeout", "100m")])), 4, "request_timeout")
        self.assertLess(time.monotonic() - begun, harness.seconds(5))
        node.wait(lambda: node.partial)
        self.assertEqual(node.partial[0].reset, CANCEL)
        told = node.partial[0].get("grpc-timeout")
        self.assertTrue(told.endswith("u") and 1000 < int(told[:-1]) <= 100_000, told)  # what was left of it

    def test_a_deadline_inside_an_answer(self):
        def script(connection, asked):
            connection.head(asked, fields=[TYPE])
            connection.data(asked, message(b"first"))

        client = self.h2(self.serve(self.node(script)))
        got = client.answer(self.call(client, fields=[("grpc-timeout", "200m")]))
        self.assertEqual(got.body, message(b"first"))
        self.assert_trailers(got, "4", "request_timeout")

    def test_a_node_that_goes_inside_an_answer(self):
        def script(connection, asked):
            connection.head(asked, fields=[TYPE])
            connection.data(asked, message(b"first"))
            connection.reset(asked)

        got = (client := self.h2(self.serve(self.node(script)))).answer(self.call(client))
        self.assert_trailers(got, "14", "upstream_truncated")

    def assert_trailers(self, got, code, reason):
        self.assertIsNone(got.reset)
        trailers = dict(got.trailers)
        self.assertEqual(trailers["grpc-status"], code)
        self.assertTrue(trailers["grpc-message"].startswith(reason), trailers)

    def test_a_caller_that_cancels(self):
        node = self.node(lambda connection, asked: None)
        client = self.h2(self.serve(node))
        stream = self.call(client)
        node.wait(lambda: node.requests)
        client.connection.reset_stream(stream, CANCEL)
        client.flush()
        node.wait(lambda: node.partial)
        self.assertEqual(node.partial[0].reset, CANCEL)

    def test_calls_are_spread_one_by_one(self):
        """One connection of a client, calls at every node."""
        nodes = [self.node(echo) for _ in range(3)]
        server = self.weir(config(pools={"app": {"nodes": [node.address for node in nodes], "protocol": "h2"}}, workers=1))
        client = self.h2(server)
        for _ in range(30):
            client.answer(self.call(client))
        self.assertEqual([len(node.requests) for node in nodes], [10, 10, 10])


class Web(Grpc):
    def web(self, server, body, kind="application/grpc-web+proto", **options):
        return self.client(server).request("POST", "/greeter.Greeter/Greet", body=body, fields=[("Content-Type", kind), ("X-Grpc-Web", "1")], **options)

    def trailer(self, lines):
        return b"\x80" + len(lines).to_bytes(4, "big") + lines

    def test_a_call(self):
        node = self.node(echo)
        response = self.web(self.serve(node), message(b"hello"))
        self.assert_ok(response, message(b"hello") + self.trailer(b"grpc-status:0\r\ngrpc-message:fine\r\n"))
        self.assertEqual(response.get("Content-Type"), "application/grpc-web+proto")
        asked = node.requests[0]
        self.assertEqual((asked.get("content-type"), asked.get("te"), asked.body), ("application/grpc+proto", "trailers", message(b"hello")))

    def test_a_call_in_text(self):
        node = self.node(echo)
        text = base64.b64encode(message(b"hello")) + base64.b64encode(message(b"you there"))
        response = self.web(self.serve(node), text, "application/grpc-web-text")
        self.assertEqual(response.get("Content-Type"), "application/grpc-web-text+proto")
        # Pieces of their own, each padded.
        decoded, rest = b"", response.body
        while rest:
            decoded, rest = decoded + base64.b64decode(rest[:4]), rest[4:]
        self.assertEqual(decoded, message(b"hello") + message(b"you there") + self.trailer(b"grpc-status:0\r\ngrpc-message:fine\r\n"))
        self.assertEqual(node.requests[0].body, message(b"hello") + message(b"you there"))

    def test_large_calls_in_text(self):
        node = self.node(echo)
        body = message(bytes(range(256)) * 4096)
        response = self.web(self.serve(node), base64.b64encode(body), "application/grpc-web-text+proto")
        decoded = b"".join(base64.b64decode(response.body[at:at + 4]) for at in range(0, len(response.body), 4))
        self.assertEqual(decoded[:len(body)], body)
        self.assertTrue(decoded[len(body):].startswith(b"\x80"))

    def test_text_that_is_none(self):
        server = self.serve(self.node(echo))
        for body in (b"AAAA*AAA", b"AAAAA"):
            response = self.web(server, body, "application/grpc-web-text")
            self.assertIn(response.get("grpc-status"), ("13",), response)

    def test_our_own_status(self):
        response = self.web(self.weir(config(pools={"app": {"nodes": [], "protocol": "h2"}})), message(b"x"))
        self.assertEqual((response.status, response.get("grpc-status"), response.get("Content-Type")), (200, "14", "application/grpc-web"))

    def test_nodes_of_http1_get_it_as_it_is(self):
        node = self.origin()
        response = self.web(self.proxy(node), message(b"x"))
        self.assert_ok(response)
        self.assertEqual(node.requests[0].get("Content-Type"), "application/grpc-web+proto")


class Checks(Grpc):
    """gRPC's own health checks."""

    def serve_checked(self, node, check):
        return self.serve(node, pool={"health": {"interval": "50ms", "timeout": "2s", "fall": 1, "rise": 1, **check}})

    def test_words(self):
        word = [1]

        def script(connection, asked):
            self.assertEqual((asked.method, asked.target, asked.get("content-type"), asked.get("te")),
                             ("POST", "/grpc.health.v1.Health/Check", "application/grpc", "trailers"))
            connection.head(asked, fields=[TYPE])
            connection.data(asked, message(b"\x08" + bytes([word[0]])))
            connection.trailers(asked, [("grpc-status", "0")])

        node = self.node(script)
        server = self.serve_checked(node, {"grpc": "greeter.Greeter"})
        server.wait_lines("is up: gRPC health check answered SERVING")
        self.assertEqual(node.requests[0].body, message(b"\n\x0fgreeter.Greeter"))
        word[0] = 2
        server.wait_lines("is down: gRPC health check answered NOT_SERVING")
        word[0] = 1
        server.wait_lines("is up again")

    def test_a_service_that_nobody_knows(self):
        def script(connection, asked):
            connection.head(asked, fields=[TYPE, ("grpc-status", "5")], end=True)

        server = self.serve_checked(self.node(script), {"grpc": "true"})
        server.wait_lines("is down: gRPC health check answered grpc-status 5")

    def test_an_error_behind_a_message(self):
        def script(connection, asked):
            connection.head(asked, fields=[TYPE])
            connection.data(asked, message(b"\x08\x01"))
            connection.trailers(asked, [("grpc-status", "13")])

        server = self.serve_checked(self.node(script), {"grpc": "true"})
        server.wait_lines("is down: gRPC health check answered grpc-status 13")

    def test_something_else(self):
        server = self.serve_checked(self.node(lambda connection, asked: connection.reply(asked, body=b"fine")), {"grpc": "true"})
        server.wait_lines("is down: gRPC health check was answered with something else")
        server = self.serve_checked(self.node(lambda connection, asked: connection.reply(asked, 404)), {"grpc": "true"})
        server.wait_lines("is down: gRPC health check answered 404")


if __name__ == "__main__":
    harness.main()
