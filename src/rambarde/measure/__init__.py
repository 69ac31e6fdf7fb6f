"""Measure: what the guard finds and what it stops wrongly, with honest intervals."""
