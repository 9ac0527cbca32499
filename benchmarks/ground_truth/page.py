"""The page of the docs that shows the last run."""

from benchmarks._report import Report, markdown_table

_HEAD = """\
# Ground truth

Does the profiler tell the truth? Every program here has a truth planted in it: the line that costs
the most CPU time, the lines that allocate the most, a leak and its rate, or none of these. They
are profiled through a gateway (`profile_script`, then `get_cpu_hotspots`, `get_memory_hotspots` and
`get_memory_leaks` over HTTP), and what is said is held against what is so:

- the hottest line has to be exactly the planted one, and the largest allocations exactly the
  planted lines;
- a leak has to be reported on its line, with a rate within 25 % of what the program measures of
  itself in that very run; no other line of any program may be reported. A few lines hold memory
  that grows until the end without being planted as a leak; those are not judged;
- the profiler is given a copy of the program without the comments that mark the lines.

The CPU truths were checked without Dynogate, by two witnesses: py-spy alone on the plain program,
and a CPU clock read at every line (`python -m benchmarks.ground_truth.verify`).

This page is written by `python -m benchmarks.ground_truth --markdown docs/ground-truth.md`; how to
run it and how to add a program is in
`benchmarks/README.md`.
"""


def page(report: Report) -> str:
    """The page, as Markdown."""
    bars = [
        (bar.what, f"{bar.measured:.3g}" if bar.measured is not None else "unknown", bar.limit)
        for bar in report.bars
    ]
    rows = [(f"`{name}`", *rest) for name, *rest in report.rows]
    return "\n".join(
        [
            _HEAD,
            "## The last run",
            "",
            f"Measured on {report.machine}; numbers in the second table are line numbers.",
            "",
            *markdown_table(("what", "measured", "bar"), bars),
            "",
            *markdown_table(("program", "planted", "said", ""), rows),
            "",
        ]
    )
