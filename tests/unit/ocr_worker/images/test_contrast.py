"""Contrast is lifted where it is low, and only there."""

import numpy as np

from ocr_worker.images.contrast import TILE, lift_contrast


def waves(low: int, high: int, size: tuple[int, int] = (256, 256)):
    """Shades that go evenly from low to high and back, every 32 px."""
    shade = low + (high - low) * (0.5 - 0.5 * np.cos(np.arange(size[1]) * np.pi / 16))
    return np.repeat(np.tile(shade.astype(np.uint8), (size[0], 1))[:, :, None], 3, axis=2)


def test_a_picture_of_high_contrast_comes_back_untouched():
    picture = waves(20, 235)

    lifted, share = lift_contrast(picture)

    assert lifted is picture
    assert share == 0


def test_faint_print_is_lifted():
    picture = waves(110, 140)

    lifted, share = lift_contrast(picture)

    assert share == 1
    assert np.ptp(lifted) > 2 * np.ptp(picture)


def test_only_the_faint_half_changes():
    picture = np.concatenate([waves(20, 235), waves(110, 140)], axis=1)

    lifted, share = lift_contrast(picture)

    assert share == 0.5
    # Colour spaces round: one step is no change. The blend reaches one tile over the border.
    assert np.abs(lifted[:, : 256 - TILE].astype(int) - picture[:, : 256 - TILE]).max() <= 2
    assert np.ptp(lifted[:, 256 + TILE :]) > 2 * np.ptp(picture[:, 256 + TILE :])


def test_pictures_smaller_than_a_tile_are_accepted():
    for size in ((1, 1), (3, 200), (65, 64)):
        lifted, _ = lift_contrast(waves(110, 140, size))

        assert lifted.shape == (*size, 3)
        assert lifted.dtype == np.uint8
