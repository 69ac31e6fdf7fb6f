"""Interfaces: HTTP, command line and library; they wire the verbs together."""
