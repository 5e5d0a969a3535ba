"""The PROXY protocol from clients' side: who sends it is believed or not, and whose requests they then are."""

import json
import os
import socket
import ssl
import struct
import subprocess
import tempfile

import harness
from harness import config, head, wait_until
from raw_origin import serve
from test_reload import PUBLISHED, contents, replace
from test_tls import context, files, scrape

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 4321 80\r\n"
REQUEST = head("GET", "/", (), None)


def binary(source="192.0.2.7", destination="198.51.100.1", port=4321, command=0x21, tail=b""):
    family, size = (socket.AF_INET6, 16) if ":" in source else (socket.AF_INET, 4)
    block = socket.inet_pton(family, source) + socket.inet_pton(family, destination) + struct.pack(">HH", port, 80) + tail
    return SIGNATURE + bytes([command, 0x11 if size == 4 else 0x21]) + struct.pack(">H", len(block)) + block


LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


class ProxyProtocol(harness.Case):
    def serve(self, version="any", listener=None, **top):
        self.node = self.origin()
        folder = self.folder()
        self.log = os.path.join(folder, "access.log")
        return self.weir(config([self.node], listeners=[{"address": "127.0.0.1:0", "proxy_protocol": version, **(listener or {})}],
                                access_log={"path": self.log}, **top))

    def folder(self):
        made = tempfile.TemporaryDirectory(prefix="weir-e2e-")
        self.addCleanup(made.cleanup)
        return made.name

    def forwarded(self):
        return [request.get("X-Forwarded-For") for request in self.node.requests]

    def logged(self, count):
        def lines():
            with open(self.log, encoding="ascii") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]

        wait_until("the log", lambda: os.path.exists(self.log) and len(lines()) >= count)
        return [line["client"] for line in lines()]

    def failures(self, server):
        found = {}
        for series, value in scrape(server).items():
            if series.startswith("weir_proxy_protocol_failures_total"):
                found[series.partition('reason="')[2].partition('"')[0]] = int(value)
        return found

    def test_the_client_is_the_one_that_is_named(self):
        server = self.serve()
        for header, client in ((LINE, "192.0.2.7"), (binary(), "192.0.2.7"), (binary("2001:db8::7", "fd00::1"), "2001:db8::7"),
                               (binary(tail=b"\x04\x00\x02hi"), "192.0.2.7"),
                               (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", "192.0.2.9"),
                               (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (LOCAL, "127.0.0.1")):
            connection = self.client(server)
            connection.send(header + REQUEST)
            self.assert_ok(connection.read_response())
            self.assert_ok(connection.request())  # the next one is the same client's
            self.assertEqual(self.forwarded()[-2:], [client, client], header)
        self.assertEqual(sorted(self.logged(14)), sorted(2 * ["192.0.2.7", "192.0.2.7", "2001:db8::7", "192.0.2.7", "192.0.2.9", "127.0.0.1", "127.0.0.1"]))
        self.assertEqual(self.failures(server), {"missing": 0, "malformed": 0, "timeout": 0})

    def test_a_named_client_is_believed_no_more_than_others(self):
        server = self.serve()
        for source, expected in (("192.0.2.7", "192.0.2.7"), ("127.0.0.9", "10.0.0.1, 127.0.0.9")):
            connection = self.client(server)
            connection.send(binary(source) + head("GET", "/", [("X-Forwarded-For", "10.0.0.1")], None))
            self.assert_ok(connection.read_response())
            self.assertEqual(self.forwarded()[-1], expected)

    def test_byte_by_byte(self):
        server = self.serve()
        for header in (LINE, binary("2001:db8::7", "fd00::1", tail=b"\x04\x00\x02hi")):
            connection = self.client(server)
            connection.send(*[bytes([byte]) for byte in header + REQUEST])
            self.assert_ok(connection.read_response())
        self.assertEqual(self.forwarded(), ["192.0.2.7", "2001:db8::7"])

    def test_versions(self):
        for version, good, bad in (("v1", LINE, binary()), ("v2", binary(), LINE)):
            server = self.serve(version)
            connection = self.client(server)
            connection.send(good + REQUEST)
            self.assert_ok(connection.read_response())
            other = self.client(server)
            other.send(bad + REQUEST)
            self.assertIn(other.read_end(), ("fin", "rst"))
            self.assertEqual(self.failures(server), {"missing": 1, "malformed": 0, "timeout": 0})
            self.assertEqual(len(self.node.requests), 1)

    def test_what_is_no_header_closes(self):
        server = self.serve()
        for text in (REQUEST, b"\x16\x03\x01\x02\x00", b"PROXY TCP4 192.0.2.7 198.51.100.1 4321\r\n", b"PROXY " + b"x" * 200,
                     SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE + b"\x31\x11\x00\x0c" + b"\0" * 12, binary(tail=b"\x04\x00\x09hi"),
                     binary(tail=b"\x03\x00\x04\0\0\0\0")):
            connection = self.client(server)
            connection.send(text)
            self.assertIn(connection.read_end(), ("fin", "rst"), text)
        cut = self.client(server)
        cut.send(LINE[:20])
        cut.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(cut.read_end(), "fin")
        nothing = self.client(server)
        nothing.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(nothing.read_end(), "fin")
        self.assertEqual(self.failures(server), {"missing": 2, "malformed": 7, "timeout": 0})
        self.assertEqual(self.node.requests, [])
        self.assertEqual(scrape(server)['weir_listener_connections{listener="127.0.0.1:0"}'], 0)

    def test_a_late_header_closes(self):
        server = self.serve(timeouts={"header": "200ms"})
        for begin in (b"", LINE[:10]):
            connection = self.client(server)
            connection.send(begin)
            self.assertEqual(connection.read_end(), "fin")
        self.assertEqual(self.failures(server)["timeout"], 2)

    def test_who_is_not_trusted_forges_nothing(self):
        server = self.serve(trusted_proxies=["10.0.0.0/8"])
        for header in (LINE, binary()):
            connection = self.client(server)
            connection.send(header + REQUEST)
            self.assert_local(connection.read_response(), 400)
        self.assert_ok(self.client(server).request())
        self.assertEqual(self.forwarded(), ["127.0.0.1"])

    def test_unix_peers(self):
        for trusted, status in ((["unix"], 200), (["127.0.0.1"], 400)):
            path = os.path.join(self.folder(), "s")
            server = self.serve(listener={"address": f"unix:{path}"}, trusted_proxies=trusted)
            connection = self.client(server)
            connection.send(LINE + REQUEST)
            self.assertEqual(connection.read_response().status, status)
            if status == 200:
                self.assertEqual(self.forwarded(), ["192.0.2.7"])

    def test_before_tls(self):
        server = self.serve(listener={"tls": {"certificates": [files("a-ecdsa")]}})
        for header in (LINE, binary()):
            made = self.client(server)
            made.send(header)
            made.socket = context().wrap_socket(made.socket, server_hostname="a.test")
            self.assert_ok(made.request())
        self.assertEqual(self.forwarded(), ["192.0.2.7", "192.0.2.7"])
        stranger = self.client(server)
        with self.assertRaises((ssl.SSLError, OSError)):
            context().wrap_socket(stranger.socket, server_hostname="a.test")
        self.assertEqual(self.failures(server)["missing"], 1)

    def test_header_and_hello_in_one_piece(self):
        server = self.serve(listener={"tls": {"certificates": [files("a-ecdsa")]}})
        client = self.client(server)
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context().wrap_bio(into, out, server_hostname="a.test")
        client.send(binary() + self.step(session.do_handshake, out))
        while True:
            into.write(client.receive())
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.send(out.read())
        session.write(REQUEST)
        client.send(out.read())
        answer = b""
        while b"\r\n\r\n" not in answer:
            try:
                answer += session.read(65536)
            except ssl.SSLWantReadError:
                into.write(client.receive())
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertEqual(self.forwarded(), ["192.0.2.7"])

    @staticmethod
    def step(act, out):
        try:
            act()
        except ssl.SSLWantReadError:
            pass
        return out.read()

    def test_http2(self):
        server = self.serve()
        done = subprocess.run(
            ["curl", "-sS", "--haproxy-protocol", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code} %{http_version}",
             f"http://{server.address}/"], capture_output=True, text=True, timeout=harness.seconds(20), check=False)
        self.assertEqual((done.stdout, done.stderr), ("200 2", ""))
        self.assertEqual(self.forwarded(), ["127.0.0.1"])

    def test_http2_over_tls(self):
        server = self.serve(listener={"tls": {"certificates": [files("a-ecdsa")]}})
        done = subprocess.run(
            ["curl", "-sSk", "--haproxy-protocol", "--http2", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", f"https://{server.address}/"],
            capture_output=True, text=True, timeout=harness.seconds(20), check=False)
        self.assertEqual((done.stdout, done.stderr), ("200 2", ""))

    def test_curl(self):
        server = self.serve("v1")
        done = subprocess.run(["curl", "-sS", "--haproxy-protocol", f"http://{server.address}/x"], capture_output=True, text=True,
                              timeout=harness.seconds(20), check=False)
        self.assertEqual((done.stdout, done.stderr), ("GET /x", ""))

    def test_a_reload_is_for_those_that_come_then(self):
        server = self.serve("off")
        early = self.client(server)
        self.assert_ok(early.request())
        replace(server.file, contents(server.file).replace("proxy_protocol: off", "proxy_protocol: v2"))
        server.wait_lines(PUBLISHED)
        late = self.client(server)
        late.send(binary() + REQUEST)
        self.assert_ok(late.read_response())
        self.assertEqual(self.forwarded()[-1], "192.0.2.7")
        self.assert_ok(early.request())

    def test_an_end_waits_for_no_header(self):
        server = self.serve()
        silent = self.client(server)
        wait_until("the connection", lambda: scrape(server)['weir_listener_connections{listener="127.0.0.1:0"}'] == 1)
        self.assertEqual(server.stop(), [])
        self.assertEqual(silent.read_end(), "fin")

    def test_limits_count_it(self):
        server = self.serve(limits={"connections": 1})
        first = self.client(server)
        first.send(LINE[:5])
        wait_until("the first", lambda: scrape(server)['weir_listener_connections{listener="127.0.0.1:0"}'] == 1)
        second = self.client(server)
        second.send(LINE + REQUEST)
        self.assertEqual(second.read_end(0.3), "timeout")
        first.close()
        self.assert_ok(second.read_response())


class ToNodes(harness.Case):
    """Requests to nodes whose pool has `proxy_protocol`: each connection names one client, and serves no other."""

    def node(self, heads):
        def greeted(connection):
            line = bytearray()
            while not line.endswith(b"\r\n"):
                line += connection.reader.exactly(1)
            heads.append(bytes(line))
            serve(connection)

        return self.origin(on_connection=greeted)

    def test_the_client_is_named(self):
        heads = []
        node = self.node(heads)
        server = self.weir(config(pools={"app": {"nodes": [node.address], "proxy_protocol": "v1"}}, workers=1))
        clients = [self.client(server) for _ in range(3)]
        for _ in range(4):
            for client in clients:
                self.assert_ok(client.request(), b"GET /")
        port = server.address.rpartition(":")[2]
        wanted = [f"PROXY TCP4 127.0.0.1 127.0.0.1 {client.socket.getsockname()[1]} {port}\r\n".encode() for client in clients]
        self.assertEqual(heads, wanted)  # a connection each, that goes on
        self.assertEqual([request.connection for request in node.requests], [0, 1, 2] * 4)

    def test_with_http2_and_tls_and_checks(self):
        behind = self.origin()
        node = self.weir(config([behind], listeners=[{"address": "127.0.0.1:0", "proxy_protocol": "v2", "tls": {"certificates": [files("c")]}}]))
        server = self.weir(config(pools={"app": {"nodes": [node.address], "protocol": "h2", "proxy_protocol": "v2", "tls": {"ca": files("c")["cert"]},
                                                 "health": {"http": "/", "interval": "100ms"}}}, trusted_proxies=[]))
        server.wait_lines("is up")
        client = self.client(server)
        for _ in range(3):
            self.assert_ok(client.request(target="/x"))
        asked = [request for request in behind.requests if request.target == "/x"]
        self.assertEqual({request.get("X-Forwarded-For").count("127.0.0.1") for request in asked}, {2})


if __name__ == "__main__":
    harness.main()
