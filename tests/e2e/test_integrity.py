"""100,000 requests over 64 connections, each with an id: none lost, none doubled, none given to another."""

import multiprocessing
import os
import selectors
import socket
import time

import harness
from harness import SLOW

TOTAL = int(os.environ.get("WEIR_E2E_REQUESTS", "100000" if SLOW == 1 else "10000"))
CONNECTIONS = 64
DEPTH = 4  # requests under way on a connection


def run_origin(pipe):
    """Echoes the id of each request, with its body; on `pipe`: its port, then at the end every id it saw."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    listener.setblocking(False)
    selector = selectors.EpollSelector()
    selector.register(listener, selectors.EVENT_READ, None)
    selector.register(pipe, selectors.EVENT_READ, pipe)
    pipe.send(listener.getsockname()[1])
    seen = []
    while True:
        for key, _ in selector.select():
            if key.data is pipe:
                pipe.send(seen)
                return
            if key.data is None:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, bytearray())
                continue
            try:
                data = key.fileobj.recv(65536)
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            key.data.extend(data)
            answers = serve(key.data, seen)
            if answers:
                key.fileobj.setblocking(True)
                key.fileobj.sendall(answers)


def serve(buffer, seen):
    answers = b""
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        head = bytes(buffer[:end])
        method, target, _ = head.split(b" ", 2)
        at = head.lower().find(b"content-length:")
        size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(buffer) < end + 4 + size:
            return answers
        body = bytes(buffer[end + 4 : end + 4 + size])
        del buffer[: end + 4 + size]
        number = int(target[1:])
        seen.append(number)
        # Answers of different forms, so that framing is crossed too if anything is.
        text = b"%d:%s" % (number, body)
        if number % 3 == 0:
            answers += b"HTTP/1.1 200 OK\r\nX-Id: %d\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (number, len(text), text)
        else:
            answers += b"HTTP/1.1 200 OK\r\nX-Id: %d\r\nContent-Length: %d\r\n\r\n%s" % (number, len(text), text)
    return answers


def request_bytes(number):
    if number % 2 == 0:
        return b"GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % number
    body = b"body-%d-" % number + b"x" * (number % 500)
    return b"POST /%d HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body)


def answer_body(number):
    if number % 2 == 0:
        return b"%d:" % number
    return b"%d:body-%d-" % (number, number) + b"x" * (number % 500)


class Flow:
    """One connection of the load: sends its numbers in turn and takes the answers in the same order."""

    def __init__(self, where, numbers):
        self.socket = socket.create_connection(where)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.numbers = numbers
        self.sent = self.done = 0
        self.buffer = bytearray()
        self.send()

    def send(self):
        batch = self.numbers[self.sent : self.done + DEPTH]
        self.sent += len(batch)
        if batch:
            self.socket.sendall(b"".join(map(request_bytes, batch)))

    def receive(self):
        """What is wrong, or None."""
        data = self.socket.recv(65536)
        if not data:
            return f"closed after {self.done} of {len(self.numbers)} answers"
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            number = self.numbers[self.done] if self.done < len(self.numbers) else None
            if number is None:
                return f"an answer too many: {bytes(self.buffer[:200])!r}"
            size = self.answer_size(end)
            if size is None:
                return None
            whole = bytes(self.buffer[:size])
            del self.buffer[:size]
            problem = self.check(number, whole, end)
            if problem:
                return problem
            self.done += 1
        if self.done == self.sent:
            self.send()
        return None

    def answer_size(self, end):
        head = bytes(self.buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            size = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
            return size if len(self.buffer) >= size else None
        last = self.buffer.find(b"\r\n0\r\n\r\n", end + 2)
        return last + 7 if last >= 0 else None

    def check(self, number, whole, end):
        head, body = whole[:end], whole[end + 4 :]
        if not head.startswith(b"HTTP/1.1 200 ") or b"\r\nX-Id: %d\r\n" % number not in head + b"\r\n":
            return f"not the answer to {number}: {whole[:300]!r}"
        wanted = answer_body(number)
        if number % 3 == 0:
            sizes, chunks = body, b""
            while True:
                line, _, sizes = sizes.partition(b"\r\n")
                count = int(line, 16)
                if count == 0:
                    break
                chunks, sizes = chunks + sizes[:count], sizes[count + 2 :]
            body = chunks
        return None if body == wanted else f"the body of {number}: {body[:200]!r}"

    @property
    def finished(self):
        return self.done == len(self.numbers)


class Integrity(harness.Case):
    def run_load(self, origins, top):
        pipes = []
        context = multiprocessing.get_context("fork")
        for _ in range(origins):
            ours, theirs = context.Pipe()
            process = context.Process(target=run_origin, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self.addCleanup(process.join, 5)
            pipes.append(ours)
        server = self.weir(harness.config([f"127.0.0.1:{pipe.recv()}" for pipe in pipes], **top))
        host, port = server.address.rsplit(":", 1)
        selector = selectors.EpollSelector()
        flows = [Flow((host, int(port)), range(index, TOTAL, CONNECTIONS)) for index in range(CONNECTIONS)]
        for flow in flows:
            selector.register(flow.socket, selectors.EVENT_READ, flow)
        deadline = time.monotonic() + harness.seconds(120)
        left = CONNECTIONS
        while left:
            self.assertLess(time.monotonic(), deadline, "too slow")
            for key, _ in selector.select(1):
                self.assertIsNone(key.data.receive())
                if key.data.finished:
                    selector.unregister(key.fileobj)
                    left -= 1
        for flow in flows:
            self.assertEqual(flow.buffer, b"")
            flow.socket.close()
        seen = []
        for pipe in pipes:
            pipe.send("end")
            seen += pipe.recv()
        self.assertEqual(len(seen), TOTAL)
        self.assertEqual(set(seen), set(range(TOTAL)))

    def test_none_lost_doubled_or_crossed(self):
        self.run_load(2, {"workers": 2})


if __name__ == "__main__":
    harness.main()
