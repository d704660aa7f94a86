"""The export scripts: one module per family, run as `python -m export`."""
