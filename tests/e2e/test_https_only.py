"""Requests that come in clear are sent to https, and browsers are told to stay there."""

import harness
from h2_client import H2Client, h2_context
from harness import config, wait_until
from test_tls import context, files, scrape


def without(fields, name):
    return [value for key, value in fields if key.lower() == name]


class HttpsOnly(harness.Case):
    def serve(self, nodes=None, clear=({},), **tls):
        self.node = self.origin()
        listeners = [{"address": "127.0.0.1:0", "name": "secure", "tls": {"certificates": [files("a-ecdsa")], **tls}},
                     *({"address": "127.0.0.1:0", "name": f"plain{number}", **each} for number, each in enumerate(clear))]
        self.settings = config(nodes or [self.node], listeners=listeners)
        return self.weir(self.settings)

    def place(self, server, host="a.test", target="/"):
        return f"https://{host}:{server.addresses[0].rpartition(':')[2]}{target}"

    def assert_sent(self, response, location):
        self.assertEqual((response.status, response.get("Location")), (308, location))
        self.assertIsNone(response.get("Strict-Transport-Security"))

    def test_requests_in_clear(self):
        server = self.serve(redirect=True)
        client = self.client(server, 1)
        self.assert_sent(client.request(target="/x?y=z"), self.place(server, target="/x?y=z"))
        self.assert_sent(client.request(host="A.test:8080"), self.place(server, "A.test"))
        self.assert_sent(client.request(host="[::1]:80"), self.place(server, "[::1]"))
        self.assert_sent(client.request(target="//evil.test/"), self.place(server, target="//evil.test/"))
        self.assert_sent(client.request(target="/a/../%2e%2e/b"), self.place(server, target="/b"))
        self.assert_sent(client.request(target="http://b.test:8080/x", host="b.test:8080"), self.place(server, "b.test", "/x"))
        self.assert_sent(client.request(method="HEAD"), self.place(server))
        self.assert_sent(client.request(method="OPTIONS", target="*"), self.place(server))
        self.assert_ok(self.client(server, tls=context()).request())
        self.assertEqual(len(self.node.requests), 1)
        self.assertEqual(scrape(server)['weir_listener_redirects_total{listener="plain0"}'], 8)

    def test_a_body_changes_nothing(self):
        server = self.serve(redirect=True)
        for size in (0, 1000, 1 << 20):
            self.assert_sent(self.client(server, 1).request(method="POST", body=b"x" * size), self.place(server))
        self.assertEqual(self.node.requests, [])

    def test_hosts_that_are_none(self):
        server = self.serve(redirect=True)
        self.assert_local(self.client(server, 1).request(version="HTTP/1.0", host=None), 400)
        for host in ("", "a.test\r\nX-Evil: 1", "a.test/evil.test", "evil.test@a.test", "a b", "a.test\\@b", "a.test#", "a.test?", "a.test:x"):
            client = self.client(server, 1)
            client.send(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
            response = client.read_response()
            if response.status == 308:  # the second line is a field of the request, and stays that
                self.assertEqual(response.get("Location"), self.place(server))
                self.assertIsNone(response.get("X-Evil"))
            else:
                self.assertEqual(response.status, 400, host)
        self.assertEqual(self.node.requests, [])

    def test_who_came_by_https_already(self):
        server = self.serve(redirect=True)
        self.assert_ok(self.client(server, 1).request(fields=[("X-Forwarded-Proto", "https")]))
        strangers = self.weir({**self.settings, "trusted_proxies": []})
        self.assert_sent(self.client(strangers, 1).request(fields=[("X-Forwarded-Proto", "https")]), self.place(strangers))

    def test_challenges_are_answered_in_clear(self):
        server = self.serve(redirect=True)
        client = self.client(server, 1)
        self.assert_ok(client.request(target="/.well-known/acme-challenge/x"), b"GET /.well-known/acme-challenge/x")
        self.assert_sent(client.request(target="/.well-known/acme-challenge/../x"), self.place(server, target="/.well-known/x"))

    def test_listeners_by_name(self):
        server = self.serve(clear=({}, {}), redirect="plain1")
        self.assert_ok(self.client(server, 1).request())
        self.assert_sent(self.client(server, 2).request(), self.place(server))

    def test_http2_in_clear(self):
        server = self.serve(redirect=["plain0"])
        client = H2Client(server.addresses[1])
        self.addCleanup(client.close)
        answers = [client.ask(path=f"/{number}") for number in range(3)]
        self.assertEqual([(answer.status, answer.get("location")) for answer in answers],
                         [(308, self.place(server, target=f"/{number}")) for number in range(3)])

    def test_a_reload_begins_and_ends_it(self):
        server = self.serve(redirect=True)
        self.assert_sent(self.client(server, 1).request(), self.place(server))
        del self.settings["listeners"][0]["tls"]["redirect"]
        self.settings["listeners"][0]["tls"]["hsts"] = True
        with open(server.file, "w", encoding="utf-8") as file:
            file.write(harness.yaml(self.settings) + "\n")
        server.wait_lines("the configuration is reloaded")
        self.assert_ok(self.client(server, 1).request())
        self.assertEqual(self.client(server, tls=context()).request().get("Strict-Transport-Security"), "max-age=31536000")


class Hsts(harness.Case):
    def test_every_answer_over_tls_and_none_in_clear(self):
        def own(connection, request):
            status = request.target.strip("/") or "200"
            connection.reply(status=int(status), fields=[("strict-transport-security", "max-age=1"), ("Strict-Transport-Security", "max-age=2")])

        server = self.weir(config([self.origin(on_request=own)], routes=[{"pool": "app", "match": {"host": "a.test"}}], listeners=[
            {"address": "127.0.0.1:0", "tls": {"certificates": [files("a-ecdsa"), files("b")],
                                               "hsts": {"max_age": "2d", "include_subdomains": True, "preload": False}}},
            {"address": "127.0.0.1:0"}]))
        wanted = ["max-age=172800; includeSubDomains"]
        client = self.client(server, tls=context())
        answers = [client.request(), client.request(target="/404"), client.request(target="/503"), client.request(host="b.test"),
                   client.request(host="nobodys.test"), client.request(method="HEAD")]
        self.assertEqual([answer.status for answer in answers], [200, 404, 503, 421, 404, 200])
        client.send("GET /\x01 HTTP/1.1\r\n\r\n")
        answers.append(client.read_response())
        for answer in answers:
            self.assertEqual(without(answer.fields, "strict-transport-security"), wanted)
        h2 = H2Client(server.address, tls=h2_context())
        self.addCleanup(h2.close)
        for got in (h2.ask(), h2.ask(authority="nobodys.test"), h2.ask(path="/404")):
            self.assertEqual(without(got.fields, "strict-transport-security"), wanted)
        self.assertEqual(self.client(server, 1).request().get("strict-transport-security"), "max-age=1")  # a node's own affair
        self.assertIsNone(self.client(server, 1).request(host="nobodys.test").get("strict-transport-security"))
        self.assertIsNone(self.client(server).request().get("strict-transport-security"))  # HTTP at the port of TLS
        wait_until("the count", lambda: scrape(server)['weir_tls_handshake_failures_total{listener="127.0.0.1:0",reason="http_request"}'] == 1)


if __name__ == "__main__":
    harness.main()
