"""Upgrade: the tunnel of a WebSocket, raw and with real ends; what must not become a tunnel."""

import os
import shutil
import subprocess
import tempfile
import threading
import unittest

import harness

ASK = [
    ("Connection", "Upgrade"), ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "x3JJHMbDL1EzLkh9GBhXDw=="), ("Sec-WebSocket-Version", "13"),
]
SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n"

WS_TEST = """
const { WebSocket, WebSocketServer } = require('ws');
const assert = (what, ok) => { if (!ok) { console.error('failed: ' + what); process.exit(1); } };
if (process.argv[2] === 'server') {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('listening', () => console.log('listening ' + server.address().port));
  server.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('close', () => {});
  });
} else {
  const socket = new WebSocket('ws://' + process.argv[3] + '/chat');
  const sizes = [0, 1, 125, 126, 65535, 65536, 1000000];
  let next = 0;
  const send = () => socket.send(Buffer.alloc(sizes[next], 97 + next));
  socket.on('open', send);
  socket.on('message', (data, binary) => {
    assert('binary', binary);
    assert('size', data.length === sizes[next]);
    assert('content', data.equals(Buffer.alloc(sizes[next], 97 + next)));
    next += 1;
    if (next < sizes.length) send(); else socket.ping();
  });
  socket.on('pong', () => socket.close(1000, 'done'));
  socket.on('close', (code) => { assert('code ' + code, code === 1000); console.log('all well'); process.exit(0); });
  socket.on('error', (error) => { console.error(String(error)); process.exit(1); });
}
"""


def tunnel(connection):
    """Switches, then echoes in upper case until the end, and says goodbye after a half-close."""
    request = connection.read_request()
    connection.state["request"] = request
    connection.send(SWITCH)
    while True:
        data = connection.receive()
        if not data:
            connection.send(b"goodbye")
            connection.fin()
            connection.wait_end()
            return
        connection.send(data.upper())


