"""Raw connections (mode: tcp): what passes, where it goes, how it ends, and who is told."""

import hashlib
import json
import os
import socket
import ssl
import struct
import tempfile
import threading
import time

import harness
from harness import config, wait_until
from raw_client import parse_address, seconds
from test_admin import admin_of, ask
from test_proxy_protocol import LINE, LOCAL, SIGNATURE, binary
from test_reload import JSON, PUBLISHED, replace
from test_tls import context, files, scrape
from upgrading import Upgrading

NOTHING = object()


class Node:
    """A server of raw connections: `talk(socket)` is what it does with each, on a thread of its own."""

    def __init__(self, talk, tls=None):
        self.talk, self.tls = talk, tls
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets = []
        self.count = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            self.sockets.append(connection)
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        connection.settimeout(seconds(30))
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.talk(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # who waits in accept() would keep it
        except OSError:
            pass
        self.listener.close()
        for each in self.sockets:
            each.close()


def echo(connection):
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def says(text):
    def talk(connection):
        connection.sendall(text)
        echo(connection)

    return talk


def read_all(connection):
    whole = b""
    while data := connection.recv(1 << 16):
        whole += data
    return whole


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def node_context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files(name)["cert"], files(name)["key"])
    return made


class Raw(harness.Case):
    def node(self, talk=echo, **options):
        node = Node(talk, **options)
        self.addCleanup(node.close)
        return node

    def serve(self, *nodes, listener=None, pool=None, **top):
        folder = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.addCleanup(folder.cleanup)
        self.log = os.path.join(folder.name, "access.log")
        pools = {"app": {"nodes": [node if isinstance(node, str) else node.address for node in nodes], **(pool or {})}}
        settings = {"listeners": [{"address": "127.0.0.1:0", "name": "raw", "mode": "tcp", **(listener or {})}], "pools": pools,
                    "access_log": {"path": self.log}}
        self.settings = config(**{**settings, **top})
        self.server = self.weir(self.settings)
        return self.server

    def change(self, **top):
        self.settings = {**self.settings, **top}
        before = len(self.server.found(PUBLISHED))
        replace(self.server.file, harness.yaml(self.settings) + "\n")
        self.server.wait_lines(PUBLISHED, before + 1)

    def connect(self, index=0, **options):
        return self.client(self.server, index, **options).socket

    def lines(self, count):
        def read():
            if not os.path.exists(self.log):
                return []
            with open(self.log, encoding="ascii") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]

        wait_until("the log", lambda: len(read()) >= count)
        self.assertEqual(len(read()), count)
        return read()

    def says(self, connection, size):
        whole = b""
        while len(whole) < size:
            data = connection.recv(size - len(whole))
            if not data:
                break
            whole += data
        return whole

    def assert_echoes(self, connection, text=b"hello"):
        connection.sendall(text)
        self.assertEqual(self.says(connection, len(text)), text)

    def how_it_ends(self, connection):
        try:
            return "fin" if connection.recv(1 << 16) == b"" else "data"
        except ConnectionResetError:
            return "rst"

    def how_a_new_one_ends(self):
        try:
            return self.how_it_ends(self.connect())
        except ConnectionResetError:  # before connect() has returned
            return "rst"

    def series(self, name):
        return scrape(self.server)[name]


