#!/usr/bin/env python3
"""Weir, nginx and HAProxy before nodes that fail in every way, under requests that come at a constant rate whatever happens.

Each request has an id, which the node's answer has to bear, and which nodes write down as they read it: so what failed, came twice,
came from elsewhere or was cut without a word is known of each. The goals are Weir's; the peers are measured by them too.
"""

import argparse
import pathlib
import shlex
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1] / "macro"))

import judge  # noqa: E402
from peers import NAMES, version  # noqa: E402
from proxies import raise_descriptor_limit  # noqa: E402
from report import asked, machine  # noqa: E402
from run import run  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from table import Table  # noqa: E402


def arguments():
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="./dev bench faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", choices=[*names, []], help=f"any of {', '.join(names)} (default: all)")
    parser.add_argument("--proxies", nargs="+", default=NAMES, choices=[*NAMES, "direct"], help="which; direct: one node, and no proxy")
    parser.add_argument("--rate", type=float, default=250, help="requests a second (default 250)")
    parser.add_argument("--quick", action="store_true", help="all times are half as long, which the peers' timeouts are not")
    parser.add_argument("--weir", type=pathlib.Path, help="the binary (default: the one in the build folder)")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help="the build folder")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write the table there as well")
    args = parser.parse_args()
    args.chosen = [scenario for scenario in SCENARIOS if not args.scenarios or scenario.name in args.scenarios]
    return args


def tools(args):
    made = {name: args.build / f"bench_fault_{name}" for name in ("node", "client", "crowd")}
    return {name: path.resolve() for name, path in {**made, "weir": args.weir or args.build / "weir"}.items()}


def head(args, paths):
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    return [f"Machine: {machine()}.", f"Commit: {commit or 'unknown'}.", f"Command: `{shlex.join(['./dev', 'bench', 'faults', *asked()])}`.",
            "Versions: " + "; ".join(f"{name}: {version(name, paths['weir'])}" for name in args.proxies) + ".",
            f"{args.rate:g} requests a second."]


def main():
    args = arguments()
    paths = tools(args)
    raise_descriptor_limit()
    table = Table(head(args, paths))
    for scenario in args.chosen:
        table.begin(scenario)
        for name in args.proxies:
            table.add(scenario, name, judge.verdict(run(scenario, name, paths, args.rate, 0.5 if args.quick else 1.0)))
            if args.markdown:
                table.write(args.markdown)


if __name__ == "__main__":
    main()
