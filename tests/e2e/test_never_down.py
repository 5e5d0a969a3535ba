"""Never down: nodes, workers and whole configurations change under load; no request fails, no tunnel ends, nobody is refused.

A short form of what WEIR_TURNS=1000 tries at length, and then tells in figures.
"""

import os
import random
import selectors
import socket
import threading
import time

import harness
import raw_client
from harness import seconds, wait_until
from test_admin import admin_of, ask
from test_reload import Reload
from test_upgrade import ASK

TURNS = int(os.environ.get("WEIR_TURNS", "0")) or (40 if raw_client.SLOW == 1 else 10)
CLIENTS = 64 if raw_client.SLOW == 1 else 16
TUNNELS = 50 if raw_client.SLOW == 1 else 10
DOWNLOAD = 4 << 20


class Crowd(threading.Thread):
    """So many clients, each with one connection that it keeps; each request has an id that its answer must have."""

    def __init__(self, address, clients):
        super().__init__(daemon=True)
        self.where = raw_client.parse_address(address)
        self.wrong, self.answers, self.times = [], 0, []
        self.over = threading.Event()
        self.selector = selectors.DefaultSelector()
        self.sockets = [self.connect(number) for number in range(clients)]
        self.start()

    def connect(self, number):
        family, where = self.where
        client = socket.socket(family, socket.SOCK_STREAM)
        client.connect(where)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        state = {"number": number, "count": 0, "data": b""}
        self.selector.register(client, selectors.EVENT_READ, state)
        self.ask(client, state)
        return client

    def ask(self, client, state):
        state["count"] += 1
        state["wanted"] = f"GET /{state['number']}/{state['count']}".encode()
        state["data"] = b""
        state["asked"] = time.monotonic()
        client.sendall(state["wanted"] + b" HTTP/1.1\r\nHost: a\r\n\r\n")

    def run(self):
        while not self.over.is_set():
            for key, _ in self.selector.select(0.1):
                try:
                    self.read(key.fileobj, key.data)
                except OSError as error:
                    self.fail(key.fileobj, key.data, repr(error))

    def fail(self, client, state, why):
        self.wrong.append((state["wanted"], why))
        self.selector.unregister(client)

    def read(self, client, state):
        data = client.recv(1 << 16)
        if not data:
            return self.fail(client, state, "closed")
        state["data"] += data
        head, end, body = state["data"].partition(b"\r\n\r\n")
        if not end or len(body) < len(state["wanted"]):
            return None
        if not head.startswith(b"HTTP/1.1 200 ") or body != state["wanted"] or b"connection: close" in head.lower():
            return self.fail(client, state, repr(state["data"]))
        self.answers += 1
        self.times.append(time.monotonic() - state["asked"])
        return self.ask(client, state)

    def end(self):
        self.over.set()
        self.join(seconds(10))
        for client in self.sockets:
            client.close()
        self.selector.close()
        return self.wrong


