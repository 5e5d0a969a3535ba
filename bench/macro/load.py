"""The load: what each scenario sends, and how it is sent."""

import dataclasses
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

from proxies import HERE

# What a browser sends to an application of one's own: 19 fields, about 900 bytes with the request line.
BROWSER = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Cache-Control: max-age=0",
    "Cookie: sid=7f3a9c2e51d84b06a1c7; theme=dark; consent=all; _track=GA1.1.1839284756.1730541234",
    "DNT: 1",
    "If-Modified-Since: Sun, 01 Nov 2026 09:00:00 GMT",
    "Origin: http://shop.example.com",
    "Priority: u=0, i",
    "Referer: http://shop.example.com/catalogue/garden/benches?page=3&sort=price",
    'Sec-CH-UA: "Chromium";v="142", "Not_A Brand";v="99"',
    "Sec-CH-UA-Mobile: ?0",
    'Sec-CH-UA-Platform: "Linux"',
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Upgrade-Insecure-Requests: 1",
]


GRPC = ("content-type: application/grpc", "te: trailers")


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    connections: int
    path: str = "/"
    fields: tuple = ()
    body: int = 0
    goal: float = 0.90  # processor time against the better of nginx and HAProxy
    port: str = "clear"   # which of the proxy's
    streams: int = 0      # at a time on each connection, over HTTP/2; 0: HTTP/1.1
    resumed: bool = False  # a new connection per request, whose TLS session goes on
    logs: tuple = ("off", "json")
    peers: tuple = ()     # besides those that are always there


SCENARIOS = [
    Scenario("small", "13-byte answers, 64 keep-alive connections", 64),
    Scenario("browser", "browser-size heads, 64 keep-alive connections", 64, "/browser", tuple(BROWSER)),
    Scenario("down1m", "1 MiB answers, 16 connections", 16, "/1m", goal=1.0),
    Scenario("up1m", "1 MiB uploads, 16 connections", 16, body=1024 * 1024, goal=1.0),
    Scenario("newconn", "a new connection per request, 64 at a time", 64, fields=("Connection: close",), goal=1.0),
    Scenario("many", "13-byte answers, 2,000 keep-alive connections", 2000),
    Scenario("one", "13-byte answers, one connection", 1),
    Scenario("tls", "13-byte answers over TLS 1.3, 64 keep-alive connections", 64, port="tls", logs=("off",)),
    Scenario("tls1m", "1 MiB answers over TLS 1.3, 16 connections", 16, "/1m", goal=1.0, port="tls", logs=("off",)),
    Scenario("handshake", "a new TLS connection per request, 16 at a time", 16, fields=("Connection: close",), goal=1.0, port="tls", logs=("off",)),
    Scenario("resumed", "a new TLS connection per request, one at a time, each going on with a session", 1, goal=1.0, port="tls", resumed=True, logs=("off",)),
    Scenario("h2", "13-byte answers over TLS and HTTP/2, 16 streams on each of 16 connections", 16, goal=0.7, port="tls", streams=16, logs=("off",), peers=("h2o",)),
    Scenario("h2c", "the same in clear", 16, goal=0.7, port="h2c", streams=16, logs=("off",), peers=("h2o",)),
    Scenario("grpc", "calls of 100 bytes there and back to a node of HTTP/2, 16 streams on each of 16 connections", 16, "/grpc", GRPC, 100, 0.7, port="h2c", streams=16, logs=("off",)),
    Scenario("stream", "streams of 1 MiB there and back to a node of HTTP/2, 4 on each of 4 connections", 4, "/grpc1m", GRPC, 1024 * 1024, 1.0, port="h2c", streams=4, logs=("off",)),
]


@dataclasses.dataclass
class Sample:
    """One proxy in one round."""
    requests: int
    rate: float          # requests a second
    errors: int
    cpu_us: float        # processor time of the proxy per request
    system_part: float   # the kernel's share of it, 0..1
    p50_us: float
    p99_us: float


