"""Normalizing flows: a coupling flow as a prior, an inverse autoregressive flow as a posterior. Chapter 16.

A flow is an invertible map f whose log determinant is cheap. Where ``u = f(z)`` is standard normal, the density of z is
log p(z) = log N(f(z); 0, I) + ``log |det df/dz|``.
"""

from companion.flow.autoregressive import IAFVAE, AutoregressiveStep
from companion.flow.coupling import Coupling, CouplingFlow

__all__ = ["IAFVAE", "AutoregressiveStep", "Coupling", "CouplingFlow"]
