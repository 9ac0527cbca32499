"""What a profile says: hot lines, functions, bottlenecks, leaks, and what to do about them."""
