"""What is known of drawn bugs that no test notices: survivors.txt, whose head says what a line is."""

import os
import sys

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "survivors.txt")
CLASSES = ("equivalent", "log", "open")


def load(path=PATH):
    """The class of each, by name."""
    known = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3 or fields[1] not in CLASSES or not all(fields):
                sys.exit(f"{path}:{number}: not a name, one of {', '.join(CLASSES)}, and a reason, with tabs between them")
            if known.setdefault(fields[0], fields[1]) != fields[1]:
                sys.exit(f"{path}:{number}: it is {known[fields[0]]} further up")
    return known


def share(caught, survived, known):
    """Percent of the bugs that anybody could notice, for a count and the names of the others."""
    possible = caught + sum(known.get(name) != "equivalent" for name in survived)
    return 100 * caught / possible if possible else 100.0


def text(caught, survived, known):
    classes = [known.get(name, "unknown") for name in survived]
    counts = ", ".join(f"{classes.count(each)} {each}" for each in (*CLASSES, "unknown") if each in classes)
    return (f"{caught} of {caught + len(survived)} noticed; survived: {counts or 'none'}; "
            f"{share(caught, survived, known):.1f} % of those that are not equivalent")