class Bytes(Raw):
    def test_both_ways(self):
        self.serve(self.node())
        connection = self.connect()
        for number in range(20):
            self.assert_echoes(connection, b"%d" % number)
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(self.how_it_ends(connection), "fin")
        line = self.lines(1)[0]
        self.assertEqual((line["protocol"], line["bytes_in"], line["bytes_out"], line["pool"], line["route"], line["reason"]),
                         ("TCP", 30, 30, "app", "default", "-"))
        self.assertEqual((line["status"], line["attempts"], line["method"], line["client"]), (0, 1, "", "127.0.0.1"))
        found = scrape(self.server)
        self.assertEqual(found['weir_requests_total{route="default",pool="app",code="1xx"}'], 1)
        self.assertEqual(found['weir_listener_requests_total{listener="raw"}'], 1)
        self.assertEqual(found['weir_listener_received_bytes_total{listener="raw"}'], 30)
        self.assertEqual(found['weir_listener_sent_bytes_total{listener="raw"}'], 30)
        self.assertEqual(found['weir_listener_connections{listener="raw"}'], 0)

    def test_the_client_ends_first(self):
        heard = []

        def talk(connection):
            heard.append(read_all(connection))
            connection.sendall(b"all of it")

        self.serve(self.node(talk))
        connection = self.connect()
        connection.sendall(b"request")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(read_all(connection), b"all of it")
        self.assertEqual(heard, [b"request"])
        self.assertEqual(self.lines(1)[0]["reason"], "-")

    def test_the_node_ends_first(self):
        heard = []

        def talk(connection):
            connection.sendall(b"bye")
            connection.shutdown(socket.SHUT_WR)
            heard.append(read_all(connection))

        self.serve(self.node(talk))
        connection = self.connect()
        self.assertEqual(read_all(connection), b"bye")
        connection.sendall(b"so long")
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(self.lines(1)[0]["reason"], "-")
        self.assertEqual(heard, [b"so long"])

    def test_a_reset_of_the_client_is_one_for_the_node(self):
        seen = []

        def talk(connection):
            connection.recv(100)
            try:
                seen.append("fin" if connection.recv(100) == b"" else "data")
            except ConnectionResetError:
                seen.append("rst")

        self.serve(self.node(talk))
        connection = self.connect()
        connection.sendall(b"x")
        wait_until("the byte", lambda: self.series('weir_listener_received_bytes_total{listener="raw"}') == 1)
        reset(connection)
        self.assertEqual(self.lines(1)[0]["reason"], "client_gone")
        wait_until("the node", lambda: seen == ["rst"])

    def test_a_reset_of_the_node_is_one_for_the_client(self):
        def talk(connection):
            connection.recv(1)
            reset(connection)

        self.serve(self.node(talk))
        connection = self.connect()
        connection.sendall(b"x")
        self.assertEqual(self.how_it_ends(connection), "rst")
        self.assertEqual(self.lines(1)[0]["reason"], "upstream_reset")

    def test_a_node_that_closes_while_the_client_sends(self):
        def talk(connection):
            connection.recv(1)

        self.serve(self.node(talk))
        connection = self.connect()
        with self.assertRaises(OSError):
            for _ in range(10000):
                connection.sendall(b"x" * 10000)
        self.assertIn(self.lines(1)[0]["reason"], ("upstream_closed", "upstream_reset"))

    def test_a_hundred_megabytes(self):
        piece, pieces = hashlib.sha256(b"weir").digest() * 2048, 1600  # 64 KiB each
        self.serve(self.node())
        connection = self.connect()
        self.assert_echoes(connection)
        self.server.forget_peak()
        before = self.server.status("VmHWM")
        sender = threading.Thread(target=lambda: [connection.sendall(piece) for _ in range(pieces)] and connection.shutdown(socket.SHUT_WR))
        sender.start()
        digest, size = hashlib.sha256(), 0
        while data := connection.recv(1 << 18):
            digest.update(data)
            size += len(data)
        sender.join()
        self.assertEqual((size, digest.hexdigest()), (len(piece) * pieces, hashlib.sha256(piece * pieces).hexdigest()))
        self.assertLess(self.server.status("VmHWM") - before, 16 << 20)

    def test_who_takes_nothing_stops_who_sends(self):
        def talk(connection):
            with_bytes = b"x" * 65536
            for _ in range(1600):
                connection.sendall(with_bytes)

        self.serve(self.node(talk))
        slow = [self.connect(receive_buffer=4096) for _ in range(10)]
        sent = 'weir_listener_sent_bytes_total{listener="raw"}'
        latest = [NOTHING]

        def stands():
            before, latest[0] = latest[0], self.series(sent)
            return before == latest[0] and latest[0] > 0

        wait_until("a stop", stands)
        self.assertLess(self.server.status("VmRSS"), (64 if harness.SLOW == 1 else 400) << 20)  # as test_bodies has it
        self.assertLess(self.series(sent), 200 << 20)
        for connection in slow:
            self.assertGreater(len(connection.recv(1000)), 0)

    def test_a_server_that_speaks_first(self):
        self.serve(self.node(says(b"220 ready\r\n")))
        connection = self.connect()
        self.assertEqual(self.says(connection, 11), b"220 ready\r\n")
        self.assert_echoes(connection)

    def test_silence(self):
        self.serve(self.node(), timeouts={"tunnel": "300ms"})
        connection = self.connect()
        self.assert_echoes(connection)
        self.assertEqual(self.how_it_ends(connection), "rst")
        self.assertEqual(self.lines(1)[0]["reason"], "client_timeout")

    def test_limits_count_it(self):
        self.serve(self.node(), limits={"connections": 1})
        first = self.connect()
        self.assert_echoes(first)
        second = self.connect()
        second.sendall(b"hello")
        second.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            second.recv(1)
        first.close()
        second.settimeout(seconds(10))
        self.assertEqual(self.says(second, 5), b"hello")


