"""Plans and results of load tests, for tests."""

from typing import Any

import msgspec

from dynogate.load.calls import Call
from dynogate.load.outcome import Result
from dynogate.load.plan import Plan
from dynogate.load.targets import target
from dynogate.store.load_reports import LoadReportRow


def plan(url: str = "http://127.0.0.1:8000", **fields: Any) -> Plan:
    """Ten calls of one caller, unless told otherwise."""
    given: dict[str, Any] = {
        "mode": "concurrent",
        "target": target(url, timeout=5.0),
        "calls": (Call("list_databases"),),
        "rate": None,
        "users": 1,
        "duration": 5.0,
        "step": 0.5,
        "requests": 10,
        "max_error_rate": 0.05,
        "max_p99": None,
        "min_rps": None,
        "max_calls": 10_000,
        "max_connections": 16,
        "max_rate": 1000.0,
    }
    return Plan(**{**given, **fields})


def result(document: bytes = b"{}", *, text: str = "HELD", **fields: Any) -> Result:
    """A result that no test has made."""
    given: dict[str, Any] = {
        "id": "",
        "created_us": 1_000_000,
        "mode": "concurrent",
        "url": "http://127.0.0.1:8000/mcp",
        "transport": "mcp",
        "tools": "ping\nlist",
        "loop": "open",
        "verdict": "held",
        "summary": "All limits were kept.",
        "interrupted": False,
        "duration_sec": 10.0,
        "calls": 1000,
        "success_rate": 1.0,
        "goodput": 100.0,
        "p50_sec": 0.001,
        "p95_sec": 0.002,
        "p99_sec": 0.003,
        "breaking_point": None,
    }
    return Result(LoadReportRow(**{**given, **fields}), text, msgspec.Raw(document))
