"""The scenarios, a file each. Every file here is found by itself; see scenario.py."""
