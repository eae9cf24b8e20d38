import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import IO, Any

import pytest
import torch

from ctcdsl.text.files import write_whole
from ctcdsl.training.checkpoint import (
    FILE,
    Checkpoint,
    load,
    require_identity,
    restore_model,
    restore_rng,
    rng_states,
    save,
)
from ctcdsl.training.colour import Statistics
from ctcdsl.training.descent import Descent
from tiny import identity, refused, said, tiny_net, tiny_recipe

STATISTICS = Statistics((1.0, 2.0, 3.0), (3.0, 2.0, 1.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))


def checkpoint(epoch: int = 4, classes: tuple[str, ...] = ("a", "b", "c")) -> Checkpoint:
    model, recipe = tiny_net(len(classes)), tiny_recipe()
    return Checkpoint(
        identity=identity(classes),
        recipe=recipe,
        statistics=STATISTICS,
        epoch=epoch,
        model=model.state_dict(),
        optimizer=Descent(model, recipe, torch.device("cpu")).optimizer.state_dict(),
        rng=rng_states(),
    )


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = checkpoint()
    save(tmp_path / FILE, saved)
    found = load(tmp_path / FILE)
    for name in ("identity", "recipe", "statistics", "epoch", "version"):
        assert getattr(found, name) == getattr(saved, name), name
    assert found.model.keys() == saved.model.keys()
    assert all(torch.equal(found.model[key], saved.model[key]) for key in saved.model)
    torch.rand(3)
    restore_rng(found)
    assert torch.equal(torch.get_rng_state(), saved.rng[0])
    assert _files(tmp_path) == [FILE], "no temporary file stays"


def test_the_identity_knows_its_spec() -> None:
    assert identity(spec="a").digest != identity(spec="b").digest
    assert identity(spec="").digest.startswith("e3b0c44298fc"), "SHA-256 of nothing"


def test_another_spec_is_refused(tmp_path: Path) -> None:
    found = checkpoint()
    other = identity(("a", "b", "c"), spec="(3,6) 2/2 drop(0.5) fc\n(3,8)\n")
    with refused("CTC606") as problems:
        require_identity(found, other, tmp_path)
    text = said(problems[0])
    assert found.identity.digest[:12] in text
    assert other.digest[:12] in text
    assert text.count("tiny") >= 2
    assert "line 2: checkpoint ends before it, spec `(3,8)`" in text
    require_identity(found, identity(("a", "b", "c")), tmp_path)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("a", "b"), ["3 classes", "2 classes", "only in the checkpoint: c"]),
        (("a", "b", "c", "d"), ["3 classes", "4 classes", "only in the data: d"]),
        (("a", "b", "x"), ["only in the checkpoint: c", "only in the data: x"]),
        (("b", "a", "c"), ["3 classes", "order"]),
        (("a",), ["the data has 1 class\n", "only in the checkpoint: b, c"]),
    ],
)
def test_other_classes_are_refused(
    tmp_path: Path, classes: tuple[str, ...], words: list[str]
) -> None:
    with refused("CTC607") as problems:
        require_identity(checkpoint(), identity(classes), tmp_path)
    text = said(problems[0])
    assert all(word in text for word in words), text


def test_all_that_differs_is_said_at_once(tmp_path: Path) -> None:
    with refused("CTC606", "CTC607"):
        require_identity(checkpoint(), identity(("x",), spec="other"), tmp_path)


def test_many_class_names_are_cut_short(tmp_path: Path) -> None:
    with refused("CTC607") as problems:
        require_identity(checkpoint(), identity(tuple("abcdefghij")), tmp_path)
    assert "only in the data: d, e, f and 4 more" in problems[0].notes


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with refused("CTC610") as problems:
        restore_model(tiny_net(5), checkpoint(), tmp_path)
    assert "size mismatch" in said(problems[0])


def _missing(path: Path) -> None:
    pass


def _directory(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("epoch 4\n" * 100)


def _truncated(path: Path) -> None:
    save(path, checkpoint())
    path.write_bytes(path.read_bytes()[:-1000])


def _flipped(path: Path) -> None:
    save(path, checkpoint())
    data = bytearray(path.read_bytes())
    place = data.index(load(path).model["0.weight"].numpy().tobytes())
    data[place + 10] ^= 1
    path.write_bytes(data)


def _foreign(path: Path) -> None:
    torch.save({"state_dict": tiny_net().state_dict()}, path)


def _tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


class _Trap:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, ("touch trapped",)


def _malicious(path: Path) -> None:
    torch.save({"format": 1, "model": _Trap()}, path)


@pytest.mark.parametrize(
    "make",
    [
        *(_missing, _directory, _empty, _text, _truncated, _flipped),
        *(_foreign, _tensor, _malicious),
    ],
)
def test_what_is_no_checkpoint_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / FILE)
    with refused("CTC610") as problems:
        load(tmp_path / FILE)
    assert str(tmp_path / FILE) in said(problems[0])
    assert "weights_only" not in said(problems[0]), "torch's advice to load it all the same"
    assert not (tmp_path / "trapped").exists(), "code from the file ran"


def test_a_later_format_names_the_version_that_reads_it(tmp_path: Path) -> None:
    save(tmp_path / FILE, checkpoint())
    content = torch.load(tmp_path / FILE, weights_only=True)
    torch.save({**content, "format": 2, "version": "9.1"}, tmp_path / FILE)
    with refused("CTC610") as problems:
        load(tmp_path / FILE)
    assert "9.1" in said(problems[0])


@contextmanager
def _full_disk(limit: int) -> Iterator[None]:
    """No file may grow beyond `limit` bytes: what a write meets on a full disk, for real."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / FILE, checkpoint(epoch=1))
    with _full_disk(2000), refused("CTC608") as problems:
        save(tmp_path / FILE, checkpoint(epoch=2))
    assert "too large" in problems[0].message, "the system's own words"
    assert str(tmp_path / FILE) in said(problems[0])
    assert "untouched" in said(problems[0])
    assert load(tmp_path / FILE).epoch == 1
    assert _files(tmp_path) == [FILE]


def _no_space(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "log.csv"
    write_whole(path, lambda file: file.write(b"before"))
    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(os, "fsync", _no_space)
        if call == "replace":
            patch.setattr(os, "replace", _no_space)
        with refused("CTC608") as problems:
            write_whole(path, _no_space if call == "write" else lambda file: file.write(b"after"))
    assert "no space left on device" in problems[0].message
    assert path.read_bytes() == b"before"
    assert _files(tmp_path) == ["log.csv"]


def test_ctrl_c_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    save(tmp_path / FILE, checkpoint(epoch=1))

    def interrupted(file: IO[bytes]) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / FILE, interrupted)
    assert load(tmp_path / FILE).epoch == 1
    assert _files(tmp_path) == [FILE]


def test_ctrl_c_inside_torchs_writer_is_still_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctcdsl.text.files.open", _Breaking, raising=False)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / FILE, checkpoint())
    assert _files(tmp_path) == []


class _Breaking(FileIO):
    """A file whose third write is interrupted."""

    writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        if self.writes == 3:
            raise KeyboardInterrupt
        return super().write(data)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with refused("CTC608") as problems:
        write_whole(tmp_path / "nowhere" / "x", lambda file: file.write(b"x"))
    assert "no such file" in problems[0].message
    assert "untouched" not in said(problems[0])