class Nodes(Raw):
    def test_one_that_is_down_costs_nothing(self):
        gone = self.node()
        gone.close()
        lives = self.node(says(b"lives"))
        self.serve(gone, lives, workers=1)
        for _ in range(6):
            self.assertEqual(self.says(self.connect(), 5), b"lives")
        self.assertGreater(self.series(f'weir_node_connect_errors_total{{pool="app",node="{gone.address}",reason="connect_refused"}}'), 0)

    def test_none_is_left(self):
        gone = self.node()
        gone.close()
        self.serve(gone)
        self.assertEqual(self.how_a_new_one_ends(), "rst")
        line = self.lines(1)[0]
        self.assertEqual((line["reason"], line["node"], line["attempts"]), ("connect_refused", gone.address, 1))
        self.assertEqual(self.series('weir_requests_total{route="default",pool="app",code="5xx"}'), 1)

    def test_no_node_at_all(self):
        self.serve()
        self.assertEqual(self.how_a_new_one_ends(), "rst")
        self.assertEqual(self.lines(1)[0]["reason"], "no_node")
        self.assertEqual(self.series('weir_listener_refused_requests_total{listener="raw",reason="no_node"}'), 1)

    def names(self, count, **options):
        return [self.says(self.connect(**options), 1) for _ in range(count)]

    def test_round_robin(self):
        self.serve(*[self.node(says(name)) for name in (b"a", b"b", b"c")], workers=1)
        names = self.names(9)
        self.assertEqual([names.count(name) for name in (b"a", b"b", b"c")], [3, 3, 3])

    def test_least_connections(self):
        a, b = self.node(says(b"a")), self.node(says(b"b"))
        self.serve(a, b, pool={"strategy": "least-connections"}, workers=1)
        held = [self.connect() for _ in range(10)]
        names = [self.says(each, 1) for each in held]
        self.assertEqual((names.count(b"a"), names.count(b"b")), (5, 5))
        self.assertEqual(self.series(f'weir_node_in_flight{{pool="app",node="{a.address}"}}'), 5)
        for each, name in zip(held, names):
            if name == b"a":
                each.close()
        wait_until("room", lambda: self.series(f'weir_node_in_flight{{pool="app",node="{a.address}"}}') == 0)
        self.assertEqual(self.names(1), [b"a"])

    def test_by_the_clients_address(self):
        self.serve(*[self.node(says(name)) for name in (b"a", b"b", b"c")], pool={"strategy": "consistent-hash"})
        by_source = [set(self.names(4, source=f"127.0.0.{last}")) for last in range(1, 20)]
        self.assertEqual({len(names) for names in by_source}, {1})
        self.assertGreater(len(set.union(*by_source)), 1)

    def test_checks_and_operators_keep_new_ones_away(self):
        a, b = self.node(says(b"a")), self.node(says(b"b"))
        self.serve(a, b, pool={"health": {"tcp": "true", "interval": "100ms"}}, workers=1)
        self.server.wait_lines("ready: ")
        wait_until("both up", lambda: self.series('weir_pool_eligible_nodes{pool="app"}') == 2)
        held = [self.connect() for _ in range(2)]
        self.assertEqual({self.says(each, 1) for each in held}, {b"a", b"b"})
        said = json.dumps({"state": "drain", "for": "20m"}).encode()
        self.assertEqual(ask(admin_of(self.server), f"/api/pools/app/nodes/{a.address}", "PATCH", extra=JSON, body=said)[0], 200)
        self.assertEqual(set(self.names(4)), {b"b"})
        for each in held:
            self.assert_echoes(each)

    def test_over_tls(self):
        self.serve(self.node(tls=node_context("a-ecdsa")), pool={"tls": {"verify": "off"}})
        self.assert_echoes(self.connect())

    def test_a_node_that_ends_tls_without_a_goodbye(self):
        """All that it sent arrives, and then the end; the log says how it was."""
        def talk(connection):
            connection.sendall(b"x" * 2_000_000)  # and is closed, as many servers do

        self.serve(self.node(talk, tls=node_context("a-ecdsa")), pool={"tls": {"verify": "off"}})
        connection = self.connect(receive_buffer=4096)  # a slow reader: most of it waits on the way
        self.assertEqual(len(read_all(connection)), 2_000_000)
        connection.close()
        self.assertEqual([line["reason"] for line in self.lines(1)], ["upstream_truncated"])

    def test_a_node_that_is_removed_ends_what_it_has(self):
        a, b = self.node(says(b"a")), self.node(says(b"b"))
        self.serve(a, drain_timeout="300ms")
        connection = self.connect()
        self.assertEqual(self.says(connection, 1), b"a")
        self.change(pools={"app": {"nodes": [b.address]}})
        self.assert_echoes(connection)
        self.assertEqual(self.names(1), [b"b"])
        self.assertEqual(self.how_it_ends(connection), "rst")
        self.assertEqual([line["reason"] for line in self.lines(1)], ["drained"])


