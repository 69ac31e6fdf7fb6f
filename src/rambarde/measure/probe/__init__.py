"""Probe: the same request through every surface of a service, from outside, and the difference."""
