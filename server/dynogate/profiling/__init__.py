"""Scalene: run, parse, analyse, compare, export."""
