import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from ctcdsl.recipe import Recipe, Schedule
from ctcdsl.text.diagnostic import UserError
from tests.support.tiny import refused, said


def test_the_default_is_section_5() -> None:
    recipe = Recipe.paper()
    assert recipe == Recipe()
    assert (recipe.batch, recipe.momentum, recipe.weight_decay) == (128, 0.9, 0.0005)
    assert recipe.last_epoch == 75
    assert recipe.resize_for((224, 224)) == 256
    assert recipe.colour_sigma == 0.1
    rates = {epoch: recipe.schedule.rate(epoch) for epoch in (1, 10, 11, 70, 71, 75, 90)}
    assert rates == {1: 0.01, 10: 0.01, 11: 0.001, 70: 0.001, 71: 0.0001, 75: 0.0001, 90: 0.0001}


def test_the_small_recipe_is_short() -> None:
    assert Recipe.small().last_epoch <= 12
    assert Recipe.small().batch < Recipe.paper().batch


def test_a_schedule_says_what_it_reads() -> None:
    text = "10:0.01,60:0.001,5:0.0001"
    assert Schedule.parse(text) == Recipe().schedule
    assert str(Schedule.parse(text)) == text
    assert Schedule.parse(" 2 : 1e-3 , 1:0.5 ").steps == ((2, 0.001), (1, 0.5))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("0.01", "'0.01'"),
        ("10:0.01,", "''"),
        ("10:0.01,x:0.1", "'x:0.1'"),
        ("1.5:0.01", "'1.5:0.01'"),
        ("10:fast", "'10:fast'"),
        ("0:0.01", "0 epochs"),
        ("-3:0.01", "-3 epochs"),
        ("3:0", "rate of 0.0"),
        ("3:-0.1", "rate of -0.1"),
        ("3:nan", "rate of nan"),
        ("3:inf", "rate of inf"),
    ],
)
def test_a_bad_schedule_is_named(text: str, named: str) -> None:
    with refused("CTC605") as found:
        Schedule.parse(text)
    assert named in found[0].message


def test_a_schedule_needs_a_step() -> None:
    with refused("CTC605"):
        Schedule(())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch", 0),
        ("epochs", 0),
        ("resize", 0),
        ("statistics_sample", 0),
        ("workers", -1),
        ("momentum", 1.0),
        ("momentum", float("nan")),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("flip", 1.1),
        ("weight_decay", -1e-9),
        ("weight_decay", float("inf")),
        ("colour_sigma", -0.1),
        ("pixel_divisor", 0.0),
        ("sigma", 0.0),
        ("seed", -1),
        ("seed", 2**32),
        ("initialisation", "xavier"),
        ("precision", "float16"),
    ],
)
def test_a_number_out_of_range_is_named(name: str, value: Any) -> None:
    with refused("CTC605") as found:
        replace(Recipe(), **{name: value})
    assert name in found[0].message
    assert str(value) in found[0].message


def test_the_ends_of_the_ranges_are_allowed() -> None:
    Recipe(momentum=0, dropout=0, flip=1.0, weight_decay=0, colour_sigma=0, seed=2**32 - 1)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(UserError) as caught:
        Recipe(batch=0, momentum=2.0, workers=-1)
    assert len(caught.value.diagnostics) == 3


def test_resize_keeps_the_papers_proportion() -> None:
    assert Recipe().resize_for((80, 80)) == round(80 * 256 / 224) == 91
    assert Recipe().resize_for((60, 80)) == 91
    assert Recipe(resize=300).resize_for((224, 224)) == 300
    with refused("CTC605") as found:
        Recipe(resize=79).resize_for((60, 80))
    assert "79" in said(found[0])
    assert "60x80" in said(found[0])


def test_epochs_shorten_and_prolong_the_schedule() -> None:
    assert Recipe(epochs=90).last_epoch == 90
    assert Recipe(epochs=3).last_epoch == 3


def test_a_recipe_survives_as_plain_values() -> None:
    recipe = Recipe(batch=9, schedule=Schedule.parse("3:0.1"), dropout=0.2, precision="bf16")
    values = recipe.as_dict()
    assert all(isinstance(value, str | int | float | None) for value in values.values())
    assert Recipe.from_dict(values) == recipe


def test_the_recipe_needs_no_torch() -> None:
    code = "import sys, ctcdsl.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_truth_is_no_number_and_integers_of_numpy_are_integers() -> None:
    import numpy

    whole: Any = numpy.int64
    single: Any = numpy.float32
    assert type(Recipe(batch=whole(64)).batch) is int
    assert type(Recipe(momentum=single(0.5)).momentum) is float
    for fields in ({"epochs": True}, {"momentum": False}, {"random_crop": "no"}):
        with pytest.raises(UserError, match=f"{next(iter(fields))} is"):
            Recipe().with_fields(fields)
