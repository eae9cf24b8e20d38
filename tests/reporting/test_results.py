"""Errors of networks, read from CSV: what is understood, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctcdsl.reporting.results import Measured, check_names, read_results
from ctcdsl.text import UserError


def read(text: str | bytes, folder: Path) -> dict[str, Measured]:
    path = folder / "runs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return dict(read_results(path))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("37.4,0.2", Measured(37.4, 0.2)),
        ("37.4,", Measured(37.4, None)),
        ("37.4 ± 0.2,", Measured(37.4, 0.2)),
        ("37.4 +- 0.2,9", Measured(37.4, 0.2)),
        ("37.4 %,", Measured(37.4, None)),
        (" 5 ,.25", Measured(5.0, 0.25)),
        ("0,0", Measured(0.0, 0.0)),
        ("100,", Measured(100.0, None)),
    ],
)
def test_an_error_and_its_deviation(cells: str, expected: Measured, tmp_path: Path) -> None:
    assert read(f"network,top-1 %,top-1 ±\nA,{cells}\n", tmp_path) == {"A": expected}


def test_other_columns_blank_rows_and_what_failed(tmp_path: Path) -> None:
    text = '\ufefftop-1 %,note,network\r\n37.4,"a, b",J\'\r\n,,\r\nfailed,,B\r\n,,C\r\n'
    assert read(text, tmp_path) == {"J'": Measured(37.4)}


def test_rows_of_one_network_are_runs(tmp_path: Path) -> None:
    found = read("network,top-1 %\nA,1\nB,7\nA,2\nA,6\n", tmp_path)
    assert found["A"].error == 3 and found["A"].deviation == pytest.approx(7**0.5)
    assert found["B"] == Measured(7.0)


HINT = "`ctcdsl compare … --format csv` writes such a table"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the results have no column `network`: the columns are none", HINT),
        (
            "network,error\nA,3\n",
            "the results have no column `top-1 %`: the columns are `network`, `error`",
            HINT,
        ),
        (
            "network;top-1 %\nA;3\n",
            "the results have no column `network`: the columns are `network;top-1 %`",
            "separate columns by commas",
        ),
        ("network,top-1 %,network\n", "the results have 2 columns `network`", HINT),
        ("network,top-1 %\n", "the table has no row with an error", HINT),
        ("network,top-1 %\nA,failed\n", "the table has no row with an error", HINT),
        ("network,top-1 %\nA,3,4\n", "line 2 has 3 cells under 2 titles", HINT),
        (
            "network,top-1 %\nA,3\nB,good\n",
            "line 3: the error `good` of B is not a number from 0 to 100",
            HINT,
        ),
        (
            "network,top-1 %\nA,-3\n",
            "line 2: the error `-3` of A is not a number from 0 to 100",
            HINT,
        ),
        (
            "network,top-1 %\nA,374\n",
            "line 2: the error `374` of A is not a number from 0 to 100",
            HINT,
        ),
        (
            "network,top-1 %\nA,nan\n",
            "line 2: the error `nan` of A is not a number from 0 to 100",
            HINT,
        ),
        (
            "network,top-1 %,top-1 ±\nA,3,much\n",
            "line 2: the deviation `much` of A is not a number",
            HINT,
        ),
        (
            "network,top-1 %,top-1 ±\nA,3,-1\n",
            "line 2: the deviation `-1` of A is not a number",
            HINT,
        ),
        (b"network,top-1 %\nA,\xff\n", "the table is not text in UTF-8", HINT),
    ],
)
def test_what_cannot_be_used(text: str | bytes, message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(text, tmp_path)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.message) == ("CTC751", message)
    assert diagnostic.hints == (hint,) and diagnostic.path == str(tmp_path / "runs.csv")


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"CTC751.*cannot read the results: no such file"):
        read_results(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"CTC751.*cannot read the results: is a directory"):
        read_results(tmp_path)


RESULTS = {"A": Measured(3.0), "Bee": Measured(2.0)}


def test_names_that_do_not_match() -> None:
    assert check_names(RESULTS, ["Bee", "A"], "r.csv") == ()
    one, other = check_names(RESULTS, ["A", "Beee"], "r.csv")
    assert (one.code, one.message) == ("CTC961", "the report has no network `Bee`: left out")
    assert one.hints == ("did you mean `Beee`?",)
    assert other.code == "CTC962" and "no result for `Beee`" in other.message
    (one,) = check_names(RESULTS, ["A"], "r.csv")
    assert one.hints == ("the networks are `A`",)


def test_names_of_which_none_matches_or_several_do() -> None:
    with pytest.raises(UserError, match=r"CTC752.*these are of `A`, `Bee`") as caught:
        check_names(RESULTS, ["X", "Y"], "r.csv")
    assert caught.value.diagnostics[0].hints == ("the networks are `X`, `Y`",)
    with pytest.raises(UserError, match=r"CTC752.*2 networks are named `A`"):
        check_names(RESULTS, ["A", "B", "A"], "r.csv")
    assert len(check_names(RESULTS, ["A", "B", "B"], "r.csv")) == 2  # those have no result


def test_many_names_are_cut() -> None:
    with pytest.raises(UserError, match="`N5` and 3 more"):
        check_names({f"N{k}": Measured(1.0) for k in range(9)}, ["A"], "r.csv")
