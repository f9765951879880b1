"""The state of a model's random numbers is part of the model: saved with it, and restored."""

from typing import Any

import keras
from keras import ops

from companion.errors import check_seed
from companion.tensors import Seed


class KeepsNoise:
    """For a model or layer with a ``seed_generator``: its state is saved with the weights.

    Keras saves weights but not the state of a seed generator. Without this a resumed training would repeat the noise of
    its first epoch.
    """

    seed_generator: Any

    def stream(self, seed: Seed) -> Any:
        """What a draw takes as ``seed``: an int, a ``SeedGenerator``, or the model's own generator where None came.

        Raises :class:`~companion.errors.BadInput` for anything else.
        """
        checked = check_seed(seed)
        return self.seed_generator if checked is None else checked

    def generator_of(self, seed: Seed) -> keras.random.SeedGenerator:
        """The same for several draws in a row: an int begins a generator, or each draw would repeat the first."""
        stream = self.stream(seed)
        return keras.random.SeedGenerator(stream) if isinstance(stream, int) else stream

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)  # type: ignore[misc] # Keras's, next in line
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state.value)

    def load_own_variables(self, store: Any) -> None:
        if "seed_state" in store.keys():  # noqa: SIM118 - files from before it was kept begin the stream anew
            self.seed_generator.state.assign(store["seed_state"])
        own = [name for name in store.keys() if name != "seed_state"]  # noqa: SIM118 - the store is no dict
        super().load_own_variables({name: store[name] for name in own})  # type: ignore[misc]
