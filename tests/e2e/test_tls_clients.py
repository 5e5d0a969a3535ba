"""Clients that show certificates, and connections that are asked for hosts of other certificates."""

import hashlib
import os
import re
import shutil
import ssl

import harness
from h2_client import H2Client, h2_context, request
from harness import config, wait_until
from test_tls import context, files, scrape

CLIENTS = os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir, "tls", "clients"))
ALICE = r"CN=alice,OU=\C3\9Cnit,O=Weir\, Inc"


def pem(name):
    return os.path.join(CLIENTS, name + ".pem")


def fingerprint(name):
    with open(pem(name), encoding="ascii") as file:
        first = file.read().partition("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[0] + first[1])).hexdigest()


def shows(name, made=None, **options):
    made = made or context(**options)
    made.load_cert_chain(pem(name), os.path.join(CLIENTS, name + ".key"))
    return made


TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Clients(harness.Case):
    def serve(self, listeners=(), certificates=("a-ecdsa",), log="off", **tls):
        self.node = self.origin()
        settings = {"certificates": [files(name) for name in certificates], "client_ca": pem("ca"), **tls}
        self.settings = config([self.node], listeners=[{"address": "127.0.0.1:0", "tls": settings}, *listeners],
                               access_log={"path": log})
        return self.weir(self.settings)

    def refused(self, server, made):
        """Under TLS 1.3 a client learns of it only once it reads."""
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            client = self.client(server, tls=made)
            client.send(harness.head())
            client.socket.recv(1)

    def failures(self, server, reason):
        return scrape(server)[f'weir_tls_handshake_failures_total{{listener="127.0.0.1:0",reason="{reason}"}}']

    def heard(self):
        request_ = self.node.requests[-1]
        return request_.get("X-Client-Cert-Subject"), request_.get("X-Client-Cert-Fingerprint")

    def test_who_is_served(self):
        server = self.serve(client_crl=pem("crl"))
        for most in (TLS12, TLS13):
            for name, subject in (("alice", ALICE), ("bob", "CN=bob")):
                self.assert_ok(self.client(server, tls=shows(name, most=most)).request())
                self.assertEqual(self.heard(), (subject, fingerprint(name)))
            for name in ("revoked", "expired", "stranger", "server-only"):
                self.refused(server, shows(name, most=most))
            self.refused(server, context(most=most))
        self.assertEqual(len(self.node.requests), 4)
        wait_until("the counts", lambda: self.failures(server, "client_certificate_missing") == 2)  # the latest
        for reason, wanted in (("client_certificate_missing", 2), ("client_certificate_expired", 2), ("client_certificate_revoked", 2),
                               ("client_certificate_bad", 4), ("client_crl", 0)):
            self.assertEqual(self.failures(server, reason), wanted, reason)

    def test_optional(self):
        server = self.serve(client_auth="optional")
        self.assert_ok(self.client(server, tls=context()).request())
        self.assertEqual(self.heard(), (None, None))
        self.assert_ok(self.client(server, tls=shows("alice")).request())
        self.assertEqual(self.heard(), (ALICE, fingerprint("alice")))
        self.refused(server, shows("stranger"))

    def test_nobody_can_forge_it(self):
        """In clear and over TLS, from trusted proxies too (127.0.0.1 is one), in the head and behind the body, over either HTTP."""
        server = self.serve(client_auth="optional", listeners=[{"address": "127.0.0.1:0"}])
        names = ("X-Client-Cert-Subject", "x-client-cert-fingerprint", "X_Client_Cert_Subject", "X-CLIENT_CERT-FINGERPRINT", "X.Client.Cert.Subject")
        fields = [(name, "forged") for name in names]
        trailers = "".join(f"{name}: forged\r\n" for name in names)
        for client in (self.client(server, tls=context()), self.client(server, 1), self.client(server, tls=shows("alice"))):
            self.assert_ok(client.request(fields=fields))
            client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", f"0\r\nX-Other: kept\r\n{trailers}\r\n")
            self.assert_ok(client.read_response("POST"))
        for made in (h2_context(), None):
            client = H2Client(server.addresses[0] if made else server.addresses[1], tls=made)
            self.addCleanup(client.close)
            self.assertEqual(client.ask(fields=[(name.lower(), "forged") for name in names]).status, 200)
        self.assertEqual(len(self.node.requests), 8)
        for got in self.node.requests:
            self.assertNotIn("forged", [value for _, value in got.fields], got.fields)
            self.assertNotIn("forged", [value for _, value in got.trailers], got.trailers)

    def test_sessions_keep_their_client(self):
        server = self.serve()
        for most in (TLS12, TLS13):
            made = shows("alice", most=most)
            first = self.client(server, tls=made)
            self.assert_ok(first.request())
            again = self.client(server, tls=made, session=first.socket.session)
            self.assertTrue(again.socket.session_reused)
            self.assert_ok(again.request())
            self.assertEqual(self.heard(), (ALICE, fingerprint("alice")))

    def test_http2(self):
        server = self.serve()
        client = H2Client(server.address, tls=shows("alice", h2_context()))
        self.addCleanup(client.close)
        for number in range(3):
            self.assertEqual(client.ask(path=f"/{number}").status, 200)
            self.assertEqual(self.heard(), (ALICE, fingerprint("alice")))

    def test_the_access_log_names_it(self):
        folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        server = self.serve(log=os.path.join(folder, "log"), client_auth="optional")
        self.assert_ok(self.client(server, tls=shows("alice")).request(target="/alice"))
        self.assert_ok(self.client(server, tls=context()).request(target="/nobody"))
        self.assertEqual(server.stop(), [])
        with open(os.path.join(folder, "log"), encoding="utf-8") as log:
            lines = log.read()
        self.assertRegex(lines, r'"path":"/alice".*"client_subject":"CN=alice,OU=\\\\C3\\\\9Cnit,O=Weir\\\\, Inc"')
        self.assertRegex(lines, r'"path":"/nobody".*"reason":"-"}')

    def test_files_that_change(self):
        folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))

        def put(name, what):
            shutil.copy(pem(name), os.path.join(folder, "new"))
            os.rename(os.path.join(folder, "new"), os.path.join(folder, what))

        put("ca", "ca")
        put("crl-empty", "crl")
        server = self.serve(client_ca=os.path.join(folder, "ca"), client_crl=os.path.join(folder, "crl"))
        revoked = shows("revoked", most=TLS12)
        stays = self.client(server, tls=revoked)
        session = stays.socket.session
        self.assertTrue(self.client(server, tls=revoked, session=session).socket.session_reused)
        put("crl", "crl")
        server.wait_lines("authorities of clients, and what they revoke, were read anew")
        self.refused(server, revoked)
        with self.assertRaises(ssl.SSLError):  # its session is no way around that
            self.client(server, tls=revoked, session=session)
        self.assert_ok(stays.request())
        with open(os.path.join(folder, "crl"), "w", encoding="ascii") as file:
            file.write("broken\n")
        server.wait_lines("holds no list of revoked certificates in PEM .*; what was read before stays in service")
        self.refused(server, revoked)
        self.assert_ok(self.client(server, tls=shows("alice")).request())
        put("crl", "crl")
        put("other-ca", "ca")
        server.wait_lines("authorities of clients, and what they revoke, were read anew", 2)
        self.refused(server, shows("alice"))

    def test_a_list_whose_time_is_over(self):
        server = self.serve(client_crl=pem("crl-expired"))
        self.assertTrue(server.found("should have been replaced by now"))
        self.refused(server, shows("alice"))
        wait_until("the count", lambda: self.failures(server, "client_crl") == 1)
        self.assertLess(scrape(server)['weir_tls_client_crl_expiry_seconds{listener="127.0.0.1:0"}'], 0)

    def test_a_chain_that_is_too_long_or_no_chain(self):
        """A client's certificates are bounded, and garbage among them is refused."""
        server = self.serve()
        self.assert_ok(self.client(server, tls=shows("alice")).request())
        with open(pem("bob"), encoding="ascii") as file:
            parts = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", file.read(), re.DOTALL)
        long = os.path.join(server.folder.name, "long.pem")
        with open(long, "w", encoding="ascii") as file:
            file.write(parts[0] + parts[1] * 400)
        made = context()
        made.load_cert_chain(long, os.path.join(CLIENTS, "bob.key"))
        self.refused(server, made)
        self.assert_ok(self.client(server, tls=shows("alice")).request())


