"""Another process of the binary takes over: who notices, what it knows, and what happens if it cannot.

WEIR_UPGRADES in the environment: so many in a row under load, 3 unless it says otherwise.
"""

import contextlib
import json
import os
import re
import signal
import socket
import time

import harness
import raw_origin
from harness import config, wait_until
from test_admin import admin_of, ask
from test_upgrade import ASK, tunnel
from upgrading import FAILED, IN_CHARGE, Upgrading

JSON = "Content-Type: application/json\r\n"
UPGRADES = int(os.environ.get("WEIR_UPGRADES", "3"))


class Traffic(Upgrading):
    def opened_tunnel(self):
        client = self.client(self.server)
        client.send(harness.head(fields=ASK))
        self.assertEqual(client.read_head().status, 101)
        return client

    def assert_echo(self, client):
        client.send("more")
        self.assertEqual(client.receive(), b"MORE")

    def test_nobody_notices(self):
        """Clients that keep their connection, clients that make many, tunnels; the access log has everything."""
        log = os.path.join(self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-")), "access.log")
        origins, sockets = [self.origin(), self.origin()], self.origin(on_connection=tunnel)
        self.start(config(shutdown_timeout="60s", access_log={"path": log, "format": "{path}"},
                          pools={"app": {"nodes": [origin.address for origin in origins]}, "ws": {"nodes": [sockets.address]}},
                          routes=[{"match": {"path": "/ws"}, "pool": "ws"}, {"pool": "app"}]))
        keeping, making = self.load(8), self.load(2, every=1)
        tunnels = []
        for _ in range(UPGRADES):
            client = self.client(self.server)
            client.send(harness.head(target="/ws", fields=ASK))
            self.assertEqual(client.read_head().status, 101)
            tunnels.append(client)
            self.upgrade()
            for each in tunnels:
                self.assert_echo(each)
            before = [load.answers for load in keeping]
            wait_until("traffic", lambda: all(load.answers > was + 2 for load, was in zip(keeping, before)))
        self.assert_unhurt(keeping + making)
        if UPGRADES < 4:
            self.assertGreater(sum(load.asked_to_close for load in keeping), 0)
        for each in tunnels:
            self.assert_echo(each)
            each.close()
        first = [self.server.pid, *map(int, self.server.found(IN_CHARGE))][:-1]
        self.assertEqual([self.server.wait_exit()] + [self.exit_of(pid) for pid in first[1:]], [0] * UPGRADES)
        self.signal(signal.SIGTERM)
        self.assertEqual(self.exit_of(self.pid), 0)
        with open(log, encoding="ascii") as file:
            written = [line for line in file.read().split("\n") if line not in ("", "/ws")]
        asked = [target for load in keeping + making for target in load.targets]
        self.assertEqual(sorted(written), sorted(asked))
        print(f"{self.id()}: {UPGRADES} upgrades, {len(asked)} answers, none failed, {len(tunnels)} tunnels open to the end", flush=True)

    def test_idle_clients_have_the_whole_time(self):
        self.start(config([self.origin()], shutdown_timeout="30s", shutdown_grace="1ms"))
        idle = self.client(self.server)
        self.assert_ok(idle.request())
        self.upgrade()
        self.assertTrue(idle.quiet(0.3))
        self.assertEqual(self.assert_ok(idle.request()).get("Connection"), "close")
        self.assertEqual(idle.read_end(), "fin")
        self.assertEqual(self.server.wait_exit(), 0)

    def test_what_lasts_longer_than_the_timeout_is_ended(self):
        self.start(config([self.origin(on_connection=tunnel)], shutdown_timeout="700ms"))
        client = self.opened_tunnel()
        self.upgrade()
        self.assert_echo(client)
        self.assertEqual(self.server.wait_exit(), 0)
        self.assertIn(client.read_end(), ("fin", "rst"))
        self.server.wait_lines("shutdown_timeout is over; closing 1 client connections")

    def test_workers_become_more_and_fewer(self):
        self.start(config([self.origin()], shutdown_timeout="20s", reload={"guard": "off"}))
        loads = self.load() + self.load(2, every=1)
        for number, workers in enumerate((4, 1, 3), 1):
            self.begin_held()
            self.save(workers=workers)
            self.finish_held()
            self.server.wait_lines("is reloaded: .*workers", number)
            self.assertIn(f"weir_workers {workers}", ask(admin_of(self.server), "/metrics")[2].decode().splitlines())
            for _ in range(10):
                self.assert_ok(self.client(self.server).request())
        self.assert_unhurt(loads)

    def test_the_new_process_has_the_old_ones_priority(self):
        self.start(config([self.origin()]))
        for _ in range(2):
            self.upgrade()
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, self.pid), os.getpriority(os.PRIO_PROCESS, 0))

    def test_a_listener_that_is_gone_serves_who_waits(self):
        two = [{"address": "127.0.0.1:0", "name": "first"}, {"address": "127.0.0.2:0", "name": "second"}]
        self.start(config([self.origin()], listeners=two, shutdown_timeout="20s"))
        idle = self.client(self.server, 1)
        self.assert_ok(idle.request())
        loads = self.load(4) + self.load(2, every=1)
        self.begin_held()
        third = {"address": "127.0.0.3:0", "name": "third"}
        self.save(listeners=[two[0], third])
        clients = [self.client(self.server, 1) for _ in range(20)]
        self.finish_held()
        for client in [idle, *clients]:
            self.assertEqual(self.assert_ok(client.request()).get("Connection"), "close")
        host, _, port = self.server.addresses[1].rpartition(":")
        with socket.socket() as refused:
            wait_until("nobody listens", lambda: refused.connect_ex((host, int(port))) != 0)
        self.server.wait_lines(r"listening on 127\.0\.0\.3")
        with harness.RawClient(self.server.found(r"listening on (127\.0\.0\.3\S+)")[0]) as client:
            self.assert_ok(client.request())
        self.assert_unhurt(loads)

    def test_unix_sockets_stay(self):
        folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        path, admin = os.path.join(folder, "weir.sock"), os.path.join(folder, "admin.sock")
        self.start(config([self.origin()], listeners=[{"address": f"unix:{path}"}], admin={"address": f"unix:{admin}"},
                          shutdown_timeout="20s"))
        loads = self.load(4) + self.load(2, every=1)
        for _ in range(2):
            self.upgrade()
            self.assert_ok(self.client(self.server).request())
            self.assertEqual(ask(f"unix:{admin}", "/ready")[0], 200)
        self.assert_unhurt(loads)
        self.assertEqual(self.server.wait_exit(), 0)
        self.assertEqual(sorted(os.listdir(folder)), ["admin.sock", "weir.sock"])
        self.assert_ok(self.client(self.server).request())
        self.signal(signal.SIGTERM)
        self.assertEqual(self.exit_of(self.pid), 0)
        self.assertEqual(os.listdir(folder), [])


