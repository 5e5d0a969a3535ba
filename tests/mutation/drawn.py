"""Bugs that nobody chose: small changes to the code of the core, drawn by a seed.

A statement is left out, a condition turned round, a comparison or a count is off by one, two calls that follow each other
change places: in turn, each at a place drawn from all where that can be done.
"""

import itertools
import random
import re

FOLDERS = ("proxy/core", "proxy/codec", "balancer", "health")
# Not what only tells: log lines, and checks of what cannot be.
STATEMENT = re.compile(r"^( +)(?!return\b|using\b|const\b|auto\b|case\b|static\b|else\b|if\b|for\b|while\b|do\b|break\b|continue\b|throw\b|default\b|public\b|private\b"
                       r"|friend\b|[A-Z]\w*\(|base::log_|WEIR_CHECK|explicit\b|virtual\b|struct\b|class\b|enum\b|std::ignore)"
                       r"(?:\+\+|--|\*)?[A-Za-z_][\w.:\[\]>*-]*(?:\(.*\)|\+\+|--| [-+|&^*]?= .+);$")
CONDITION = re.compile(r"^ +(?:\} else )?(?:if|while) \(")
COMPARED = re.compile(r" (<|<=|>|>=) | ([+-]) 1\b(?!\.)")
ONE_MORE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}


def condition_of(line):
    """Where the condition in parentheses stands, or None: it goes on in the next line, or declares something."""
    begin = line.index("(") + 1
    depth = 1
    for at in range(begin, len(line)):
        depth += {"(": 1, ")": -1}.get(line[at], 0)
        if depth == 0:
            return None if ";" in line[begin:at] or " = " in line[begin:at] else (begin, at)
    return None


def leave_out(lines, at):
    if STATEMENT.match(lines[at]):
        yield [""], 1


def turn_round(lines, at):
    if CONDITION.match(lines[at]) and (span := condition_of(lines[at])):
        line, (begin, end) = lines[at], span
        yield [f"{line[:begin]}!({line[begin:end]}){line[end:]}"], 1


def off_by_one(lines, at):
    line = lines[at]
    if line.lstrip().startswith(("//", "#", "template", "WEIR_CHECK", "base::log_")) or '"' in line:
        return
    for found in COMPARED.finditer(line.split("  // ")[0]):
        changed = f" {ONE_MORE[found[1]]} " if found[1] else ""
        yield [line[:found.start()] + changed + line[found.end():]], 1


def change_places(lines, at):
    first, second = STATEMENT.match(lines[at]), at + 1 < len(lines) and STATEMENT.match(lines[at + 1])
    calls = first and second and " = " not in lines[at] + lines[at + 1]
    if calls and lines[at] != lines[at + 1] and first[1] == second[1]:
        yield [lines[at + 1], lines[at]], 2


WAYS = (leave_out, turn_round, off_by_one, change_places)


def places(sources, way):
    """(path, line number, which in that line, what stands there then, how many lines it stands for), in a fixed order."""
    for path in sorted(sources):
        lines = sources[path].split("\n")
        for at in range(len(lines)):
            for nth, (put, count) in enumerate(way(lines, at), 1):
                yield path, at, nth, put, count


def mutants(sources, seed):
    """Endless: (name, path, the file's text with the bug in it), each of another name. `sources`: text by path."""
    drawing = random.Random(seed)
    left = {way: list(places(sources, way)) for way in WAYS}
    for way in itertools.cycle(WAYS):
        path, at, nth, put, count = left[way].pop(drawing.randrange(len(left[way])))
        lines = sources[path].split("\n")
        where = f"{path}:{at + 1}" if nth == 1 else f"{path}:{at + 1} ({nth})"
        name = f"{way.__name__.replace('_', ' ')} {where}: {lines[at].strip()}"
        lines[at:at + count] = put
        yield name, path, "\n".join(lines)
