"""Respond: people are heard, and people decide."""
