import errno
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from ctcdsl.images.colour import Statistics
from ctcdsl.runs.checkpoint import (
    Checkpoint,
    Progress,
    load,
    restore_model,
    restore_rng,
    rng_states,
)
from ctcdsl.runs.identity import require_same_identity
from ctcdsl.runs.log import Row
from ctcdsl.runs.store import CheckpointStore, describe_files, read_manifest
from ctcdsl.storage.atomic import write_folder_atomic
from ctcdsl.training.step import TrainStep
from tests.support.tiny import identity, refused, said, tiny_net, tiny_recipe

STATISTICS = Statistics((1.0, 2.0, 3.0), (3.0, 2.0, 1.0), ((1, 0, 0), (0, 1, 0), (0, 0, 1)))

ROW = Row(
    epoch=1,
    steps=4,
    images=27,
    learning_rate=0.1,
    train_loss=1 / 3,
    train_top1_error=0.5,
    test_loss=2 / 3,
    test_top1_error=0.25,
    test_top5_error=0.0,
    images_per_second=100.0,
    data_wait=0.1,
    seconds=3.0,
)


def checkpoint(epoch: int = 4, classes: tuple[str, ...] = ("a", "b", "c")) -> Checkpoint:
    model, recipe = tiny_net(len(classes)), tiny_recipe()
    return Checkpoint(
        identity=identity(classes),
        recipe=recipe,
        statistics=STATISTICS,
        progress=Progress(epoch=epoch, step=2, loss=0.1, rows=[ROW]),
        model=model.state_dict(),
        optimizer=TrainStep(model, recipe, torch.device("cpu")).optimizer.state_dict(),
        rng=rng_states(),
    )


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = checkpoint()
    write_folder_atomic(tmp_path / "1", saved.to_files())
    found = load(tmp_path / "1")
    for name in ("identity", "recipe", "statistics", "progress", "version"):
        assert getattr(found, name) == getattr(saved, name), name
    assert set(found.model) == set(saved.model)
    assert all(torch.equal(found.model[key], saved.model[key]) for key in saved.model)
    torch.rand(3)
    restore_rng(found)
    assert torch.equal(torch.get_rng_state(), saved.rng[0])
    assert _files(tmp_path) == ["1"], "no temporary folder stays"
    assert _files(tmp_path / "1") == ["manifest.json", "state.pt", "weights.safetensors"]
    manifest = json.loads((tmp_path / "1" / "manifest.json").read_text())
    assert (manifest["epoch"], manifest["step"], manifest["test_top1_error"]) == (4, 2, None)
    for name, of in manifest["files"].items():
        content = (tmp_path / "1" / name).read_bytes()
        assert (len(content), sha256(content).hexdigest()) == (of["bytes"], of["sha256"])


def test_the_identity_knows_its_spec() -> None:
    assert identity(spec="a").digest != identity(spec="b").digest
    assert identity(spec="").digest.startswith("e3b0c44298fc"), "SHA-256 of nothing"


def test_another_spec_is_refused(tmp_path: Path) -> None:
    found = checkpoint()
    other = identity(("a", "b", "c"), spec="(3,6) 2/2 drop(0.5) fc\n(3,8)\n")
    with refused("CTC606") as problems:
        require_same_identity(found.identity, other, tmp_path)
    text = said(problems[0])
    assert found.identity.digest[:12] in text
    assert other.digest[:12] in text
    assert text.count("tiny") >= 2
    assert "line 2: checkpoint ends before it, spec `(3,8)`" in text
    require_same_identity(found.identity, identity(("a", "b", "c")), tmp_path)


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
        require_same_identity(checkpoint().identity, identity(classes), tmp_path)
    text = said(problems[0])
    assert all(word in text for word in words), text


def test_all_that_differs_is_said_at_once(tmp_path: Path) -> None:
    with refused("CTC606", "CTC607"):
        require_same_identity(checkpoint().identity, identity(("x",), spec="other"), tmp_path)


def test_many_class_names_are_cut_short(tmp_path: Path) -> None:
    with refused("CTC607") as problems:
        require_same_identity(checkpoint().identity, identity(tuple("abcdefghij")), tmp_path)
    assert "only in the data: d, e, f and 4 more" in problems[0].notes


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with refused("CTC610") as problems:
        restore_model(tiny_net(5), checkpoint(), tmp_path)
    assert "size mismatch" in said(problems[0])


