"""Write the parts of docs/ that are told from code: settings, errors, tools, commands, schemas.

Run it after changing one of those; ``--check`` only says which pages are out of date. Such a part
stands between ``<!-- from code: NAME -->`` and ``<!-- end -->``.
"""

import argparse
import difflib
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # chaos/ is part of the checkout, not of the package

from prometheus_client import Metric
from rich.console import Console

from chaos.report.document import chaos_report_schema
from chaos.spec import all_experiments
from dynogate import errors
from dynogate.cli import app
from dynogate.load.report.document import load_report_schema
from dynogate.settings import ENV_PREFIX, Settings
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.registry import Tool
from dynogate.tools.toolsets import load_registry

PART = re.compile(
    r"(?P<open><!-- from code: (?P<name>[\w ]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL
)
SCHEMAS = {
    ROOT / "docs" / "load-report.schema.json": load_report_schema,
    ROOT / "docs" / "chaos-report.schema.json": chaos_report_schema,
}
REGISTRY = load_registry()
# Defaults that depend on the machine, as a reader should see them.
DEFAULTS = {
    "data_dir": "`$XDG_DATA_HOME/dynogate`, or `~/.local/share/dynogate`",
    "roots": "the working directory",
    "max_running_jobs": "the CPU count",
    "jwt_algorithms": "`RS256,ES256,EdDSA`",
}


def main() -> int:
    """Rewrite the pages, or check them.

    Returns:
        The exit status: 1 where ``--check`` found a page out of date.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check: bool = parser.parse_args().check
    stale = 0
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    written = {page: PART.sub(_told, page.read_text()) for page in pages}
    written |= {page: json.dumps(of(), indent=1) + "\n" for page, of in SCHEMAS.items()}
    for page, after in written.items():
        before = page.read_text() if page.exists() else ""
        if after == before:
            continue
        stale += 1
        if check:
            _show_difference(page.relative_to(ROOT), before, after)
        else:
            page.write_text(after)
    return 1 if check and stale else 0


def _told(part: re.Match[str]) -> str:
    return part["open"] + _part(part["name"]) + part["close"]


def _show_difference(page: Path, before: str, after: str) -> None:
    print(f"{page} is out of date; run .venv/bin/python scripts/docs.py")
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "page", "code", "", "", 0)
    print(*lines, sep="\n")


def _part(name: str) -> str:
    kind, _, rest = name.partition(" ")
    makers: dict[str, Callable[[str], Iterable[str]]] = {
        "settings": lambda _: _settings(),
        "errors": lambda _: _errors(),
        "metrics": lambda _: _metrics(),
        "tool": _tool,
        "command": _command,
        "experiments": lambda _: _experiments(),
    }
    return "\n".join(["", *makers[kind](rest), "", ""])


def _table(*head: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _settings() -> Iterator[str]:
    rows = (
        (f"`{ENV_PREFIX}{name.upper()}`", _setting_default(name), field.description or "")
        for name, field in Settings.model_fields.items()
    )
    return _table("variable", "default", "what it decides", rows=rows)


def _setting_default(name: str) -> str:
    default = Settings.model_fields[name].default
    return DEFAULTS.get(name) or ("none" if default in (None, ()) else f"`{default}`")


def _errors() -> Iterator[str]:
    rows = (
        (str(kind.status), f"`{kind.code}`", f"`{kind.__name__}`", _first_sentence(kind.__doc__))
        for kind in _descendants(errors.DynogateError)
        if "code" in vars(kind) and kind is not errors.RequestError
    )
    return _table("HTTP", "code", "error", "when", rows=rows)


def _descendants(kind: type[errors.DynogateError]) -> Iterator[type[errors.DynogateError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].replace("``", "`").split())


def _metrics() -> Iterator[str]:
    rows = (
        (f"`{_exposed(family)}`", family.type, family.documentation)
        for family in Metrics().registry.collect()
    )
    return _table("metric", "type", "what it tells", rows=rows)


def _exposed(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _tool(name: str) -> Iterator[str]:
    tool = REGISTRY.get(name)
    if tool is None:
        raise SystemExit(f"docs describe the tool {name!r}, which is not there")
    yield tool.description
    yield ""
    yield from _arguments(tool)


def _arguments(tool: Tool) -> Iterator[str]:
    schema = tool.input_schema()
    required = set(schema.get("required", ()))
    rows = (
        (
            f"`{name}`",
            _kind(argument, schema.get("$defs", {})),
            "required" if name in required else f"`{_json(argument.get('default'))}`",
            argument.get("description", "").replace("<", "&lt;"),
        )
        for name, argument in schema.get("properties", {}).items()
    )
    return _table("argument", "type", "default", "meaning", rows=rows)


def _json(value: object) -> str:
    return json.dumps(value)


def _kind(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _kind(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return " or ".join(_kind(option, definitions) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    return f"array of {_kind(schema['items'], definitions)}" if "items" in schema else kind


def _command(name: str) -> Iterator[str]:
    """What ``dynogate NAME --help`` prints."""
    page = io.StringIO()
    app.help_print([] if name == "dynogate" else name.split(), console=Console(file=page, width=90))
    lines = [line.rstrip() for line in page.getvalue().strip().splitlines()]
    return iter(["```text", *lines, "```"])


def _experiments() -> Iterator[str]:
    rows = (
        (
            f"`{each.name}`",
            each.spec.service,
            f"{each.spec.fault}: {each.spec.how}",
            "yes" if each.spec.quick else "",
            f"{each.title}.",
        )
        for each in all_experiments()
    )
    return _table("experiment", "what is broken", "how", "quick", "claim", rows=rows)


if __name__ == "__main__":
    sys.exit(main())
