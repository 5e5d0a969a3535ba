"""What Weir adds, removes and believes: X-Forwarded-*, Via, X-Request-Id, hop-by-hop fields, Host."""

import json
import os
import tempfile

import harness


class Forwarding(harness.Case):
    def seen(self, fields=(), host="a.test", source=None, route=None, **top):
        node = self.origin()
        settings = harness.config([node], **top)
        if route:
            settings["routes"] = [{"pool": "app", **route}]
        client = self.client(self.weir(settings), source=source)
        self.assert_ok(client.request(fields=fields, host=host))
        return node.requests[0]

    def test_what_is_added(self):
        request = self.seen()
        self.assertEqual(request.all("X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(request.all("X-Forwarded-Proto"), ["http"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["a.test"])
        self.assertEqual(len(request.all("Via")), 1)
        self.assertRegex(request.get("Via"), r"^1\.1 \S+")
        self.assertEqual(len(request.all("X-Request-Id")), 1)
        self.assertGreaterEqual(len(request.get("X-Request-Id")), 16)

    def test_host_goes_unchanged(self):
        self.assertEqual(self.seen(host="ExAmPle.test:8080").all("Host"), ["ExAmPle.test:8080"])

    def test_a_route_may_set_host(self):
        request = self.seen(host="a.test:99", route={"host": "inner.test"})
        self.assertEqual(request.all("Host"), ["inner.test"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["a.test:99"])

    def test_the_trusted_are_believed(self):
        request = self.seen([
            ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "outer.test"),
            ("X-Request-Id", "given-id-0123456789"), ("Via", "1.0 edge")])
        self.assertEqual(addresses(request), ["192.0.2.7", "127.0.0.1"])
        self.assertEqual(request.all("X-Forwarded-Proto"), ["https"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["outer.test"])
        self.assertEqual(request.all("X-Request-Id"), ["given-id-0123456789"])
        via = [part.strip() for value in request.all("Via") for part in value.split(",")]
        self.assertEqual((len(via), via[0]), (2, "1.0 edge"))

    def test_nobody_else_is_believed(self):
        request = self.seen([
            ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-For", "192.0.2.8"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "outer.test"), ("X-Request-Id", "given-id-0123456789"), ("Forwarded", "for=192.0.2.7"),
            ("X-Forwarded-Port", "443"), ("x-forwarded-prefix", "/admin"), ("X-Real-IP", "192.0.2.7"),
            ("X_Forwarded_For", "192.0.2.7"), ("X-Forwarded_Proto", "https"), ("X_Real_IP", "192.0.2.7")],
            trusted_proxies=["10.0.0.0/8"])
        self.assertEqual(addresses(request), ["127.0.0.1"])
        self.assertEqual(request.all("X-Forwarded-Proto"), ["http"])
        self.assertEqual(request.all("X-Forwarded-Host"), ["a.test"])
        self.assertNotIn("given-id-0123456789", request.all("X-Request-Id"))
        for name in ("X-Forwarded-Port", "X-Forwarded-Prefix", "X-Real-IP", "X_Forwarded_For", "X-Forwarded_Proto", "X_Real_IP"):
            self.assertEqual(request.all(name), [], name)

    def test_one_request_id_is_believed_if_it_is_one(self):
        self.assertEqual(self.seen([("X-Request-Id", ""), ("X-Request-Id", "a"), ("X-Request-Id", "b")]).all("X-Request-Id"), ["a"])
        for bad in ("", "a b", "a" * 129):
            request = self.seen([("X-Request-Id", bad)])
            self.assertEqual(len(request.all("X-Request-Id")), 1)
            self.assertRegex(request.get("X-Request-Id"), r"^[0-9a-f]{32}$")

    def test_max_forwards(self):
        node = self.origin()
        client = self.client(self.proxy(node))
        for method in ("OPTIONS", "TRACE"):
            self.assert_ok(client.request(method, "/far", [("Max-Forwards", "2")]))
            self.assertEqual(node.requests[-1].all("Max-Forwards"), ["1"])
        self.assert_ok(client.request("GET", "/far", [("Max-Forwards", "0")]))
        seen = len(node.requests)
        options = client.request("OPTIONS", "*", [("Max-Forwards", "0")])
        self.assertEqual((options.status, options.ended), (204, "complete"))
        self.assertIn("GET", options.get("Allow"))
        trace = self.assert_local(client.request("TRACE", "/near", [("Max-Forwards", "0")]), 405)
        self.assertNotIn("TRACE", trace.get("Allow"))
        self.assertEqual(len(node.requests), seen)
        self.assert_ok(client.request())

    def test_a_network_decides(self):
        trusted = ["127.0.0.2"]
        for source, wanted in (("127.0.0.2", ["192.0.2.7", "127.0.0.2"]), ("127.0.0.3", ["127.0.0.3"])):
            request = self.seen([("X-Forwarded-For", "192.0.2.7")], source=source, trusted_proxies=trusted)
            self.assertEqual(addresses(request), wanted)

    def test_a_unix_listener_is_trusted_if_the_list_says_unix(self):
        for trusted, believed in ((["unix"], True), (["0.0.0.0/0", "::/0"], False)):
            with self.subTest(trusted=trusted), tempfile.TemporaryDirectory(prefix="weir-e2e-") as folder:
                log = os.path.join(folder, "access.log")
                nodes = [self.origin(name=str(number)) for number in range(3)]
                settings = harness.config(
                    nodes, listeners=[{"address": f"unix:{folder}/weir.sock"}, {"address": "127.0.0.1:0"}],
                    trusted_proxies=[*trusted, "127.0.0.1"], access_log={"path": log})
                settings["pools"]["app"].update(strategy="consistent-hash", hash={"key": "client-ip"})
                server = self.weir(settings)
                clients = [f"192.0.2.{number}" for number in range(1, 31)]
                by_unix, by_ip = self.client(server), self.client(server, 1)
                where = [self.assert_ok(by_unix.request(fields=[("X-Forwarded-For", ip)])).get("X-Origin") for ip in clients]
                wanted = [self.assert_ok(by_ip.request(fields=[("X-Forwarded-For", ip)])).get("X-Origin") for ip in clients]
                self.assertEqual(len(set(wanted)), 3)
                if believed:
                    self.assertEqual(where, wanted)
                else:
                    self.assertEqual(len(set(where)), 1)
                seen = {",".join(addresses(request)) for node in nodes for request in node.requests}
                self.assertEqual(seen, {f"{ip},127.0.0.1" for ip in clients} | ({f"{ip},unix:" for ip in clients} if believed else {"unix:"}))
                self.assertEqual(server.stop(), [])
                with open(log, encoding="utf-8") as file:
                    logged = [json.loads(line)["client"] for line in file]
                self.assertEqual(sorted(logged), sorted(clients + (clients if believed else ["unix:"] * len(clients))))

    def test_an_https_target_in_clear_is_a_trusted_proxys_alone(self):
        node = self.origin()
        stranger = self.client(self.proxy(node, trusted_proxies=["10.0.0.0/8"]))
        refused = self.assert_local(stranger.request(target="https://a.test/x"), 421)
        self.assertIn(b"bad_request", refused.body)
        self.assertEqual(node.requests, [])
        self.assert_ok(stranger.request(target="http://a.test/x"))
        trusted = self.client(self.proxy(node))
        for fields, wanted in (((), "https"), ((("X-Forwarded-Proto", "http"),), "http")):
            self.assert_ok(trusted.request(target="https://a.test/x", fields=fields))
            self.assertEqual(node.requests[-1].all("X-Forwarded-Proto"), [wanted])

    def test_hop_by_hop_fields_stay_here(self):
        request = self.seen([
            ("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("Keep-Alive", "timeout=9"), ("Proxy-Connection", "keep-alive"),
            ("TE", "gzip"), ("Upgrade", "websocket"), ("HTTP2-Settings", "AAMA"), ("X-Kept", "2")])
        for name in ("X-Mine", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade", "HTTP2-Settings"):
            self.assertEqual(request.all(name), [], name)
        self.assertEqual(request.all("X-Kept"), ["2"])

    def test_te_trailers_passes(self):
        request = self.seen([("Connection", "TE"), ("TE", "trailers, deflate;q=0.5")])
        self.assertIn(request.all("TE"), (["trailers"], []))

    def test_credentials_and_cookies_pass(self):
        fields = [("Authorization", "Basic eA=="), ("Cookie", "a=1; b=2"), ("Origin", "http://o.test"), ("Accept-Encoding", "gzip")]
        request = self.seen(fields)
        for name, value in fields:
            self.assertEqual(request.all(name), [value])

    def test_request_ids_differ_and_reach_the_client_of_a_local_answer(self):
        node = self.origin()
        client = self.client(self.proxy(node))
        for _ in range(100):
            self.assert_ok(client.request())
        self.assertEqual(len({request.get("X-Request-Id") for request in node.requests}), 100)
        refused = client.request("CONNECT", "a.test:1", host="a.test:1")
        self.assert_local(refused, 405)
        self.assertIsNotNone(refused.get("X-Request-Id"))

    def test_via_on_answers(self):
        response = self.client(self.proxy(self.origin())).request()
        self.assertLessEqual(len(response.all("Via")), 1)


def addresses(request):
    return [part.strip() for value in request.all("X-Forwarded-For") for part in value.split(",")]


if __name__ == "__main__":
    harness.main()
