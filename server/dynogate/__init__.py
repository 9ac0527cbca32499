"""Dynogate: performance tools for agents and engineers, behind a gateway."""

from importlib.metadata import version

__version__ = version("dynogate")
