#!/usr/bin/env python3
"""Weir against nginx, HAProxy and a relay that parses nothing, side by side in one run.

The proxy has one core and one worker, the load and the origin share another. The proxies take turns in
rounds, so that what the machine does meanwhile hits all of them. wrk is a closed loop: its requests a second
say little about a proxy that is faster than wrk; the processor time per request is the figure that counts.
"""

import argparse
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from load import SCENARIOS, exact_requests, idle_bytes, measure, message
from proxies import Process, Proxies, free_port, raise_descriptor_limit
from report import Report

CPUS = sorted(os.sched_getaffinity(0))
PROXY_CORE, LOAD_CORE = CPUS[0], CPUS[-1]
# A node of gRPC, as far as a proxy sees: a message comes back, and trailers behind it.
GRPC_ORIGIN = ["nghttpd", "--no-tls", "--trailer=grpc-status: 0"]


def arguments():
    names = [s.name for s in SCENARIOS]
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*names, "instructions", "idle", []],
                        help=f"any of {', '.join(names)}, instructions, idle (default: all)")
    parser.add_argument("--rounds", type=int, help="how often each proxy has its turn (default 5)")
    parser.add_argument("--seconds", type=int, help="length of a turn, after a second of warming up (default 3)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s, fewer instructions and connections")
    parser.add_argument("--logs", choices=["off", "json", "both"], default="both", help="access logs (default both)")
    parser.add_argument("--proxies", default="weir,nginx,haproxy,relay", help="which, with commas between")
    parser.add_argument("--weir", type=pathlib.Path, help="the binary (default: the one in the build folder)")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--idle-connections", type=int, help="how many are held (default 8000)")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the tables there as well")
    args = parser.parse_args()
    args.parts = args.parts or [*names, "instructions", "idle"]
    args.rounds = args.rounds or (2 if args.quick else 5)
    args.seconds = args.seconds or (1 if args.quick else 3)
    args.idle_connections = args.idle_connections or (2000 if args.quick else 8000)
    args.proxies = args.proxies.split(",")
    return args


def scenario_rounds(scenario, logs, args, proxies, report):
    """All rounds of one scenario, the proxies rotating so that none always goes first."""
    names = [name for name in args.proxies if name != "relay" or (logs == "off" and scenario.port == "clear")]
    names += scenario.peers
    samples = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(proxies.start(name, PROXY_CORE, logs)) for name in names}
        for turn in range(args.rounds):
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                samples[name].append(measure(running[name], scenario, args.seconds, LOAD_CORE))
    for log in proxies.dir.glob("*-access.log"):
        log.unlink()
    report.scenario(scenario, logs, samples)


SCRAPE_EACH = 500  # requests


def instructions_of(name, scenario, count, proxies, scraped=False):
    """Userland instructions of proxy `name` from start to end with `count` requests between.

    Scraped: its metrics are asked for once for each SCRAPE_EACH of them; by requests and not by time, so that the
    count is repeatable."""
    port = free_port()
    argv = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"] + proxies.command(name, port, "off", alone=True)
    process = Process(argv, PROXY_CORE, proxies.dir / f"callgrind-{name}.out")
    with process.wait_for_port(port, patience=60):
        exact_requests(scenario, port, count, LOAD_CORE)
        if scraped:
            for _ in range(count // SCRAPE_EACH):
                urllib.request.urlopen(f"http://127.0.0.1:{proxies.admin_port}/metrics", timeout=60).read()
    text = pathlib.Path(process.output).read_text(errors="replace")
    collected = re.findall(r"Collected : (\d+)", text)
    if not collected:
        raise SystemExit(f"bench: callgrind said nothing of {name}:\n{text}")
    return sum(int(n) for n in collected)


def instructions(args, proxies, report):
    """What N more requests add to the count is the cost of N requests, starting and ending left out."""
    count = 500 if args.quick else 2000
    for scenario in SCENARIOS[:2]:
        figures = {}
        for name in [n for n in args.proxies if n != "relay"]:
            fewer, more = (instructions_of(name, scenario, n, proxies) for n in (count, 2 * count))
            figures[name] = (more - fewer) / count
        if "weir" in figures:
            fewer, more = (instructions_of("weir", scenario, n, proxies, scraped=True) for n in (count, 2 * count))
            figures["weir scraped"] = (more - fewer) / count
        report.instructions(scenario, figures)


def idle(args, port_name, proxies, report):
    count = args.idle_connections // (1 if port_name == "clear" else 4)
    figures = {}
    for name in [n for n in args.proxies if n != "relay"]:
        with proxies.start(name, PROXY_CORE, "off") as proxy:
            figures[name] = idle_bytes(proxy, port_name, count)
    report.idle(port_name, count, figures)


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main():
    args = arguments()
    tools = {"weir": args.weir or args.build / "weir", "origin": args.build / "bench_origin",
             "relay": args.build / "bench_relay"}
    tools = {name: path.resolve() for name, path in tools.items()}
    if len(CPUS) < 2:
        print("bench: one core only: proxy and load share it, and the figures say less", file=sys.stderr)
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        os.chmod(directory, 0o755)  # nginx's worker may be another user
        folder, port, grpc_port = pathlib.Path(directory), free_port(), free_port()
        with contextlib.ExitStack() as origins:
            origins.enter_context(Process([tools["origin"], port], LOAD_CORE, folder / "origin.out")).wait_for_port(port)
            scenarios = [s for s in SCENARIOS if s.name in args.parts]
            if any(s.path.startswith("/grpc") for s in scenarios):
                (folder / "grpc").write_bytes(message(100))
                (folder / "grpc1m").write_bytes(message(1024 * 1024))
                origins.enter_context(Process([*GRPC_ORIGIN, f"--htdocs={folder}", grpc_port], LOAD_CORE, folder / "grpc.out")).wait_for_port(grpc_port)
            proxies = Proxies(tools, folder, port, grpc_port)
            report = Report(args, proxies.versions(args.proxies), commit())
            for scenario in scenarios:
                for logs in scenario.logs if args.logs == "both" else [args.logs]:
                    scenario_rounds(scenario, logs, args, proxies, report)
            if "instructions" in args.parts:
                instructions(args, proxies, report)
            if "idle" in args.parts:
                for port_name in ("clear", "tls"):
                    idle(args, port_name, proxies, report)
            report.end()


if __name__ == "__main__":
    main()
