"""Probing: what the probe needs from outside, put in: HTTP, callables, folders, detectors, and the leaky targets."""
