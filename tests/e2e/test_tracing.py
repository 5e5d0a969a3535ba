"""Traces: what the node is told in traceparent and tracestate, and the spans that come out."""

import re
import time

import harness
from otlp_collector import TracingCase

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PATTERN = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-(0[01])")


def parent_of(request):
    """(trace id, span id, flags) of the one traceparent that a node got."""
    [value] = request.all("traceparent")
    return PATTERN.fullmatch(value).groups()


class Spans(TracingCase):
    def test_a_trace_begins_here(self):
        collector, node = self.collector(), self.origin()
        weir = self.start(collector, node, tracing={"service": "edge"}, routes=[{"name": "shop", "pool": "app"}])
        before = time.time_ns()
        self.assert_ok(self.ask(weir, ("User-Agent", "curl/8"), target="/a/b?q=1&sig=secret", host="shop.test:81"))
        after = time.time_ns()
        server, [client] = self.one_server_span(collector)
        self.assertEqual(parent_of(node.requests[0]), (server.trace, client.id, "01"))
        self.assertIsNone(node.requests[0].get("tracestate"))
        self.assertEqual((server.name, server.parent, server.service, server.failed), ("GET shop", "", "edge", False))
        self.assertEqual((client.name, client.service, client.failed), ("GET app", "edge", False))
        host, _, port = node.address.rpartition(":")
        self.assertEqual(server.attributes, {
            "http.request.method": "GET", "url.path": "/a/b", "url.query": "q=1&sig=REDACTED", "url.scheme": "http",
            "server.address": "shop.test", "server.port": 81, "client.address": "127.0.0.1",
            "network.protocol.version": "1.1", "user_agent.original": "curl/8", "http.response.status_code": 200,
            "weir.route": "shop", "weir.pool": "app", "weir.node": node.address})
        self.assertEqual(client.attributes, {
            "http.request.method": "GET", "url.full": f"http://{node.address}/a/b?q=1&sig=REDACTED", "server.address": host,
            "server.port": int(port), "network.protocol.version": "1.1", "http.response.status_code": 200,
            "weir.pool": "app", "weir.node": node.address})
        slack = 50_000_000  # the loop's clock stands still within a turn
        self.assertLessEqual(before - slack, server.begin)
        self.assertLessEqual(server.end, after + slack)

    def test_a_trace_is_continued(self):
        collector, node = self.collector(), self.origin()
        weir = self.start(collector, node, sample="1/1000000")
        self.assert_ok(self.ask(weir, ("traceparent", f"00-{TRACE}-{PARENT}-01"), ("Tracestate", "a=1,b=2"), ("tracestate", "c=3")))
        server, [client] = self.one_server_span(collector)
        self.assertEqual((server.trace, server.parent, server.state), (TRACE, PARENT, "a=1,b=2,c=3"))
        self.assertEqual(parent_of(node.requests[0]), (TRACE, client.id, "01"))
        self.assertEqual(node.requests[0].all("tracestate"), ["a=1,b=2", "c=3"])

    def test_whoever_decided_is_obeyed(self):
        collector, node = self.collector(), self.origin()
        weir = self.start(collector, node)
        self.assert_ok(self.ask(weir, ("traceparent", f"00-{TRACE}-{PARENT}-00"), ("tracestate", "a=1")))
        self.assert_ok(self.ask(weir))
        trace, span, flags = parent_of(node.requests[0])
        self.assertEqual((trace, flags), (TRACE, "00"))
        self.assertNotEqual(span, PARENT)
        self.assertEqual(node.requests[0].all("tracestate"), ["a=1"])
        server, _ = self.one_server_span(collector)  # the second one's
        self.assertEqual(server.trace, parent_of(node.requests[1])[0])

    def test_what_is_no_context_is_not_continued(self):
        node = self.origin()
        weir = self.start(self.collector(), node, sample="1/1000000")
        good = f"00-{TRACE}-{PARENT}-01"
        for lines in ([good.upper()], [good + "-"], [good[:-1]], [f"ff-{TRACE}-{PARENT}-01"], [f"00-{'0' * 32}-{PARENT}-01"],
                      [f"00-{TRACE}-{'0' * 16}-01"], [good, good], [""], ["x" * 5000], [good.replace("-", "_")]):
            node.forget()
            self.assert_ok(self.ask(weir, *(("traceparent", line) for line in lines), ("tracestate", "a=1")))
            self.assertNotEqual(parent_of(node.requests[0])[0], TRACE, lines)
            self.assertIsNone(node.requests[0].get("tracestate"), lines)

    def test_off_it_is_not_touched(self):
        node = self.origin()
        weir = self.proxy(node)
        self.assert_ok(self.ask(weir, ("TraceParent", "anything"), ("tracestate", "a=1"), ("traceparent", "else")))
        self.assertEqual(node.requests[0].all("traceparent"), ["anything", "else"])
        self.assertEqual(node.requests[0].all("tracestate"), ["a=1"])
        self.assert_ok(self.ask(weir))
        self.assertIsNone(node.requests[1].get("traceparent"))

    def test_each_try_is_a_span(self):
        seen = []

        def fail_once(connection, request):
            seen.append(request)
            if len(seen) == 1:
                connection.reset()
            else:
                harness.answer(connection, request)

        collector = self.collector()
        nodes = [self.origin(on_request=fail_once) for _ in range(2)]
        self.assert_ok(self.ask(self.start(collector, *nodes)))
        server, tries = self.one_server_span(collector, 2)
        self.assertEqual([parent_of(request) for request in seen], [(server.trace, span.id, "01") for span in tries])
        self.assertEqual([span.failed for span in (server, *tries)], [False, True, False])
        self.assertEqual(tries[0].attributes["error.type"], "upstream_reset")
        self.assertEqual(tries[0].attributes["weir.reason"], "upstream_reset")
        self.assertEqual([span.attributes.get("http.request.resend_count") for span in tries], [None, 1])
        self.assertEqual([span.attributes.get("http.response.status_code") for span in tries], [None, 200])
        self.assertNotEqual(*(span.attributes["weir.node"] for span in tries))
        self.assertEqual(server.attributes["weir.node"], tries[1].attributes["weir.node"])

    def test_what_went_wrong(self):
        dead = self.origin(listen=False)
        bad = self.origin(on_request=lambda connection, request: connection.reply(int(request.target[1:4]), reason="X"))
        cases = [  # path, attempts, status; server: fails as, reason; client: fails as
            ("/500", 1, 500, "500", None, "500"),
            ("/404", 1, 404, None, None, "404"),
            ("/empty", 0, 503, "no_node", "no_node", None),
            ("/dead", 1, 502, "connect_refused", "connect_refused", "connect_refused")]
        pools = {"app": {"nodes": [bad.address]}, "empty": {"nodes": []}, "dead": {"nodes": [dead.address]}}
        routes = [{"match": {"path": "/empty"}, "pool": "empty"}, {"match": {"path": "/dead"}, "pool": "dead"},
                  {"match": {"host": "a.test"}, "pool": "app"}]
        collector = self.collector()
        weir = self.start(collector, pools=pools, routes=routes)
        for path, attempts, status, server_error, reason, client_error in cases:
            with self.subTest(path):
                collector.spans.clear()
                self.assertEqual(self.ask(weir, target=path).status, status)
                server, clients = self.one_server_span(collector, attempts)
                found = server.attributes
                self.assertEqual(found["http.response.status_code"], status)
                self.assertEqual((server.failed, found.get("error.type")), (server_error is not None, server_error))
                self.assertEqual(found.get("weir.reason"), reason)
                for client in clients:
                    self.assertEqual((client.failed, client.attributes.get("error.type")), (True, client_error))
        collector.spans.clear()
        self.assertEqual(self.ask(weir, target="/?x", host="other.test", method="BREW").status, 404)
        server, _ = self.one_server_span(collector, 0)
        self.assertEqual((server.name, server.failed, server.attributes["weir.reason"]), ("HTTP", False, "no_route"))
        self.assertEqual(server.attributes["http.request.method"], "_OTHER")
        self.assertEqual(server.attributes["http.request.method_original"], "BREW")

    def test_a_client_that_leaves(self):
        collector, node = self.collector(), self.origin(on_request=lambda connection, _: connection.wait_end(20))
        weir = self.start(collector, node)
        client = self.client(weir)
        client.send(harness.head())
        node.wait_requests(1)
        client.reset()
        server, [attempt] = self.one_server_span(collector)
        self.assertEqual((server.failed, server.attributes["error.type"]), (True, "client_gone"))
        self.assertNotIn("http.response.status_code", server.attributes)
        self.assertEqual((attempt.failed, attempt.attributes["error.type"]), (True, "client_gone"))

    def test_any_bytes_are_fit_to_send(self):
        collector, node = self.collector(), self.origin()
        weir = self.start(collector, node)
        self.assert_ok(self.ask(weir, ("User-Agent", "\xff\xc3\x80 \"\\" + "u" * 5000), ("tracestate", "x" * 5000),
                                ("traceparent", f"cc-{TRACE}-{PARENT}-01-more"), target="/" + "p" * 3000 + "?%22=%FF"))
        server, _ = self.one_server_span(collector)
        self.assertEqual(server.attributes["url.path"], "/" + "p" * 1023)
        self.assertRegex(server.attributes["user_agent.original"], '^\ufffd\u00c0 "\\\\u{100,}$')
        self.assertEqual((server.trace, server.state), (TRACE, ""))
        self.assertEqual(node.requests[0].get("tracestate"), "x" * 5000)

    def test_the_share_that_is_sampled(self):
        collector, node = self.collector(), self.origin()
        weir = self.start(collector, node, sample="1/4")
        client = self.client(weir)
        for _ in range(800):
            self.assert_ok(client.request())
        contexts = [parent_of(request) for request in node.requests]
        sampled = {trace for trace, _, flags in contexts if flags == "01"}
        self.assertEqual(len({trace for trace, _, _ in contexts}), 800)
        self.assertTrue(120 <= len(sampled) <= 285, len(sampled))  # 200, give or take seven deviations
        collector.wait_spans(2 * len(sampled))
        self.assertEqual({span.trace for span in collector.spans}, sampled)
        self.assertEqual(len(collector.spans), 2 * len(sampled))


if __name__ == "__main__":
    harness.main()
