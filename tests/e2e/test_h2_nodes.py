"""Nodes that speak HTTP/2: requests of every version of HTTP to them, many on a connection, and how nodes end them."""

import threading

import h2.settings

import harness
from h2_client import H2Client, h2_context, request
from h2_node import answer, h2_node
from harness import chunk, config, head, wait_until
from test_tls import PATTERN, files, scrape

STREAMS = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
CONNECT = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
REFUSED_STREAM, CANCEL = 7, 8


class Http2Nodes(harness.Case):
    def node(self, *args, **options):
        return self.origin(on_connection=h2_node(*args, **options))

    def serve(self, *nodes, pool=None, workers=1, **top):
        return self.weir(config(pools={"app": {"nodes": [node.address for node in nodes], "protocol": "h2", **(pool or {})}},
                                workers=workers, **top))

    def h2(self, server, **options):
        client = H2Client(server.address, **options)
        self.addCleanup(client.close)
        return client

    def assert_ok2(self, answer, body=None):
        self.assertEqual((answer.status, answer.ended), (200, True), answer)
        if body is not None:
            self.assertEqual(answer.body, body)


class Requests(Http2Nodes):
    def test_from_http1(self):
        node = self.node()
        server = self.serve(node)
        client = self.client(server)
        for number in range(10):
            self.assert_ok(client.request(target=f"/{number}", fields=[("TE", "trailers"), ("Connection", "TE")]), f"GET /{number}".encode())
        self.assert_ok(client.request("POST", "/p", body=b"x" * 1000), b"POST /p")
        self.assertEqual(node.requests[-1].body, b"x" * 1000)
        self.assertEqual(node.requests[-1].get("content-length"), "1000")
        first = node.requests[0]
        self.assertEqual((first.get(":authority"), first.get(":scheme"), first.get("via"), first.get("te")), ("a.test", "http", "1.1 weir", "trailers"))
        self.assertIsNone(first.get("host"))
        self.assertIsNone(first.get("connection"))
        self.assertEqual(len(node.connections), 1)

    def test_from_http2(self):
        node = self.node()
        server = self.serve(node)
        client = self.h2(server)
        for number in range(10):
            self.assert_ok2(client.ask(path=f"/{number}"), f"GET /{number}".encode())
        self.assert_ok2(client.ask("POST", "/p", body=b"y" * 100_000), b"POST /p")
        self.assertEqual(node.requests[-1].body, b"y" * 100_000)
        self.assertEqual(len(node.connections), 1)

    def test_a_head_and_empty_answers(self):
        def script(connection, request):
            connection.head(request, int(request.target[1:]), [("content-length", "5")] if request.method == "HEAD" else (), end=True)

        server = self.serve(self.node(script))
        client = self.client(server)
        response = client.request("HEAD", "/200")
        self.assertEqual((response.status, response.get("Content-Length"), response.body), (200, "5", b""))
        for status in (204, 304, 200):
            response = client.request(target=f"/{status}")
            self.assertEqual((response.status, response.body, response.ended), (status, b"", "complete"))

    def test_many_share_a_connection(self):
        held, release = [], threading.Event()

        def script(connection, request):
            held.append((connection, request))
            if len(held) == 50:
                for its, each in held:
                    answer(its, each)
                    its.flush()

        node = self.node(script)
        server = self.serve(node)
        client = self.h2(server)
        streams = [client.send(request(path=f"/{number}")) for number in range(50)]
        for number, stream in enumerate(streams):
            self.assert_ok2(client.answer(stream), f"GET /{number}".encode())
        self.assertEqual(len(node.connections), 1)

    def test_another_connection_when_streams_run_out(self):
        node = self.node(lambda connection, request: None, settings={STREAMS: 3})
        server = self.serve(node)
        client = self.h2(server)
        streams = [client.send(request(path="/0"))]
        node.wait(lambda: len(node.requests) == 1)
        for number in range(1, 8):
            streams.append(client.send(request(path=f"/{number}")))
        node.wait(lambda: len(node.requests) == 8)
        self.assertEqual(len(node.connections), 3)
        self.assertEqual(sorted(each.connection for each in node.requests), [0, 0, 0, 1, 1, 1, 2, 2])

    def test_what_the_node_did_not_take_is_sent_again(self):
        def script(connection, request):
            if connection.index == 0:
                connection.refuse(request)
            else:
                answer(connection, request)

        for method, body in (("GET", None), ("POST", b"whole")):
            refusing, other = self.node(lambda connection, request: connection.refuse(request)), self.node()
            server = self.serve(refusing, other)
            for _ in range(4):
                self.assert_ok(self.client(server).request(method, "/x", body=body or b""), f"{method} /x".encode())
            self.assertEqual(len(other.requests), 4)

    def test_a_node_that_refuses_everything(self):
        node = self.node(lambda connection, request: connection.refuse(request))
        server = self.serve(node)
        self.assert_local(self.client(server).request(), 502)
        self.assertEqual(len(node.requests), 3)  # retry.attempts

    def test_more_at_once_than_the_node_takes(self):
        """Before its settings come nobody knows how many it takes; those that it refuses go over other connections."""
        node = self.node(settings={STREAMS: 5}, on_request=answer)
        server = self.serve(node)
        client = self.h2(server)
        streams = [client.send(request(path=f"/{number}")) for number in range(60)]
        for number, stream in enumerate(streams):
            self.assert_ok2(client.answer(stream), f"GET /{number}".encode())

    def test_goaway(self):
        """What is beyond the last stream goes over another connection, what is before it is answered."""
        held = []

        def script(connection, request):
            if request.target == "/held":
                held.append((connection, request))
            else:
                answer(connection, request)

        node = self.node(script)
        server = self.serve(node)
        slow = self.client(server)
        slow.send(head("GET", "/held"))
        wait_until("a request that is held", lambda: held)
        its, first = held[0]
        its.go_away(last=first.stream)
        for _ in range(3):
            self.assert_ok(self.client(server).request(), b"GET /")
        self.assertEqual({each.connection for each in node.requests}, {0, 1})
        answer(its, first)
        self.assert_ok(slow.read_response(), b"GET /held")
        wait_until("the end of the first connection", node.connections[0].ended.is_set)

    def test_a_node_that_closes_with_goaway(self):
        """No request is lost as a node ends its connection, whatever its method."""
        def script(connection, request):
            if connection.index == 0 and request.stream > 1:
                connection.go_away(last=1)
                connection.raw.fin()
                return
            answer(connection, request)

        node = self.node(script)
        server = self.serve(node)
        client = self.client(server)
        for number in range(5):
            self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())

    def test_a_node_that_vanishes(self):
        def script(connection, request):
            connection.raw.reset()

        server = self.serve(self.node(script), pool={"retry": {"attempts": 1}})
        self.assert_local(self.client(server).request("POST", "/"), 502)

    def test_a_cut_answer(self):
        def script(connection, request):
            connection.head(request)
            connection.data(request, b"part")
            connection.reset(request)

        server = self.serve(self.node(script))
        response = self.client(server).request()
        self.assertNotEqual(response.ended, "complete")
        client = self.h2(server)
        got = client.answer(client.send(request()))
        self.assertIsNotNone(got.reset)

    def test_a_client_that_goes_away(self):
        node = self.node(lambda connection, request: connection.head(request))
        server = self.serve(node)
        client = self.client(server)
        client.send(head())
        client.read_head()
        client.reset()
        node.wait(lambda: len(node.partial) == 1)
        self.assertEqual(node.partial[0].reset, CANCEL)
        self.assert_ok_after(server, node)

    def assert_ok_after(self, server, node):
        """The connection goes on."""
        client = self.client(server)
        client.send(head())
        client.read_head()
        node.wait(lambda: sum(len(each.state["h2"].requests) for each in node.connections) == 2)
        self.assertEqual(len(node.connections), 1)

    def test_trailers_both_ways(self):
        def script(connection, request):
            connection.reply(request, body=b"body", trailers=[("x-sum", "7"), *[(name, value) for name, value in request.trailers]])

        node = self.node(script)
        server = self.serve(node)
        client = self.client(server)
        client.send(head("POST", "/", fields=[("Transfer-Encoding", "chunked"), ("TE", "trailers"), ("Connection", "TE")]), chunk(b"abc"), b"0\r\nX-Late: 1\r\n\r\n")
        response = client.read_response("POST")
        self.assertEqual((node.requests[0].body, node.requests[0].trailers), (b"abc", [("x-late", "1")]))
        other = self.h2(server)
        stream = other.send(request("POST"), end=False)
        other.send_body(stream, b"xyz", end=False)
        other.connection.send_headers(stream, [("x-later", "2")], end_stream=True)
        other.flush()
        got = other.answer(stream)
        self.assertEqual((got.body, sorted(got.trailers)), (b"body", [("x-later", "2"), ("x-sum", "7")]))
        self.assertEqual(response.body, b"body")

    def test_large_bodies_both_ways(self):
        node = self.node(lambda connection, request: connection.reply(request, body=request.body))
        server = self.serve(node)
        body = PATTERN * 256  # 4 MiB
        client = self.client(server)
        sender = threading.Thread(target=client.send, args=(head("POST", "/", body=body), body))
        sender.start()
        self.assertEqual(client.read_response("POST").body, body)
        sender.join()
        other = self.h2(server)
        self.assertEqual(other.ask("POST", "/", body=body).body, body)

    def test_a_slow_client_holds_up_nobody_else(self):
        """One answer that is not taken stops at its window, and the connection to the node goes on."""
        def script(connection, request):
            if request.target == "/large":
                connection.head(request)
                room = connection.h2.local_flow_control_window(request.stream)
                connection.h2.send_data(request.stream, b"z" * min(room, 16384))
                connection.flush()
            else:
                answer(connection, request)

        node = self.node(script)
        server = self.serve(node)
        slow = self.client(server)
        slow.send(head("GET", "/large"))
        slow.read_head()
        for number in range(5):
            self.assert_ok(self.client(server).request(target=f"/{number}"))
        self.assertEqual(len(node.connections), 1)

    def test_interim_answers(self):
        def script(connection, request):
            connection.h2.send_headers(request.stream, [(":status", "103"), ("link", "</a>")])
            answer(connection, request)

        server = self.serve(self.node(script))
        client = self.client(server)
        client.send(head())
        self.assertEqual(client.read_head().status, 103)
        self.assert_ok(client.read_response())

    def test_idle_connections_end(self):
        node = self.node()
        server = self.serve(node, pool={"keepalive": {"idle_timeout": "100ms"}})
        self.assert_ok(self.client(server).request())
        wait_until("the end of the first connection", node.connections[0].ended.is_set)
        self.assert_ok(self.client(server).request())
        self.assertEqual(len(node.connections), 2)

    def test_old_connections_take_no_more(self):
        held = []
        node = self.node(lambda connection, request: held.append((connection, request)) if request.target == "/held" else answer(connection, request))
        server = self.serve(node, pool={"keepalive": {"max_lifetime": "50ms"}})
        slow = self.client(server)
        slow.send(head("GET", "/held"))
        wait_until("a request that is held", lambda: held)

        def goes_elsewhere():
            self.assert_ok(self.client(server).request())
            return len(node.connections) > 1

        wait_until("another connection", goes_elsewhere)
        answer(*held[0])
        self.assert_ok(slow.read_response())

    def test_over_tls_by_alpn(self):
        """Each node is another Weir, which tells by what version it was asked."""
        behind = self.origin()
        settings = {"ca": files("c")["cert"]}
        for protocol, spoken, via in (("h2", "auto", "2 weir"), ("auto", "auto", "2 weir"), ("auto", "h1", "1.1 weir"), ("h1", "auto", "1.1 weir")):
            node = self.weir(config([behind], listeners=[{"address": "127.0.0.1:0", "protocol": spoken, "tls": {"certificates": [files("c")]}}]))
            server = self.weir(config(pools={"app": {"nodes": [node.address], "protocol": protocol, "tls": settings}}))
            clients = [self.client(server) for _ in range(4)]
            for client in clients:
                client.send(head())
            for client in clients:
                self.assert_ok(client.read_response(), b"GET /")
            self.assertEqual(behind.requests[-1].get("Via").split(", ")[1], via, protocol)

    def test_a_node_that_knows_no_http2(self):
        behind = self.origin()
        node = self.weir(config([behind], listeners=[{"address": "127.0.0.1:0", "protocol": "h1", "tls": {"certificates": [files("c")]}}]))
        server = self.weir(config(pools={"app": {"nodes": [node.address], "protocol": "h2", "tls": {"ca": files("c")["cert"]}, "retry": {"attempts": 1}}}))
        self.assert_local(self.client(server).request(), 502, 503)
        clear = self.serve(self.origin(on_connection=lambda connection: connection.reply(400)), pool={"retry": {"attempts": 1}})
        self.assert_local(self.client(clear).request(), 502)
        self.assertEqual(behind.requests, [])

    def test_checks(self):
        check = {"http": "/healthz", "interval": "100ms", "timeout": "2s", "fall": 1, "rise": 1}
        node = self.node()
        server = self.serve(node, pool={"health": check})
        server.wait_lines("is up: GET /healthz answered 200")
        self.assertTrue(any(each.target == "/healthz" and each.get(":method") == "GET" for each in node.requests))

    def test_a_reload_changes_the_protocol(self):
        first, second = self.origin(), self.node()
        settings = config(pools={"app": {"nodes": [first.address]}})
        server = self.weir(settings)
        client = self.client(server)
        self.assert_ok(client.request())
        settings["pools"]["app"] = {"nodes": [second.address], "protocol": "h2"}
        with open(server.file, "w", encoding="utf-8") as file:
            file.write(harness.yaml(settings) + "\n")
        server.wait_lines("the configuration is reloaded")
        self.assert_ok(client.request())
        self.assertEqual(len(second.requests), 1)

    def test_metrics_count_requests_and_connections(self):
        node = self.node()
        server = self.serve(node)
        client = self.client(server)
        for _ in range(5):
            self.assert_ok(client.request())
        figures = scrape(server)

        def total(name):
            return sum(value for key, value in figures.items() if key.startswith(name))

        self.assertEqual(total("weir_node_connections_opened_total"), 1)
        self.assertEqual(total("weir_node_connections_reused_total"), 4)

    def test_floods_of_a_node_end_its_connection(self):
        def script(connection, request):
            connection.raw.send((b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)) * 20_000)

        server = self.serve(self.node(script), pool={"retry": {"attempts": 1}})
        self.assert_local(self.client(server).request(), 502)


