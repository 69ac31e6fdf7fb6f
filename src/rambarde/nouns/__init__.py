"""The words of the system as frozen dataclasses. No I/O."""
