#!/usr/bin/env python3
"""What health checks cost: a Weir whose pool has many nodes (127.x.y.z, all of them one origin) and no traffic.

Prints the control thread's share of a core, the connections that were made meanwhile, and how many nodes were ever
called down, which ought to be none. Weir has one core, the origin the other.
"""

import argparse
import os
import pathlib
import re
import tempfile
import time

from proxies import TICKS, Process, free_port, raise_descriptor_limit

CPUS = sorted(os.sched_getaffinity(0))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--nodes", type=int, default=10000)
    parser.add_argument("--interval", default="2s")
    parser.add_argument("--tcp", action="store_true", help="TCP checks instead of HTTP ones")
    parser.add_argument("--seconds", type=int, default=10, help="measured, after as long as all nodes take to be up")
    return parser.parse_args()


def configuration(args, port):
    nodes = "\n".join(f"      - 127.{1 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}:{port}" for i in range(args.nodes))
    check = "tcp: true" if args.tcp else "http: /healthz"
    return (f"listeners: [{{ address: 127.0.0.1:0 }}]\naccess_log: off\nworkers: 1\npools:\n  app:\n"
            f"    health: {{ {check}, interval: {args.interval} }}\n    nodes:\n{nodes}\n")


def control_seconds(pid):
    """User and system time of the control thread, which is the process's first."""
    with open(f"/proc/{pid}/task/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def connections_made():
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Tcp:")]
    return int(dict(zip(names, values))["PassiveOpens"])


def wait_for(pattern, log, count, patience):
    end = time.monotonic() + patience
    while len(re.findall(pattern, pathlib.Path(log).read_text(errors="replace"))) < count:
        if time.monotonic() > end:
            raise SystemExit(f"probes: waited in vain for {count} times {pattern}; see {log}")
        time.sleep(0.1)


def main():
    args = arguments()
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        folder = pathlib.Path(folder)
        port = free_port()
        (folder / "weir.yaml").write_text(configuration(args, port))
        log = folder / "weir.log"
        with Process([args.build / "bench_origin", port, "0.0.0.0"], CPUS[-1], folder / "origin.log"), \
             Process([args.build / "weir", "run", folder / "weir.yaml"], CPUS[0], log) as weir:
            began = time.monotonic()
            wait_for("ready: ", log, 1, 30)
            time.sleep(5)  # all have been checked, and are spread over the interval
            user, system = control_seconds(weir.popen.pid)
            made, start = connections_made(), time.monotonic()
            time.sleep(args.seconds)
            span = time.monotonic() - start
            more = connections_made() - made
            later = control_seconds(weir.popen.pid)
            user, system = (later[0] - user) / span, (later[1] - system) / span
        text = log.read_text(errors="replace")
        print(f"{args.nodes} nodes every {args.interval}: {more / span:.0f} checks a second; control thread "
              f"{(user + system) * 100:.1f} % of a core ({user * 100:.1f} user, {system * 100:.1f} system), "
              f"{(user + system) / max(more / span, 1) * 1e6:.1f} us a check; {len(re.findall(' is down: ', text))} "
              f"nodes called down in {time.monotonic() - began:.0f} s, {len(re.findall(' is up: ', text))} up lines")


if __name__ == "__main__":
    main()
