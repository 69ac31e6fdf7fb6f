"""Manifests: what an image says of where it comes from, signed (C2PA 2.4), and reading it again."""
