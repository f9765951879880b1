"""Memory that a training step frees stays with the process, for the next step.

Where a Python generator or a PyDataset feeds TensorFlow, TensorFlow sets a parameter of glibc's allocator for the whole
process (``ApplyPython311MemoryPatch``, called by its operation GeneratorDataset). Every block above 128 kB then comes
from the system and goes back to it, page by page: some 18 MB per step with the dense network of the book, and an epoch
takes twice as long. Here the parameter is set back, after TensorFlow has set it.
"""

import ctypes
import os
import sys
from functools import cache

import keras

# Parameters of mallopt(3). Setting one of them also ends glibc's own adjusting of the others.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MEGABYTE = 2**20


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory; whether it was asked.

    Called by ``fit`` and by what walks through arrays, it acts once in a process. It does nothing on other systems, and
    where a variable of glibc's allocator is set (``MALLOC_TOP_PAD_`` and the like), since then somebody has decided
    already. The process may hold some hundred megabytes more than it needs at a moment.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    if keras.backend.backend() == "tensorflow":
        _let_tensorflow_set_its_own()
    # Blocks above the first limit come from the system one by one; 32 MB is the largest that glibc accepts.
    asked = ((_MMAP_THRESHOLD, 32), (_TRIM_THRESHOLD, 512), (_TOP_PAD, 64))
    return all(mallopt(parameter, megabytes * _MEGABYTE) == 1 for parameter, megabytes in asked)


def _let_tensorflow_set_its_own() -> None:
    """Run the operation that sets the parameter, which it does once in a process."""
    import tensorflow as tf

    numbers = tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32))
    next(iter(numbers))
