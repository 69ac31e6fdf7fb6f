"""Text: from what the user typed to the forms that detectors read."""
