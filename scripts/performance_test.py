#!/usr/bin/env python3
"""Load a gateway, or any MCP server: ``performance_test.py --help``.

It also gives ``PerformanceTester``, which is that of ``dynogate.load.tester``.
"""

import sys

from dynogate.load.command.main import main
from dynogate.load.tester import PerformanceTester

__all__ = ["PerformanceTester", "main"]

if __name__ == "__main__":
    sys.exit(main())
