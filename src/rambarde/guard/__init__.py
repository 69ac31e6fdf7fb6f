"""Guard: one decision path for every surface. Start reading in `chain.py`."""
