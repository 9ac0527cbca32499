"""The twelve profiling tools: arguments in, a call of the profiling library, a report out."""

from dynogate.tools.profiling import analysis, capture, records
from dynogate.tools.profiling.family import toolset

__all__ = ["analysis", "capture", "records", "toolset"]
