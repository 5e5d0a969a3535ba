"""A small OpenTelemetry collector: takes OTLP over HTTP in JSON and holds every payload against the published shape.

`check` follows opentelemetry-proto (collector/trace/v1, trace/v1, resource/v1, common/v1) and the rules of OTLP's JSON
form: keys in lowerCamelCase and none that the messages lack, ids as lower-case hexadecimal, 64-bit integers as decimal
text, enumerations as numbers.
"""

import json
import re

import harness
from raw_origin import RawOrigin

INT64 = range(-(1 << 63), 1 << 63)
UINT64 = range(1 << 64)
UINT32 = range(1 << 32)


class BadPayload(AssertionError):
    pass


def demand(truth, where, what):
    if not truth:
        raise BadPayload(f"{where}: {what}")


def text(value, where):
    demand(isinstance(value, str), where, f"{value!r} is no text")


def number(allowed):
    def check_number(value, where):
        demand(type(value) is int and value in allowed, where, f"{value!r} is not in {allowed}")
    return check_number


def decimal(allowed):
    def check_decimal(value, where):
        demand(isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]*", value) and int(value) in allowed, where,
               f"{value!r} is no 64-bit integer as decimal text")
    return check_decimal


def identifier(size, empty=False):
    def check_identifier(value, where):
        good = isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{size}}}", value) and value.strip("0")
        demand(good or (empty and value == ""), where, f"{value!r} is no id of {size} hexadecimal digits")
    return check_identifier


def boolean(value, where):
    demand(isinstance(value, bool), where, f"{value!r} is no truth value")


def real(value, where):
    demand(type(value) in (int, float), where, f"{value!r} is no number")


def listed(check_item):
    def check_list(value, where):
        demand(isinstance(value, list), where, f"{value!r} is no list")
        for index, item in enumerate(value):
            check_item(item, f"{where}[{index}]")
    return check_list


def message(keys, required=(), one_of=False):
    def check_message(value, where):
        demand(isinstance(value, dict), where, f"{value!r} is no map")
        for key in required:
            demand(key in value, where, f"{key} is missing")
        demand(not one_of or len(value) == 1, where, f"{value!r} is not one of {', '.join(keys)}")
        for key, item in value.items():
            demand(key in keys, where, f"there is no {key}")
            keys[key](item, f"{where}.{key}")
    return check_message


def any_value(value, where):
    message({"stringValue": text, "boolValue": boolean, "intValue": decimal(INT64), "doubleValue": real,
             "arrayValue": message({"values": listed(any_value)}), "kvlistValue": message({"values": attributes}),
             "bytesValue": text}, one_of=True)(value, where)


def attributes(value, where):
    listed(message({"key": text, "value": any_value}, required=("key", "value")))(value, where)
    keys = [item["key"] for item in value]
    demand("" not in keys and len(set(keys)) == len(keys), where, f"keys must be unique and not empty: {keys}")


STATUS = message({"message": text, "code": number(range(3))})
EVENT = message({"timeUnixNano": decimal(UINT64), "name": text, "attributes": attributes, "droppedAttributesCount": number(UINT32)})
LINK = message({"traceId": identifier(32), "spanId": identifier(16), "traceState": text, "attributes": attributes,
                "droppedAttributesCount": number(UINT32), "flags": number(UINT32)}, required=("traceId", "spanId"))
SPAN_KEYS = {
    "traceId": identifier(32), "spanId": identifier(16), "traceState": text, "parentSpanId": identifier(16, empty=True),
    "flags": number(UINT32), "name": text, "kind": number(range(6)), "startTimeUnixNano": decimal(UINT64),
    "endTimeUnixNano": decimal(UINT64), "attributes": attributes, "droppedAttributesCount": number(UINT32),
    "events": listed(EVENT), "droppedEventsCount": number(UINT32), "links": listed(LINK), "droppedLinksCount": number(UINT32),
    "status": STATUS}


def span(value, where):
    message(SPAN_KEYS, required=("traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"))(value, where)
    demand(value["name"], where, "a span needs a name")
    demand(int(value["startTimeUnixNano"]) <= int(value["endTimeUnixNano"]), where, "it ends before it begins")


