"""Pairs of programs, the same or with a planted slowdown, for ``compare_profiles``."""
