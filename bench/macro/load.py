"""The load: what each scenario sends, and how it is sent."""

import dataclasses
import re
import socket
import subprocess
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


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    connections: int
    path: str = "/"
    fields: tuple = ()
    body: int = 0
    goal: float = 0.90  # processor time against the better of nginx and HAProxy


SCENARIOS = [
    Scenario("small", "13-byte answers, 64 keep-alive connections", 64),
    Scenario("browser", "browser-size heads, 64 keep-alive connections", 64, "/browser", tuple(BROWSER)),
    Scenario("down1m", "1 MiB answers, 16 connections", 16, "/1m", goal=1.0),
    Scenario("up1m", "1 MiB uploads, 16 connections", 16, body=1024 * 1024, goal=1.0),
    Scenario("newconn", "a new connection per request, 64 at a time", 64, fields=("Connection: close",), goal=1.0),
    Scenario("many", "13-byte answers, 2,000 keep-alive connections", 2000),
    Scenario("one", "13-byte answers, one connection", 1),
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
    argv += [f"http://127.0.0.1:{port}{scenario.path}", "--", str(scenario.body)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    figures = re.search(r"^FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)$", done.stdout, re.M)
    if not figures:
        raise SystemExit(f"bench: wrk failed: {done.stdout}{done.stderr}")
    return [int(n) for n in figures.groups()]


def measure(proxy, scenario, seconds, core):
    wrk(scenario, proxy.port, 1, core)  # connections to the origin stand, memory is allocated
    cpu, (user, system) = proxy.cpu_seconds(), proxy.system_share()
    requests, micros, errors, p50, p99 = wrk(scenario, proxy.port, seconds, core)
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

    def __init__(self, port):
        self.port, self.sockets = port, []

    def hold(self, count):
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self.port), 10)
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


def idle_bytes(proxy, count):
    """Process memory that an idle keep-alive connection costs."""
    idle = IdleConnections(proxy.port)
    try:
        idle.hold(64)
        time.sleep(1)
        before = proxy.memory()
        idle.hold(count)
        time.sleep(2)
        return (proxy.memory() - before) / count
    finally:
        idle.close()
