"""More images than fit in memory, and more than one device: shards on disk, replicas that train together. Chapter 15.

Importing this imports neither Keras nor TensorFlow, since devices have to be made before anything asks for one.
"""

from companion.distribute.plan import STRATEGIES, Plan, check_run, make_devices, plan
from companion.distribute.shards import Shards, write_shards

__all__ = [
    "STRATEGIES",
    "Plan",
    "Shards",
    "check_run",
    "make_devices",
    "plan",
    "write_shards",
]
