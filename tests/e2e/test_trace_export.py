"""Spans on their way to a collector that is down, busy, slow, or talks nonsense: that costs spans, and nothing else."""

import signal
import threading
import time

import harness
import otlp_collector
import test_host_names
from otlp_collector import TracingCase


class Collectors(TracingCase):
    def script(self, *replies):
        """A collector that answers with these, one after the other, the last one again and again."""
        left = list(replies)
        return self.collector(lambda *call: (left.pop(0) if len(left) > 1 else left[0])(*call))

    def refuse(self, status, *fields):
        return lambda connection, _: connection.reply(status, fields=fields, reason="No")

    def test_none_there_and_then_one(self):
        collector, node = self.collector(listen=False), self.origin()
        weir = self.start(collector, node)
        self.assert_ok(self.ask(weir))
        weir.wait_lines(rf"cannot export spans to http://{collector.address}/v1/traces: .*; 0 dropped so far")
        self.assert_ok(self.ask(weir))
        collector.listen()
        collector.wait_spans(4)
        weir.wait_lines(rf"spans go to http://{collector.address}/v1/traces again, after \d+ s; 0 dropped so far")
        self.assertEqual(len(weir.found("cannot export")), 1)  # one a minute

    def test_busy_for_a_while(self):
        collector = self.script(self.refuse(503, ("Retry-After", "2")), self.refuse(429), otlp_collector.accept)
        weir = self.start(collector, self.origin())
        started = time.monotonic()
        self.assert_ok(self.ask(weir))
        self.one_server_span(collector)
        self.assertGreater(time.monotonic() - started, 2 + 2)  # what it asked for; the second wait of Weir's own
        self.assertEqual(collector.exports, 3)
        self.assertEqual(len({request.body for request in collector.requests}), 1)

    def test_one_that_wants_none(self):
        collector = self.script(self.refuse(400), otlp_collector.accept)
        weir = self.start(collector, self.origin())
        self.assert_ok(self.ask(weir))
        weir.wait_lines("it answered 400; .* 2 dropped so far")
        self.assert_ok(self.ask(weir))
        self.one_server_span(collector)
        self.assertEqual(collector.exports, 2)

    def test_one_that_takes_a_part(self):
        def take(connection, request):
            connection.origin.keep(request)
            connection.reply(body=b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too\\u0007 old"}}')

        collector = self.collector(take)
        weir = self.start(collector, self.origin())
        self.assert_ok(self.ask(weir))
        weir.wait_lines(r'rejected 1 of 2 spans, saying "too\\x07 old"')

    def test_one_that_talks_nonsense(self):
        replies = [lambda connection, _: connection.send("nonsense\r\n\r\n") and connection.close(),
                   lambda connection, _: connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz"),
                   lambda connection, _: connection.reply(body=b"[" * 60000),
                   lambda connection, _: connection.reply(body=b'{"partialSuccess":[]}' + b" " * 500000)]
        collector = self.script(*replies, otlp_collector.accept)
        weir = self.start(collector, self.origin())
        for exports in range(2, 6):  # the first one is tried again, the others count as taken
            self.assert_ok(self.ask(weir))
            harness.wait_until("the export", lambda count=exports: collector.exports >= count)
        collector.wait_spans(2)

    def test_one_that_takes_its_time(self):
        go = threading.Event()
        self.addCleanup(go.set)
        collector = self.collector(lambda connection, _: go.wait(harness.seconds(60)))
        weir = self.start(collector, self.origin(), shutdown_grace="10ms")
        clients = [self.client(weir) for _ in range(4)]
        for _ in range(1300):  # 2 spans each, 20 batches: more than may wait
            for client in clients:
                client.send(harness.head())
            for client in clients:
                self.assert_ok(client.read_response())
        weir.signal(signal.SIGTERM)
        started = time.monotonic()
        self.assertEqual(weir.wait_exit(), 0)
        self.assertLess(time.monotonic() - started, harness.seconds(2.5))
        weir.ear.join(harness.seconds(5))
        [lost] = weir.found(r"the end came before (\d+) spans were exported")
        self.assertGreater(int(lost), 4000)
        self.assertLessEqual(int(lost), 2 * 4 * 1300)

    def test_the_end_sends_what_there_is(self):
        collector, node = self.collector(), self.origin()
        weir = self.start(collector, node)
        self.assert_ok(self.ask(weir))
        weir.signal(signal.SIGTERM)
        self.assertEqual(weir.wait_exit(), 0)
        self.one_server_span(collector)
        weir.ear.join(harness.seconds(5))
        self.assertEqual(weir.found("spans"), [])

    def test_what_the_end_cuts_is_told(self):
        collector, node = self.collector(), self.origin(on_request=lambda connection, _: connection.wait_end(20))
        weir = self.start(collector, node, shutdown_timeout="100ms")
        self.client(weir).send(harness.head())
        node.wait_requests(1)
        weir.signal(signal.SIGTERM)
        self.assertEqual(weir.wait_exit(), 0)
        server, _ = self.one_server_span(collector)
        self.assertEqual(server.attributes["error.type"], "drained")

    def test_one_by_name(self):
        names = test_host_names.Names()
        self.addCleanup(names.folder.cleanup)
        names.set("collector.test")  # a failure
        collector, node = self.collector(), self.origin()
        endpoint = f"http://collector.test:{collector.address.rpartition(':')[2]}"
        weir = self.weir(harness.config([node], tracing={"endpoint": endpoint, "sample": "1/1"}), environment=names.environment)
        self.assert_ok(self.ask(weir))
        weir.wait_lines("cannot export spans to http://collector.test:[0-9]+/v1/traces: cannot resolve the name: ")
        names.set("collector.test", "127.0.0.1")
        self.one_server_span(collector)


if __name__ == "__main__":
    harness.main()
