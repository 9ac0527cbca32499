"""Who may come in, how often and how much."""