class NeverDown(Reload):
    def setUp(self):
        super().setUp()
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.stays = [self.origin(on_connection=self.serve, name=f"stays{i}") for i in range(2)]
        self.moves = [self.origin(on_connection=self.serve, name=f"moves{i}") for i in range(4)]

    def serve(self, connection):
        """Tunnels, a download that takes as long as it is told to, and what else is asked."""
        while (request := connection.read_head()) is not None:
            if request.get("Upgrade"):
                return self.echo(connection)
            if request.target == "/download":
                return self.send_slowly(connection)
            body = f"GET {request.target}".encode()
            connection.reply(body=body)
        return None

    @staticmethod
    def echo(connection):
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := connection.receive():
            connection.send(data.upper())

    def send_slowly(self, connection):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {DOWNLOAD}\r\n\r\n")
        sent = 0
        while sent < DOWNLOAD:
            piece = min(16384, DOWNLOAD - sent)
            connection.send(b"x" * piece)
            sent += piece
            if not self.go_on.is_set():
                time.sleep(0.01)

    def begin(self, *nodes, **top):
        self.start(*nodes, reload={"guard": "off"}, timeouts={"body": "10m"}, **top)
        self.crowd = Crowd(self.server.address, CLIENTS)
        self.addCleanup(self.crowd.end)

    def finish(self):
        self.assertEqual(self.crowd.end()[:3], [])
        self.assertGreater(self.crowd.answers, 100)
        times = sorted(self.crowd.times)
        print(f"\n{self.id()}: {self.crowd.answers} answers, none failed; p50 {1e3 * times[len(times) // 2]:.1f} ms, "
              f"p99.9 {1e3 * times[int(len(times) * 0.999)]:.1f} ms", flush=True)

    def open_tunnel(self):
        client = self.client(self.server)
        client.send(harness.head(fields=ASK))
        self.assertEqual(client.read_head().status, 101)
        return client

    def assert_echo(self, client):
        client.send("more")
        self.assertEqual(client.receive(), b"MORE")

    def drawn(self, draw, turn):
        """Never what it was the turn before."""
        nodes = [{"address": self.stays[0].address, "weight": 1 + turn % 2}, self.stays[1]]
        nodes += [{"address": node.address, "weight": draw.randint(1, 3)} for node in self.moves if draw.random() < 0.5]
        return self.nodes(*nodes)

    def test_reloads(self):
        draw = random.Random(1)
        self.begin(*self.stays, drain_timeout="10m")
        tunnels = [self.open_tunnel() for _ in range(TUNNELS)]
        download = self.client(self.server)
        download.send("GET /download HTTP/1.1\r\nHost: a\r\n\r\n")
        memory = {}
        for turn in range(1, TURNS + 1):
            self.change(pools=self.drawn(draw, turn))
            if turn % 20 == 0:
                tunnels.append(self.open_tunnel())
                for client in tunnels:
                    self.assert_echo(client)
            if turn in (TURNS // 10, TURNS):
                memory[turn] = self.server.status("RssAnon")
        self.go_on.set()
        response = download.read_response()
        self.assertEqual((response.ended, len(response.body)), ("complete", DOWNLOAD))
        for client in tunnels:
            self.assert_echo(client)
        self.finish()
        print(f"{self.id()}: {TURNS} reloads, {len(tunnels)} tunnels open to the end, RssAnon by turn {memory}", flush=True)
        if harness.SLOW == 1:  # a sanitizer keeps what was freed
            self.assertLess(memory[TURNS], 1.02 * memory[TURNS // 10] + (1 << 20) * (1 if TURNS >= 1000 else 4))

    def test_the_count_of_workers(self):
        self.begin(*self.stays)
        tunnels = [self.open_tunnel() for _ in range(4)]
        for turn in range(20 if TURNS >= 40 else 6):
            self.change(workers=1 + turn % 4)
            self.client(self.server).request()
        for client in tunnels:
            self.assert_echo(client)
        self.finish()

    def test_blue_and_green(self):
        self.begin(*self.stays)
        for turn in range(10):
            self.change(pools=self.nodes(*(self.moves if turn % 2 == 0 else self.stays)))
        self.finish()

    def test_a_rolling_restart_of_all_nodes(self):
        health = {"http": "/healthz", "interval": "20ms", "timeout": "1s", "fall": 1, "rise": 1}
        nodes = list(self.moves)
        self.begin(pools={"app": {"nodes": [node.address for node in nodes], "health": health}})
        for index, node in enumerate(nodes):
            drained = [{"address": each.address, "state": "drain" if each is node else "active"} for each in nodes]
            self.change(pools={"app": {"nodes": drained, "health": health}})
            wait_until("nothing is in flight there", lambda node=node: self.in_flight(node) == 0)
            node.close()
            nodes[index] = self.origin(on_connection=self.serve, name="again", where=self.place(node))
            self.change(pools={"app": {"nodes": [each.address for each in nodes], "health": health}})
        self.finish()

    @staticmethod
    def place(node):
        host, _, port = node.address.rpartition(":")
        return host, int(port)

    def in_flight(self, node):
        name = f'weir_node_in_flight{{pool="app",node="{node.address}"}} '
        lines = ask(admin_of(self.server), "/metrics")[2].decode().splitlines()
        return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(name))


if __name__ == "__main__":
    harness.main()
