#!/usr/bin/env python3
"""What it takes to publish a large configuration, 10,000 nodes and 10,000 routes, and what that costs requests meanwhile.

Prints how long a reload takes from `POST /api/reload` until every worker uses it, and by how much the 99.9th percentile of
requests, at a constant rate that keeps one worker busy for about a third of its core, is higher with reloads than without.
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from proxies import Process, free_port, raise_descriptor_limit

CPUS = sorted(os.sched_getaffinity(0))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--nodes", type=int, default=10000)
    parser.add_argument("--routes", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of load, without reloads and with them")
    parser.add_argument("--rate", type=int, default=6000, help="requests a second")
    return parser.parse_args()


def configuration(args, port, listen, admin, weight):
    """A hundred pools that share the nodes; a route a host. What changes is a node's weight in each pool."""
    per = args.nodes // 100
    pools = "".join(f"  p{pool}:\n    nodes:\n" + "".join(
        f"      - {{ address: 127.{1 + pool}.{i // 250}.{i % 250 + 1}:{port}, weight: {weight if i == 0 else 1} }}\n" for i in range(per)) for pool in range(100))
    routes = "".join(f"  - {{ match: {{ host: h{route}.example.com }}, pool: p{route % 100} }}\n" for route in range(args.routes - 1))
    routes += "  - pool: p7\n"
    return (f"listeners: [{{ address: 127.0.0.1:{listen} }}]\nadmin: {{ address: 127.0.0.1:{admin} }}\naccess_log: off\nworkers: 1\n"
            f"reload: {{ guard: off }}\npools:\n{pools}routes:\n{routes}")


def reload(admin):
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=60)
    began = time.monotonic()
    connection.request("POST", "/api/reload", "{}", {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    assert answer["result"] == "published", answer["errors"]
    return time.monotonic() - began


def p999(args, listen, folder, meanwhile):
    """Milliseconds."""
    log = folder / "latencies"
    log.unlink(missing_ok=True)
    load = subprocess.Popen(["taskset", "-c", str(CPUS[-1]), "h2load", "--h1", "-t1", "-c16", f"--rps={args.rate / 16}", f"-D{args.seconds}",
                             f"--log-file={log}", f"http://127.0.0.1:{listen}/"], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + args.seconds - 0.5
    time.sleep(0.5)
    while time.monotonic() < end:
        meanwhile()
    text = load.communicate()[0]
    rows = [line.split() for line in log.read_text().splitlines()]
    assert all(row[1] == "200" for row in rows) and "0 failed" in text, text
    times = sorted(int(row[2]) for row in rows)
    return len(times), times[int(len(times) * 0.999)] / 1000


def pin_worker(pid):
    """The thread that has used most of the processor is the one worker."""
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    busiest = max(tasks, key=lambda task: int((task / "schedstat").read_text().split()[0]))
    os.sched_setaffinity(int(busiest.name), {CPUS[0]})


def main():
    args = arguments()
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        folder = pathlib.Path(folder)
        port, listen, admin = free_port(), free_port(), free_port()
        texts = [configuration(args, port, listen, admin, weight) for weight in (1, 2)]
        file = folder / "weir.yaml"
        file.write_text(texts[0])
        with Process([args.build / "bench_origin", port, "0.0.0.0"], CPUS[-1], folder / "origin.out"), \
                Process([args.build / "weir", "run", file], CPUS[0], folder / "weir.out") as weir:
            os.sched_setaffinity(weir.popen.pid, set(CPUS))
            weir.wait_for_port(listen)
            for task in pathlib.Path(f"/proc/{weir.popen.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), set(CPUS))
            p999(args, listen, folder, lambda: time.sleep(0.1))
            pin_worker(weir.popen.pid)
            took, added = [], []

            def change():
                file.write_text(texts[(len(took) + 1) % 2])
                took.append(reload(admin))
                time.sleep(0.3)

            for _ in range(args.rounds):
                _, without = p999(args, listen, folder, lambda: time.sleep(0.1))
                count, with_reloads = p999(args, listen, folder, change)
                added.append(with_reloads - without)
                print(f"{count} requests: p99.9 {without:.2f} ms without reloads, {with_reloads:.2f} ms with them", flush=True)
            print(f"{len(took)} reloads of {args.nodes} nodes and {args.routes} routes: {1e3 * statistics.median(took):.0f} ms to publish "
                  f"(slowest {1e3 * max(took):.0f}); p99.9 {statistics.median(added):+.2f} ms by reloads (median of {args.rounds})")


if __name__ == "__main__":
    main()
