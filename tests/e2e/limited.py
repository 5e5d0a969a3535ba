"""What tests of limits at pools and nodes share: nodes that count, and crowds of clients."""

import threading
import time
import urllib.request

import harness
from harness import head
from test_admin import admin_of


class Gauge:
    """A node's script that counts what it has at a time, and keeps each request until it may go."""

    def __init__(self, hold=0.0):
        self.lock = threading.Condition()
        self.hold = hold
        self.now = self.most = self.came = self.free = 0
        self.open = True

    def close(self):
        with self.lock:
            self.open = False

    def let_go(self, count=1):
        with self.lock:
            self.free += count
            self.lock.notify_all()

    def __call__(self, connection, request):
        with self.lock:
            self.now += 1
            self.came += 1
            self.most = max(self.most, self.now)
            self.lock.notify_all()
            if not self.open:
                self.lock.wait_for(lambda: self.free > 0, 60)
                self.free -= 1
        if self.hold:
            time.sleep(self.hold)  # that is its work
        # Before the answer: whoever has it may have sent the next request already.
        with self.lock:
            self.now -= 1
        harness.answer(connection, request)


class Limited(harness.Case):
    def serve(self, gauges, limits=None, workers=4, **pool):
        self.nodes = [self.origin(gauge) for gauge in gauges]
        nodes = [{"address": node.address, **({"max_in_flight": limits} if limits else {})} for node in self.nodes]
        return self.weir(self.settings(workers, {"nodes": nodes, **pool}))

    def metric(self, server, name):
        with urllib.request.urlopen(f"http://{admin_of(server)}/metrics", timeout=harness.seconds(10)) as answer:
            text = answer.read().decode()
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return [float(line.rpartition(" ")[2]) for line in lines]

    def crowd(self, server, clients, requests, failed=None):
        """So many clients, each on a connection of its own, one request after the other; how many went well."""
        good = []

        def ask():
            client = self.client(server, timeout=60)
            for number in range(requests):
                response = client.request(target=f"/{number}")
                if response.status == 200:
                    good.append(1)
                elif failed is not None:
                    failed.append(response)
                if response.get("Connection") == "close":
                    client.close()
                    client = self.client(server, timeout=60)

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        return threads, good

    def settings(self, workers, pool):
        return harness.config(workers=workers, reload={"guard": "off"}, pools={"app": pool})

    def waiting(self, server, count, source=None, first=0):
        """Clients that wait: each has sent a request, and is behind those before it."""
        clients = []
        for number in range(count):
            client = self.client(server, timeout=60, source=source)
            client.send(head(target=f"/{first + number}"))
            clients.append(client)
        return clients

    def wait_for_queue(self, server, length):
        harness.wait_until(f"{length} requests in the queue", lambda: self.metric(server, "weir_pool_queue_length") == [length])
