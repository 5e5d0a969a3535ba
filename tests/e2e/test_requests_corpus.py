"""Every hostile request of tests/corpus/requests: the right verdict, and a node that sees nothing else."""

import corpus
import harness

SMALL = 600  # cases up to so many bytes are also sent byte by byte


class Verdict:
    def __init__(self, entry):
        self.entry = entry
        self.answers = []
        for line in entry.all("answer") or ["400"]:
            words = line.split()
            method = "HEAD" if words[-1] == "(HEAD)" else "GET"
            self.answers.append(({word for word in words if word != "(HEAD)"}, method))
        self.nodes = [
            [parse_node(alternative) for alternative in line.split(" | ")] for line in entry.all("node")]
        self.partial = entry.get("partial", "no") == "yes"

    def then(self, status):
        return self.entry.get("then") or {200: "open", 400: "close"}.get(status, "any")


def parse_node(text):
    parts = text.split(" ", 2)
    return parts[0], corpus.unescape(parts[1]).decode("latin-1"), corpus.unescape(parts[2]) if len(parts) > 2 else None


class Requests(harness.Case):
    def setUp(self):
        self.node = self.origin()
        self.server = self.proxy(
            self.node, limits={"body": "1MiB"}, timeouts={"header": "1s", "body": "1s", "response": "10s"},
            listeners=[{"address": "127.0.0.1:0", "protocol": "h1"}])
        self.failures = []
        self.may_be_partial = set()

    def replay(self, entry, pieces, label):
        verdict = Verdict(entry)
        if verdict.partial:
            self.may_be_partial.add(entry.bytes.split(b" ")[1].decode())
        try:
            forwarded = self.converse(entry, verdict, pieces)
            self.follow_up(entry)
            self.check_node(entry, verdict, forwarded)
        except (AssertionError, harness.wire.Violation, OSError) as problem:
            self.node.forget()
            self.failures.append(f"{entry.file}: {entry.name} ({label}): {problem}\n    sent {entry.bytes[:300]!r}")

    def converse(self, entry, verdict, pieces):
        """How many of its requests were answered by the node."""
        forwarded = 0
        with self.server.client() as client:
            client.send(*pieces)
            for statuses, method in verdict.answers:
                response = client.read_response(method)
                if response.status == 0:
                    assert response.ended != "timeout", "no answer, and the connection stays open"
                    assert "none" in statuses, f"closed ({response.ended}) without an answer, wanted {sorted(statuses)}"
                    return forwarded
                status = response.status
                assert str(status) in statuses, f"{status} {response.body[:60]!r}, wanted {sorted(statuses)}"
                assert response.complete, f"the answer {status} was cut: {response.ended}"
                assert (response.get("X-Origin") is not None) == (status == 200), f"who answered {status}?"
                forwarded += status == 200
            self.check_connection(entry, verdict.then(status), client)
        return forwarded

    def check_connection(self, entry, then, client):
        if then == "close":
            how = client.read_end(5)
            assert how == "fin", f"wanted a closed connection, got {how}: {bytes(client.reader.buffer)[:100]!r}"
        elif then == "gone":
            how = client.read_end(5)
            assert how in ("fin", "rst"), f"wanted the end of the connection, got {how}"
        elif then == "open":
            response = client.request(target=f"/again/{entry.name}")
            assert response.status == 200, f"the connection should go on, got {response.status} {response.ended}"

    def follow_up(self, entry):
        with self.server.client() as client:
            response = client.request(target=f"/after/{entry.name}")
            assert response.status == 200, f"a good request afterwards got {response.status} {response.ended}"

    def check_node(self, entry, verdict, forwarded):
        seen, partial = self.node.forget()
        targets = [request.target for request in seen]
        while targets and targets[-1] in (f"/after/{entry.name}", f"/again/{entry.name}"):
            targets.pop()
        assert len(targets) == forwarded, f"{forwarded} answered by the node, but it saw {targets}"
        for request, alternatives in zip(seen[:forwarded], verdict.nodes):
            assert any(matches(request, wanted) for wanted in alternatives), (
                f"the node saw {request.method} {request.target[:100]} {request.body[:100]!r}")
        if forwarded:
            check_fields(seen[0], entry)
        for cut in partial:
            assert cut.target in self.may_be_partial, f"the node saw a part of {cut.method} {cut.target!r} {cut.fields}"

    def finish(self):
        self.assertFalse(self.failures, f"{len(self.failures)} wrong verdicts:\n" + "\n".join(self.failures))

    def test_whole(self):
        for entry in corpus.read_folder("requests"):
            self.replay(entry, [entry.bytes], "whole")
        self.finish()

    def test_byte_by_byte(self):
        for entry in corpus.read_folder("requests"):
            if len(entry.bytes) <= SMALL and not entry.name.startswith("slow-"):
                self.replay(entry, [entry.bytes[i : i + 1] for i in range(len(entry.bytes))], "byte by byte")
        self.finish()


def matches(request, wanted):
    method, target, body = wanted
    return request.method == method and request.target == target and (body is None or request.body == body)


def check_fields(message, entry):
    names = message.fields + message.trailers
    for note in entry.all("lacks"):
        name, equals, value = note.partition("=")
        found = [text for key, text in names if key.lower() == name.lower() and value.lower() in text.lower()]
        assert not found, f"{note} should not be passed on: {found}"
    for note in entry.all("has"):
        name, _, value = note.partition(":")
        found = [text for key, text in names if key.lower() == name.lower()]
        assert value.strip() in found, f"{note} should be passed on, there is {names}"


if __name__ == "__main__":
    harness.main()
