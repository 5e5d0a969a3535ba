"""What authorities say of certificates (OCSP) is stapled to them: from files, and as they are asked."""

import os
import shutil
import subprocess
import unittest

import harness
from harness import config, wait_until
from test_tls import context, files, scrape

AUTHORITY = os.path.realpath(os.path.join(os.path.dirname(__file__), os.pardir, "tls", "ocsp"))


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=harness.seconds(20), **options)


@unittest.skipUnless(shutil.which("openssl"), "needs openssl")
class Stapling(harness.Case):
    def setUp(self):
        self.folder = self.enterContext(harness.tempfile.TemporaryDirectory(prefix="weir-e2e-"))
        self.say("V", 1)

    def at(self, name):
        return os.path.join(self.folder, name)

    def say(self, word, *serials):
        """What the authority says of these from now on: V, valid, or R, revoked."""
        with open(self.at("index"), "w", encoding="ascii") as file:
            for serial in serials:
                revoked = "250101000000Z" if word == "R" else ""
                file.write(f"{word}\t21000101000000Z\t{revoked}\t{serial:02X}\tunknown\t/CN={serial}\n")

    def answer(self, out, *question, days=7, responder="ca"):
        openssl("ocsp", "-index", self.at("index"), "-CA", f"{AUTHORITY}/ca.pem", "-rsigner", f"{AUTHORITY}/{responder}.pem",
                "-rkey", f"{AUTHORITY}/{responder}.key", "-ndays", str(days), "-respout", self.at("new"), *question)
        os.rename(self.at("new"), self.at(out))
        return self.at(out)

    def staple(self, out="staple", **options):
        return self.answer(out, "-issuer", f"{AUTHORITY}/ca.pem", "-cert", f"{AUTHORITY}/leaf.pem", **options)

    def serve(self, *certificates, **tls):
        return self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates": list(certificates), **tls}}]))

    def leaf(self, ocsp):
        return {"cert": f"{AUTHORITY}/leaf.pem", "key": f"{AUTHORITY}/leaf.key", "ocsp": ocsp}

    def stapled(self, server, *options, name="a.test"):
        """What a client that asks gets: "good", or nothing."""
        got = openssl("s_client", "-connect", server.address, "-servername", name, "-status", *options, input=b"").stdout.decode()
        if "OCSP response: no response sent" in got:
            return None
        self.assertIn("OCSP Response Status: successful", got)
        return "good" if "Cert Status: good" in got else "bad"


class Files(Stapling):
    def test_a_file(self):
        server = self.serve(self.leaf(self.staple()), files("b"))
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual(self.stapled(server, version), "good")
        self.assertIsNone(self.stapled(server, name="b.test"))
        self.assert_ok(self.client(server, tls=context()).request())  # who does not ask
        left = [value for key, value in scrape(server).items() if key.startswith("weir_tls_ocsp_staple_expiry_seconds")]
        self.assertEqual(len(left), 1)
        self.assertTrue(6 * 86400 < left[0] <= 7 * 86400, left)

    def test_files_that_change(self):
        path = self.staple()
        server = self.serve(self.leaf(path))
        self.assertEqual(self.stapled(server), "good")
        self.say("R", 1)
        self.staple()
        server.wait_lines("staple: it says that the certificate is revoked; the certificate for a.test is served without")
        self.assertIsNone(self.stapled(server))
        with open(path, "wb") as file:
            file.write(b"garbage")
        server.wait_lines("staple: it is no OCSP response in DER; the certificate for a.test is served without")
        os.unlink(path)
        server.wait_lines("staple: can't be read: .*; the certificate for a.test is served without")
        self.assert_ok(self.client(server, tls=context()).request())
        self.say("V", 1)
        self.staple()
        server.wait_lines("what is stapled to the certificate for a.test was read anew")
        self.assertEqual(self.stapled(server), "good")

    def test_a_file_that_is_no_good_keeps_nobody_from_starting(self):
        server = self.serve(self.leaf(self.at("none")))
        self.assertTrue(server.found("warning: .*none: can't be read: .*; the certificate is served without"))
        self.assertIsNone(self.stapled(server))
        self.assertEqual([value for key, value in scrape(server).items() if key.startswith("weir_tls_ocsp_staple_expiry_seconds")], [0])

    def test_beside_a_certificate_of_a_folder(self):
        for name in ("leaf.pem", "leaf.key"):
            shutil.copy(os.path.join(AUTHORITY, name), self.at(name))
        server = self.weir(config([self.origin()], listeners=[{"address": "127.0.0.1:0", "tls": {"certificates_dir": self.folder}}]))
        self.assertIsNone(self.stapled(server))
        self.staple("leaf.ocsp")
        server.wait_lines("what is stapled to the certificate for a.test was read anew")
        self.assertEqual(self.stapled(server), "good")