class Names(Raw):
    """By the name that a client asks for by TLS, without decrypting."""

    def start(self, *more, **top):
        self.a, self.b, self.rest = self.node(tls=node_context("a-ecdsa")), self.node(tls=node_context("b")), self.node(says(b"rest"))
        pools = {name: {"nodes": [node.address]} for name, node in (("a", self.a), ("b", self.b), ("rest", self.rest))}
        routes = [{"match": {"sni": "a.test"}, "pool": "a"}, {"match": {"sni": "*.b.test"}, "pool": "b"}, *more]
        return self.serve(pools=pools, routes=routes, **top)

    def shown(self, name):
        made = self.client(self.server, tls=context(), server_name=name)
        self.assert_echoes(made.socket)
        shown = made.socket.getpeercert(binary_form=True)
        made.close()
        return ssl.DER_cert_to_PEM_cert(shown)

    def test_passes_to_the_node_that_has_the_name(self):
        self.start({"pool": "rest"})
        for name, file in (("a.test", "a-ecdsa"), ("A.Test", "a-ecdsa"), ("x.b.test", "b"), ("x.y.b.test", "b")):
            with open(files(file)["cert"], encoding="ascii") as pem:
                self.assertIn(self.shown(name), pem.read(), name)
        self.assertEqual(sorted((line["host"], line["pool"]) for line in self.lines(4)),
                         [("a.test", "a"), ("a.test", "a"), ("x.b.test", "b"), ("x.y.b.test", "b")])

    def test_what_has_no_name_goes_to_routes_without(self):
        self.start({"pool": "rest"}, timeouts={"header": "300ms"})
        for text in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\xff\xff", b"\0", b"\x16\x02"):
            connection = self.connect()
            connection.sendall(text)
            self.assertEqual(self.says(connection, 4 + len(text)), b"rest" + text)
        silent = self.connect()  # it waits for the server to speak
        self.assertEqual(self.says(silent, 4), b"rest")
        half = self.connect()
        half.sendall(b"\x16\x03")
        self.assertEqual(self.says(half, 6), b"rest\x16\x03")

    def test_without_a_route_it_is_closed(self):
        self.start(timeouts={"header": "300ms"})
        for text in (b"GET / HTTP/1.1\r\n\r\n", b""):
            connection = self.connect()
            connection.sendall(text)
            self.assertEqual(self.how_it_ends(connection), "rst")
        self.assertEqual([line["reason"] for line in self.lines(2)], ["no_route", "no_route"])
        gone = self.connect()
        gone.close()
        self.assertEqual([line["reason"] for line in self.lines(3)][2], "client_gone")

    def test_a_hello_in_pieces(self):
        self.start()
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context().wrap_bio(into, out, server_hostname="x.b.test")
        connection = self.connect()
        for _ in range(2):
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                hello = out.read()
                parts = [hello[i:i + 1] for i in range(len(hello))]
                for part in parts:
                    connection.sendall(part)
                if parts:
                    into.write(connection.recv(1 << 16))
        self.assertEqual(self.b.count, 1)

    def test_a_hello_in_records_of_one_byte(self):
        self.start({"pool": "rest"})
        _, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context().wrap_bio(_, out, server_hostname="a.test")
        with self.assertRaises(ssl.SSLWantReadError):
            session.do_handshake()
        body = out.read()[5:]
        connection = self.connect()
        connection.sendall(b"".join(b"\x16\x03\x01\x00\x01" + body[i:i + 1] for i in range(len(body))))
        wait_until("the node", lambda: self.a.count == 1)

    def test_where_tls_ends_here(self):
        a, rest = self.node(says(b"a")), self.node(says(b"r"))
        self.serve(pools={"a": {"nodes": [a.address]}, "rest": {"nodes": [rest.address]}},
                   routes=[{"match": {"sni": "a.test"}, "pool": "a"}, {"pool": "rest"}],
                   listener={"tls": {"certificates": [files("a-ecdsa")]}})
        for name, said in (("a.test", b"a"), ("other.test", b"r"), (None, b"r")):
            made = context()
            made.set_alpn_protocols(["postgresql"])
            client = self.client(self.server, tls=made, server_name=name)
            self.assertEqual(self.says(client.socket, 1), said)
            self.assertIsNone(client.socket.selected_alpn_protocol())
            self.assert_echoes(client.socket, b"x" * 100000)
        stranger = self.connect()
        stranger.sendall(b"hello")
        self.assertIn(self.how_it_ends(stranger), ("fin", "rst"))
        self.assertEqual(self.series('weir_tls_handshake_failures_total{listener="raw",reason="not_tls"}'), 1)


