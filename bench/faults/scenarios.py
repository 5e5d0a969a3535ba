"""The scenarios: what happens to three nodes when, who else is there, and what is to be reached.

Steps are in seconds from the first request on. A fault begins a window of harm, a heal ends the fault."""

import dataclasses
import typing


@dataclasses.dataclass
class Step:
    at: float
    kind: str  # fault | heal
    do: typing.Callable  # of the nodes


def fault(at, do):
    return Step(at, "fault", do)


def heal(at, do):
    return Step(at, "heal", do)


@dataclasses.dataclass
class Goal:
    """A figure of the verdict and the most that it may be."""
    figure: str
    most: float


ALWAYS = [Goal("doubled", 0), Goal("crossed", 0), Goal("hidden", 0)]
SPARED = [Goal("failed_replayable", 0), Goal("harm_replayable", 0)]
REPLAYED = [Goal("avoidable", 0)]
UNFELT = [Goal("failed_replayable", 0), Goal("failed_once", 0), Goal("harm", 0)]


@dataclasses.dataclass
class Scenario:
    name: str
    about: str
    seconds: float
    steps: list
    goals: list
    settings: dict = dataclasses.field(default_factory=dict)  # of all nodes, from the start
    strategy: str = "round-robin"
    burst: int = 1  # more: so many at once about each second, whatever the rate
    aborts: float = 0  # requests a second besides, that their clients give up
    crowd: list = dataclasses.field(default_factory=list)  # (kind, count)


def set_one(number, **values):
    return lambda nodes: nodes[number].set(**values)


def say(number, command):
    return lambda nodes: nodes[number].say(command)


def kill(number):
    return lambda nodes: nodes[number].kill()


def start(number):
    return lambda nodes: nodes[number].start()


def stop(number):
    return lambda nodes: nodes[number].stop()


def each(action):
    def do(nodes):
        for number in range(len(nodes)):
            action(number)(nodes)
    return do


SCENARIOS = [
    Scenario("rolling_restart", "each node in turn ends as for a deployment and is back 1 s later", 15,
             [step for number in range(3) for step in (fault(2 + 4 * number, stop(number)), heal(3 + 4 * number, start(number)))],
             [*SPARED]),
    Scenario("kill9", "kill -9 of a node, four times, of another each time; 1.5 s later it is back", 15,
             [step for turn in range(4) for step in (fault(2 + 3 * turn, kill(turn % 3)), heal(3.5 + 3 * turn, start(turn % 3)))],
             [*SPARED]),
    Scenario("black_hole", "one node accepts, reads and never answers, for 8 s", 15,
             [fault(2, set_one(0, hole=1)), heal(10, set_one(0, hole=0))], [*REPLAYED, Goal("harm_window", 1.5)]),
    Scenario("syn_drop", "one node is cut off for 8 s: SYNs are dropped, connections fall silent", 15,
             [fault(2, say(0, "freeze")), heal(10, say(0, "thaw"))], [*REPLAYED, Goal("harm_window", 1.5)]),
    Scenario("half_500", "half the answers of one node are 500 for 8 s, its checks pass", 14,
             [fault(2, set_one(0, status=500, status_share=0.5)), heal(10, set_one(0, status_share=0))],
             [*REPLAYED, Goal("harm_window", 3)]),
    Scenario("slow_node", "one node is ten times slower for 10 s; least connections", 17,
             [fault(4, set_one(0, slow=10)), heal(14, set_one(0, slow=1))],
             [*SPARED, Goal("share", 0.06), Goal("p99_ratio", 1.5)], strategy="least-connections"),
    Scenario("cut_bodies", "half the answers of one node end halfway for 8 s, in five ways", 14,
             [fault(2, set_one(0, cut=0.5)), heal(10, set_one(0, cut=0))], [*REPLAYED]),
    Scenario("resets", "one node reads half its requests and resets them for 8 s, its checks pass", 14,
             [fault(2, set_one(0, reset=0.5)), heal(10, set_one(0, reset=0))], [*REPLAYED]),
    Scenario("all_down", "all nodes refuse connections and reset those they have, and are back together 4 s later", 14,
             [fault(3, each(lambda number: say(number, "refuse"))), heal(7, each(lambda number: say(number, "listen")))], [Goal("last_error", 1)]),
    Scenario("retry_storm", "all nodes answer everything with 503 for 6 s, their checks pass", 13,
             [fault(3, each(lambda number: set_one(number, status=503, status_share=1))),
              heal(9, each(lambda number: set_one(number, status_share=0)))], [Goal("amplification", 1.25), Goal("last_error", 1)]),
    Scenario("slow_clients", "500 clients that send heads or bodies, or read, slowly; nodes take 32 requests at once", 15,
             [], [*UNFELT], settings={"slots": 32}, crowd=[("slow", 500)]),
    Scenario("aborts", "50 requests a second besides, that their clients give up within 25 ms", 12, [], [*UNFELT], aborts=50),
    Scenario("idle_race", "nodes close what lies idle for 1 s; 60 requests at once about each second; of connections idle for over 0.9 s every "
             "tenth closes just as it is used", 16, [], [*SPARED], settings={"service_ms": 2, "idle_ms": 1000, "lose": 0.1}, burst=60),
    Scenario("idle_10k", "10,000 idle client connections beside", 10, [], [*UNFELT], crowd=[("idle", 10000)]),
    Scenario("everything", "500 slow and 2,000 idle clients, 25 aborts a second; of the nodes one is ten times slower, resets, cuts and "
             "answers 500; one is killed, comes back, falls silent, is cut off; one is well; all close idle connections", 22,
             [fault(3, set_one(0, slow=10, reset=0.1, cut=0.1, status=500, status_share=0.1)),
              fault(4, kill(1)), heal(7, start(1)), fault(9, set_one(1, hole=1)), heal(13, set_one(1, hole=0)),
              fault(14, say(1, "freeze")), heal(17, say(1, "thaw")),
              heal(18, set_one(0, slow=1, reset=0, cut=0, status_share=0))],
             [*REPLAYED], settings={"idle_ms": 1000, "lose": 0.1}, aborts=25, crowd=[("slow", 500), ("idle", 2000)]),
]
for scenario in SCENARIOS:
    scenario.goals += ALWAYS