def wrk(scenario, port, seconds, core):
    argv = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "10s",
            "-s", str(HERE / "load.lua")]
    for field in scenario.fields:
        argv += ["-H", field]
    argv += [f"{scheme(scenario)}://127.0.0.1:{port}{scenario.path}", "--", str(scenario.body)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    figures = re.search(r"^FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.M)
    if not figures:
        raise SystemExit(f"bench: wrk failed: {done.stdout}{done.stderr}")
    return [int(n) for n in figures.groups()]


def scheme(scenario):
    return "https" if scenario.port == "tls" else "http"


def message(size):
    """One of gRPC, of so many bytes in all."""
    return b"\0" + (size - 5).to_bytes(4, "big") + bytes(size - 5)


def h2load_once(scenario, port, count, core, folder):
    times = folder / "times"
    times.unlink(missing_ok=True)
    argv = ["taskset", "-c", str(core), "h2load", "-t1", f"-c{scenario.connections}", f"-m{scenario.streams}", f"-n{count}", f"--log-file={times}"]
    for field in scenario.fields:
        argv += ["-H", field]
    if scenario.body:
        (folder / "body").write_bytes(message(scenario.body))
        argv += ["-d", folder / "body"]
    begun = time.monotonic()
    done = subprocess.run([*argv, f"{scheme(scenario)}://127.0.0.1:{port}{scenario.path}"], capture_output=True, text=True, check=False)
    micros = (time.monotonic() - begun) * 1e6
    succeeded = re.search(r"(\d+) succeeded", done.stdout)
    if not succeeded:
        raise SystemExit(f"bench: h2load failed: {done.stdout}{done.stderr}")
    took = sorted(int(line.split()[2]) for line in times.read_text().splitlines())
    spread = statistics.quantiles(took, n=100) if len(took) > 1 else took * 99
    return int(succeeded.group(1)), micros, count - int(succeeded.group(1)), spread[49], spread[98]


def h2load(scenario, port, seconds, core):
    """About so long: h2load counts exactly only where it is told how many."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        folder = pathlib.Path(folder)
        few = 20 * scenario.connections * scenario.streams // (10 if scenario.body > 10000 else 1)
        got = h2load_once(scenario, port, few, core, folder)
        return h2load_once(scenario, port, max(few, int(few / got[1] * 1e6 * seconds)), core, folder)


def resumptions(scenario, port, seconds):
    """One after the other; this process is on the load's core already."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session, took, fresh = None, [], 0
    end = time.monotonic() + seconds
    begun = time.monotonic()
    while time.monotonic() < end:
        one = time.monotonic()
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="bench.test", session=session) as client:
            client.sendall(f"GET {scenario.path} HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n".encode())
            while client.recv(65536):
                pass
            fresh += not client.session_reused
            session = client.session
        took.append((time.monotonic() - one) * 1e6)
    if fresh > 1 + len(took) // 100:
        raise SystemExit(f"bench: {fresh} of {len(took)} sessions did not go on")
    spread = statistics.quantiles(took, n=100)
    return len(took), (time.monotonic() - begun) * 1e6, 0, spread[49], spread[98]


def load(scenario, port, seconds, core):
    """Requests, microseconds, errors, and the times of half of them and of all but a hundredth, in microseconds."""
    if scenario.resumed:
        return resumptions(scenario, port, seconds)
    return h2load(scenario, port, seconds, core) if scenario.streams else wrk(scenario, port, seconds, core)


def measure(proxy, scenario, seconds, core):
    port = proxy.ports[scenario.port]
    load(scenario, port, 1, core)  # connections to the origin stand, memory is allocated
    cpu, (user, system) = proxy.cpu_seconds(), proxy.system_share()
    requests, micros, errors, p50, p99 = load(scenario, port, seconds, core)
    cpu = proxy.cpu_seconds() - cpu
    after = proxy.system_share()
    user, system = after[0] - user, after[1] - system
    return Sample(requests, requests / (micros / 1e6), errors, cpu * 1e6 / max(requests, 1),
                  system / max(user + system, 1e-9), p50, p99)


def exact_requests(scenario, port, count, core):
    """Sends exactly `count` requests over 16 connections."""
    argv = ["taskset", "-c", str(core), "h2load", "--h1", "-n", str(count), "-c", "16", "-t", "1"]
    for field in scenario.fields:
        argv += ["-H", field]
    done = subprocess.run(argv + [f"http://127.0.0.1:{port}{scenario.path}"], capture_output=True, text=True, check=False)
    if f" {count} succeeded" not in done.stdout:
        raise SystemExit(f"bench: h2load failed: {done.stdout}{done.stderr}")


class IdleConnections:
    """Keep-alive connections that each made one request and now do nothing."""

    def __init__(self, port, covered):
        self.port, self.sockets, self.tls = port, [], None
        if covered:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def hold(self, count):
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self.port), 10)
            if self.tls:
                client = self.tls.wrap_socket(client)
            client.sendall(b"GET / HTTP/1.1\r\nHost: idle.example.com\r\n\r\n")
            answer = b""
            while not answer.endswith(b"Hello, world\n"):
                piece = client.recv(4096)
                if not piece:
                    raise SystemExit(f"bench: connection {len(self.sockets)} closed after {answer!r}")
                answer += piece
            self.sockets.append(client)

    def close(self):
        for client in self.sockets:
            client.close()


def idle_bytes(proxy, port_name, count):
    """Process memory that an idle keep-alive connection costs."""
    idle = IdleConnections(proxy.ports[port_name], port_name == "tls")
    try:
        idle.hold(64)
        time.sleep(1)
        before = proxy.memory()
        idle.hold(count)
        time.sleep(2)
        return (proxy.memory() - before) / count
    finally:
        idle.close()
