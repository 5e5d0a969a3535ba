"""Limits of connections to nodes (max_connections of pools and nodes), exact over workers."""

import socket
import threading
import time

import h2.settings

import harness
from h2_node import answer as answer_h2
from h2_node import h2_node
from limited import Limited
from raw_origin import serve
from test_reload import PUBLISHED, replace

STREAMS = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS


ESTABLISHED = 1  # the first byte of TCP_INFO; another one, and Weir has closed it, whatever is still to be read


def is_open(connection):
    """At this end. Weir closes one before it makes another in its place."""
    try:
        return connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED
    except OSError:
        return False


class Counted:
    """What a node does with a connection, and how many it had at a time."""

    def __init__(self, then):
        self.then = then
        self.most = 0

    def __call__(self, connection):
        origin = connection.origin
        with origin.lock:
            self.most = max(self.most, sum(is_open(each) for each in origin.connections))
        self.then(connection)


class Connections(Limited):
    def nodes_with(self, counts, on_request=None):
        hold = on_request or self.answer_slowly
        return [self.origin(on_request=hold, on_connection=count) for count in counts]

    @staticmethod
    def answer_slowly(connection, request):
        time.sleep(0.002)  # that is its work
        harness.answer(connection, request)

    def start(self, nodes, most=None, workers=4, **pool):
        listed = [{"address": node.address, **({"max_connections": most} if most else {})} for node in nodes]
        self.server = self.weir(self.settings(workers, {"nodes": listed, "queue": {"timeout": "30s"}, **pool}))
        return self.server

    def rush(self, clients=24, requests=40):
        failed = []
        threads, good = self.crowd(self.server, clients, requests, failed)
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(len(good), clients * requests)

    def test_of_nodes_and_of_the_pool(self):
        counts = [Counted(serve), Counted(serve)]
        self.start(self.nodes_with(counts), most=4, max_connections=6)
        self.rush()
        self.assertLessEqual(max(count.most for count in counts), 4)
        self.assertGreaterEqual(max(count.most for count in counts), 2, "they are used")
        self.assertLessEqual(self.metric(self.server, "weir_pool_connections{")[0], 6)
        self.assertEqual(self.metric(self.server, "weir_pool_max_connections{"), [6])
        self.assertEqual(self.metric(self.server, "weir_node_max_connections{"), [4, 4])

    def test_one_for_four_workers(self):
        count = Counted(serve)
        self.start(self.nodes_with([count]), most=1)
        self.rush(requests=15)
        self.assertEqual(count.most, 1)
        self.assertGreater(self.metric(self.server, "weir_node_connections_given_up_total{")[0], 0)

    def test_one_for_three_nodes(self):
        counts = [Counted(serve) for _ in range(3)]
        nodes = self.nodes_with(counts)
        self.start(nodes, max_connections=1, workers=2)
        self.rush(requests=10)
        self.assertEqual([count.most for count in counts], [1, 1, 1])

    def test_of_http2_beyond_what_its_streams_take(self):
        count = Counted(h2_node(answer_h2, settings={STREAMS: 3}))
        node = self.origin(on_connection=count)
        self.start([node], most=2, workers=2, protocol="h2")
        self.rush(requests=20)
        self.assertLessEqual(count.most, 2)

    def test_of_http2_with_fewer_than_workers(self):
        count = Counted(h2_node(answer_h2))
        node = self.origin(on_connection=count)
        self.start([node], most=1, workers=3, protocol="h2")
        self.rush(requests=20)
        self.assertEqual(count.most, 1)

    def test_http2_requests_past_the_streams_wait(self):
        held, release = [], threading.Event()
        self.addCleanup(release.set)

        def hold(connection, request):
            held.append((connection, request))

        count = Counted(h2_node(hold, settings={STREAMS: 2}))
        node = self.origin(on_connection=count)
        self.start([node], most=1, workers=1, protocol="h2")
        waiting = self.waiting(self.server, 5)
        harness.wait_until("two are at the node", lambda: len(held) == 2)
        self.wait_for_queue(self.server, 3)
        self.assertEqual(len(node.connections), 1)
        for number in range(5):
            harness.wait_until(f"{number + 1} came", lambda: len(held) > number)
            connection, request = held[number]
            connection.reply(request, body=b"late")
            connection.flush()
        for client in waiting:
            self.assert_ok(client.read_response(), b"late")
        self.assertEqual(count.most, 1)

    def test_a_reload_lowers_and_raises_it(self):
        release = threading.Event()
        self.addCleanup(release.set)

        def hold(connection, request):
            release.wait(harness.seconds(30))
            harness.answer(connection, request)

        count = Counted(serve)
        node, = self.nodes_with([count], hold)
        self.start([node], most=1, workers=2)
        clients = self.waiting(self.server, 6)
        self.wait_for_queue(self.server, 5)
        with open(self.server.file, encoding="utf-8") as file:
            text = file.read()
        replace(self.server.file, text.replace('"max_connections": 1', '"max_connections": 4').replace("max_connections: 1", "max_connections: 4"))
        self.server.wait_lines(PUBLISHED)
        node.wait_connections(4)
        self.wait_for_queue(self.server, 2)
        release.set()
        for number, client in enumerate(clients):
            self.assert_ok(client.read_response(), f"GET /{number}".encode())
        self.assertEqual(count.most, 4)
        replace(self.server.file, text)
        self.server.wait_lines(PUBLISHED, 2)
        harness.wait_until("idle ones are closed", lambda: self.metric(self.server, "weir_pool_connections{")[0] <= 1)


class RawConnections(Limited):
    def test_of_a_tcp_listener(self):
        echoed = []

        def echo(connection):
            echoed.append(connection)
            while data := connection.receive():
                connection.send(data)

        count = Counted(echo)
        node = self.origin(on_connection=count)
        settings = self.settings(2, {"nodes": [{"address": node.address, "max_connections": 2}], "queue": {"timeout": "30s"}})
        settings["listeners"] = [{"address": "127.0.0.1:0", "mode": "tcp"}]
        server = self.weir(settings)
        clients = [self.client(server, timeout=harness.seconds(30)) for _ in range(4)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
        node.wait_connections(2)
        self.wait_for_queue(server, 2)
        served = []
        while len(served) < 4:
            at_node = [connection for connection in echoed if is_open(connection)]
            self.assertLessEqual(len(at_node), 2)
            for number, client in enumerate(clients):
                if number in served:
                    continue
                client.socket.settimeout(0.2)
                try:
                    self.assertEqual(client.socket.recv(1), b"%d" % number)
                except TimeoutError:
                    continue
                served.append(number)
                client.close()
        self.assertLessEqual(count.most, 2)


if __name__ == "__main__":
    harness.main()
