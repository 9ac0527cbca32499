"""A program that goes through much library code, so that its whole profile is about 9 MB."""

import ast
import decimal
import difflib
import fractions
import inspect
import io
import json
import pprint
import statistics
import textwrap
import tokenize

MODULES = (ast, decimal, difflib, inspect, json, pprint, textwrap, tokenize)
TURNS = 3


def work(turn: int) -> int:
    """Read one module's source in several ways."""
    source = inspect.getsource(MODULES[turn % len(MODULES)])
    lines = source.splitlines()
    found = len(list(tokenize.generate_tokens(io.StringIO(source).readline)))
    found += len(ast.unparse(ast.parse(source)))
    found += sum(1 for _ in difflib.unified_diff(lines[:200], lines[100:300]))
    found += len(json.dumps([line.split() for line in lines], indent=1))
    found += len(pprint.pformat([line.split() for line in lines[:60]]))
    found += len(textwrap.fill(source[:4_000]))
    found += statistics.fmean(map(len, lines)) > fractions.Fraction(turn, 7)
    return found


def main() -> None:
    """Read ``TURNS`` modules."""
    print(sum(work(turn) for turn in range(TURNS)))


main()
