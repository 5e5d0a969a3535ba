"""Overload of Weir itself: memory and descriptors run short, it protects itself, and recovers."""

import re
import resource
import select
import socket
import unittest
import urllib.request

import harness
from harness import SLOW, wait_until
from test_admin import admin_of

MIB = 1 << 20


class Overloaded(harness.Case):
    def metrics(self, name):
        """By their labels, as text."""
        with urllib.request.urlopen(f"http://{admin_of(self.server)}/metrics", timeout=harness.seconds(10)) as answer:
            text = answer.read().decode()
        return {labels: float(value) for labels, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)}

    def level(self):
        return self.metrics("weir_overload_level")[""]


class HeldAnswers:
    """A node of one loop that keeps its requests, until it answers all of them."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.poll = select.epoll()
        self.poll.register(self.listener.fileno(), select.EPOLLIN)
        self.connections, self.asked = {}, []

    def look(self, seconds):
        """How many requests there are."""
        for number, _ in self.poll.poll(seconds):
            if number == self.listener.fileno():
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
                self.connections[connection.fileno()] = connection
                self.poll.register(connection.fileno(), select.EPOLLIN)
                continue
            try:
                bytes_read = self.connections[number].recv(65536)
            except OSError:
                bytes_read = b""
            if bytes_read:
                self.asked.append(self.connections[number])
            else:
                self.poll.unregister(number)
                self.connections.pop(number).close()
        return len(self.asked)

    def answer(self, bytes_written):
        for connection in self.asked:
            try:
                connection.send(bytes_written)
            except OSError:
                pass  # it was ended

    def close(self):
        for connection in (self.listener, *self.connections.values()):
            connection.close()
        self.poll.close()


@unittest.skipIf(SLOW > 1, "a sanitizer keeps what was freed")
class Memory(Overloaded):
    LIMIT = 96 if SLOW == 1 else 600  # a sanitizer's build has other figures
    SPARE = 64  # that may be over it: what comes before anybody has looked, on a machine that is busy with other things

    def setUp(self):
        super().setUp()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def start(self, on_request, nodes=None, **top):
        self.node = self.origin(on_request=on_request)
        routes = [{"name": each, "match": {"path": f"/{each}"}, "pool": "app", "priority": each} for each in ("low", "normal", "high")]
        self.server = self.weir(harness.config(
            nodes or [self.node], workers=2, admin={"address": "127.0.0.1:0"}, memory_limit=f"{self.LIMIT}MiB", routes=routes,
            limits={"connections": 20000}, timeouts={"min_rate": "off", "body": "60s", **top.pop("timeouts", {})}, **top))
        self.server.wait_lines("ready: ")
        self.assertEqual(self.level(), 0)

    def shed(self, route):
        return sum(count for labels, count in self.metrics("weir_shed_requests_total").items() if f'route="{route}"' in labels)

    def test_a_limit_that_is_below_what_it_needs(self):
        """Memory that nobody can give back: all but the admin port says so, and a reload that raises the limit ends it."""
        self.start(harness.answer)
        resident = self.server.status("VmRSS")
        self.assertLess(resident, (self.LIMIT << 20) * 80 // 100)
        client = self.client(self.server)
        self.assert_ok(client.request(target="/high"))

        def limit_to(mebibytes):
            with open(self.server.file, encoding="utf-8") as file:
                text = file.read()
            with open(self.server.file, "w", encoding="utf-8") as file:
                file.write(re.sub(r"memory_limit: .*", f"memory_limit: {mebibytes}", text))

        if resident > 17 * MIB:
            limit_to("16MiB")
            self.server.wait_lines("overload: level 3, 0 before, by memory")
            for route in ("low", "normal", "high"):
                response = client.request(target=f"/{route}")
                self.assert_local(response, 503)
                self.assertEqual(response.get("Retry-After"), "1")
                self.assertIn(b"overloaded", response.body)
                self.assertGreaterEqual(self.shed(route), 1)
            self.assertEqual(self.level(), 3)
            limit_to("off")
            self.server.wait_lines(r"overload: level 0, \d before, by memory")
        with self.server.client() as another:
            self.assert_ok(another.request(target="/low"))

    def test_clients_that_do_not_read(self):
        """Far more of them than there is memory for: it never takes much more than its limit, and serves again when they are gone."""
        body = b"x" * (4 * MIB)

        def reply(connection, request):
            connection.reply(body=b"ok" if request.target != "/normal" else body)

        self.start(reply)
        greedy, peak = [], 0
        self.addCleanup(lambda: [client.close() for client in greedy])
        for number in range(3000):
            try:
                client = self.server.client(timeout=harness.seconds(5))
            except OSError:
                break  # nobody is let in
            greedy.append(client)
            client.send(harness.head(target="/normal"))
            if number % 50 == 49:
                peak = max(peak, self.server.status("VmRSS"))
                if self.level() >= 2:
                    break
        wait_until("it is overloaded", lambda: self.level() >= 1, timeout=30)
        self.server.wait_lines(r"overload: level [123], \d before, by memory")
        peak = max(peak, self.server.status("VmHWM"))
        self.assertLess(peak, (self.LIMIT + self.SPARE) * MIB)
        for client in greedy:
            client.close()
        self.server.wait_lines(r"overload: level 0, \d before, by memory", timeout=30)
        self.assertEqual(self.level(), 0)
        with self.server.client() as client:
            self.assert_ok(client.request(target="/low"), b"ok")

    def test_answers_that_come_all_at_once(self):
        """To clients that take nothing: of what waits in the kernel no more is read than there is room for."""
        held = HeldAnswers()
        self.addCleanup(held.close)
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        self.start(harness.answer, nodes=[held.address], timeouts={"response": "60s"})
        port = int(self.server.address.rsplit(":", 1)[1])
        for _ in range(3000):
            client = socket.socket()
            clients.append(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", port))
            client.send(harness.head(target="/normal"))
            held.look(0)
        wait_until("all requests are at the node", lambda: held.look(0.05) == len(clients), timeout=30)
        held.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)
        self.server.wait_lines("overload: level 3, ", timeout=30)
        wait_until("it is over", lambda: held.look(0.05) >= 0 and self.level() < 3, timeout=30)
        self.assertLess(self.server.status("VmHWM"), (self.LIMIT + self.SPARE) * MIB)

    def test_bodies_that_are_being_collected(self):
        """Clients that send all of their bodies but the end."""
        self.start(harness.answer)
        greedy = []
        self.addCleanup(lambda: [client.close() for client in greedy])
        head = harness.head("POST", "/normal", [("Content-Length", str(64 * 1024))])
        for number in range(4000):
            try:
                client = self.server.client(timeout=harness.seconds(5))
            except OSError:
                break
            greedy.append(client)
            try:
                client.send(head, b"x" * (64 * 1024 - 1))
            except OSError:
                pass  # it was answered already
            if number % 50 == 49 and self.level() >= 2:
                break
        self.server.wait_lines(r"overload: level [123], \d before, by memory", timeout=30)
        self.assertLess(self.server.status("VmHWM"), (self.LIMIT + self.SPARE) * MIB)
        for client in greedy:
            client.close()
        self.server.wait_lines(r"overload: level 0, \d before, by memory", timeout=30)
        with self.server.client() as client:
            self.assert_ok(client.request(target="/low"))


class Descriptors(Overloaded):
    def test_idle_clients_make_room_for_new_ones(self):
        node = self.origin()
        self.server = server = self.weir(harness.config([node], workers=2, timeouts={"idle": "10m"}, admin={"address": "127.0.0.1:0"}), nofile=150)
        clients = []
        for number in range(300):
            client = self.client(server, timeout=harness.seconds(20))
            self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())
            clients.append(client)
        open_now = sum(self.metrics("weir_listener_connections").values())
        self.assertLess(open_now, 150)
        self.assertGreaterEqual(open_now, 1)  # how many are left depends on how long they have been idle by now
        self.assert_ok(clients[-1].request())  # who came last is still there

    def test_a_client_that_is_served_keeps_its_connection(self):
        node, release = self.origin_that_holds("/slow")
        server = self.weir(harness.config([node], workers=1, timeouts={"idle": "10m"}), nofile=150)
        slow = self.client(server, timeout=harness.seconds(30))
        slow.send(harness.head(target="/slow"))
        node.wait(lambda: len(node.connections) > 0, "the slow request")
        for number in range(200):
            self.assert_ok(self.client(server, timeout=harness.seconds(20)).request(target=f"/{number}"))
        release.set()
        self.assert_ok(slow.read_response(), b"GET /slow")


if __name__ == "__main__":
    harness.main()
