"""What an expression of PromQL names: metrics, and labels of them. No more of a parser than that takes.

Whether it is PromQL at all, promtool says.
"""

import re

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
METRIC = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?![\w:]|\s*\()")
WORDS = {"and", "or", "unless", "offset", "bool"}
TARGET = {"job", "instance"}  # Prometheus adds them
OTHERS = {"up": frozenset()}  # its own


def selectors(expression):
    """[(metric, labels that are matched)], one for each mention of a metric."""
    text = GROUPING.sub("", STRING.sub('""', re.sub(r"\[[^\]]*\]", "", expression)))
    with_labels = [(name, set(re.findall(r"(\w+)\s*[=!]", labels))) for name, labels in SELECTOR.findall(text)]
    bare = METRIC.findall(SELECTOR.sub("", text))
    return with_labels + [(name, set()) for name in bare if name not in WORDS]


def grouped(expression):
    """The labels that it groups or matches by."""
    return set(re.findall(r"\w+", " ".join(GROUPING.findall(STRING.sub('""', expression)))))


def offences(expression, known, used=()):
    """What it names that `known`, {metric: labels}, does not have. `used`: labels that a text about its series has."""
    said, labels = [], set(TARGET)
    for name, matched in selectors(expression):
        if name not in known:
            said.append(f"no metric {name}")
            continue
        labels |= known[name]
        said += [f"{name} has no label {label}" for label in sorted(matched - known[name] - TARGET)]
    labels |= set(re.findall(r',\s*"(\w+)",\s*"\$1"', expression))  # made by label_replace
    return said + [f"nothing there has a label {label}" for label in sorted((grouped(expression) | set(used)) - labels)]