SCOPE = message({"name": text, "version": text, "attributes": attributes, "droppedAttributesCount": number(UINT32)})
SCOPE_SPANS = message({"scope": SCOPE, "spans": listed(span), "schemaUrl": text})
RESOURCE = message({"attributes": attributes, "droppedAttributesCount": number(UINT32)})
RESOURCE_SPANS = message({"resource": RESOURCE, "scopeSpans": listed(SCOPE_SPANS), "schemaUrl": text})
EXPORT = message({"resourceSpans": listed(RESOURCE_SPANS)}, required=("resourceSpans",))


def check(payload):
    EXPORT(payload, "request")


def plain(pairs):
    """Attributes as a dict of plain values."""
    made = {}
    for pair in pairs:
        kind, value = next(iter(pair["value"].items()))
        made[pair["key"]] = int(value) if kind == "intValue" else value
    return made


class Span:
    def __init__(self, made, resource):
        self.trace, self.id, self.parent = made["traceId"], made["spanId"], made.get("parentSpanId", "")
        self.name, self.state = made["name"], made.get("traceState", "")
        self.kind = {2: "server", 3: "client"}[made["kind"]]
        self.begin, self.end = int(made["startTimeUnixNano"]), int(made["endTimeUnixNano"])
        self.attributes = plain(made.get("attributes", []))
        self.failed = made.get("status", {}).get("code", 0) == 2
        self.message = made.get("status", {}).get("message", "")
        self.service = resource["service.name"]

    def __repr__(self):
        return f"{self.kind} {self.name!r} {self.id} under {self.parent or 'none'} of {self.trace}: {self.attributes}"


def accept(connection, request):
    connection.origin.keep(request)
    connection.reply(fields=[("Content-Type", "application/json")], body=b"{}")


class Collector(RawOrigin):
    """`reply(connection, request)` answers each export, after it was checked; `spans` are those that it kept."""

    def __init__(self, reply=accept, **options):
        self.reply = reply
        self.complaints = []
        self.exports = 0  # requests, whatever they were answered
        self.spans = []
        super().__init__(on_request=self.take, name="collector", **options)

    def take(self, connection, request):
        found = []
        try:
            demand((request.method, request.target) == ("POST", "/v1/traces"), "request", f"{request.method} {request.target}")
            demand(request.get("Content-Type") == "application/json", "request", f"Content-Type: {request.get('Content-Type')}")
            demand(request.get("Host") == self.address.replace("127.0.0.1", request.get("Host").rpartition(":")[0]), "request",
                   f"Host: {request.get('Host')}")
            payload = json.loads(request.body)
            check(payload)
            for part in payload["resourceSpans"]:
                resource = plain(part["resource"]["attributes"])
                found += [Span(made, resource) for scope in part["scopeSpans"] for made in scope["spans"]]
            demand(found, "request", "an export without spans")
        except (BadPayload, ValueError, KeyError) as error:
            with self.lock:
                self.complaints.append(f"{error!r} in {request.body[:2000]!r}")
        request.spans = found
        with self.lock:
            self.exports += 1
        self.reply(connection, request)

    def keep(self, request):
        with self.lock:
            self.spans += request.spans
            self.lock.notify_all()

    def wait_spans(self, count, timeout=10.0):
        self.wait(lambda: len(self.spans) >= count, f"{count} spans", timeout)
        return self.spans


class TracingCase(harness.Case):
    """A Weir in front of nodes, and a collector of its spans."""

    def collector(self, *args, **options):
        collector = Collector(*args, **options)

        def end():
            collector.close()
            self.assertEqual((collector.violations, collector.complaints), ([], []), "an export is not as published")

        self.addCleanup(end)
        return collector

    def start(self, collector, *nodes, sample="1/1", tracing=None, **top):
        tracing = {"endpoint": f"http://{collector.address}/v1/traces", "sample": sample, **(tracing or {})}
        return self.weir(harness.config(nodes, tracing=tracing, **top))

    def ask(self, weir, *fields, **options):
        return self.client(weir).request(fields=fields, **options)

    def one_server_span(self, collector, more=1):
        """Waits for one exchange's spans: its own, and those of `more` attempts, in order."""
        spans = collector.wait_spans(1 + more)
        [server] = [span for span in spans if span.kind == "server"]
        clients = sorted((span for span in spans if span.kind == "client"), key=lambda span: span.begin)
        self.assertEqual(len(clients), more, spans)
        for span in clients:
            self.assertEqual((span.trace, span.parent), (server.trace, server.id), spans)
            self.assertLessEqual(server.begin, span.begin)
            self.assertLessEqual(span.end, server.end)
        self.assertEqual(len({span.id for span in spans}), len(spans))
        return server, clients
