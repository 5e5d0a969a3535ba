"""The tables of docs/metrics.md: what metrics Weir has, as it tells its operators."""

import collections
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROW = re.compile(r"^\| `(weir_\w+)` \| (\w+) \| ([\w, -]+) \| (.*) \|$", re.M)

Metric = collections.namedtuple("Metric", "type labels help")


def read():
    """{name: Metric}, the labels as a set."""
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as file:
        rows = ROW.findall(file.read())
    made = {name: Metric(kind, frozenset(re.findall(r"\w+", labels)), meaning) for name, kind, labels, meaning in rows}
    assert made and len(made) == len(rows), "no table, or a name that is in it twice"
    return made


def series(table):
    """{name of a series: its labels}: a histogram has three names, and so on."""
    made = {}
    for name, metric in table.items():
        if metric.type == "histogram":
            made[name + "_bucket"] = metric.labels | {"le"}
        if metric.type in ("histogram", "summary"):
            made[name + "_sum"] = made[name + "_count"] = metric.labels
        else:
            made[name] = metric.labels
    return made
