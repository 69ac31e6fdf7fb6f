"""Policy: typed, signed data; its language, floors and evaluation."""
