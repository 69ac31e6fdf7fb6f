"""Monitor: problematic images a minute, refused and released, and when there are suddenly more."""
