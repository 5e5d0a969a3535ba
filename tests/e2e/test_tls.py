"""TLS to clients: certificates by name, versions, sessions, bytes both ways, ends; certificates that change meanwhile."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest
import urllib.request

import harness
from harness import chunk, config, wait_until
from test_admin import admin_of

CERTIFICATES = os.path.join(os.path.dirname(__file__), os.pardir, "tls")
PATTERN = hashlib.sha256(b"weir").digest() * 512  # 16 KiB


def scrape(server):
    """Each series of the metrics and its value."""
    with urllib.request.urlopen(f"http://{admin_of(server)}/metrics", timeout=harness.seconds(10)) as got:
        lines = [line.rpartition(" ") for line in got.read().decode().splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in lines}


def files(name):
    return {"cert": os.path.realpath(os.path.join(CERTIFICATES, name + ".pem")),
            "key": os.path.realpath(os.path.join(CERTIFICATES, name + ".key"))}


def context(least=None, most=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.minimum_version = least or ssl.TLSVersion.TLSv1_2
    made.maximum_version = most or ssl.TLSVersion.MAXIMUM_SUPPORTED
    return made


def digest(client):
    return hashlib.sha256(client.socket.getpeercert(binary_form=True)).hexdigest()


def digest_of(path):
    with open(path, encoding="ascii") as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


class Tls(harness.Case):
    def serve(self, *names, nodes=None, listeners=(), tls=None, **top):
        certificates = [files(name) for name in names or ("a-ecdsa",)]
        listener = {"address": "127.0.0.1:0", "tls": {"certificates": certificates, **(tls or {})}}
        return self.weir(config(nodes or [self.origin()], listeners=[listener, *listeners], **top))

    def tls(self, server, index=0, made=None, **options):
        return self.client(server, index, tls=made or context(), **options)

    def test_requests(self):
        node = self.origin()
        server = self.serve(nodes=[node])
        for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.tls(server, made=context(most=most))
            for number in range(10):
                self.assert_ok(client.request(target=f"/{number}"), f"GET /{number}".encode())
        self.assertEqual({request.get("X-Forwarded-Proto") for request in node.requests}, {"https"})
        self.assertEqual(len(node.requests), 20)

    def test_certificates_by_name(self):
        server = self.serve("a-ecdsa", "a-rsa", "b")
        for name, wanted in (("a.test", "a-ecdsa"), ("x.w.test", "a-ecdsa"), ("b.test", "b"), ("other.test", "a-ecdsa"), (None, "a-ecdsa")):
            self.assertEqual(digest(self.tls(server, server_name=name)), digest_of(files(wanted)["cert"]), name)
        rsa = context(most=ssl.TLSVersion.TLSv1_2)
        rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        self.assertEqual(digest(self.tls(server, made=rsa)), digest_of(files("a-rsa")["cert"]))

    def test_versions(self):
        server = self.serve(tls={"min_version": "1.3"})
        self.assertEqual(self.tls(server).socket.version(), "TLSv1.3")
        with self.assertRaises(ssl.SSLError):
            self.tls(server, made=context(most=ssl.TLSVersion.TLSv1_2))
        wait_until("the count", lambda: scrape(server).get('weir_tls_handshake_failures_total{listener="127.0.0.1:0",reason="version"}') == 1)

    def test_protocol_by_alpn(self):
        server = self.serve()
        made = context()
        made.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(self.tls(server, made=made).socket.selected_alpn_protocol(), "h2")
        made.set_alpn_protocols(["http/1.1"])
        self.assertEqual(self.tls(server, made=made).socket.selected_alpn_protocol(), "http/1.1")
        for protocol, wanted in (("h1", "http/1.1"), ("h2", "h2")):
            alone = self.weir(config([self.origin()], listeners=[
                {"address": "127.0.0.1:0", "protocol": protocol, "tls": {"certificates": [files("a-ecdsa")]}}]))
            made.set_alpn_protocols(["h2", "http/1.1"])
            self.assertEqual(self.tls(alone, made=made).socket.selected_alpn_protocol(), wanted)
        made.set_alpn_protocols(["spdy/3"])
        with self.assertRaises(ssl.SSLError):
            self.tls(server, made=made)

    def test_sessions_go_on_at_any_worker_and_over_reloads(self):
        server = self.serve(workers=4)
        made = context(most=ssl.TLSVersion.TLSv1_2)
        session = self.tls(server, made=made).socket.session
        for turn in range(24):
            if turn == 12:
                server.signal(1)
                server.wait_lines("in force already")
            client = self.tls(server, made=made, session=session)
            self.assertTrue(client.socket.session_reused, turn)
            self.assert_ok(client.request())

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_large_bodies_both_ways(self):
        """By curl, which sends and reads at a time; Python's TLS sockets are for one thread."""
        def echo(connection, request):
            connection.reply(body=request.body)

        server = self.serve(nodes=[self.origin(on_request=echo)])
        body = PATTERN * 256  # 4 MiB
        for version in ("--http1.1", "--http2"):
            got = subprocess.run(["curl", "-sSk", version, "--data-binary", "@-", f"https://{server.address}/"], input=body, capture_output=True,
                                 timeout=harness.seconds(30), check=False)
            self.assertEqual((got.returncode, hashlib.sha256(got.stdout).digest()), (0, hashlib.sha256(body).digest()), got.stderr)

    def test_a_client_that_reads_slowly(self):
        def long(connection, request):
            connection.reply(body=PATTERN * 256)

        server = self.serve(nodes=[self.origin(on_request=long)])
        before = server.status("VmRSS")
        client = self.tls(server, receive_buffer=8192)
        client.send(harness.head())
        time.sleep(0.5)
        if harness.SLOW == 1:  # a sanitizer keeps what was freed
            self.assertLess(server.status("VmRSS") - before, 4 << 20)
        self.assertEqual(client.read_response().body, PATTERN * 256)

    def test_a_body_that_is_cut_is_seen_to_be(self):
        def cut(connection, request):
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"hello"))
            connection.close()

        client = self.tls(self.serve(nodes=[self.origin(on_request=cut)]))
        client.send(harness.head())
        self.assertNotEqual(client.read_response().ended, "complete")

    def test_a_goodbye_is_answered_with_one(self):
        server = self.serve()
        client = self.tls(server)
        self.assert_ok(client.request())
        client.socket.unwrap()  # fails unless the other side says goodbye too

    def test_an_end_without_a_goodbye(self):
        client = self.tls(self.serve())
        self.assert_ok(client.request(fields=[("Connection", "close")]))
        self.assertEqual(client.read_end(), "fin")

    def test_websocket(self):
        def tunnel(connection):
            connection.read_request()
            connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            while data := connection.receive():
                connection.send(data.upper())

        client = self.tls(self.serve(nodes=[self.origin(on_connection=tunnel)]))
        client.send(harness.head(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]))
        self.assertEqual(client.read_head().status, 101)
        client.send(b"hello")
        self.assertEqual(client.reader.exactly(5), b"HELLO")

    def test_http_on_a_tls_port(self):
        client = self.client(self.serve())
        response = client.request()
        self.assert_local(response, 400)
        self.assertIn(b"https://", response.body)

    def test_garbage_and_silence(self):
        server = self.serve(timeouts={"header": "500ms"})
        garbage = self.client(server)
        garbage.send(b"\x00\x01\x02\x03")
        self.assertIn(garbage.read_end(), ("fin", "rst"))
        silent = self.client(server)
        self.assertEqual(silent.read_end(), "fin")
        half = self.client(server)
        half.send(b"\x16\x03\x01\x02\x00\x01")
        self.assertIn(half.read_end(), ("fin", "rst"))
        counts = scrape(server)
        self.assertEqual(counts['weir_tls_handshake_failures_total{listener="127.0.0.1:0",reason="not_tls"}'], 1)
        self.assertEqual(counts['weir_tls_handshake_failures_total{listener="127.0.0.1:0",reason="timeout"}'], 2)

    def test_a_listener_becomes_tls_and_clear_again(self):
        node = self.origin()
        clear = config([node], listeners=[{"address": f"127.0.0.1:{harness_port()}"}])
        server = self.weir(clear)
        stays = self.client(server)
        self.assert_ok(stays.request())
        covered = {**clear, "listeners": [{**clear["listeners"][0], "tls": {"certificates": [files("a-ecdsa")]}}]}
        self.save(server, covered, 1)
        over = self.tls(server)
        self.assert_ok(over.request())
        self.assert_ok(stays.request())
        self.save(server, clear, 2)
        self.assert_ok(self.client(server).request())
        self.assert_ok(over.request())

    def save(self, server, settings, count):
        with open(server.file, "w", encoding="utf-8") as file:
            file.write(harness.yaml(settings) + "\n")
        server.wait_lines("the configuration is reloaded", count)

    def test_metrics(self):
        server = self.serve("a-ecdsa", "b")
        self.assert_ok(self.tls(server).request())
        counts = scrape(server)
        self.assertEqual(counts['weir_tls_handshakes_total{listener="127.0.0.1:0",version="1.3",resumed="no"}'], 1)
        days = {key: value for key, value in counts.items() if key.startswith("weir_tls_certificate_expiry_seconds")}
        self.assertEqual(len(days), 2)
        self.assertTrue(all(30000 < value / 86400 < 36501 for value in days.values()), days)

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl_believes_it(self):
        server = self.serve("a-ecdsa")
        port = server.address.rpartition(":")[2]
        got = subprocess.run(["curl", "-sS", "--cacert", files("a-ecdsa")["cert"], "--resolve", f"a.test:{port}:127.0.0.1", f"https://a.test:{port}/x"],
                             capture_output=True, timeout=harness.seconds(20), check=False)
        self.assertEqual((got.returncode, got.stdout), (0, b"GET /x"), got.stderr)


