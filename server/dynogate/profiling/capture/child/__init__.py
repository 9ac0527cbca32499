"""Files that run inside the profiled program's interpreter: standard library and Scalene only."""
