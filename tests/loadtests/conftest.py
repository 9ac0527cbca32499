"""Locust in this process, without the patches that it makes to the whole of Python."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