def _missing(path: Path) -> None:
    pass


def _empty_folder(path: Path) -> None:
    path.mkdir()


def _empty_file(path: Path) -> None:
    path.touch()


def _no_manifest(path: Path) -> None:
    write_folder_atomic(path, checkpoint().to_files())
    (path / "manifest.json").unlink()


def _no_state(path: Path) -> None:
    write_folder_atomic(path, checkpoint().to_files())
    (path / "state.pt").unlink()


def _truncated(path: Path) -> None:
    write_folder_atomic(path, checkpoint().to_files())
    weights = path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _flipped(path: Path) -> None:
    write_folder_atomic(path, checkpoint().to_files())
    weights = path / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-50] ^= 1
    weights.write_bytes(data)


def _with_state(path: Path, content: object) -> None:
    """A folder whose manifest agrees with a state that is none."""
    write_folder_atomic(path, checkpoint().to_files())
    torch.save(content, path / "state.pt")
    _sign(path)


def _sign(path: Path) -> None:
    names = ("weights.safetensors", "state.pt")
    manifest = read_manifest(path)
    contents = {name: (path / name).read_bytes() for name in names}
    signed = replace(manifest, files=describe_files(contents))
    (path / "manifest.json").write_bytes(signed.to_bytes())


def _foreign(path: Path) -> None:
    _with_state(path, {"state_dict": tiny_net().state_dict()})


def _tensor(path: Path) -> None:
    _with_state(path, torch.zeros(3))


class _Trap:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, ("touch trapped",)


def _malicious(path: Path) -> None:
    _with_state(path, {"progress": _Trap()})


def _of_another(path: Path) -> None:
    write_folder_atomic(path, checkpoint().to_files())
    other = path.with_name("other")
    write_folder_atomic(other, checkpoint(epoch=5).to_files())
    (path / "state.pt").write_bytes((other / "state.pt").read_bytes())
    _sign(path)


@pytest.mark.parametrize(
    "make",
    [
        *(_missing, _empty_folder, _empty_file, _no_manifest, _no_state, _truncated),
        *(_flipped, _foreign, _tensor, _malicious, _of_another),
    ],
)
def test_what_is_no_checkpoint_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "1")
    with refused("CTC610") as problems:
        load(tmp_path / "1")
    assert str(tmp_path / "1") in said(problems[0])
    assert "weights_only" not in said(problems[0]), "torch's advice to load it all the same"
    assert not (tmp_path / "trapped").exists(), "code from the file ran"


def test_a_folder_without_permission_has_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for call in ("stat", "lstat", "scandir", "listdir"):
        monkeypatch.setattr(os, call, denied)
    with refused("CTC610"):
        load(tmp_path / "closed" / "run")


def test_a_later_format_names_the_version_that_reads_it(tmp_path: Path) -> None:
    write_folder_atomic(tmp_path / "1", checkpoint().to_files())
    later = replace(read_manifest(tmp_path / "1"), format=3, version="9.1")
    (tmp_path / "1" / "manifest.json").write_bytes(later.to_bytes())
    with refused("CTC610") as problems:
        load(tmp_path / "1")
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
    store = CheckpointStore(tmp_path, keep=1)
    store.add(checkpoint(epoch=1))
    with _full_disk(2000), refused("CTC608") as problems:
        store.add(checkpoint(epoch=2))
    assert "too large" in problems[0].message, "the system's own words"
    assert "000002/weights.safetensors" in said(problems[0])
    assert load(tmp_path).progress.epoch == 1
    assert _files(tmp_path / "checkpoints") == ["000001"]


@pytest.mark.parametrize("call", ["fsync", "rename", "makedirs"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_checkpoint_that_cannot_be_written_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    store.add(checkpoint(epoch=1))

    def fail(*arguments: object, **others: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with refused("CTC608") as problems:
            store.add(checkpoint(epoch=2))
    assert os.strerror(code).lower() in problems[0].message
    assert load(tmp_path).progress.epoch == 1
    assert _files(tmp_path / "checkpoints") == ["000001"]


def test_ctrl_c_while_writing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    store.add(checkpoint(epoch=1))

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.add(checkpoint(epoch=2))
    assert load(tmp_path).progress.epoch == 1
    assert _files(tmp_path / "checkpoints") == ["000001"]