class Known(Upgrading):
    def test_what_was_known_of_nodes(self):
        well = []

        def checked(connection, request):
            if request.target == "/healthz" and not well:
                return connection.reply(503)
            harness.answer(connection, request)

        up, down = self.origin(name="up"), self.origin(name="down", on_request=checked)
        health = {"http": "/healthz", "interval": "1h", "fast_interval": "1h", "fall": 1, "rise": 2}
        self.start(config(pools={"app": {"nodes": [up.address, down.address], "health": health}}, shutdown_timeout="20s"))
        self.server.wait_lines(r"is down")
        before = self.nodes()
        self.assertEqual({node["health"]["state"] for node in before.values()}, {"up", "down"})
        well.append(True)
        self.upgrade()
        down.wait(lambda: sum(request.target == "/healthz" for request in down.requests) == 2, "the new process's check")
        after = self.nodes()
        for address, node in before.items():
            self.assertEqual(node["health"], after[address]["health"])
            self.assertEqual(node["transitions"], after[address]["transitions"][:len(node["transitions"])])
        answers = [self.assert_ok(self.client(self.server).request()) for _ in range(8)]
        self.assertEqual({answer.get("X-Origin") for answer in answers}, {"up"})
        self.assertEqual(len(self.server.found(r"of pool app is")), 2)  # nothing but what the first one said

    def nodes(self):
        pool = json.loads(ask(admin_of(self.server), "/api/pools/app")[2])
        return {node["address"]: node for node in pool["nodes"]}

    def test_an_operators_word(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(config([one, {"address": other.address, "state": "drain"}]))
        before = self.nodes()[other.address]["operator"]
        self.upgrade()
        self.assertEqual(self.nodes()[other.address]["operator"], before)

    def test_an_operators_word_for_the_time_being(self):
        one, other = self.origin(name="one"), self.origin(name="other")
        self.start(config([one, other]))
        said = json.dumps({"state": "drain", "for": "20m"}).encode()
        path = f"/api/pools/app/nodes/{other.address}"
        self.assertEqual(ask(admin_of(self.server), path, method="PATCH", extra=JSON, body=said)[0], 200)
        before = self.nodes()[other.address]["operator"]
        self.assertEqual(before["state"], "drain")
        for _ in range(2):
            self.upgrade()
            self.assertEqual(self.nodes()[other.address]["operator"], before)
            # A client each: the process before may still take one in, whose second request is the next one's.
            answers = [self.assert_ok(self.client(self.server).request()) for _ in range(4)]
            self.assertEqual({answer.get("X-Origin") for answer in answers}, {"one"})

    def api(self, path, method="GET", body=b""):
        extra = JSON if method != "GET" else ""
        status, _, text = ask(admin_of(self.server), path, method=method, extra=extra, body=body)
        self.assertEqual(status, 200, text)
        return json.loads(text)

    def test_the_answer_times_of_nodes(self):
        def slow(connection, request):
            time.sleep(0.02)
            raw_origin.answer(connection, request)

        self.start(config([self.origin(slow)]))
        client = self.client(self.server)
        for _ in range(5):
            self.assert_ok(client.request())
        wait_until("it is known", lambda: self.api("/api/pools/app")["nodes"][0]["p50_ms"])
        self.upgrade()
        node = self.api("/api/pools/app")["nodes"][0]
        self.assertEqual(node["requests"], 0)
        self.assertGreater(node["p50_ms"], 15)
        wait_until("they are no longer of the last seconds", lambda: not self.api("/api/pools/app")["nodes"][0]["p50_ms"], timeout=15)

    def test_the_history_and_what_to_go_back_to(self):
        self.start(config([self.origin(name="one")], reload={"guard": "off"}))
        self.save(pools={"app": {"nodes": [self.origin(name="two").address]}})
        self.server.wait_lines("is reloaded")
        before = self.api("/api/history")["snapshots"]
        self.assertEqual(len(before), 2)
        for _ in range(2):
            self.upgrade()
            self.assertEqual(self.api("/api/history")["snapshots"], before)
        self.assertEqual(self.assert_ok(self.client(self.server).request()).get("X-Origin"), "two")
        self.assertEqual(self.api("/api/rollback", "POST")["result"], "published")
        self.assertEqual(self.assert_ok(self.client(self.server).request()).get("X-Origin"), "one")

    def test_clients_are_still_asked_to_leave(self):
        self.start(config([self.origin()]))
        self.api("/api/drain-self", "POST", b'{"for": "10m"}')
        self.upgrade()
        self.assertEqual(ask(admin_of(self.server), "/ready")[0], 503)
        for _ in range(4):
            self.assertEqual(self.assert_ok(self.client(self.server).request()).get("Connection"), "close")

    def test_the_pid_file_names_who_is_in_charge(self):
        self.start(config([self.origin(on_connection=tunnel)], shutdown_timeout="20s"))
        tunnel_client = self.client(self.server)
        tunnel_client.send(harness.head(fields=ASK))
        tunnel_client.read_head()
        self.assertEqual(self.named_by_pid_file(), self.server.pid)
        self.upgrade()
        self.assertNotEqual(self.pid, self.server.pid)
        self.assertEqual(self.named_by_pid_file(), self.pid)
        tunnel_client.close()
        self.assertEqual(self.server.wait_exit(), 0)
        self.assertEqual(self.named_by_pid_file(), self.pid)
        self.signal(signal.SIGTERM)
        self.assertEqual(self.exit_of(self.pid), 0)
        self.assertFalse(os.path.exists(self.pid_file))
        self.assertEqual(os.listdir(self.folder), ["weir"])

    def test_no_descriptor_leaks(self):
        self.start(config([self.origin()]))
        self.assert_ok(self.client(self.server).request())
        listing = os.path.join(self.folder, "listing")
        self.set_binary(f'exec ls -l /proc/self/fd >"{listing}"\n')
        self.fail_upgrade("it ended with status 0")
        with open(listing, encoding="ascii") as file:
            found = dict(re.findall(r" (\d+) -> (\S+)", file.read()))
        passed = [where for number, where in found.items() if int(number) > 2 and not where.startswith("/proc/")]
        self.assertEqual([where.split(":")[0] for where in passed], ["socket"], found)
        self.set_real_binary()
        before = self.descriptors(self.pid)
        for _ in range(2):
            self.upgrade()
            wait_until("as many as before", lambda: self.descriptors(self.pid) == before)

    @staticmethod
    def descriptors(pid):
        """Without connections, of which there may be some to nodes, and without what is closed as one looks."""
        kinds = []
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                kinds.append(os.readlink(f"/proc/{pid}/fd/{number}").split(":")[0])
        return sorted(re.sub("^/proc/[0-9]+/", "/proc/self/", kind) for kind in kinds if kind != "socket")


class Failed(Upgrading):
    def start_loaded(self, reload=None, **options):
        reload = reload or {"guard": "off"}
        self.start(config([self.origin()], shutdown_timeout="20s", reload=reload), **options)
        self.loads = self.load(4) + self.load(2, every=1)

    def assert_as_before(self):
        """And a later upgrade works."""
        self.assertEqual(self.named_by_pid_file(), self.server.pid)
        self.set_real_binary()
        self.upgrade()
        self.assertEqual(self.named_by_pid_file(), self.pid)
        self.assert_unhurt(self.loads)

    def test_a_configuration_that_is_invalid(self):
        self.start_loaded()
        with open(self.server.file, encoding="utf-8") as file:
            good = file.read()
        with open(self.server.file, "w", encoding="utf-8") as file:
            file.write("pools:\n  app: { nodes: [], strategi: x }\n")
        self.server.wait_lines("is not put in force")
        self.fail_upgrade(r"upgrade: .*weir.yaml:2:21: pools.app.strategi: unknown key.*; all goes on as before")
        with open(self.server.file, "w", encoding="utf-8") as file:
            file.write(good)
        self.assert_as_before()

    def test_an_address_that_is_taken(self):
        self.start_loaded()
        taken = self.enterContext(socket.socket())
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listeners = self.settings["listeners"]
        self.save(listeners=[*listeners, {"address": "127.0.0.1:%d" % taken.getsockname()[1]}])
        self.server.wait_lines("is not put in force")
        self.upgrade()  # what was in force is so in the new process, which has tried as well
        self.server.wait_lines("is not put in force", 2)
        self.assert_ok(self.client(self.server).request())
        self.save(listeners=listeners)
        self.assert_unhurt(self.loads)

    def test_a_binary_that_ends(self):
        self.start_loaded()
        self.set_binary("exit 7\n")
        self.fail_upgrade("did not become ready: it ended with status 7")
        self.set_binary("kill -KILL $$\n")
        self.fail_upgrade("did not become ready: it was killed by SIGKILL")
        os.unlink(self.binary)
        self.fail_upgrade("cannot start .*: No such file or directory")
        self.assert_as_before()

    def test_a_demo_stays_what_it_is(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            node = "127.0.0.1:%d" % probe.getsockname()[1]
        self.start(config(pools={"app": {"nodes": [node]}}), arguments=["--demo"])
        self.fail_upgrade("the demo servers of this process end with it")
        self.assertEqual(self.client(self.server).request().status, 200)

    def test_a_binary_that_hangs(self):
        self.start_loaded(environment={"WEIR_UPGRADE_TIMEOUT": "0.3"})
        marked = os.path.join(self.folder, "pid")
        self.set_binary(f'echo $$ >"{marked}"\ntrap "" TERM\nexec sleep 1000\n')
        began = time.monotonic()
        self.fail_upgrade("was not ready within 0.3 s")
        self.assertLess(time.monotonic() - began, harness.seconds(5))
        with open(marked, encoding="ascii") as file:
            self.assertFalse(os.path.exists(f"/proc/{int(file.read())}"))
        self.assertEqual(self.named_by_pid_file(), self.server.pid)
        self.assert_unhurt(self.loads)

    def test_by_the_api(self):
        self.start_loaded()
        admin = admin_of(self.server)
        self.set_binary("exit 7\n")
        status, _, body = ask(admin, "/api/upgrade", method="POST", extra=JSON)
        self.assertEqual(status, 409)
        self.assertIn("it ended with status 7", body.decode())
        self.set_real_binary()
        status, _, body = ask(admin, "/api/upgrade", method="POST", extra=JSON)
        self.assertEqual((status, json.loads(body)), (200, {"result": "done"}))
        self.assertNotEqual(self.named_by_pid_file(), self.server.pid)  # as soon as it is answered
        self.server.wait_lines(IN_CHARGE)
        self.pid = self.named_by_pid_file()
        self.assert_unhurt(self.loads)

    def test_a_reload_that_is_still_guarded(self):
        self.start_loaded(reload={"guard": "1h"})
        self.save(timeouts={"body": "7s"})
        self.server.wait_lines("is reloaded")
        self.fail_upgrade("the latest reload is still being guarded")
        self.save(reload={"guard": "100ms"}, timeouts={"body": "8s"})
        self.server.wait_lines("its guard of 100ms is over")
        self.upgrade()
        self.assert_unhurt(self.loads)

    def test_a_file_that_was_saved_meanwhile_is_guarded(self):
        self.start_loaded(reload={"guard": "10m"})
        dead = self.origin()
        dead.close()
        self.begin_held()
        health = {"http": "/", "interval": "50ms", "timeout": "1s", "fall": 1}
        self.save(pools={"app": {"nodes": [dead.address], "health": health}})
        self.finish_held()
        self.server.wait_lines("the guard: pool app: .*; what was confirmed last is in force again")
        self.assertIn("weir_config_in_sync 0", ask(admin_of(self.server), "/metrics")[2].decode().splitlines())
        self.assert_unhurt(self.loads)

    def test_a_file_that_was_saved_meanwhile_is_held_against_what_was_before(self):
        def broken(connection, request):
            connection.reply(500)

        self.start_loaded(reload={"guard": "10m"})
        nodes = self.settings["pools"]["app"]["nodes"]
        self.begin_held()
        self.save(pools={"app": {"nodes": [*nodes, self.origin(broken).address], "retry": {"attempts": 1}}})
        self.finish_held()
        for load in self.loads:  # they take no 500
            load.end()
        self.server.wait_lines("is reloaded")
        for _ in range(60):
            self.client(self.server).request()
        self.server.wait_lines(r"the guard: pool app: \d+ of \d+ answers are errors, 0 of [1-9]\d+ were before")

    def test_a_file_that_was_taken_back_when_what_was_in_force_cannot_be_read(self):
        token = os.path.join(self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-")), "token")
        with open(token, "w", encoding="ascii") as file:
            file.write("0123456789abcdef\n")
        self.start_loaded(reload={"guard": "10m"})
        self.save(admin={**self.settings["admin"], "token": f"file:{token}"})
        self.server.wait_lines("is reloaded")
        self.save(reload={"guard": "100ms"})
        self.server.wait_lines("its guard of 100ms is over")
        dead = self.origin()
        dead.close()
        health = {"http": "/", "interval": "50ms", "timeout": "1s", "fall": 1}
        self.save(admin={"address": self.settings["admin"]["address"]}, reload={"guard": "10m"},
                  pools={"app": {"nodes": [dead.address], "health": health}})
        self.server.wait_lines("what was confirmed last is in force again")
        os.unlink(token)
        self.fail_upgrade("admin.token: .*")
        self.assert_unhurt(self.loads)

    def test_drain_self_in_the_middle_is_refused(self):
        self.start_loaded()
        self.begin_held()
        status, _, body = ask(admin_of(self.server), "/api/drain-self", method="POST", extra=JSON)
        self.assertEqual((status, json.loads(body)["result"]), (409, "refused"))
        self.finish_held()
        self.assert_unhurt(self.loads)

    def test_one_at_a_time(self):
        self.start_loaded()
        self.begin_held()
        self.signal(signal.SIGUSR2)
        self.server.wait_lines("upgrade: an upgrade is under way already")
        self.finish_held()
        self.assert_unhurt(self.loads)

    def test_a_reload_waits(self):
        self.start_loaded()
        self.begin_held(then="exit 1")
        self.save(timeouts={"body": "7s"})
        self.signal(signal.SIGHUP)
        self.assertEqual(self.server.found("SIGHUP"), [])
        self.release()
        self.server.wait_lines(FAILED)
        self.server.wait_lines("the configuration is reloaded: .*timeouts.body")
        self.begin_held()
        self.save(timeouts={"body": "8s"})
        self.finish_held()
        self.server.wait_lines("the configuration is reloaded: .*timeouts.body", 2)  # by the new process
        self.assertIn("8s", ask(admin_of(self.server), "/api/config")[2].decode())
        self.assert_unhurt(self.loads)

    def test_sigterm_in_the_middle(self):
        self.start(config([self.origin()]))
        marked = os.path.join(self.folder, "pid")
        self.set_binary(f'echo $$ >"{marked}.new"\nmv "{marked}.new" "{marked}"\nexec sleep 1000\n')
        self.signal(signal.SIGUSR2)
        wait_until("the new process", lambda: os.path.exists(marked))
        self.signal(signal.SIGTERM)
        self.assertEqual(self.server.wait_exit(), 0)
        with open(marked, encoding="ascii") as file:
            self.assertFalse(os.path.exists(f"/proc/{int(file.read())}"))
        self.assertFalse(os.path.exists(self.pid_file))


if __name__ == "__main__":
    harness.main()
