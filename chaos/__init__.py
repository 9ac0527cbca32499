"""Chaos experiments: faults are injected for real, and no verdict is taken on trust."""