class Nodes(harness.Case):
    """Nodes that speak TLS: each is another Weir."""

    def node(self, name, **top):
        self.behind = self.origin()
        return self.weir(config([self.behind], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [files(name)], **top}}]))

    def ask(self, node, settings, **pool):
        server = self.weir(config(pools={"app": {"nodes": [node.address], "tls": settings, **pool}}))
        client = self.client(server)
        return server, client, client.request()

    def test_a_node_that_is_believed(self):
        node = self.node("a-ecdsa")
        _, _, response = self.ask(node, {"ca": files("a-ecdsa")["cert"], "sni": "a.test"})
        self.assert_ok(response, b"GET /")

    def test_a_node_by_its_address(self):
        _, _, response = self.ask(self.node("c"), {"ca": files("c")["cert"]})
        self.assert_ok(response)

    def test_nodes_that_are_not_believed(self):
        node = self.node("a-ecdsa")
        for settings, why in (({}, "self-signed certificate"), ({"ca": files("b")["cert"]}, "self-signed certificate"),
                              ({"ca": files("a-ecdsa")["cert"], "sni": "other.test"}, "hostname mismatch"),
                              ({"ca": files("a-ecdsa")["cert"]}, "IP address mismatch")):
            _, _, response = self.ask(node, settings, retry={"attempts": 1})
            self.assert_local(response, 503)
            self.assertIn(b"upstream_bad", response.body)
            self.assertIn(why.encode(), response.body)
        self.assertEqual(self.behind.requests, [])

    def test_anybody_will_do_if_asked_for(self):
        _, _, response = self.ask(self.node("b"), {"verify": "off"})
        self.assert_ok(response)

    def test_a_node_that_speaks_no_tls(self):
        _, _, response = self.ask(self.proxy(self.origin()), {"verify": "off"}, retry={"attempts": 1})
        self.assert_local(response, 503)

    def test_sessions_go_on(self):
        node = self.node("c")
        _, client, response = self.ask(node, {"ca": files("c")["cert"]}, keepalive={"max_idle": 0})
        self.assert_ok(response)
        for _ in range(9):
            self.assert_ok(client.request())
        resumed = sum(value for key, value in scrape(node).items() if key.startswith("weir_tls_handshakes_total") and 'resumed="yes"' in key)
        self.assertGreaterEqual(resumed, 8)  # each worker begins with one that is new

    def test_checks(self):
        node = self.node("a-ecdsa")
        check = {"http": "/healthz", "interval": "100ms", "timeout": "2s", "fall": 1, "rise": 1}
        good = self.weir(config(pools={"app": {"nodes": [node.address], "tls": {"ca": files("a-ecdsa")["cert"], "sni": "a.test"}, "health": check}}))
        self.assert_ok(self.client(good).request())
        bad = self.weir(config(pools={"app": {"nodes": [node.address], "tls": {}, "health": check}}))
        bad.wait_lines("is down: .*self-signed certificate")

    def test_a_pool_becomes_tls(self):
        clear, covered = self.origin(), self.node("c")
        settings = config(pools={"app": {"nodes": [clear.address]}})
        server = self.weir(settings)
        client = self.client(server)
        self.assert_ok(client.request())
        settings["pools"] = {"app": {"nodes": [covered.address], "tls": {"ca": files("c")["cert"]}}}
        with open(server.file, "w", encoding="utf-8") as file:
            file.write(harness.yaml(settings) + "\n")
        server.wait_lines("the configuration is reloaded")
        self.assert_ok(client.request())
        self.assertEqual(len(self.behind.requests), 1)

    def test_large_bodies(self):
        def long(connection, request):
            connection.reply(body=request.body)

        behind = self.origin(on_request=long)
        node = self.weir(config([behind], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [files("c")]}}]))
        server = self.weir(config(pools={"app": {"nodes": [node.address], "tls": {"ca": files("c")["cert"]}}}))
        client = self.client(server)
        body = PATTERN * 128
        sender = threading.Thread(target=client.send, args=(harness.head("POST", "/", body=body), body))
        sender.start()
        self.assertEqual(client.read_response("POST").body, body)
        sender.join()


