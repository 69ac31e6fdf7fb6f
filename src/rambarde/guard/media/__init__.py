"""Media: from bytes to a decoded picture, within limits."""
