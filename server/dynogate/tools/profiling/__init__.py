"""The twelve profiling tools: arguments in, a call of the profiling library, a report out.

And the stored profiles as resources, and investigations to start with as prompts.
"""

from dynogate.tools.profiling import analysis, capture, prompts, records, resources
from dynogate.tools.profiling.family import toolset

__all__ = ["analysis", "capture", "prompts", "records", "resources", "toolset"]