class Listeners(Raw):
    def test_routes_by_listener(self):
        a, b, web = self.node(says(b"a")), self.node(says(b"b")), self.origin(name="web")
        other = self.origin(name="other")
        listeners = [{"address": "127.0.0.1:0", "name": name, "mode": mode}
                     for name, mode in (("one", "tcp"), ("two", "tcp"), ("web", "http"), ("inside", "http"))]
        pools = {name: {"nodes": [node.address]} for name, node in (("a", a), ("b", b), ("web", web), ("other", other))}
        self.serve(pools=pools, listeners=listeners,
                   routes=[{"match": {"host": "a.test", "path": "/x", "listener": "inside"}, "pool": "other"},
                           {"match": {"listener": "two"}, "pool": "b"}, {"match": {"listener": "one"}, "pool": "a"}, {"pool": "web"}])
        self.assertEqual(self.says(self.connect(0), 1), b"a")
        self.assertEqual(self.says(self.connect(1), 1), b"b")
        for index, target, name in ((2, "/x", "web"), (3, "/x", "other"), (3, "/y", "web")):
            self.assertEqual(self.client(self.server, index).request(target=target).get("X-Origin"), name)

    def test_a_listener_that_is_renamed(self):
        one, two = self.origin(name="one"), self.origin(name="two")
        pools = {"one": {"nodes": [one.address]}, "two": {"nodes": [two.address]}}
        self.serve(pools=pools, listeners=[{"address": "127.0.0.1:0", "name": "old"}],
                   routes=[{"match": {"listener": "old"}, "pool": "one"}])
        client = self.client(self.server)
        self.assertEqual(client.request().get("X-Origin"), "one")
        self.change(listeners=[{"address": "127.0.0.1:0", "name": "new"}], routes=[{"match": {"listener": "new"}, "pool": "two"}])
        self.assertEqual(client.request().get("X-Origin"), "two")

    def test_a_mode_that_changes_is_for_new_connections(self):
        node, web = self.node(says(b"a")), self.origin()
        self.serve(node)
        raw = self.connect()
        self.assertEqual(self.says(raw, 1), b"a")
        self.change(listeners=[{"address": "127.0.0.1:0", "name": "raw"}], pools={"app": {"nodes": [node.address, web.address]}})
        self.change(pools={"app": {"nodes": [web.address]}})
        self.assert_ok(self.client(self.server).request())
        self.assert_echoes(raw)
        self.change(listeners=[{"address": "127.0.0.1:0", "name": "raw", "mode": "tcp"}], pools={"app": {"nodes": [node.address]}})
        self.assertEqual(self.says(self.connect(), 1), b"a")

    def test_an_end_lets_connections_run_for_a_while(self):
        self.serve(self.node(), shutdown_timeout="1s")
        short, long = self.connect(), self.connect()
        self.assert_echoes(short)
        self.assert_echoes(long)
        self.server.process.terminate()
        self.server.wait_lines("SIGTERM")
        self.assert_echoes(short)
        short.shutdown(socket.SHUT_WR)
        self.assertEqual(self.how_it_ends(short), "fin")
        self.assertEqual(self.how_it_ends(long), "rst")
        self.assertEqual(self.server.wait_exit(), 0)
        self.assertEqual(sorted(line["reason"] for line in self.lines(2)), ["-", "drained"])

    def test_reloads_under_load(self):
        a, b = self.node(), self.node()
        self.serve(a)
        over, wrong, done = threading.Event(), [], []

        def load():
            try:
                kept = self.server.client()
                while not over.is_set():
                    fresh = self.server.client()
                    for connection in (kept.socket, fresh.socket):
                        connection.sendall(b"x" * 5000)
                        if self.says(connection, 5000) != b"x" * 5000:
                            wrong.append("short")
                            return
                    fresh.close()
                    done.append(1)
                kept.close()
            except OSError as error:
                wrong.append(repr(error))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until("traffic", lambda: len(done) > 20)
        for turn in range(8):
            self.change(pools={"app": {"nodes": [a.address, b.address] if turn % 2 == 0 else [a.address]}}, workers=1 + turn % 3)
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(b.count, 0)


