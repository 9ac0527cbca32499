"""Load tests one can believe: an open loop, a generator that certifies itself, replies checked.

Works in a notebook, with no gateway in this process: it only speaks to one, or to any MCP server.
"""
