"""Proof: what holds of a policy for every surface, mode, country, date, account state and signal value."""
