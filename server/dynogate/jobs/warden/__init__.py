"""The supervisor of one job: a small process of its own between the gateway and the job.

It is the parent of the job and the *subreaper* of all that the job starts (prctl(2),
``PR_SET_CHILD_SUBREAPER``): whatever forks twice, makes its own session or clears its
environment remains its descendant, and when ``wait`` says that no child is left, nothing is left.
It also keeps the polling, the draining of pipes and the killing out of the gateway's process, and
ends the job when the gateway dies, however it dies.

It runs as ``python -I -S`` and imports nothing but cheap parts of the standard library: its
start-up is paid for every job. Its modules import each other relatively, because they are loaded
as the top-level package ``warden`` there.
"""
