"""Prove: every decision in a tamper-evident log."""
