"""What a run came to: figures from what the clients saw, what the nodes read, and when the faults were. Nothing is measured here.

Harm is a request that fails or takes over 0.9 s from when it was due. The window goes from the first fault (and what was in
flight then) until 3 s after the last heal; without faults it is the whole run."""

import bisect
import collections
import dataclasses

HARM_US = 900_000
IN_FLIGHT_US = 100_000
AFTER_US = 3_000_000
REPLAYABLE = {"get", "key"}
# What a proxy may pass on: a node's own answer, and the end of a body that has begun.
PASSED_ON = {"500", "cut"}


@dataclasses.dataclass
class Request:
    id: str
    kind: str  # get | key | post | abort
    due: int
    sent: int
    end: int
    outcome: str
    node: str

    @property
    def failed(self):
        return self.outcome != "ok"

    @property
    def latency(self):
        return self.end - self.due

    @property
    def harmed(self):
        return self.failed or self.latency > HARM_US


@dataclasses.dataclass
class Run:
    """`rows`: {node: [(microseconds, id, what)]}. `marks`: [(microseconds, "fault" or "heal")], in order of time."""
    requests: list
    rows: dict
    marks: list
    crowd_ended: int = 0


def read_requests(path):
    requests = []
    for line in path.read_text().splitlines():
        name, kind, due, sent, end, outcome, node = line.split()
        requests.append(Request(name, kind, int(due), int(sent), int(end), outcome, node))
    return requests


def percentile(latencies, share):
    """Milliseconds; None of nothing."""
    ordered = sorted(latencies)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000 if ordered else None


def window(run):
    faults = [at for at, kind in run.marks if kind == "fault"]
    heals = [at for at, kind in run.marks if kind == "heal"]
    if not faults:
        return min(r.due for r in run.requests), max(r.due for r in run.requests)
    return faults[0] - IN_FLIGHT_US, (heals[-1] + AFTER_US if heals else max(r.due for r in run.requests))


def harm_window(harmed, faults):
    """Seconds from a fault until the last request that it harmed was due; of several faults the longest."""
    longest = 0
    for request in harmed:
        place = bisect.bisect_right(faults, request.due + IN_FLIGHT_US) - 1
        if place >= 0:
            longest = max(longest, request.due - faults[place])
    return longest / 1e6


def last_error(requests, marks):
    """Seconds from a heal until the last failure before the next fault; of several heals the longest."""
    longest = 0
    for place, (healed, kind) in enumerate(marks):
        if kind != "heal":
            continue
        until = marks[place + 1][0] if place + 1 < len(marks) else float("inf")
        longest = max([longest, *(r.end - healed for r in requests if r.failed and healed < r.end < until)])
    return longest / 1e6


def latency_ratio(requests, faults, heals):
    """p99 from 3 s after the fault until it is healed, against what it was before."""
    if not faults or not heals:
        return None
    before = percentile([r.latency for r in requests if r.due < faults[0] - IN_FLIGHT_US and not r.failed], 0.99)
    later = percentile([r.latency for r in requests if faults[0] + AFTER_US <= r.due < heals[-1]], 0.99)
    return later / before if before and later else None


def first_share(run, faults, heals):
    """Of the requests that nodes read while the fault was, those of the first node."""
    if not faults or not heals:
        return None
    counts = {name: sum(faults[0] <= at < heals[-1] for at, _, _ in rows) for name, rows in run.rows.items()}
    total = sum(counts.values())
    return counts[min(counts)] / total if total else None


def doubled(run):
    """Requests that nobody may repeat and that nodes read more than once."""
    read = collections.Counter(name for rows in run.rows.values() for _, name, _ in rows)
    return sum(r.kind == "post" and read[r.id] > 1 for r in run.requests)


def amplification(run, own, faults, heals):
    """How often nodes read a request that was due while the fault was (without one: any request)."""
    names = {r.id for r in own if not faults or not heals or faults[0] <= r.due < heals[-1]}
    read = sum(name in names for rows in run.rows.values() for _, name, _ in rows)
    return read / len(names) if names else None


def verdict(run):
    """{figure: value}; None where there is nothing to measure it by."""
    begin, end = window(run)
    own = [r for r in run.requests if r.kind != "abort"]
    inside = [r for r in own if begin <= r.due <= end]
    if not inside:
        raise SystemExit("faults: no request was due in the window")
    faults = [at for at, kind in run.marks if kind == "fault"]
    heals = [at for at, kind in run.marks if kind == "heal"]
    failed = [r for r in inside if r.failed]
    harmed = [r for r in inside if r.harmed]
    whole = [r.latency for r in inside if not r.failed]
    return {
        "requests": len(inside),
        "failed_replayable": sum(r.kind in REPLAYABLE for r in failed),
        "avoidable": sum(r.kind in REPLAYABLE and r.outcome not in PASSED_ON for r in failed),
        "failed_once": sum(r.kind not in REPLAYABLE for r in failed),
        "outcomes": collections.Counter(r.outcome for r in failed),
        "harm": len(harmed),
        "harm_replayable": sum(r.kind in REPLAYABLE for r in harmed),
        "harm_window": harm_window(harmed, faults) if faults else None,
        "doubled": doubled(run),
        "crossed": sum(r.outcome == "crossed" for r in run.requests),
        "hidden": sum(r.outcome == "hidden" for r in run.requests),
        "amplification": amplification(run, own, faults, heals),
        "p50": percentile(whole, 0.5),
        "p99": percentile(whole, 0.99),
        "p99_ratio": latency_ratio(own, faults, heals),
        "share": first_share(run, faults, heals),
        "last_error": last_error(own, run.marks) if heals else None,
        "ended": run.crowd_ended,
        "late": percentile([r.sent - r.due for r in inside], 0.99),
    }


def missed(figures, goals):
    """The goals that were not reached."""
    return [goal for goal in goals if figures[goal.figure] is None or figures[goal.figure] > goal.most]
