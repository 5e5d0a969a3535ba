"""Reload: what changes while clients go on, what does not, and what is refused."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import Case, config, wait_until
from test_admin import admin_of, ask
from test_upgrade import ASK, tunnel

PUBLISHED = "the configuration is reloaded"
JSON = "Content-Type: application/json\r\n"


def replace(path, text):
    """As editors save: another file under the same name."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def contents(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Load(threading.Thread):
    """One client that keeps its connection, and what went wrong for it."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.client = weir.client()
        self.wrong = []
        self.answers = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                response = self.client.request(target=f"/{self.answers}")
                if response.status != 200 or response.ended != "complete" or response.get("Connection") == "close":
                    self.wrong.append(repr(response))
                    return
                self.answers += 1
        except OSError as error:
            self.wrong.append(repr(error))

    def end(self):
        self.over.set()
        self.join(harness.seconds(10))
        self.client.close()
        return self.wrong


class Reload(Case):
    def start(self, *nodes, **top):
        self.settings = config(nodes, **top)
        self.server = self.weir(self.settings)
        self.published = 0
        self.server.wait_lines(r"ready: ")
        return self.server

    def nodes(self, *nodes):
        return {"app": {"nodes": [node if isinstance(node, (dict, str)) else node.address for node in nodes]}}

    def change(self, **top):
        """Saves the file, and waits until it is in force."""
        self.settings = {**self.settings, **top}
        replace(self.server.file, harness.yaml(self.settings) + "\n")
        self.published += 1
        self.server.wait_lines(PUBLISHED, self.published)

    def save(self, text):
        replace(self.server.file, text)

    def load(self, clients=8):
        loads = [Load(self.server) for _ in range(clients)]
        self.addCleanup(lambda: [load.end() for load in loads])
        wait_until("traffic", lambda: all(load.answers > 3 for load in loads))
        return loads

    def assert_unhurt(self, loads):
        self.assertEqual([wrong for load in loads for wrong in load.end()], [])

    def metric(self, line):
        return line in ask(admin_of(self.server), "/metrics")[2].decode().splitlines()

    def served_by(self, count=8):
        client = self.client(self.server)
        return {self.assert_ok(client.request()).get("X-Origin") for _ in range(count)}


class Traffic(Reload):
    def test_nodes_come_and_go(self):
        stays, moves = self.origin(name="stays"), self.origin(name="moves")
        self.start(stays)
        loads = self.load()
        for turn in range(10):
            self.change(pools=self.nodes(stays, {"address": moves.address, "weight": 1 + turn % 3}))
            self.change(pools=self.nodes(stays))
        self.assert_unhurt(loads)
        self.assertGreater(len(moves.requests), 0)
        self.assertEqual(self.served_by(), {"stays"})

    def test_all_nodes_become_others_in_one_edit(self):
        blue, green = self.origin(name="blue"), self.origin(name="green")
        self.start(blue)
        loads = self.load()
        for turn in range(6):
            self.change(pools=self.nodes(green if turn % 2 == 0 else blue))
        self.assert_unhurt(loads)
        self.assertEqual(self.served_by(), {"blue"})

    def test_two_listeners_of_one_address_stay_two(self):
        two = [{"address": "127.0.0.1:0", "name": "a"}, {"address": "127.0.0.1:0", "name": "b"}]
        self.start(self.origin(), listeners=two)
        for workers in (3, 1, 4):
            self.change(workers=workers)
            for index in (0, 1):
                self.assert_ok(self.client(self.server, index).request())

    def test_logs_that_change_fast(self):
        self.start(self.origin())
        loads = self.load()
        folder = self.server.folder.name
        paths = ("off", os.path.join(folder, "a"), "off", os.path.join(folder, "b"), "stdout")
        for turn in range(100):
            settings = {**self.settings, "access_log": {"path": paths[turn % len(paths)], "format": "{path}"}}
            replace(self.server.file, harness.yaml(settings) + "\n")
            ask(admin_of(self.server), "/api/reload", method="POST", extra=JSON)
        self.assert_unhurt(loads)

    def test_workers_come_and_go(self):
        self.start(self.origin())
        loads = self.load()
        for workers in (4, 1, 3, 2, 5, 1):
            self.change(workers=workers)
            self.assertTrue(self.metric(f"weir_workers {workers}"))
            self.assert_ok(self.client(self.server).request())
        self.assert_unhurt(loads)

    def test_a_pool_that_gets_another_name_knows_its_nodes(self):
        up, down = self.origin(name="up"), self.origin(name="down", listen=False)
        down.socket.close()
        health = {"http": "/healthz", "interval": "50ms", "fall": 1, "rise": 1}
        pool = {"nodes": [up.address, down.address], "health": health}
        self.start(pools={"app": pool})
        self.server.wait_lines(r"is down")
        loads = self.load()
        self.change(pools={"web": pool})
        self.assert_unhurt(loads)
        self.assertEqual(len(self.server.found(r"of pool web is up")), 0)  # it was known to be

    def test_a_drain_in_the_file(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(one, other)
        loads = self.load()
        self.change(pools=self.nodes(one, {"address": other.address, "state": "drain"}))
        self.assertEqual(self.served_by(), {"one"})
        self.change(pools=self.nodes({"address": one.address, "state": "down"}, other))
        self.assertEqual(self.served_by(), {"other"})
        self.assert_unhurt(loads)

    def test_limits_timeouts_and_routes_are_the_new_ones(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def slow(connection, request):
            if request.target == "/slow":
                go.wait(10)
            harness.answer(connection, request)

        self.start(self.origin(on_request=slow))
        client = self.client(self.server)
        self.assert_ok(client.request())
        self.change(timeouts={"response": "100ms"}, limits={"request_line": "64B"},
                    routes=[{"match": {"path": "/slow"}, "pool": "app"}])
        self.assert_local(client.request(target="/slow"), 504)
        self.assert_local(self.client(self.server).request(target="/other"), 404)
        self.assert_local(self.client(self.server).request(target="/" + "x" * 80), 414)


class Removed(Reload):
    def test_a_tunnel_to_a_removed_node_has_its_time(self):
        stays, leaves = self.origin(on_connection=tunnel), self.origin(on_connection=tunnel)
        self.start(stays, drain_timeout="1500ms")
        kept = self.opened_tunnel()
        self.change(pools=self.nodes(leaves))
        cut = self.opened_tunnel()
        self.change(pools=self.nodes(stays))
        began = time.monotonic()
        self.assert_echo(cut)
        self.assertIn(cut.read_end(), ("rst", "fin"))
        self.assertGreater(time.monotonic() - began, 0.5)
        # The other one's node had been removed as well, and has come back.
        self.assert_echo(kept)

    def opened_tunnel(self):
        client = self.client(self.server)
        client.send(harness.head(fields=ASK))
        self.assertEqual(client.read_head().status, 101)
        return client

    def assert_echo(self, client):
        client.send("more")
        self.assertEqual(client.receive(), b"MORE")

    def test_a_listener_that_is_gone_lets_its_clients_finish(self):
        two = [{"address": "127.0.0.1:0", "name": "first"}, {"address": "127.0.0.2:0", "name": "second"}]
        self.start(self.origin(), listeners=two)
        first, second = self.client(self.server, 0), self.client(self.server, 1)
        self.assert_ok(first.request())
        self.assert_ok(second.request())
        self.change(listeners=two[:1])
        wait_until("nobody listens", lambda: self.refuses(self.server.addresses[1]))
        self.assertEqual(self.assert_ok(second.request()).get("Connection"), "close")
        self.assertIsNone(self.assert_ok(first.request()).get("Connection"))
        self.change(listeners=two)
        self.server.wait_lines(r"listening on (127\.0\.0\.2:\S+)", 2)
        self.assert_ok(first.request())

    @staticmethod
    def refuses(address):
        host, _, port = address.rpartition(":")
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) != 0

    def test_old_nodes_serve_until_a_new_one_passes(self):
        healthy = threading.Event()

        def checked(connection, request):
            if request.target == "/healthz" and not healthy.is_set():
                return connection.reply(503)
            harness.answer(connection, request)

        old, new = self.origin(name="old"), self.origin(name="new", on_request=checked)
        health = {"http": "/healthz", "interval": "50ms", "timeout": "1s", "rise": 1}
        patient = {"guard": "20s", "min_healthy": "0%"}  # or it goes back, since the new one fails its checks at first
        self.start(pools={"app": {"nodes": [old.address], "health": health}}, reload=patient)
        loads = self.load()
        self.change(pools={"app": {"nodes": [new.address], "health": health}})
        self.assertEqual(self.served_by(), {"old"})
        healthy.set()
        wait_until("the new one serves", lambda: self.served_by() == {"new"})
        self.assert_unhurt(loads)

    def test_what_is_known_of_nodes_outlives_a_reload(self):
        up, down = self.origin(name="up"), self.origin(name="down", listen=False)
        down.socket.close()
        health = {"tcp": True, "interval": "1h", "fast_interval": "20ms", "fall": 1, "rise": 1}
        pools = {"app": {"nodes": [up.address, down.address], "health": health}}
        self.start(pools=pools)
        self.server.wait_lines(r"is down")
        self.change(timeouts={"body": "7s"})
        self.assertEqual(len(self.server.found(r"of pool app is")), 2)
        self.assertIn('"health":{"state":"down"', ask(admin_of(self.server), "/api/pools/app")[2].decode())


class Noticed(Reload):
    def test_each_way_to_save(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(one)
        text = harness.yaml(config([other])) + "\n"
        with open(self.server.file, "w", encoding="utf-8") as file:  # in place
            file.write(text)
        self.server.wait_lines(PUBLISHED)
        self.assertEqual(self.served_by(), {"other"})
        self.save(harness.yaml(config([one])) + "\n")
        self.server.wait_lines(PUBLISHED, 2)
        self.assertEqual(self.served_by(), {"one"})

    def test_a_link_that_leads_elsewhere(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        for name, node in (("..1", one), ("..2", other)):
            os.mkdir(os.path.join(folder, name))
            with open(os.path.join(folder, name, "weir.yaml"), "w", encoding="utf-8") as file:
                file.write(harness.yaml(config([node])) + "\n")
        os.symlink("..1", os.path.join(folder, "..data"))
        os.symlink("..data/weir.yaml", os.path.join(folder, "weir.yaml"))
        self.server = self.weir(config([one]), file=os.path.join(folder, "weir.yaml"))
        self.assertEqual(self.served_by(), {"one"})
        os.symlink("..2", os.path.join(folder, "..tmp"))
        os.rename(os.path.join(folder, "..tmp"), os.path.join(folder, "..data"))
        self.server.wait_lines(PUBLISHED)
        self.assertEqual(self.served_by(), {"other"})

    def test_a_folder_that_becomes_another(self):
        one, other, third = (self.origin(name=name) for name in ("one", "other", "third"))
        folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        for release, node in (("now", one), ("next", other)):
            os.makedirs(os.path.join(folder, release, "etc"))
            replace(os.path.join(folder, release, "etc", "weir.yaml"), harness.yaml(config([node])) + "\n")
        path = os.path.join(folder, "now", "etc", "weir.yaml")
        self.server = self.weir(config([one]), file=path)
        self.assertEqual(self.served_by(), {"one"})
        os.rename(os.path.join(folder, "now"), os.path.join(folder, "before"))
        os.rename(os.path.join(folder, "next"), os.path.join(folder, "now"))
        self.server.wait_lines(PUBLISHED)
        self.assertEqual(self.served_by(), {"other"})
        replace(path, harness.yaml(config([third])) + "\n")
        self.server.wait_lines(PUBLISHED, 2)
        self.assertEqual(self.served_by(), {"third"})

    def test_a_save_by_another_name_of_the_file(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(one)
        with harness.tempfile.TemporaryDirectory(prefix="weir-e2e-") as elsewhere:
            os.link(self.server.file, os.path.join(elsewhere, "host.yaml"))
            with open(os.path.join(elsewhere, "host.yaml"), "w", encoding="utf-8") as file:
                file.write(harness.yaml(config([other])) + "\n")
            self.server.wait_lines(PUBLISHED)
        self.assertEqual(self.served_by(), {"other"})

    def test_a_burst_is_one_reload(self):
        one = self.origin()
        self.start(one)
        for weight in range(2, 102):
            self.save(harness.yaml(config([{"address": one.address, "weight": weight}])) + "\n")
        self.server.wait_lines(r"weight: \d+ -> 101$")
        self.assertLess(len(self.server.found(PUBLISHED)), 5)  # one, unless this machine is very busy

    def test_what_says_the_same_changes_nothing(self):
        self.start(self.origin())
        before = self.server.lines[:]
        self.save(harness.yaml(self.settings) + "\n")
        self.save("# a comment\n" + harness.yaml(self.settings) + "\n")
        self.server.wait_lines(r"says what is in force already")
        self.server.signal(signal.SIGHUP)
        self.server.wait_lines(r"SIGHUP: .* says what is in force already")
        self.assertEqual(len(self.server.lines), len(before) + 2)


class Refused(Reload):
    def test_a_file_that_is_wrong(self):
        self.start(self.origin())
        self.save("pools:\n  app: { nodes: [], strategi: x }\n")
        self.server.wait_lines(r"weir.yaml:2:21: pools.app.strategi: unknown key; did you mean strategy\?")
        self.assert_ok(self.client(self.server).request())
        self.assertTrue(self.metric("weir_config_in_sync 0"))
        self.assertTrue(self.metric('weir_config_reloads_total{result="invalid"} 1'))
        self.save(harness.yaml(self.settings) + "\n")
        self.server.wait_lines(r"says what is in force already")
        self.assertTrue(self.metric("weir_config_in_sync 1"))

    def test_an_address_that_is_taken(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(one)
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = {**self.settings, "pools": self.nodes(other)}
        settings["listeners"] = [*settings["listeners"], {"address": f"127.0.0.1:{port}"}]
        self.save(harness.yaml(settings) + "\n")
        self.server.wait_lines(r"is not put in force, all goes on as before: cannot listen on 127.0.0.1:\d+: ")
        self.assertEqual(self.served_by(), {"one"})
        self.assertTrue(self.metric('weir_config_reloads_total{result="refused"} 1'))

    def test_what_is_refused_takes_no_client(self):
        self.start(self.origin())
        self.save(harness.yaml({**self.settings, "workers": 8, "access_log": {"path": "/nowhere/at/all"}}) + "\n")
        self.server.wait_lines(r"not put in force")
        for turn in range(60):
            if turn % 10 == 0:
                self.server.signal(signal.SIGHUP)
            for _ in range(5):
                client = self.client(self.server)
                self.assert_ok(client.request())
                client.close()

    def test_a_log_that_cannot_be_written(self):
        self.start(self.origin())
        self.save(harness.yaml({**self.settings, "access_log": {"path": "/nowhere/at/all"}}) + "\n")
        self.server.wait_lines(r"not put in force.*/nowhere/at/all")
        self.assert_ok(self.client(self.server).request())


class Asked(Reload):
    def reload(self, extra=JSON):
        status, _, body = ask(admin_of(self.server), "/api/reload", method="POST", extra=extra)
        return status, json.loads(body)

    def run_weir(self, *arguments):
        return subprocess.run([harness.BINARY, *arguments], capture_output=True, text=True, check=False,
                              timeout=harness.seconds(20))

    def test_by_the_api(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(one)
        self.assertEqual(self.reload(extra="")[0], 415)
        self.assertEqual(ask(admin_of(self.server), "/api/reload")[0], 405)
        status, report = self.reload()
        self.assertEqual((status, report["result"], report["changes"]), (200, "unchanged", []))
        self.save("pools: 7\n")
        status, report = self.reload()
        self.assertEqual((status, report["result"]), (422, "invalid"))
        self.assertRegex(report["errors"][0], r"weir\.yaml:1:8: pools: ")
        self.save(harness.yaml(config([other])) + "\n")
        self.server.wait_lines(PUBLISHED)
        self.assertEqual(self.served_by(), {"other"})

    def test_by_command(self):
        one, other = self.origin(), self.origin()
        self.start(one)
        admin = admin_of(self.server)
        path = os.path.join(self.server.folder.name, "other.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(harness.yaml(config([other])) + "\n")
        said = self.run_weir("diff", path, "--admin", admin)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertIn(f"+ pools.app.nodes[{other.address}]", said.stdout)
        self.assertRegex(said.stdout, rf"- pools\.app\.nodes\[{one.address}\]  \(0 tunnels, 0 requests in flight, 0 conn")
        said = self.run_weir("diff", path, "--from", self.server.file)
        self.assertIn(f"- pools.app.nodes[{one.address}]\n", said.stdout)
        said = self.run_weir("reload", "--admin", admin)
        self.assertEqual((said.returncode, said.stdout), (0, "unchanged: the file says what is in force already\n"))
        self.save("pools: 7\n")
        said = self.run_weir("reload", "--admin", admin)
        self.assertEqual(said.returncode, 1)
        self.assertIn("weir.yaml:1:8: pools: ", said.stderr)
        self.assertEqual(self.run_weir("reload", "--admin", "127.0.0.1:1").returncode, 2)
        changes = json.loads(ask(admin, "/api/diff")[2])
        self.assertRegex(changes["errors"][0], r"weir\.yaml:1:8: pools: ")

    def test_the_admin_port_and_a_listener_change_places(self):
        first, second = self.free_address(), self.free_address()
        self.start(self.origin(), listeners=[{"address": first}], admin={"address": second})
        self.change(listeners=[{"address": second}], admin={"address": first})
        wait_until("they are there", lambda: self.both_at(second, first))
        # And to all addresses of the port, and back.
        wide = "0.0.0.0:" + first.rpartition(":")[2]
        for address in (wide, first):
            self.change(admin={"address": address, "token": "0123456789abcdef"})
            self.server.wait_lines(r"admin port on " + address.replace(".", r"\."))
            wait_until("they are there", lambda: self.both_at(second, first))
        self.assertEqual(self.server.found("is not put in force"), [])

    @staticmethod
    def free_address():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return "127.0.0.1:%d" % probe.getsockname()[1]

    def both_at(self, listener, admin):
        with harness.RawClient(listener) as client:
            response = client.request()
        try:
            return response.get("X-Origin") and ask(admin, "/ready")[0] == 200
        except OSError:  # who came to the socket that goes
            return False

    def test_tunnels_that_a_change_would_touch(self):
        one, other = self.origin(on_connection=tunnel), self.origin()
        self.start(one, listeners=[{"address": self.free_address()}])
        client = self.client(self.server)
        client.send(harness.head(fields=ASK))
        self.assertEqual(client.read_head().status, 101)
        path = os.path.join(self.server.folder.name, "other.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(harness.yaml(config([other], listeners=[{"address": "127.0.0.2:0"}])) + "\n")
        said = self.run_weir("diff", path, "--admin", admin_of(self.server)).stdout
        self.assertRegex(said, r"- pools\.app\.nodes\[\S+\]  \(1 tunnel, 0 requests in flight, 1 connection: finished")
        self.assertRegex(said, r"- listeners\[\S+\]  \(1 tunnel, 1 client connection: finished")
        client.close()
        wait_until("it is over", lambda: "(0 tunnels, 0 requests in flight, 0 conn" in
                   self.run_weir("diff", path, "--admin", admin_of(self.server)).stdout)

    def test_the_admin_port_moves(self):
        self.start(self.origin())
        self.change(admin={"address": "127.0.0.2:0", "hosts": ["weir.test"]})
        self.server.wait_lines(r"admin port on 127\.0\.0\.2:")
        moved = self.server.found(r"admin port on (\S+)")[1]
        self.assertEqual(ask(moved, "/ready", host="weir.test")[0], 200)
        self.change(admin={"address": "127.0.0.2:0", "hosts": []})
        self.assertEqual(ask(moved, "/ready", host="weir.test")[0], 403)
        self.change(admin="off")
        wait_until("it is closed", lambda: Removed.refuses(moved))

    def test_the_admin_port_moves_back_at_once(self):
        self.start(self.origin())
        folder = self.server.folder.name
        for name in ("a", "b", "a", "b", "a"):
            self.change(admin={"address": f"unix:{folder}/{name}.sock"})
            self.assertEqual(ask(f"unix:{folder}/{name}.sock", "/ready")[0], 200)
        self.assertEqual([name for name in os.listdir(folder) if name.endswith(".sock")], ["a.sock"])

    def test_the_access_log_moves(self):
        self.start(self.origin())
        first = os.path.join(self.server.folder.name, "first.log")
        second = os.path.join(self.server.folder.name, "second.log")
        client = self.client(self.server)
        for path, target in ((first, "/1"), (second, "/2"), (first, "/3")):
            self.change(access_log={"path": path, "format": "{path}"})
            client.request(target=target)
            wait_until("a line", lambda path=path, target=target: target in contents(path))
        self.change(access_log={"path": "off"})
        client.request(target="/4")
        self.assertEqual(contents(first), "/1\n/3\n")
        self.assertEqual(contents(second), "/2\n")


if __name__ == "__main__":
    harness.main()
