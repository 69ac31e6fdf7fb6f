"""Dialects: the request and answer forms that clients speak, one module each."""
