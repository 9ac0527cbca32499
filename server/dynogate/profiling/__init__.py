"""Profiling as a plain Python library: run, parse, analyse, compare, store and export.

``models`` has what they exchange, ``dynogate.errors`` what they raise.
"""

from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.capture.parser import ProfileParser
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.comparison.comparator import ProfileComparator
from dynogate.profiling.models import ProfileResult, ProfileSummary, RunOptions
from dynogate.profiling.storage import ProfileStorage

__all__ = [
    "ProfileAnalyzer",
    "ProfileComparator",
    "ProfileParser",
    "ProfileResult",
    "ProfileStorage",
    "ProfileSummary",
    "RunOptions",
    "ScaleneProfiler",
]
