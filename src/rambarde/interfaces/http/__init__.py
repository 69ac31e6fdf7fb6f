"""The HTTP gateway: dialects, credentials, errors, files."""
