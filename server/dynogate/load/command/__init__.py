"""The command ``scripts/performance_test.py``: its options, its progress, its results."""
