"""The experiments, a file a group. Every file here is found by itself; see experiment.py."""
