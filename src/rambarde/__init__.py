"""Rambarde: the safety layer in front of an AI image generator."""

__version__ = "0.1.0"
