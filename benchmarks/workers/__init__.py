"""The contestants. Each module is a process of its own in its own environment, started by ``benchmarks.worker``."""
