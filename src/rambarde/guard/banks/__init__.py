"""Banks of known pictures: what is in them, who decided it, and where it comes from."""
