"""Long work: child processes with limits, and the queue they wait in."""
