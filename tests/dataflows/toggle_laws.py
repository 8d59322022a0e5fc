"""What toggles of every dataflow must do, and the layers on which their sampling is tried."""

import numpy as np

from accelsim.plan import box_array
from accelsim.tables import TOGGLES
from accelsim.toggle_sample import WALKS, layer_toggles, tile_toggles
from accelsim.trace import from_arrays


def expected(**counts):
    """All of tables.TOGGLES, those that are not named 0."""
    found = dict.fromkeys(TOGGLES, 0)
    for name, count in counts.items():
        held = name.removesuffix("_without_hold")
        found[f"{held}_toggles{name.removeprefix(held)}"] = count
    assert len(found) == len(TOGGLES)
    return found


def units_add_up(trace, tile, chip, spatial=None):
    """The units of a sample, all walked, are the exact count; they hold the tile's dense MACs."""
    box = box_array(tile)
    whole = tile_toggles(trace, box, chip, spatial)
    walk = WALKS[chip.dataflow](trace, chip, spatial, exact=False)
    macs, always = walk.units(box), walk.always(box)
    k, p, q = (getattr(tile, f"{axis}1") - getattr(tile, f"{axis}0") for axis in "kpq")
    taps = trace.layer.kernel[0] * trace.layer.kernel[1]
    assert macs.sum() == (tile.n1 - tile.n0) * k * p * q * taps * (tile.c1 - tile.c0)
    sums = walk.walk(box, np.arange(len(macs))).sum(axis=0)
    for name, count in zip(TOGGLES, sums, strict=True):
        assert abs(always.get(name, count) - whole[name]) < 1e-6 * max(whole[name], 1), name


def units_alone_are_nearly_the_whole(trace, box, chip, most=0.001):
    """Each unit walked alone, after what the one before it leaves by the page's rule: their sums, in bounds."""
    whole, walk = tile_toggles(trace, box, chip), WALKS[chip.dataflow](trace, chip, None, exact=False)
    sums = sum(walk.walk(box, np.array([i]))[0] for i in range(len(walk.units(box))))
    always = walk.always(box)
    for name, count in zip(TOGGLES, sums, strict=True):
        assert abs(always.get(name, count) - whole[name]) <= most * whole[name], (name, count, whole[name])


def drawn_layer(seed, filters=64, channels=64, size=24, groups=1, kept=0.4):
    generator = np.random.default_rng(seed)
    weights = generator.integers(-100, 100, (filters, 3, 3, channels // groups)).astype(np.int8)
    weights[generator.random(weights.shape) >= kept] = 0
    activations = generator.integers(0, 100, (1, size, size, channels)).astype(np.uint8)
    activations[generator.random(activations.shape) < 0.5] = 0
    return from_arrays(weights, activations, padding=1, groups=groups)


def samples_scatter_as_they_say(trace, boxes, chip, seeds=25):
    """Estimates are unbiased within their scatter, which is what the standard error says.

    The mean's bound is 4 standard errors: of the hundred counts that are looked at, one is beyond it by chance in
    one of 150 draws of all seeds.
    """
    exact = layer_toggles(trace, boxes, chip, exact=True)
    assert exact.sampled_fraction == 1
    assert set(exact.standard_errors.values()) == {0.0}
    samples = [layer_toggles(trace, boxes, chip, seed=seed) for seed in range(seeds)]
    assert all(0 < sample.sampled_fraction < 0.5 for sample in samples)
    for name in (name for name in TOGGLES if exact.counts[name]):
        errors = np.array([sample.counts[name] / exact.counts[name] - 1 for sample in samples])
        told = np.array([sample.standard_errors[name] for sample in samples])
        assert abs(errors.mean()) <= 4 * told.mean() / np.sqrt(seeds), (name, errors.mean())
        if told.any():
            assert 0.5 <= errors.std() / told.mean() <= 2, (name, errors.std(), told.mean())
        else:
            assert not errors.any(), name


def drawn_units_stand_alone(trace, tile, chip):
    """A unit after one that is not drawn begins with what the unit before it leaves, whatever was drawn earlier."""
    box = box_array(tile)
    walk = WALKS[chip.dataflow](trace, chip, None, exact=False)
    drawn = np.arange(0, len(walk.units(box)), 3)
    together, always = walk.walk(box, drawn), walk.always(box)
    for row, unit in zip(together, drawn, strict=True):
        alone = walk.walk(box, np.array([unit]))[0]
        for name, count, of_one in zip(TOGGLES, row, alone, strict=True):
            assert name in always or count == of_one, (unit, name)
