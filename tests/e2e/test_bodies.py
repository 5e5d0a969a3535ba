"""Bodies of any size in both directions: streamed, whole, in constant memory; slow readers hold the sender back."""

import hashlib
import threading
import time

import harness
from harness import SLOW, chunk

SIZE = (1024 if SLOW == 1 else 64) << 20
BLOCK = bytes(range(256)) * 4096  # 1 MiB
MEMORY = (24 << 20) if SLOW == 1 else (400 << 20)  # what a build with a sanitizer adds is no concern here


def send_down(connection, request):
    connection.send(f"HTTP/1.1 200 OK\r\nX-Origin: o\r\nContent-Length: {SIZE}\r\n\r\n")
    for _ in range(SIZE // len(BLOCK)):
        if not connection.send(BLOCK):
            return


def take(sock, reader, size):
    """Receives `size` bytes; whether every block was right."""
    block = memoryview(bytearray(1 << 20))
    right = bytes(reader.buffer) == BLOCK[: len(reader.buffer)]
    at = len(reader.buffer)
    reader.buffer.clear()
    while at < size:
        count = sock.recv_into(block)
        if count == 0:
            return False
        offset = at % len(BLOCK)
        wanted = BLOCK[offset : offset + count]
        right = right and block[: len(wanted)] == wanted and block[len(wanted) : count] == BLOCK[: count - len(wanted)]
        at += count
    return right and at == size


class Large(harness.Case):
    def start(self, node):
        server = self.proxy(node)
        self.assert_ok(self.client(server).request(target="/warm"))
        server.forget_peak()
        return server, server.status("VmHWM")

    def assert_memory(self, server, before):
        self.assertLess(server.status("VmHWM") - before, MEMORY, "the body was kept in memory")

    def test_down(self):
        node = self.origin(on_request=lambda c, r: harness.answer(c, r) if r.target == "/warm" else send_down(c, r))
        server, before = self.start(node)
        client = self.client(server, timeout=60)
        client.send(harness.head(target="/big"))
        self.assertEqual(client.read_head().get("Content-Length"), str(SIZE))
        self.assertTrue(take(client.socket, client.reader, SIZE), "the body is not what was sent")
        self.assert_memory(server, before)
        self.assert_ok(client.request(target="/warm"))

    def upload(self, send, fields):
        result = {}

        def script(connection):
            while (request := connection.read_head()) is not None:
                if request.target == "/warm":
                    connection.read_body(request)
                    harness.answer(connection, request)
                elif request.get("Content-Length"):
                    result["right"] = take(connection.socket, connection.reader, SIZE)
                    connection.reply(body=b"taken")
                    return
                else:
                    result["right"] = self.take_chunks(connection.reader)
                    connection.reply(body=b"taken")

        server, before = self.start(self.origin(on_connection=script))
        client = self.client(server, timeout=60)
        client.send(harness.head("POST", "/up", fields))
        send(client)
        self.assert_ok(client.read_response(), b"taken")
        self.assertTrue(result["right"], "the body is not what was sent")
        self.assert_memory(server, before)

    def take_chunks(self, reader):
        total, digest = 0, hashlib.blake2b()
        while size := int(reader.line(), 16):
            left = size
            while left:
                if not reader.buffer:
                    reader.more()
                    reader.raw.clear()
                piece = bytes(reader.buffer[:left])
                del reader.buffer[: len(piece)]
                digest.update(piece)
                left -= len(piece)
            total += size
            reader.exactly(2)
        reader.fields()
        wanted = hashlib.blake2b()
        for _ in range(SIZE // 8 // len(BLOCK)):
            wanted.update(BLOCK)
        return total == SIZE // 8 and digest.digest() == wanted.digest()

    def test_up(self):
        self.upload(lambda client: [client.send(BLOCK) for _ in range(SIZE // len(BLOCK))], [("Content-Length", str(SIZE))])

    def test_up_in_chunks(self):
        def send(client):
            for _ in range(SIZE // 8 // len(BLOCK)):
                client.send(chunk(BLOCK))
            client.send(b"0\r\n\r\n")

        self.upload(send, [("Transfer-Encoding", "chunked")])


class Slow(harness.Case):
    """A side that does not take its bytes stops the other; Weir holds little in between."""

    def stalled(self, progress):
        """Waits until nothing has moved for a while, and returns how much went."""
        last, since = progress(), time.monotonic()
        while time.monotonic() - since < 0.4 * min(SLOW, 2):
            time.sleep(0.02)
            if progress() != last:
                last, since = progress(), time.monotonic()
        return last

    def test_slow_reader(self):
        sent = [0]

        def reply(connection, request):
            connection.send(f"HTTP/1.1 200 OK\r\nX-Origin: o\r\nContent-Length: {64 << 20}\r\n\r\n")
            for _ in range(1024):
                connection.send(BLOCK[: 1 << 16])
                sent[0] += 1 << 16

        server = self.proxy(self.origin(on_request=reply))
        before = server.status("VmRSS")
        client = self.client(server, receive_buffer=65536, timeout=30)
        client.send(harness.head())
        self.assertEqual(client.read_head().status, 200)
        self.assertLess(self.stalled(lambda: sent[0]), 24 << 20, "the node was never held back")
        self.assertLess(server.status("VmRSS") - before, 8 << 20 if SLOW == 1 else 200 << 20)
        self.assertEqual(len(client.reader.exactly(64 << 20)), 64 << 20)
        harness.wait_until("the node's last send", lambda: sent[0] == 64 << 20)

    def test_slow_node(self):
        release = threading.Event()
        got = {}

        def script(connection):
            request = connection.read_head()
            release.wait(harness.seconds(30))
            got["body"] = connection.read_body(request).body
            connection.reply(body=b"done")

        server = self.proxy(self.origin(on_connection=script))
        before = server.status("VmRSS")
        client = self.client(server, timeout=30)
        client.send(harness.head("POST", "/", [("Content-Length", str(64 << 20))]))
        sent = [0]

        def push():
            for _ in range(1024):
                if not client.send(BLOCK[: 1 << 16]):
                    return
                sent[0] += 1 << 16

        pusher = threading.Thread(target=push, daemon=True)
        pusher.start()
        self.assertLess(self.stalled(lambda: sent[0]), 24 << 20, "the client was never held back")
        self.assertLess(server.status("VmRSS") - before, 8 << 20 if SLOW == 1 else 200 << 20)
        release.set()
        self.assert_ok(client.read_response(), b"done")
        pusher.join(harness.seconds(10))
        self.assertEqual(len(got["body"]), 64 << 20)

    def test_many_slow_readers_hold_bounded_memory(self):
        def reply(connection, request):
            connection.send(f"HTTP/1.1 200 OK\r\nX-Origin: o\r\nContent-Length: {8 << 20}\r\n\r\n")
            for _ in range(128):
                if not connection.send(BLOCK[: 1 << 16]):
                    return

        server = self.proxy(self.origin(on_request=reply))
        before = server.status("VmRSS")
        clients = [self.client(server, receive_buffer=32768, timeout=30) for _ in range(50)]
        for client in clients:
            client.send(harness.head())
        for client in clients:
            self.assertEqual(client.read_head().status, 200)
        self.stalled(lambda: server.status("VmRSS"))
        self.assertLess(server.status("VmRSS") - before, 50 * (512 << 10) if SLOW == 1 else 400 << 20)


class Streams(harness.Case):
    def test_server_sent_events_pass_without_delay(self):
        go = threading.Semaphore(0)

        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in range(20):
                go.acquire(timeout=harness.seconds(5))
                connection.send(chunk(b"data: %d\n\n" % number))
            connection.send("0\r\n\r\n")

        client = self.client(self.proxy(self.origin(on_request=reply)))
        client.send(harness.head(target="/events"))
        self.assertEqual(client.read_head().get("Content-Type"), "text/event-stream")
        for number in range(20):
            go.release()
            self.assertEqual(client.reader.chunk(), b"data: %d\n\n" % number)
        self.assertEqual((client.reader.chunk(), client.reader.fields()), (b"", []))

    def test_a_close_delimited_stream_passes_without_delay(self):
        go = threading.Semaphore(0)

        def reply(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            for number in range(5):
                go.acquire(timeout=harness.seconds(5))
                connection.send(b"data: %d\n\n" % number)
            connection.fin()

        client = self.client(self.proxy(self.origin(on_request=reply)))
        client.send(harness.head())
        client.read_head()
        for number in range(5):
            go.release()
            self.assertEqual(client.reader.chunk(), b"data: %d\n\n" % number)
        self.assertEqual((client.reader.chunk(), client.reader.fields()), (b"", []))

    def test_bodies_of_every_small_size(self):
        def reply(connection, request):
            connection.reply(body=request.body)

        client = self.client(self.proxy(self.origin(on_request=reply)))
        for size in [*range(0, 70), 4095, 4096, 4097, 16383, 16384, 65535, 65536, 65537, 262144, 1000003]:
            body = (BLOCK * 2)[:size]
            self.assert_ok(client.request("POST", "/", body=body), body)


if __name__ == "__main__":
    harness.main()
