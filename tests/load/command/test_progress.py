"""What a terminal shows while a load runs."""

import io

from rich.console import Console

from dynogate.load.command.progress import Display
from dynogate.load.generator import Progress


def shown(*, terminal: bool, quiet: bool) -> str:
    """What is written for two reports of a phase."""
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=120)
    with Display(console, quiet=quiet) as display:
        display.say("http://127.0.0.1:8000 (rpc): ping")
        display.phase("concurrent", 10.0)
        display.show(Progress(0.5, 50, 48, 1, 2, 0.001, 0.02))
        display.show(Progress(1.0, 100, 98, 1, 2, 0.001, 0.02))
        display.phase("ramp-up", None)
        display.show(Progress(0.5, 5, 5, 0, 0, None, None))
    return page.getvalue()


def test_a_terminal_gets_a_line_that_lives() -> None:
    """Rate, in flight, percentiles, errors, and how long it will take."""
    text = shown(terminal=True, quiet=False)
    for part in ("concurrent", "100/s", "2 in flight", "p50 1 ms", "p99 20 ms", "1 errors"):
        assert part in text.replace(".00", "").replace(".0", ""), text
    assert "s left" in text


def test_a_file_gets_only_what_stays() -> None:
    """No line that is drawn over and over."""
    assert shown(terminal=False, quiet=False) == "http://127.0.0.1:8000 (rpc): ping\n"
    assert shown(terminal=True, quiet=True) == ""
