"""Load over time: give one beside the locustfile, ``-f loadtests/locustfile.py,FILE``."""
