"""The page of the docs that shows the last run."""

from datetime import UTC, datetime

from benchmarks._report import Report, markdown_table

_HEAD = """\
# Speed

What one call costs the gateway, in CPU time of its process: a trivial tool among 50 others, called
over 16 kept connections, with everything on (API key, rate limits, metrics, validation of
arguments). Beside it, the same call to

- `raw`: an ASGI application that only reads the body and sends the same answer, under the same
  uvicorn (httptools, uvloop). No Python gateway behind uvicorn can be faster;
- `sdk-modern`, `sdk-2025`: the official Python SDK's `MCPServer` with the same 50 tools, without
  sessions, as it comes; with `-json`, answering in JSON instead of event streams, which is cheaper;
- `fastmcp`, `fastmcp-1`: FastMCP without sessions, answering in JSON, with 50 tools and with one.

Of Dynogate, `rpc` is `POST /mcp/tools/call`, `modern` and `2025` are `/mcp` in its two eras,
`websocket` is `/ws`; `catalogue-5` and `catalogue-500` are `rpc` with 5 and with 500 tools.

Each server is a process of its own on one core, the client is on another. They take turns in
random order, a fraction of a second each, round by round. A ratio is that of CPU times within one
round, so that a machine whose speed changes does not matter; given are the Hodges-Lehmann estimate
and its 95 % interval. Rates are only as good as the machine was idle.

```
python -m benchmarks.gateway            # about two minutes; --quick takes half a minute
python -m benchmarks.gateway --memory   # 1,000 idle WebSockets, 1,000 sessions
```

This page is written by `python -m benchmarks.gateway --markdown docs/speed.md`.
"""


def page(report: Report) -> str:
    """The page, as Markdown."""
    bars = [
        (bar.what, "unknown" if bar.measured is None else f"{bar.measured:.3g}", bar.limit)
        for bar in report.bars
    ]
    rows = [(f"`{name}`", *rest) for name, *rest in report.rows]
    return "\n".join(
        [
            _HEAD,
            "## The last run",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}, {report.machine}. {report.title}.",
            "",
            *markdown_table(report.columns, rows),
            "",
            *markdown_table(("what", "measured", "bar"), bars),
            "",
        ]
    )
