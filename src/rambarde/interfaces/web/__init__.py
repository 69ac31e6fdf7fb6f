"""Web pages: plain files, and one way to fill them in."""
