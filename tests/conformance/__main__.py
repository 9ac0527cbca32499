"""Run the MCP conformance suite against a gateway of our own, and print what passed and failed."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conformance.suite import REQUIREMENTS, Check, judge


def main() -> int:
    """Run what was asked for; 1 where a check failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--requirements", choices=REQUIREMENTS, help="one set only")
    what.add_argument("--scenario", help="one scenario only")
    options = parser.parse_args()
    if options.scenario:
        selections = [("--scenario", options.scenario)]
    elif options.requirements:
        selections = [("--requirements", options.requirements)]
    else:
        selections = [("--requirements", revision) for revision in REQUIREMENTS]
    with tempfile.TemporaryDirectory() as folder:
        results = {selection[1]: judge(Path(folder), *selection) for selection in selections}
    return _report(results)


def _report(results: dict[str, list[Check]]) -> int:
    table = Table("set", "scenarios", "scenarios without a failure", "checks passed", "failed")
    failures = []
    for name, checks in results.items():
        failed = [check for check in checks if check.status == "FAILURE"]
        scenarios = {check.scenario for check in checks}
        bad = {check.scenario for check in failed}
        passed = Counter(check.status for check in checks)["SUCCESS"]
        counts = (len(scenarios), len(scenarios - bad), passed, len(failed))
        table.add_row(name, *map(str, counts))
        failures += failed
    console = Console(width=None if sys.stdout.isatty() else 160)
    for check in failures:
        console.print(f"FAILED {check.scenario}: {check.name}: {check.problem}", markup=False)
    console.print(table)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
