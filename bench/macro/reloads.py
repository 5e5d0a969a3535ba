#!/usr/bin/env python3
"""What reloads cost traffic: Weir, nginx and HAProxy, each reloaded again and again under 64 keep-alive connections.

Every reload adds a node or takes it away. wrk counts what failed: connections that could not be made, that ended under a
request, and answers other than 2xx and 3xx. A connection that its proxy closes with Connection: close is no failure.
"""

import argparse
import pathlib
import re
import signal
import subprocess
import tempfile
import time

from proxies import HERE, Process, Proxies, free_port, raise_descriptor_limit

NODES = {
    "weir": ("127.0.0.1:{}", "127.0.0.1:{}\n      - 127.0.0.1:{}"),
    "nginx": ("server 127.0.0.1:{} max_fails=0;", "server 127.0.0.1:{} max_fails=0; server 127.0.0.1:{} max_fails=0;"),
    "haproxy": ("server origin 127.0.0.1:{}", "server other 127.0.0.1:{}\n    server origin 127.0.0.1:{}"),
}
SIGNALS = {"weir": signal.SIGHUP, "nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}
ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")


class Reloaded:
    """A proxy whose configuration has one node or two."""

    def __init__(self, name, proxies, ports, core):
        self.name, self.port = name, free_port()
        argv = proxies.command(name, self.port, "off")
        if name == "haproxy":
            argv[argv.index("-db")] = "-W"
        self.file = pathlib.Path(argv[-1])
        one, two = NODES[name]
        self.one = self.file.read_text().replace("workers: 1\n", "workers: 1\nreload: { guard: off }\n")
        self.two = self.one.replace(one.format(ports[0]), two.format(*(ports[::-1] if name == "haproxy" else ports)))
        assert self.two != self.one
        self.process = Process(argv, core, proxies.dir / f"{name}-reloads.out")
        self.process.wait_for_port(self.port)

    def reload(self, turn):
        self.file.write_text(self.two if turn % 2 == 0 else self.one)
        self.process.popen.send_signal(SIGNALS[self.name])

    def memory(self):
        return self.process.memory()


def measure(name, args, proxies, ports):
    """(requests, failures by kind, processes at the end) of one proxy."""
    proxy = Reloaded(name, proxies, ports, args.core)
    with proxy.process:
        wrk = subprocess.Popen(["taskset", "-c", str(args.load_core), "wrk", "-t1", "-c64", f"-d{args.reloads * args.pause + 2:.0f}s",
                                f"http://127.0.0.1:{proxy.port}/"], stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        for turn in range(args.reloads):
            proxy.reload(turn)
            time.sleep(args.pause)
        processes = len(proxy.process.pids())
        text = wrk.communicate()[0]
    requests = int(re.search(r"(\d+) requests in", text)[1])
    errors = [int(count) for count in ERRORS.search(text).groups()] if "Socket errors" in text else [0, 0, 0, 0]
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return requests, [*errors, int(statuses[1]) if statuses else 0], processes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two (default 0.2)")
    parser.add_argument("--proxies", default="weir,nginx,haproxy")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent.parent / "build")
    args = parser.parse_args()
    args.core, args.load_core = 0, 1
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        ports = [free_port(), free_port()]
        origins = [Process([args.build / "bench_origin", port], args.load_core, folder / f"origin-{port}.out") for port in ports]
        for origin, port in zip(origins, ports):
            origin.wait_for_port(port)
        proxies = Proxies({"weir": (args.build / "weir").resolve()}, folder, ports[0], ports[0])
        print(f"| {args.reloads} reloads, {args.pause} s apart | requests | failed | connect, read, write, timeout, status | processes at the end |")
        print("| --- | --- | --- | --- | --- |")
        for name in args.proxies.split(","):
            requests, failed, processes = measure(name, args, proxies, ports)
            print(f"| {name} | {requests:,} | {sum(failed)} | {', '.join(map(str, failed))} | {processes} |", flush=True)
        for origin in origins:
            origin.stop()


if __name__ == "__main__":
    main()
