"""Audit: how many in all, from a sample: planned, drawn, labelled and estimated so that anybody can repeat it."""
