"""Audits put together: frames from files, tables and our own records; the scan; the labelling page."""
