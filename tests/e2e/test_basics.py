"""HTTP/1.1 as it is meant: keep-alive, pipelining, bodies both ways, interim and early answers, old versions."""

import shutil
import socket
import subprocess
import threading
import unittest

import harness
from harness import chunk


def echo(connection, request):
    """The request's body comes back with its own framing, trailers too."""
    if request.framing != "chunked":
        connection.reply(body=request.body)
        return
    connection.send("HTTP/1.1 200 OK\r\nX-Origin: o\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
    if request.body:
        connection.send(chunk(request.body))
    connection.send("0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in request.trailers) + "\r\n")


class Basics(harness.Case):
    def test_keep_alive(self):
        server = self.proxy(self.origin())
        client = self.client(server)
        for number in range(20):
            self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())

    def test_pipelining_answers_in_order_though_the_first_is_slow(self):
        release = threading.Event()

        def reply(connection, request):
            if request.target == "/0":
                release.wait(harness.seconds(10))
            harness.answer(connection, request)

        node = self.origin(on_request=reply)
        client = self.client(self.proxy(node))
        client.send(b"".join(harness.head(target=f"/{number}") for number in range(20)))
        node.wait_requests(1)
        release.set()
        for number in range(20):
            self.assert_ok(client.read_response(), f"GET /{number}".encode())

    def test_pipelined_bodies_are_kept_apart(self):
        client = self.client(self.proxy(self.origin(on_request=echo)))
        client.send(
            harness.head("POST", "/a", body=b"first") + b"first"
            + harness.head("POST", "/b", [("Transfer-Encoding", "chunked")]) + chunk(b"sec") + chunk(b"ond") + b"0\r\n\r\n"
            + harness.head("POST", "/c", body=b"third") + b"third")
        for body in (b"first", b"second", b"third"):
            self.assert_ok(client.read_response(), body)

    def test_chunks_and_trailers_both_ways(self):
        node = self.origin(on_request=echo)
        client = self.client(self.proxy(node))
        fields = [("Transfer-Encoding", "chunked"), ("TE", "trailers"), ("Connection", "TE"), ("Trailer", "X-Sum")]
        client.send(harness.head("POST", "/", fields), chunk(b"hello, "), chunk(b"world"), b"0\r\nX-Sum: 42\r\n\r\n")
        response = self.assert_ok(client.read_response(), b"hello, world")
        self.assertEqual(response.trailer("X-Sum"), "42")
        request = node.wait_requests(1)[0]
        self.assertEqual((request.body, request.trailer("X-Sum")), (b"hello, world", "42"))

    def test_a_body_arrives_while_it_is_still_being_sent(self):
        seen = threading.Event()

        def stream(connection):
            request = connection.read_head()
            self.assertEqual(connection.reader.line(), b"5")
            self.assertEqual(connection.reader.exactly(7), b"hello\r\n")
            seen.set()
            connection.read_body(request)
            connection.reply(body=request.body)

        client = self.client(self.proxy(self.origin(on_connection=stream)))
        client.send(harness.head("POST", "/", [("Transfer-Encoding", "chunked")]), chunk(b"hello"))
        self.assertTrue(seen.wait(harness.seconds(5)), "the first chunk waits for the second")
        client.send(chunk(b"again"), b"0\r\n\r\n")
        self.assert_ok(client.read_response(), b"again")

    def test_answers_without_bodies(self):
        def reply(connection, request):
            status = int(request.target[1:])
            fields = [("ETag", '"x"')] if status == 304 else []
            if request.method == "HEAD":
                connection.send(f"HTTP/1.1 {status} X\r\nX-Origin: o\r\nContent-Length: 1234\r\n\r\n")
            else:
                connection.reply(status, fields)

        client = self.client(self.proxy(self.origin(on_request=reply)))
        for method, status in [("GET", 204), ("GET", 304), ("HEAD", 200), ("HEAD", 404), ("GET", 204), ("HEAD", 200)]:
            response = client.request(method, f"/{status}")
            self.assertEqual((response.status, response.body, response.ended), (status, b"", "complete"))
            if method == "HEAD":
                self.assertEqual(response.get("Content-Length"), "1234")

    def test_status_reason_and_fields_pass_unchanged(self):
        def reply(connection, request):
            connection.reply(418, [("X-oDD-Case", "a  b"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Server", "me")], b"tea", "I'm a teapot")

        response = self.client(self.proxy(self.origin(on_request=reply))).request()
        self.assertEqual((response.status, response.reason, response.body), (418, "I'm a teapot", b"tea"))
        self.assertIn(("X-oDD-Case", "a  b"), response.fields)
        self.assertEqual(response.all("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(response.all("Server"), ["me"])

    def test_a_date_is_added_where_the_node_gives_none(self):
        response = self.client(self.proxy(self.origin())).request()
        self.assertEqual(len(response.all("Date")), 1)
        self.assertRegex(response.get("Date"), r"^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_methods_and_targets_pass(self):
        node = self.origin()
        client = self.client(self.proxy(node))
        for method, target in [("PURGE", "/a"), ("PATCH", "/a?b=c&d"), ("OPTIONS", "*"), ("DELETE", "/x%20y"), ("QUERY", "/?")]:
            self.assert_ok(client.request(method, target), f"{method} {target}".encode())
        self.assert_ok(client.request("GET", "http://a.test/abs?q"), b"GET /abs?q")
        self.assertEqual(node.requests[-1].get("Host"), "a.test")


def streaming(node):
    """A pool whose nodes get bodies as they come."""
    return {"app": {"nodes": [node.address], "request_buffer": "0"}}


class Interim(harness.Case):
    def test_continue_is_relayed(self):
        def script(connection):
            request = connection.read_head()
            self.assertEqual(request.get("Expect"), "100-continue")
            connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            connection.read_body(request)
            connection.reply(body=request.body)

        client = self.client(self.weir(harness.config(pools=streaming(self.origin(on_connection=script)))))
        client.send(harness.head("POST", "/", [("Expect", "100-continue")], b"hello"))
        self.assertEqual(client.read_head().status, 100)
        client.send(b"hello")
        response = client.read_response()
        self.assert_ok(response, b"hello")
        self.assertEqual(response.interims, [])

    def test_a_refusal_instead_of_continue(self):
        def script(connection):
            connection.read_head()
            connection.reply(413, body=b"too much", reason="Too Large")
            connection.wait_end()

        node = self.origin(on_connection=script)
        client = self.client(self.weir(harness.config(pools=streaming(node))))
        client.send(harness.head("POST", "/", [("Expect", "100-continue")], b"x" * 1000))
        response = client.read_response()
        self.assertEqual((response.status, response.body, response.interims), (413, b"too much", []))

    def test_early_hints_are_relayed_at_once(self):
        release = threading.Event()

        def reply(connection, request):
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            release.wait(harness.seconds(10))
            connection.reply(body=b"page")

        client = self.client(self.proxy(self.origin(on_request=reply)))
        client.send(harness.head())
        hints = client.read_head()
        self.assertEqual((hints.status, hints.get("Link")), (103, "</a.css>"))
        release.set()
        self.assert_ok(client.read_response(), b"page")

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl_waits_for_continue(self):
        node = self.origin(on_request=echo)
        server = self.proxy(node)
        for extra in (["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"]):
            out = subprocess.run(
                ["curl", "-sS", "--max-time", str(int(harness.seconds(20))), "--noproxy", "*", "-w", "%{http_code}", "--data-binary", "@-", *extra,
                 f"http://{server.address}/up"], input=b"y" * 100000, capture_output=True, check=False)
            self.assertEqual((out.returncode, out.stdout), (0, b"y" * 100000 + b"200"), out.stderr)


class Early(harness.Case):
    """Answers that come while the client is still sending."""

    def refuse(self, body):
        def script(connection):
            connection.read_head()
            connection.reply(413, body=body, reason="Too Large")
            connection.wait_end()

        return self.origin(on_connection=script)

    def test_the_client_gets_the_whole_answer_while_it_sends(self):
        client = self.client(self.proxy(self.refuse(b"n" * 50000)))
        client.send(harness.head("POST", "/", [("Content-Length", str(1 << 30))]))
        client.send(b"x" * 65536)
        response = client.read_response()
        self.assertEqual((response.status, response.body, response.ended), (413, b"n" * 50000, "complete"))
        self.assertIn(client.read_end(5), ("fin", "rst"))

    def test_a_client_that_never_stops_sending_is_cut_off(self):
        client = self.client(self.proxy(self.refuse(b"no")))
        client.send(harness.head("POST", "/", [("Content-Length", str(1 << 30))]))
        self.assertEqual(client.read_response().status, 413)
        sent = 0
        while sent < 1 << 30 and client.send(b"x" * 65536):
            sent += 65536
        self.assertLess(sent, 1 << 27, "the rest of the upload was read")

    def test_a_node_that_answers_and_closes_at_once(self):
        def script(connection):
            connection.read_head()
            connection.reply(403, [("Connection", "close")], b"denied", "Forbidden")
            connection.fin()
            connection.wait_end()

        client = self.client(self.proxy(self.origin(on_connection=script)))
        client.send(harness.head("POST", "/", [("Transfer-Encoding", "chunked")]), chunk(b"x" * 50000))
        response = client.read_response()
        self.assertEqual((response.status, response.body, response.ended), (403, b"denied", "complete"))

    def test_a_node_that_answers_and_resets(self):
        """The answer lies in the receive queue when writing fails; a RST may take it away, but nothing else happens."""
        def script(connection):
            connection.read_head()
            connection.reply(403, [("Connection", "close")], b"denied", "Forbidden")
            connection.close()

        node = self.origin(on_connection=script)
        server = self.proxy(node)
        for _ in range(10):
            client = self.client(server)
            client.send(harness.head("POST", "/", [("Content-Length", "2000000")]))
            client.send(b"x" * 2000000)
            response = client.read_response()
            self.assertIn(response.status, (403, 502))
            self.assertEqual(response.ended, "complete")
            client.close()

    def test_a_streamed_answer_before_the_end_of_the_request(self):
        def script(connection):
            request = connection.read_head()
            connection.send("HTTP/1.1 200 OK\r\nX-Origin: o\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"early"))
            connection.read_body(request)
            connection.send(chunk(request.body), b"0\r\n\r\n")

        client = self.client(self.proxy(self.origin(on_connection=script)))
        client.send(harness.head("POST", "/", [("Transfer-Encoding", "chunked")]))
        self.assertEqual(client.read_head().status, 200)
        self.assertEqual(client.reader.chunk(), b"early")
        client.send(chunk(b"late"), b"0\r\n\r\n")
        self.assertEqual((client.reader.chunk(), client.reader.chunk(), client.reader.fields()), (b"late", b"", []))

    def test_half_closing_clients_get_their_answer(self):
        client = self.client(self.proxy(self.origin()))
        client.send(harness.head(target="/half"))
        client.finish_sending()
        self.assert_ok(client.read_response(), b"GET /half")
        self.assertEqual(client.read_end(), "fin")

    def test_a_client_that_leaves_inside_its_request_cancels(self):
        for leave in ("close", "reset"):
            node = self.origin()
            client = self.client(self.weir(harness.config(pools=streaming(node))))
            client.send(harness.head("POST", "/gone", [("Content-Length", "10")]), b"part")
            connection = node.wait_connections(1)[0]
            harness.wait_until("the first part", lambda: connection.raw.endswith(b"part"))
            getattr(client, leave)()
            node.wait(lambda: node.partial, "the cut request")
            self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))
            self.assertEqual(node.requests, [])

    def test_a_client_that_resets_while_waiting_cancels(self):
        arrived = threading.Event()

        def script(connection):
            connection.read_request()
            arrived.set()
            connection.state["end"] = connection.wait_end()

        node = self.origin(on_connection=script)
        client = self.client(self.proxy(node))
        client.send(harness.head())
        self.assertTrue(arrived.wait(harness.seconds(5)))
        client.reset()
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))
        self.assertIn(node.connections[0].state["end"], ("fin", "rst"))


class Old(harness.Case):
    """HTTP/1.0 clients and nodes, and bodies that end with the connection."""

    def test_http10_client(self):
        node = self.origin()
        server = self.proxy(node)
        client = self.client(server)
        response = self.assert_ok(client.request(target="/old", version="HTTP/1.0", host=None), b"GET /old")
        self.assertIsNone(response.get("Transfer-Encoding"))
        self.assertEqual(client.read_end(), "fin")
        self.assertEqual(node.requests[0].version, "HTTP/1.1")

    def test_http10_client_keep_alive(self):
        client = self.client(self.proxy(self.origin()))
        for _ in range(3):
            response = client.request(fields=[("Connection", "keep-alive")], version="HTTP/1.0")
            self.assert_ok(response)
            self.assertEqual((response.get("Connection") or "").lower(), "keep-alive")

    def test_http10_client_gets_no_chunks(self):
        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"hello"), chunk(b"world"), "0\r\n\r\n")

        client = self.client(self.proxy(self.origin(on_request=reply)))
        response = client.request(fields=[("Connection", "keep-alive")], version="HTTP/1.0")
        self.assert_ok(response, b"helloworld")
        self.assertIsNone(response.get("Transfer-Encoding"))
        self.assertEqual(response.framing, "close")

    def test_close_delimited_bodies_are_chunked_again(self):
        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\n\r\n", b"part one, ", b"part two")
            connection.fin()

        client = self.client(self.proxy(self.origin(on_request=reply)))
        for _ in range(2):
            response = self.assert_ok(client.request(), b"part one, part two")
            self.assertEqual(response.framing, "chunked")

    def test_http10_node(self):
        def reply(connection, request):
            connection.send("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold")
            connection.fin()

        client = self.client(self.proxy(self.origin(on_request=reply)))
        for _ in range(2):
            response = self.assert_ok(client.request(), b"old")
            self.assertEqual(response.version, "HTTP/1.1")

    def test_http10_node_that_keeps_alive(self):
        def reply(connection, request):
            connection.send("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold")

        client = self.client(self.proxy(self.origin(on_request=reply)))
        for _ in range(3):
            self.assert_ok(client.request(), b"old")

    def test_a_node_that_closes_after_each_answer(self):
        def reply(connection, request):
            connection.reply(fields=[("Connection", "close")], body=b"bye")
            connection.fin()

        node = self.origin(on_request=reply)
        client = self.client(self.proxy(node))
        for _ in range(5):
            response = self.assert_ok(client.request(), b"bye")
            self.assertNotEqual((response.get("Connection") or "").lower(), "close")
        self.assertEqual(len(node.connections), 5)

    def test_bytes_on_an_idle_connection_reach_nobody(self):
        def script(connection):
            harness.serve(connection)

        node = self.origin(on_connection=script)
        server = self.weir(harness.config([node], workers=1))
        client = self.client(server)
        self.assert_ok(client.request(target="/one"), b"GET /one")
        node.connections[0].send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)), "the connection with stray bytes lives on")
        self.assert_ok(client.request(target="/two"), b"GET /two")

    def test_ipv6_and_unix_sockets(self):
        for family in (socket.AF_INET6, socket.AF_UNIX):
            node = self.origin(family=family)
            self.assert_ok(self.client(self.proxy(node)).request(target="/there"), b"GET /there")
            self.assertEqual(node.requests[0].get("Host"), "a.test")


if __name__ == "__main__":
    harness.main()
