"""Iterative pruning with retraining, and weight sharing whose values are trained.

::

    dense = train(network)
    for number in 1, 2, ..:                                    # prune_rounds
        masks   = in each layer, the keep**number of its weights that are largest
        weights = retrain(weights, masks)                      # a dropped weight stays zero
        stop before the validation accuracy is below that of dense - tolerance
    books = k-means codebook of each layer                     # share_parameters
    books = tune(books)                                        # d loss / d value: summed over its weights

Pruning: Han, Pool, Tran and Dally, NIPS 2015, section 3. Sharing: Han, Mao and Dally, ICLR 2016, section 3.
`accelsim.compress.prune` and `share` do to 8-bit traces what is done here to networks that are trained on.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compress.share import share
from accelsim.compress.training import (
    Examples,
    FloatNetwork,
    Floats,
    Parameters,
    Settings,
    accuracy,
    fit,
    initial_parameters,
)
from accelsim.errors import InputError

Masks = Mapping[str, npt.NDArray[np.bool_]]
_MOST_BITS = 7  # so that every index and the zero fit in uint8


class Round(NamedTuple):
    """A round of pruning: the share kept of each layer, and validation accuracy before and after retraining.

    `kept` is false of the last round if its accuracy ended the rounds.
    """

    densities: dict[str, float]
    pruned_fraction: float
    retrained_fraction: float
    kept: bool


class Codebook(NamedTuple):
    """One layer's shared weights: an index (uint8) is 0 for a zero, i for values[i - 1]; and its bias."""

    values: Floats
    indices: npt.NDArray[np.uint8]
    bias: Floats

    def parameters(self) -> Parameters:
        """The layer's weights, each its shared value."""
        return _looked_up({"": (self.values, self.bias)}, {"": self.indices})[""]


def magnitude_masks(parameters: Mapping[str, Parameters], densities: Mapping[str, float]) -> Masks:
    """Where each layer's round(density * count) largest weights stand; ties go by index.

    Raises
    ------
    InputError
        If a layer has no density, or one that is not within 0..1.
    """
    masks = {}
    for name, (weights, _) in parameters.items():
        density = densities.get(name)
        if density is None or not 0 <= density <= 1:
            raise InputError(f"{name}: density must be within 0..1, not {density}")
        mask = np.zeros(weights.size, np.bool_)
        mask[np.argsort(-np.abs(weights), axis=None, kind="stable")[: round(density * weights.size)]] = True
        masks[name] = mask.reshape(weights.shape)
    return masks


def masked(parameters: Mapping[str, Parameters], masks: Masks) -> dict[str, Parameters]:
    """The parameters, with zeros where a mask is not set."""
    return {name: Parameters(weights * masks[name], bias) for name, (weights, bias) in parameters.items()}


def train(network: FloatNetwork, examples: Examples, settings: Settings) -> dict[str, Parameters]:
    """A dense network, from `initial_parameters(network, settings.seed)`.

    Raises
    ------
    InputError
        As `training.fit`.
    """
    return fit(network, _as_given, initial_parameters(network, settings.seed), (), examples, settings)  # type: ignore[no-any-return]


def retrain(
    network: FloatNetwork,
    parameters: Mapping[str, Parameters],
    masks: Masks,
    examples: Examples,
    settings: Settings,
) -> dict[str, Parameters]:
    """Train on from `parameters`; weights outside of the masks are zero throughout.

    Raises
    ------
    InputError
        As `training.fit`.
    """
    return masked(fit(network, masked, dict(parameters), dict(masks), examples, settings), masks)


def prune_rounds(
    network: FloatNetwork,
    parameters: Mapping[str, Parameters],
    keep: Mapping[str, float],
    training: Examples,
    validation: Examples,
    settings: Settings,
    *,
    tolerance: float,
    most_rounds: int = 40,
) -> tuple[dict[str, Parameters], list[Round]]:
    """Prune and retrain by turns, for as long as the validation accuracy stays within the tolerance.

    Parameters
    ----------
    keep : by layer, the share of its weights that a round keeps of the round before: round r keeps keep**r
    tolerance : how far the validation accuracy may be below that of `parameters`, as a fraction

    Returns
    -------
    The parameters of the last round kept (or the given ones), and all rounds, the one not kept too.

    Raises
    ------
    InputError
        As `training.fit` and `magnitude_masks`.
    """
    kept = dict(parameters)
    rounds: list[Round] = []
    least = accuracy(network, kept, validation) - tolerance
    for number in range(1, most_rounds + 1):
        densities = {name: share_kept**number for name, share_kept in keep.items()}
        masks = magnitude_masks(kept, densities)
        pruned = accuracy(network, masked(kept, masks), validation)
        trained = retrain(network, kept, masks, training, settings)
        reached = accuracy(network, trained, validation)
        rounds.append(Round(densities, pruned, reached, reached >= least))
        if reached < least:
            break
        kept = trained
    return kept, rounds


def share_parameters(parameters: Mapping[str, Parameters], bits: int) -> dict[str, Codebook]:
    """Each layer's weights that are no zeros, clustered into at most 2**bits values (`compress.share`).

    Raises
    ------
    InputError
        If bits are not within 1..7, a layer has no weight but zeros, or scikit-learn is not installed.
    """
    if not 1 <= bits <= _MOST_BITS:
        raise InputError(f"bits of a codebook beside a zero must be within 1..{_MOST_BITS}, not {bits}")
    books = {}
    for name, (weights, bias) in parameters.items():
        kept = weights != 0
        if not kept.any():
            raise InputError(f"{name}: all weights are zero, there are none to share")
        done = share(weights[kept], bits)
        indices = np.zeros(weights.shape, np.uint8)
        indices[kept] = done.index + 1
        books[name] = Codebook(done.codebook.astype(np.float32), indices, bias)
    return books


def tune(
    network: FloatNetwork, books: Mapping[str, Codebook], examples: Examples, settings: Settings
) -> dict[str, Codebook]:
    """Train the shared values and the biases; which weights share a value, and which are zero, stays.

    Raises
    ------
    InputError
        As `training.fit`.
    """
    free = {name: (book.values, book.bias) for name, book in books.items()}
    indices = {name: book.indices for name, book in books.items()}
    done = fit(network, _looked_up, free, indices, examples, settings)
    return {name: Codebook(values, indices[name], bias) for name, (values, bias) in done.items()}


def _as_given(parameters: dict[str, Parameters], _: tuple[()]) -> dict[str, Parameters]:
    return parameters


def _looked_up(
    free: Mapping[str, tuple[Floats, Floats]], indices: Mapping[str, npt.NDArray[np.uint8]]
) -> dict[str, Parameters]:
    """Weights of (values, bias) by their indices, 0 for a zero; of numpy's arrays as of JAX's."""
    return {
        name: Parameters(values[indices[name] - (indices[name] > 0)] * (indices[name] > 0), bias)
        for name, (values, bias) in free.items()
    }
