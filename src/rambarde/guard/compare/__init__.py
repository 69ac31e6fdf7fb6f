"""Comparing an output with its original, person by person. Start reading at `comparison.py`."""