class Misdirected(harness.Case):
    def setUp(self):
        self.server = self.weir(config([self.origin()], listeners=[
            {"address": "127.0.0.1:0", "tls": {"certificates": [files("a-ecdsa"), files("b"), files("c")]}}]))

    def test_hosts_of_other_certificates(self):
        client = self.client(self.server, tls=context(), server_name="a.test")
        for host in ("a.test", "A.TEST:443", "a.test.", "x.w.test", "nobodys.test", "127.0.0.1"):
            self.assert_ok(client.request(host=host))
        for host in ("b.test", "B.test.", "c.test:8443"):
            self.assert_local(client.request(host=host), 421)
        self.assert_ok(client.request(host="a.test"))

    def test_who_names_no_host_may_ask_for_any(self):
        client = self.client(self.server, tls=context(), server_name=None)
        for host in ("a.test", "b.test", "c.test"):
            self.assert_ok(client.request(host=host))

    def test_each_stream_is_judged(self):
        client = H2Client(self.server.address, tls=h2_context())
        self.addCleanup(client.close)
        streams = [client.send(request(authority=host)) for host in ("a.test", "b.test", "a.test", "c.test")]
        self.assertEqual([client.answer(stream).status for stream in streams], [200, 421, 200, 421])

    def test_a_session_that_goes_on(self):
        made = context(most=TLS12)
        session = self.client(self.server, tls=made, server_name="a.test").socket.session
        client = self.client(self.server, tls=made, server_name="a.test", session=session)
        self.assertTrue(client.socket.session_reused)
        self.assert_ok(client.request(host="a.test"))
        self.assert_local(client.request(host="b.test"), 421)
        wait_until("the count", lambda: scrape(self.server).get('weir_listener_refused_requests_total{listener="127.0.0.1:0",reason="bad_request"}') == 1)


if __name__ == "__main__":
    harness.main()
