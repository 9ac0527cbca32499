"""Which toolsets a gateway has: its own, those of entry points, and those named in settings."""

import importlib
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from dynogate.errors import ConfigurationError
from dynogate.tools.registry import Registry, Toolset

ENTRY_POINT_GROUP = "dynogate.toolsets"


def load_registry(extra: Sequence[str] = ()) -> Registry:
    """The catalogue of every installed toolset, and those of ``extra`` (``module:attribute``).

    Raises:
        ConfigurationError: a toolset cannot be imported, is none, or two tools share a name.
    """
    toolsets = [_checked(entry.value, entry.load()) for entry in _installed()]
    toolsets += [_checked(reference, _import(reference)) for reference in extra]
    return Registry(*toolsets)


def _installed() -> list[EntryPoint]:
    return sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)


def _import(reference: str) -> object:
    module, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"DYNOGATE_TOOLSETS: cannot load {reference!r} (module:attribute): {error}"
        ) from error


def _checked(reference: str, loaded: object) -> Toolset:
    if not isinstance(loaded, Toolset):
        raise ConfigurationError(f"{reference!r} is a {type(loaded).__name__}, not a Toolset")
    return loaded