class Raw(harness.Case):
    def upgraded(self, script=tunnel, **top):
        node = self.origin(on_connection=script)
        client = self.client(self.proxy(node, **top))
        client.send(harness.head(fields=ASK, target="/chat"))
        response = client.read_response()
        self.assertEqual(response.status, 101, response)
        self.assertEqual((response.get("Upgrade"), response.get("Connection").lower()), ("websocket", "upgrade"))
        self.assertEqual(response.get("Sec-WebSocket-Accept"), "y")
        return node, client

    def test_bytes_pass_both_ways(self):
        node, client = self.upgraded()
        request = node.connections[0].state["request"]
        self.assertEqual((request.get("Upgrade"), request.get("Connection").lower()), ("websocket", "upgrade"))
        self.assertEqual(request.get("Sec-WebSocket-Key"), "x3JJHMbDL1EzLkh9GBhXDw==")
        for number in range(50):
            data = b"message %d \0\xff\r\n" % number
            client.send(data)
            self.assertEqual(client.reader.exactly(len(data)), data.upper())
        big = b"x" * 3000000
        sender = threading.Thread(target=client.send, args=(big,), daemon=True)
        sender.start()
        self.assertEqual(client.reader.exactly(len(big)), big.upper())

    def test_half_close(self):
        _, client = self.upgraded()
        client.send(b"last words")
        client.finish_sending()
        self.assertEqual(client.reader.exactly(17), b"LAST WORDSgoodbye")
        self.assertEqual(client.read_end(), "fin")

    def test_half_close_of_the_node(self):
        def script(connection):
            connection.read_request()
            connection.send(SWITCH, b"first words")
            connection.fin()
            connection.state["heard"] = b""
            while data := connection.receive():
                connection.state["heard"] += data

        node, client = self.upgraded(script)
        self.assertEqual(client.reader.exactly(11), b"first words")
        self.assertEqual(client.read_end(), "fin")
        client.send(b"after your end")
        client.finish_sending()
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))
        self.assertEqual(node.connections[0].state["heard"], b"after your end")

    def test_a_reset_passes(self):
        def script(connection):
            connection.read_request()
            connection.send(SWITCH)
            connection.receive()
            connection.reset()

        _, client = self.upgraded(script)
        client.send(b"x")
        self.assertIn(client.read_end(), ("rst", "fin"))

    def test_a_client_that_resets_ends_the_node(self):
        node, client = self.upgraded()
        client.reset()
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))

    def test_a_node_that_is_gone_leaves_nothing_behind(self):
        """It closes with a goodbye, the client still sends: the first bytes are reset, the next cannot be sent."""
        def script(connection):
            connection.read_request()
            connection.send(SWITCH, b"bye")
            connection.close()

        node = self.origin(on_connection=script)
        server = self.proxy(node)
        before = server.descriptors()
        for _ in range(5):
            client = self.client(server)
            client.send(harness.head(fields=ASK))
            self.assertEqual(client.read_response().status, 101)
            self.assertEqual(client.reader.exactly(3), b"bye")
            for _ in range(3):
                client.send(b"x")
                client.quiet(0.02)
            client.close()
        harness.wait_until("all descriptors to be free again", lambda: server.descriptors() <= before)

    def test_bytes_sent_right_behind_the_heads(self):
        def script(connection):
            connection.read_request()
            connection.send(SWITCH.encode() + b"hello")
            data = connection.reader.exactly(5)
            connection.send(data)
            connection.wait_end()

        node = self.origin(on_connection=script)
        client = self.client(self.proxy(node))
        client.send(harness.head(fields=ASK) + b"eager")
        self.assertEqual(client.read_response().status, 101)
        self.assertEqual(client.reader.exactly(10), b"helloeager")

    def test_a_tunnel_outlives_other_timeouts(self):
        short = {name: "100ms" for name in ("idle", "header", "body", "response", "stream_idle")}
        _, client = self.upgraded(timeouts={**short, "tunnel": "1h"})
        self.assertTrue(client.quiet(0.6))
        client.send(b"still there")
        self.assertEqual(client.reader.exactly(11), b"STILL THERE")

    def test_a_silent_tunnel_ends(self):
        node, client = self.upgraded(timeouts={"tunnel": "300ms"})
        for _ in range(4):
            client.quiet(0.1)
            client.send(b"x")
            self.assertEqual(client.reader.exactly(1), b"X")
        self.assertIn(client.read_end(5), ("fin", "rst"))
        self.assertTrue(node.connections[0].ended.wait(harness.seconds(5)))

    def test_a_refused_upgrade_is_an_ordinary_answer(self):
        client = self.client(self.proxy(self.origin()))
        self.assert_ok(client.request(target="/no", fields=ASK), b"GET /no")
        self.assert_ok(client.request(target="/next"), b"GET /next")

    def test_pipelined_bytes_wait_for_the_refusal(self):
        node = self.origin()
        client = self.client(self.proxy(node))
        client.send(harness.head(target="/one", fields=ASK) + harness.head(target="/two"))
        self.assert_ok(client.read_response(), b"GET /one")
        self.assert_ok(client.read_response(), b"GET /two")

    def test_another_protocol_than_asked_for(self):
        def script(connection):
            connection.read_request()
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            connection.wait_end()

        client = self.client(self.proxy(self.origin(on_connection=script)))
        self.assert_local(client.request(fields=ASK), 502)

    def test_a_used_tunnel_is_never_pooled(self):
        def script(connection):
            while (request := connection.read_request()) is not None:
                if request.get("Upgrade"):
                    connection.send(SWITCH)
                    connection.wait_end()
                    return
                harness.answer(connection, request)

        node = self.origin(on_connection=script)
        server = self.weir(harness.config([node], workers=1))
        self.assert_ok(self.client(server).request(target="/a"))
        client = self.client(server)
        client.send(harness.head(fields=ASK))
        self.assertEqual(client.read_response().status, 101)
        client.close()
        self.assert_ok(self.client(server).request(target="/b"), b"GET /b")


def has_ws():
    if not shutil.which("node"):
        return False
    found = subprocess.run(["node", "-e", "require('ws').WebSocketServer"], env=node_environment(), capture_output=True, check=False)
    return found.returncode == 0


def node_environment():
    return {**os.environ, "NODE_PATH": "/usr/share/nodejs"}


@unittest.skipUnless(has_ws(), "needs nodejs and its ws: apt-get install -y --no-install-recommends nodejs node-ws")
class Real(harness.Case):
    def test_ws(self):
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "ws.js")
            with open(script, "w", encoding="ascii") as file:
                file.write(WS_TEST)
            node = subprocess.Popen(["node", script, "server"], env=node_environment(), stdout=subprocess.PIPE)
            self.addCleanup(node.stdout.close)
            self.addCleanup(node.wait)
            self.addCleanup(node.kill)
            port = node.stdout.readline().split()[1].decode()
            server = self.weir(harness.config([f"127.0.0.1:{port}"]))
            for _ in range(3):
                client = subprocess.run(
                    ["node", script, "client", server.address], env=node_environment(), capture_output=True,
                    timeout=harness.seconds(30), check=False)
                self.assertEqual((client.returncode, client.stdout), (0, b"all well\n"), client.stderr)


if __name__ == "__main__":
    harness.main()
