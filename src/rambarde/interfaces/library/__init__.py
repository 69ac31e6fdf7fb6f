"""The library: the chain around any Python function that makes images."""
