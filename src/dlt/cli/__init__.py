"""The command line: `dlt`, or `python -m dlt`."""
