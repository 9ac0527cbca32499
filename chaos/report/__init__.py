"""The report of a chaos run: JSON, Markdown and one HTML page."""
