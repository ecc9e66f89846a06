"""Prototypes, epochs and batch for a number of images and a device."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from slotcon_mm.launch.auto_settings import ON_A_CPU, TABLE, Choice, Row, choose_settings, most_on_gpu

PAGE = Path(__file__).parents[2] / "configs/README.md"
ROOMY = Choice(10_000, "there is room")
COUNTS = [1, 2, 7, 50, 96, 999, 1_000, 1_234, 3_163, 9_999, 10_000, 31_623, 100_000, 118_287, 10**7]


def values(images: int, parts: int = 1, most: Choice = ROOMY) -> tuple[int, int, int]:
    chosen = choose_settings(images, parts, most)
    return chosen.prototypes.value, chosen.epochs.value, chosen.batch_size.value


def test_the_page_shows_the_table_that_is_used():
    rows = re.findall(r"^\| ([\d,]+) \| (\d+) \| ([\d,]+)[^|]* \| (\d+) \|", PAGE.read_text(), flags=re.MULTILINE)
    assert [Row(*(int(cell.replace(",", "")) for cell in row)) for row in rows] == [*TABLE]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row.images))
def test_a_row_of_the_table_is_what_its_number_of_images_gets(row):
    assert values(row.images) == row[1:]
    reasons = [choice.reason for choice in choose_settings(row.images, 1, ROOMY)]
    assert all(reason.startswith(f"as for {row.images:,} images") for reason in reasons)


def test_the_middle_of_two_rows_on_a_scale_of_powers_gets_their_geometric_mean_rounded():
    images = round(math.sqrt(1_000 * 10_000))
    exact = math.sqrt(32 * 96), math.sqrt(3_000 * 1_500), math.sqrt(96 * 192)  # 55.4, 2121.3, 135.8
    assert values(images) == (48, 2_100, 136)
    for found, wanted in zip(values(images), exact, strict=True):
        assert abs(math.log(found / wanted)) < math.log(1.5) / 2
    assert choose_settings(images, 1, ROOMY).prototypes.reason == "between 32 for 1,000 images and 96 for 10,000"


def test_more_images_get_no_fewer_prototypes_and_images_a_step_and_no_more_epochs():
    found = [values(images) for images in COUNTS]
    prototypes, epochs, batches = zip(*found, strict=True)
    assert [*prototypes] == sorted(prototypes)
    assert [*epochs] == sorted(epochs, reverse=True)
    assert [*batches] == sorted(batches)


@pytest.mark.parametrize("parts", [1, 2, 5, 8, 64])
@pytest.mark.parametrize("most", [1, 5, 16, 100, 10_000])
def test_every_choice_is_within_its_bounds_and_fills_a_batch_an_epoch(parts, most):
    for images in (count for count in COUNTS if count >= parts):
        prototypes, epochs, batch = values(images, parts, Choice(most, "as given"))
        assert 32 <= prototypes <= 256
        assert 800 <= epochs <= 3_000
        assert 1 <= batch <= most
        assert images // (batch * parts) >= 1
        assert batch < 8 or batch % 8 == 0


@pytest.mark.parametrize(("parts", "each"), [(1, 96), (2, 48), (3, 32), (5, 16), (8, 8), (16, 6), (96, 1), (200, 1)])
def test_processes_and_micro_batches_share_the_images_of_a_step(parts, each):
    assert values(1_000, parts)[2] == each


def test_a_batch_that_is_lowered_says_why():
    few = choose_settings(50, 1, ROOMY).batch_size
    assert few == (48, "where 96 a step would be usual (as for 1,000 images): there are 50 images")
    on_a_cpu = choose_settings(20_000, 1, ON_A_CPU).batch_size
    assert on_a_cpu.value == 16
    assert re.search(
        r"^where 2\d\d a step would be usual \(between 192 for .*\): a CPU is given at most 16$", on_a_cpu.reason
    )
    assert choose_settings(5, 1, ON_A_CPU).batch_size.value == 5


def test_fewer_images_than_processes_are_refused():
    with pytest.raises(
        ValueError, match=r"an image at least for each of the 8 batches of a step .*got 7 in all: start"
    ):
        choose_settings(7, 8, ROOMY)


def on_gpu(memory: float, *, half: bool = True, backbone: str = "ResNet-50", view: tuple = (224, 224)) -> Choice:
    return most_on_gpu(memory, half=half, backbone=backbone, view=view)


def test_a_gpu_is_given_less_than_the_measured_memory_would_hold():
    weights = 1.1  # GiB: 68.7 million parameters, their average, gradients and momentum in fp32
    measured = 6.65 / 64  # GiB an image, tools/benchmarks/README.md
    for memory in (8, 11.8, 15.7, 23.6, 79.2):
        assert 1.0 < (memory - weights) / (on_gpu(memory).value * measured) < 2.1
    assert on_gpu(79.2).value >= 512  # the paper's whole batch


def test_the_rule_for_a_gpu_follows_memory_precision_and_views():
    assert on_gpu(7.8).value == int((7.8 - 3) / 0.13) == 36
    assert on_gpu(7.8, half=False).value == 18
    assert on_gpu(7.8, view=(448, 224)).value == 18
    assert on_gpu(1).value == 1


def test_the_rule_for_a_gpu_is_said_to_be_a_guess_where_it_was_not_measured():
    assert on_gpu(7.8).reason == "a GPU of 7.8 GiB is given at most 36 (3 GiB and 0.13 an image)"
    assert "a guess for ConvNeXt-tiny and views of 224 x 224" in on_gpu(7.8, backbone="ConvNeXt-tiny").reason
    assert "a guess for ResNet-50 and views of 96 x 192" in on_gpu(7.8, view=(96, 192)).reason
