"""Two profiles compared: which program is slower, and which function is behind it."""