class Upgrades(Upgrading):
    """The process that takes over takes raw connections too; those that stand stay where they are."""

    def test_connections_go_on(self):
        node = Node(says(b"a"))
        self.addCleanup(node.close)
        self.start(config([node], listeners=[{"address": "127.0.0.1:0", "name": "raw", "mode": "tcp", "proxy_protocol": "any"}]))
        old = self.client(self.server)
        old.send(LINE)
        self.assertEqual(old.receive(), b"a")
        self.upgrade()
        for client, hello in ((self.client(self.server), LINE), (old, b"")):
            client.send(hello)
            if hello:
                self.assertEqual(client.receive(), b"a")
            client.send(b"hello")
            self.assertEqual(client.receive(), b"hello")
            client.close()


class Proxies(Raw):
    """The header of the PROXY protocol, in and out."""

    def heard(self, **options):
        headers = self.headers = []

        def talk(connection):
            headers.append(connection.recv(1 << 16))
            connection.sendall(b"ok")

        return self.node(talk, **options)

    def test_in(self):
        self.serve(self.node(), listener={"proxy_protocol": "any"})
        connection = self.connect()
        connection.sendall(LINE + b"hello")
        self.assertEqual(self.says(connection, 5), b"hello")
        connection.close()
        self.assertEqual(self.lines(1)[0]["client"], "192.0.2.7")

    def test_in_and_a_name(self):
        a = self.node(tls=node_context("a-ecdsa"))
        self.serve(pools={"a": {"nodes": [a.address]}}, routes=[{"match": {"sni": "a.test"}, "pool": "a"}], listener={"proxy_protocol": "v2"})
        made = self.client(self.server)
        made.send(binary())
        made.socket = context().wrap_socket(made.socket, server_hostname="a.test")
        self.assert_echoes(made.socket)

    def expected(self, connection):
        client, here = connection.getsockname(), connection.getpeername()
        return client[0], here[0], client[1], here[1]

    def test_out(self):
        for version in ("v1", "v2"):
            self.serve(self.heard(), pool={"proxy_protocol": version})
            connection = self.connect()
            client, here, port, at = self.expected(connection)
            connection.sendall(b"hello")
            self.assertEqual(self.says(connection, 2), b"ok")
            wanted = b"PROXY TCP4 %s %s %d %d\r\n" % (client.encode(), here.encode(), port, at)
            if version == "v2":
                wanted = SIGNATURE + b"\x21\x11\x00\x0c" + socket.inet_aton(client) + socket.inet_aton(here) + struct.pack(">HH", port, at)
            self.assertTrue((wanted + b"hello").startswith(self.headers[0]) and self.headers[0].startswith(wanted), self.headers)

    def test_through(self):
        self.serve(self.heard(), listener={"proxy_protocol": "v1"}, pool={"proxy_protocol": "v2"})
        connection = self.connect()
        connection.sendall(LINE)
        self.assertEqual(self.says(connection, 2), b"ok")
        self.assertEqual(self.headers, [binary()])

    def test_out_before_tls(self):
        seen, secure = [], node_context("a-ecdsa")

        def talk(connection):
            header = b""
            while not header.endswith(b"\r\n"):
                header += connection.recv(1)
            seen.append(header)
            echo(secure.wrap_socket(connection, server_side=True))

        self.serve(self.node(talk), pool={"proxy_protocol": "v1", "tls": {"verify": "off"}})
        self.assert_echoes(self.connect(), b"x" * 300000)
        self.assertTrue(seen[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 "), seen)

    def test_checks_say_that_they_are_nobodys(self):
        for version, wanted in (("v1", b"PROXY UNKNOWN\r\n"), ("v2", LOCAL)):
            self.serve(self.heard(), pool={"proxy_protocol": version, "health": {"tcp": "true", "interval": "50ms"}})
            wait_until("a check", lambda: len(self.headers) > 1)
            self.assertEqual(set(self.headers), {wanted})

    def test_http_checks_too(self):
        heard = []

        def talk(connection):
            data = b""
            while not data.endswith(b"\r\n\r\n"):
                data += connection.recv(1 << 16)
            heard.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        self.serve(self.node(talk), pool={"proxy_protocol": "v1", "health": {"http": "/up", "interval": "50ms"}})
        wait_until("a check", lambda: len(heard) > 1)
        self.assertTrue(heard[0].startswith(b"PROXY UNKNOWN\r\nGET /up HTTP/1.1\r\n"), heard)
        wait_until("up", lambda: self.series('weir_pool_eligible_nodes{pool="app"}') == 1)


if __name__ == "__main__":
    harness.main()
