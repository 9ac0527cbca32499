"""What every test may use."""

import os

pytest_plugins = ["tests.postgres", "tests.redis"]

# Tests call as fast as they can; those of the limits set them.
os.environ.setdefault("DYNOGATE_RATE_LIMIT", "off")
