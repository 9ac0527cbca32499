"""The simulated users."""