class Tunnels(Http2Nodes):
    """WebSocket, by whichever way either side asks for it (RFC 6455 over HTTP/1.1, RFC 8441 over HTTP/2)."""

    def echo(self, **options):
        def script(connection, asked):
            if asked.method != "CONNECT":
                return answer(connection, asked)
            connection.head(asked, 200, [("sec-websocket-protocol", "chat")])

            def took(piece):
                connection.data(asked, piece or b"", end=piece is None)

            asked.took = took

        return self.node(script, whole=False, settings={CONNECT: 1}, **options)

    def test_from_http1(self):
        node = self.echo()
        client = self.client(self.serve(node, timeouts={"body": "200ms", "stream_idle": "200ms"}))
        client.send(head("GET", "/chat", fields=[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
                                                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        answered = client.read_head()
        self.assertEqual((answered.status, answered.get("Upgrade"), answered.get("Sec-WebSocket-Accept"), answered.get("Sec-WebSocket-Protocol")),
                         (101, "websocket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "chat"))
        for number in range(20):
            client.send(b"%04d" % number)
            self.assertEqual(client.reader.exactly(4), b"%04d" % number)
        client.send(PATTERN)
        self.assertEqual(client.reader.exactly(len(PATTERN)), PATTERN)
        client.finish_sending()
        self.assertEqual(client.read_end(), "fin")
        (asked,) = node.connections[0].state["h2"].requests.values()
        self.assertEqual((asked.method, asked.get(":protocol"), asked.target, asked.get("sec-websocket-version")), ("CONNECT", "websocket", "/chat", "13"))
        for name in ("sec-websocket-key", "upgrade", "connection"):
            self.assertIsNone(asked.get(name))

    def test_from_http2(self):
        node = self.echo()
        client = self.h2(self.serve(node))
        stream = client.send([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/chat"), (":authority", "a.test"),
                              ("sec-websocket-version", "13")], end=False)
        client.wait(lambda: client.answers[stream].status)
        self.assertEqual(client.answers[stream].status, 200)
        client.send_body(stream, b"over and out")
        self.assertEqual(client.answer(stream).body, b"over and out")

    def test_beside_requests(self):
        """A tunnel is one stream among others."""
        node = self.echo()
        server = self.serve(node)
        tunnel = self.client(server)
        tunnel.send(head("GET", "/chat", fields=[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        self.assertEqual(tunnel.read_head().status, 101)
        for number in range(5):
            self.assert_ok(self.client(server).request(target=f"/{number}"))
        tunnel.send(b"still here")
        self.assertEqual(tunnel.reader.exactly(10), b"still here")
        self.assertEqual(len(node.connections), 1)

    def test_a_node_without_upgrades(self):
        server = self.serve(self.node())
        client = self.client(server)
        client.send(head("GET", "/chat", fields=[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        self.assert_local(client.read_response(), 502)

    def test_a_node_that_says_no(self):
        node = self.node(lambda connection, asked: connection.reply(asked, 403, body=b"no"), whole=False, settings={CONNECT: 1})
        client = self.client(self.serve(node))
        client.send(head("GET", "/chat", fields=[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        response = client.read_response()
        self.assertEqual((response.status, response.body), (403, b"no"))


if __name__ == "__main__":
    harness.main()
