"""Tools that run chaos experiments, and tell of those that were run."""

from dynogate.tools.chaos.family import toolset

__all__ = ["toolset"]
