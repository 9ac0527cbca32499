"""The load tools: a load test as a job, its reports to find, read and compare."""

from dynogate.tools.load import records, resources, run
from dynogate.tools.load.family import toolset

__all__ = ["records", "resources", "run", "toolset"]
