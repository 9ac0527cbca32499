"""What the servers serve: the same trivial tool, behind each of the peers."""
