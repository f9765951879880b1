"""The types used in signatures. Shapes are given in docstrings, and on the lines that change them."""

from typing import Any, TypeAlias

# A tensor of the backend (TensorFlow, JAX or PyTorch), a symbolic KerasTensor, or a NumPy array. Python's type system
# has no common base for them.
Tensor: TypeAlias = Any
# An int, which repeats the draw, a keras.random.SeedGenerator, which moves on, or None.
Seed: TypeAlias = Any