class Fetched(Stapling):
    """The authority's responder is a node of the test's own; its certificates say where it is."""

    def setUp(self):
        super().setUp()
        self.responder = self.origin(on_request=self.respond)
        self.broken = False

    def respond(self, connection, request):
        if self.broken:
            return connection.reply(status=503, body=b"later")
        with open(self.at("question"), "wb") as file:
            file.write(request.body)
        with open(self.answer("answer", "-reqin", self.at("question")), "rb") as file:
            return connection.reply(fields=[("Content-Type", "application/ocsp-response")], body=file.read())

    def issue(self, serial, name="made"):
        """A certificate that names the responder."""
        with open(self.at("extensions"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:a.test\nauthorityInfoAccess=OCSP;URI:http://{self.responder.address}/ocsp\n")
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a.test", "-keyout", self.at(name + ".key"), "-out", self.at("request"))
        openssl("x509", "-req", "-in", self.at("request"), "-CA", f"{AUTHORITY}/ca.pem", "-CAkey", f"{AUTHORITY}/ca.key", "-set_serial", str(serial),
                "-days", "30", "-extfile", self.at("extensions"), "-out", self.at("alone"))
        with open(self.at(name + ".new"), "wb") as out:
            for part in (self.at("alone"), f"{AUTHORITY}/ca.pem"):
                with open(part, "rb") as file:
                    out.write(file.read())
        os.rename(self.at(name + ".new"), self.at(name + ".pem"))
        return {"cert": self.at(name + ".pem"), "key": self.at(name + ".key"), "ocsp": "fetch"}

    def test_it_is_asked_and_again_for_a_new_certificate(self):
        self.say("V", 100, 101)
        server = self.serve(self.issue(100))
        server.wait_lines("the certificate for a.test is served with what its authority says of it")
        self.assertEqual(self.stapled(server), "good")
        self.assertEqual([(got.method, got.target, got.get("Content-Type")) for got in self.responder.requests],
                         [("POST", "/ocsp", "application/ocsp-request")])
        self.issue(101)
        server.wait_lines("the certificate for a.test is served with what its authority says of it", 2)
        self.assertEqual(self.stapled(server), "good")
        server.signal(1)  # a reload asks nobody
        server.wait_lines("in force already")
        self.assertEqual(self.stapled(server), "good")
        self.assertEqual(len(self.responder.requests), 2)

    def test_a_responder_that_is_ill(self):
        self.broken = True
        server = self.serve(self.issue(100))
        server.wait_lines(r"the certificate for a.test \(OCSP\) cannot be had: .*: it answers 503; it is served without")
        self.assertIsNone(self.stapled(server))
        self.assert_ok(self.client(server, tls=context()).request())

    def test_what_is_revoked_is_not_stapled(self):
        self.say("R", 100)
        server = self.serve(self.issue(100))
        server.wait_lines("it says that the certificate is revoked; it is served without")
        wait_until("no staple", lambda: self.stapled(server) is None)

    def test_nobody_to_ask(self):
        server = self.serve({"cert": f"{AUTHORITY}/mute.pem", "key": f"{AUTHORITY}/mute.key", "ocsp": "fetch"})
        self.assertTrue(server.found(r"warning: .*nobody can be asked about it \(ocsp: fetch\): it names nobody to ask over HTTP"))
        self.assertIsNone(self.stapled(server))


if __name__ == "__main__":
    harness.main()
