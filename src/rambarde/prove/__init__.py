"""Prove: the tamper-evident log and what hangs on it."""
