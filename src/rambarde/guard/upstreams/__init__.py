"""Upstreams: adapters to image generators, one module each."""
