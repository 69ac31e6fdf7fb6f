"""Detectors: one module each, under the contract in `contract.py`."""
