"""The tool catalogue, and one thin module for each family of tools."""
