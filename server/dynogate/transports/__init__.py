"""Where bytes come in: one module a way in."""
