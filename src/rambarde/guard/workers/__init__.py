"""Workers: processes in which untrusted pictures are decoded and looked at. Start reading at `pool.py`."""
