"""Deeds that experiments name. What cannot be done raises; nothing returns False."""