class Changing(harness.Case):
    """Certificates whose files change while Weir runs."""

    def setUp(self):
        self.folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        self.put("a-ecdsa")

    def put(self, name):
        for what in ("cert", "key"):
            shutil.copy(files(name)[what], os.path.join(self.folder, "new"))
            os.rename(os.path.join(self.folder, "new"), os.path.join(self.folder, what))

    def start(self, **top):
        pair = {"cert": os.path.join(self.folder, "cert"), "key": os.path.join(self.folder, "key")}
        return self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [pair]}}], **top))

    def test_a_new_certificate_is_served_with_and_old_connections_stay(self):
        server = self.start()
        stays = self.client(server, tls=context())
        self.assertEqual(digest(stays), digest_of(files("a-ecdsa")["cert"]))
        self.put("c")
        server.wait_lines("the certificate for c.test was read anew")
        self.assertEqual(digest(self.client(server, tls=context())), digest_of(files("c")["cert"]))
        self.assert_ok(stays.request())

    def test_a_broken_file_leaves_the_old_one_in_service(self):
        server = self.start()
        with open(os.path.join(self.folder, "cert"), "w", encoding="ascii") as file:
            file.write("broken\n")
        server.wait_lines("holds no certificate in PEM .*; what was read before stays in service")
        self.assertEqual(digest(self.client(server, tls=context())), digest_of(files("a-ecdsa")["cert"]))
        self.put("b")
        server.wait_lines("the certificate for b.test was read anew")
        self.assertEqual(digest(self.client(server, tls=context())), digest_of(files("b")["cert"]))

    def test_certificates_that_come_and_go_in_a_folder(self):
        folder = os.path.join(self.folder, "all")
        os.mkdir(folder)

        def put(name):
            shutil.copy(files(name)["key"], os.path.join(folder, name + ".key"))
            shutil.copy(files(name)["cert"], os.path.join(folder, name + ".pem"))

        def served(name):
            return digest(self.client(server, tls=context(), server_name=name))

        put("a-ecdsa")
        server = self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates_dir": folder}}]))
        self.assertEqual(served("b.test"), digest_of(files("a-ecdsa")["cert"]))
        put("b")
        server.wait_lines("the certificate for b.test was read anew")
        self.assertEqual((served("b.test"), served("a.test")), (digest_of(files("b")["cert"]), digest_of(files("a-ecdsa")["cert"])))
        os.unlink(os.path.join(folder, "b.pem"))
        wait_until("b.test is gone", lambda: served("b.test") == digest_of(files("a-ecdsa")["cert"]))

    def test_a_broken_certificate_holds_back_itself_alone(self):
        folder = os.path.join(self.folder, "all")
        os.mkdir(folder)

        def put(name, what):
            for kind in ("key", "cert"):
                shutil.copy(files(name)[kind], os.path.join(self.folder, "new"))
                os.rename(os.path.join(self.folder, "new"), os.path.join(folder, what + {"key": ".key", "cert": ".pem"}[kind]))

        put("a-ecdsa", "one")
        put("b", "two")
        server = self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates_dir": folder}}]))
        for name in ("one", "three"):  # one of them was never any good
            with open(os.path.join(folder, name + ".pem"), "w", encoding="ascii") as file:
                file.write("broken\n")
        put("c", "two")
        server.wait_lines("the certificate for c.test was read anew")
        server.wait_lines("one.pem: holds no certificate in PEM .*; what was read before stays in service")
        self.assertEqual(digest(self.client(server, tls=context(), server_name="c.test")), digest_of(files("c")["cert"]))
        self.assertEqual(digest(self.client(server, tls=context(), server_name="a.test")), digest_of(files("a-ecdsa")["cert"]))

    def test_paths_that_begin_beside_the_configuration(self):
        pair = {"cert": "cert", "key": "./key"}
        path = os.path.join(self.folder, "weir.yaml")
        settings = config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [pair]}}])
        with open(path, "w", encoding="utf-8") as file:
            file.write(harness.yaml(settings) + "\n")
        server = self.weir(settings, file=path)
        self.assertEqual(digest(self.client(server, tls=context())), digest_of(files("a-ecdsa")["cert"]))
        self.put("c")
        server.wait_lines("the certificate for c.test was read anew")

    def test_a_folder_that_is_swapped(self):
        """As Kubernetes changes a secret: by one link."""
        for name, pair in (("one", "a-ecdsa"), ("two", "b")):
            os.mkdir(os.path.join(self.folder, name))
            for what in ("cert", "key"):
                shutil.copy(files(pair)[what], os.path.join(self.folder, name, what))
        link = os.path.join(self.folder, "data")
        os.symlink("one", link)
        pair = {"cert": os.path.join(link, "cert"), "key": os.path.join(link, "key")}
        server = self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": [pair]}}]))
        os.symlink("two", link + ".new")
        os.rename(link + ".new", link)
        server.wait_lines("the certificate for b.test was read anew")
        self.assertEqual(digest(self.client(server, tls=context())), digest_of(files("b")["cert"]))


def harness_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    harness.main()
