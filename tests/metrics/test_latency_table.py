"""Files of latency tables: written, read, and refused where they are none or no good."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctcdsl.metrics.latency_table import HeldOut, read_table
from ctcdsl.text import Diagnostic, UserError
from ctcdsl.timing.table import write_table
from tests.support.latency import linear_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "device.json"
    write_table(linear_table(), path)
    return path


def failure(path: Path) -> Diagnostic:
    with pytest.raises(UserError) as caught:
        read_table(path)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.path == str(path)
    return diagnostic


def test_a_table_is_read_as_it_was_written(path: Path) -> None:
    assert read_table(path) == linear_table(path=str(path))


def test_a_table_says_how_good_it_is() -> None:
    table = linear_table(
        held_out=tuple(HeldOut("x", 1.0, predicted) for predicted in (1.0, 0.92, 1.12, 1.04))
    )
    assert table.mean_error == pytest.approx(0.06)
    assert table.within_tenth == pytest.approx(0.75)
    assert table.accuracy == (
        "on 4 networks that the table was not fitted to the mean error is 6.0%, and 75% of them are"
        " within 10%"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    diagnostic = failure(tmp_path / "none.json")
    assert diagnostic.code == "CTC731"
    assert diagnostic.message == "cannot read the latency table: no such file or directory"
    assert diagnostic.hints == (
        f"ctcdsl bench --table -o {tmp_path / 'none.json'} makes one on the device",
    )


def changed(change: Callable[[Any], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        content = json.loads(text)
        change(content)
        return json.dumps(content)

    return apply


def law(content: Any) -> Any:
    return content["laws"]["convolution"]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda text: text[: len(text) // 2], "it is not JSON: "),
        (lambda text: "", "it is not JSON: "),
        (lambda text: "[" * 100_000, "it is not JSON: "),
        (lambda text: '{"networks": []}', "it has no `format`"),
        (lambda text: "[1, 2]", "it has no `format`"),
        (
            changed(lambda c: c.update(format="ctcdsl latency table 9")),
            "its format is 'ctcdsl latency table 9', not 'ctcdsl latency table 1'",
        ),
        (changed(lambda c: c.pop("peaks")), "it has no 'peaks'"),
        (changed(lambda c: law(c).pop("scales")), "it has no 'scales'"),
        (changed(lambda c: c.update(batch=0)), "a value is wrong: 0 is not a whole number"),
        (changed(lambda c: c.update(batch=True)), "a value is wrong: True is not a whole"),
        (changed(lambda c: c.update(processor=None)), "a value is wrong: None is not a text"),
        (changed(lambda c: c["peaks"].update(macs=0)), "a value is wrong: 0 is not above 0"),
        (changed(lambda c: c.update(laws=[])), "a value is wrong: "),
        (
            changed(lambda c: law(c).update(hot=[-1, 0, 0, 0, 0])),
            "a value is wrong: a coefficient is negative, or all are 0",
        ),
        (changed(lambda c: law(c).update(cold=[1, 2])), "a value is wrong: "),
        (
            changed(lambda c: law(c).update(lowest=[float("nan")] * 10)),
            "a value is wrong: nan is not a number",
        ),
        (
            changed(lambda c: law(c).update(lowest=[0.0])),
            "a value is wrong: a law has lists of different lengths",
        ),
        (
            changed(lambda c: law(c).update(hot_weights=[1.0])),
            "a value is wrong: a law has lists of different lengths",
        ),
    ],
)
def test_what_is_no_table(path: Path, change: Callable[[str], str], note: str) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    diagnostic = failure(path)
    assert (diagnostic.code, diagnostic.message) == ("CTC731", "this is not a latency table")
    assert diagnostic.notes[0].startswith(note)


def test_a_law_of_fewer_proportions_than_its_kind_has(path: Path) -> None:
    import ctcdsl as package

    content = json.loads(path.read_text(encoding="utf-8"))
    law(content).update(scales=[1.0], lowest=[0.0], highest=[1.0])
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="the law of convolution has 1 proportions, not 10"):
        package.cost("A", latency=path)


def test_a_table_that_predicts_badly_is_refused(path: Path) -> None:
    write_table(linear_table(held_out=(HeldOut("One", 0.010, 0.013),)), path)
    diagnostic = failure(path)
    assert diagnostic.code == "CTC733"
    assert diagnostic.message == (
        "the latency table is not good enough to predict by: it is wrong by 30% in the mean, on 1"
        " network that it was not fitted to"
    )
    assert diagnostic.notes == ("up to 12% are accepted",)
    write_table(linear_table(held_out=()), path)
    assert failure(path).message.endswith("it was not compared with any network")
