import csv
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import Blots, Recorder, identity, refused, said, tiny_net, tiny_recipe
from torch import Tensor, nn

from ctcdsl.text.diagnostic import InternalError
from ctcdsl.training import checkpoint as checkpoints
from ctcdsl.training import log
from ctcdsl.training.batches import Batch
from ctcdsl.training.checkpoint import FILE, load
from ctcdsl.training.colour import measure
from ctcdsl.training.data import ImageSet
from ctcdsl.training.decode import decode
from ctcdsl.training.descent import Descent
from ctcdsl.training.initialise import initialise
from ctcdsl.training.interrupt import Interrupted, interruptible
from ctcdsl.training.loop import Outcome, train
from ctcdsl.training.recipe import Recipe, Schedule
from ctcdsl.training.report import Step

TRAIN, TEST = Blots(each=9), Blots(each=4, seed=1000)
TIMES = ("images_per_second", "data_wait", "seconds")
CPU = torch.device("cpu")


def run_training(
    run: Path,
    recipe: Recipe | None = None,
    *,
    model: nn.Module | None = None,
    train_set: ImageSet = TRAIN,
    test_set: ImageSet = TEST,
    reporter: Recorder | None = None,
    **others: Any,
) -> Outcome:
    return train(
        model or tiny_net(),
        train_set,
        test_set,
        recipe or tiny_recipe(),
        crop=(12, 12),
        run=run,
        identity=others.pop("identity", identity()),
        reporter=reporter or Recorder(),
        device=CPU,
        **others,
    )


def without_times(rows: tuple[log.Row, ...]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in asdict(row).items() if name not in TIMES} for row in rows
    ]


def same_weights(first: Path, second: Path) -> bool:
    one, other = load(first / FILE), load(second / FILE)
    momenta = [
        [state["momentum_buffer"] for state in each.optimizer["state"].values()]
        for each in (one, other)
    ]
    return all(
        torch.equal(left, right)
        for left, right in zip(
            [*one.model.values(), *momenta[0], *one.rng],
            [*other.model.values(), *momenta[1], *other.rng],
            strict=True,
        )
    )


def interrupt_at(epoch: int, step: int) -> Recorder:
    def stop(done: Step) -> None:
        if (done.epoch, done.step) == (epoch, step):
            raise KeyboardInterrupt

    return Recorder(on_step=stop)


def test_training_learns_and_keeps_its_books(tmp_path: Path) -> None:
    recorder = Recorder()
    recipe = replace(tiny_recipe(), schedule=Schedule(((6, 0.02), (2, 0.002))))
    outcome = run_training(tmp_path / "a" / "run", recipe, reporter=recorder)
    rows = outcome.rows
    assert rows[-1].train_loss < 0.5 * rows[0].train_loss
    assert rows[-1].test_top1_error <= 0.25, "chance is 2/3"
    assert [row.epoch for row in rows] == list(range(1, 9))
    assert [row.steps for row in rows] == [4 * epoch for epoch in range(1, 9)], "27 images, 7 each"
    assert rows[-1].images == 8 * 27
    assert [row.learning_rate for row in rows] == [0.02] * 6 + [0.002] * 2
    assert recorder.rows == list(rows) == list(log.read(outcome.run))
    assert sorted(path.name for path in outcome.run.iterdir()) == [FILE, log.CSV, log.JSONL]
    saved = load(outcome.checkpoint)
    assert (saved.epoch, saved.recipe, saved.identity) == (8, recipe, identity())
    assert saved.statistics == outcome.statistics == measure(TRAIN, 1000)


def test_both_logs_say_the_same(tmp_path: Path) -> None:
    outcome = run_training(tmp_path)
    with (tmp_path / log.CSV).open(newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / log.JSONL).read_text().splitlines()]
    assert lines == [asdict(row) for row in outcome.rows]
    assert [{name: float(value) for name, value in row.items()} for row in table] == lines


def test_the_reporter_hears_every_step(tmp_path: Path) -> None:
    recorder = Recorder()
    run_training(tmp_path, tiny_recipe(epochs=2), reporter=recorder)
    [plan] = recorder.plans
    assert (plan.epochs, plan.first_epoch, plan.steps, plan.classes) == (2, 1, 4, 3)
    assert (plan.training_images, plan.test_images, plan.device) == (27, 12, "cpu")
    assert recorder.measured[-1] == (27, 27)
    assert [(step.epoch, step.step) for step in recorder.steps] == [
        (epoch, step) for epoch in (1, 2) for step in (1, 2, 3, 4)
    ]
    for step in recorder.steps:
        assert step.loss > 0
        assert step.images_per_second > 0
        assert 0 < step.data_wait < 1
    assert recorder.steps[0].seconds_left > recorder.steps[-1].seconds_left > 0
    assert recorder.tested.count((12, 12)) == 2


def test_the_logged_numbers_are_those_of_the_steps(tmp_path: Path) -> None:
    recorder = Recorder()
    [row] = run_training(tmp_path, tiny_recipe(epochs=1), reporter=recorder).rows
    losses = [step.loss for step in recorder.steps]
    assert row.train_loss == pytest.approx(np.average(losses, weights=[7, 7, 7, 6]))
    assert 0 <= row.train_top1_error <= 1


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path: Path, epoch: int) -> None:
    whole = run_training(tmp_path / "whole", tiny_recipe(epochs=4))
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", tiny_recipe(epochs=4), reporter=interrupt_at(epoch + 1, 2))
    assert load(tmp_path / "cut" / FILE).epoch == epoch
    torch.rand(100)  # another process has other random numbers behind it
    recorder = Recorder()
    resumed = run_training(tmp_path / "cut", tiny_recipe(epochs=4), reporter=recorder, resume=True)
    assert recorder.plans[0].first_epoch == epoch + 1
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert without_times(log.read(tmp_path / "cut")) == without_times(whole.rows)


def test_dropout_and_seed_do_matter(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    run_training(tmp_path / "a")
    run_training(tmp_path / "b")
    assert same_weights(tmp_path / "a", tmp_path / "b")
    run_training(tmp_path / "c", tiny_recipe(dropout=0.1))
    assert not same_weights(tmp_path / "a", tmp_path / "c")
    run_training(tmp_path / "d", tiny_recipe(seed=6))
    assert not same_weights(tmp_path / "a", tmp_path / "d")


def test_the_rate_follows_the_schedule(tmp_path: Path) -> None:
    run_training(tmp_path / "one", tiny_recipe(epochs=1))
    steps = Schedule(((1, 0.02), (1, 1e-30)))
    run_training(tmp_path / "two", tiny_recipe(schedule=steps))
    one, two = (load(tmp_path / name / FILE).model for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one), "1e-30 moves nothing"


def test_a_model_in_evaluation_mode_is_trained_with_dropout(tmp_path: Path) -> None:
    run_training(tmp_path / "a")
    run_training(tmp_path / "b", model=tiny_net().eval())
    assert same_weights(tmp_path / "a", tmp_path / "b")


def test_a_run_stopped_between_log_and_checkpoint_drops_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_training(tmp_path / "whole")
    save = checkpoints.save

    def stop_at_two(path: Path, checkpoint: checkpoints.Checkpoint) -> None:
        if checkpoint.epoch == 2:
            raise KeyboardInterrupt
        save(path, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save", stop_at_two)
        with pytest.raises(Interrupted) as caught:
            run_training(tmp_path / "cut")
    assert caught.value.last_epoch == 1
    assert [row.epoch for row in log.read(tmp_path / "cut")] == [1, 2]
    recorder = interrupt_at(2, 1)
    with pytest.raises(Interrupted):
        run_training(tmp_path / "cut", reporter=recorder, resume=True)
    assert [row.epoch for row in log.read(tmp_path / "cut")] == [1], "dropped before going on"
    resumed = run_training(tmp_path / "cut", resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_an_interrupted_run_says_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, reporter=interrupt_at(3, 1))
    assert (caught.value.run, caught.value.last_epoch) == (tmp_path, 2)
    for word in ("epoch 2", str(tmp_path), "--resume"):
        assert word in str(caught.value)


def test_a_run_interrupted_in_its_first_epoch_can_be_resumed(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole")
    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path / "cut", reporter=interrupt_at(1, 2))
    assert caught.value.last_epoch == 0
    resumed = run_training(tmp_path / "cut", resume=True)
    assert without_times(resumed.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_interrupted_before_anything_was_saved(tmp_path: Path) -> None:
    class Stop(Recorder):
        def measuring(self, done: int, total: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, reporter=Stop())
    assert caught.value.last_epoch is None
    assert "--resume" not in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_interrupts(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def kill(step: Step) -> None:
        if step.epoch == 2:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as caught:
        run_training(tmp_path, reporter=Recorder(on_step=kill))
    assert caught.value.last_epoch == 1
    assert signal.getsignal(number) == before


def test_a_signal_that_comes_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        now += 0.5
        os.kill(os.getpid(), signal.SIGINT)  # the same Ctrl-C, passed on by a supervisor
        now += 1.5
        with pytest.raises(KeyboardInterrupt):  # another one, of somebody losing patience
            os.kill(os.getpid(), signal.SIGTERM)


def test_training_works_outside_the_main_thread(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(run_training(tmp_path, tiny_recipe(epochs=1)))
    )
    thread.start()
    thread.join()
    assert [len(outcome.rows) for outcome in outcomes] == [1]


def test_a_longer_recipe_goes_on_from_the_end(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole", tiny_recipe(epochs=3))
    run_training(tmp_path / "longer", tiny_recipe(epochs=2))
    longer = run_training(tmp_path / "longer", tiny_recipe(epochs=3), resume=True)
    assert without_times(longer.rows) == without_times(whole.rows)
    assert same_weights(tmp_path / "whole", tmp_path / "longer")
    again = run_training(tmp_path / "longer", tiny_recipe(epochs=3), resume=True)
    assert again.rows == longer.rows, "nothing is left to do"


class NanAt(nn.Module):
    """A network whose output breaks at the n-th training batch."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.inner, self.left = tiny_net(), batch

    def forward(self, inputs: Tensor) -> Tensor:
        self.left -= self.training
        logits: Tensor = self.inner(inputs)
        return logits * (torch.nan if self.left == 0 else 1)


def test_a_loss_that_is_not_finite_stops_training(tmp_path: Path) -> None:
    with refused("CTC609") as found:
        run_training(tmp_path, model=NanAt(batch=4 + 3))
    text = said(found[0])
    for word in ("nan", "epoch 2, step 3", "checkpoint is of epoch 1", "learning rate"):
        assert word in text
    saved = load(tmp_path / FILE)
    assert saved.epoch == 1
    assert all(value.isfinite().all() for value in saved.model.values())


def test_weights_that_break_in_the_last_step_are_not_saved(tmp_path: Path) -> None:
    recipe = tiny_recipe(rate=1e38, batch=27, momentum=0.0)
    with refused("CTC609") as found:
        run_training(tmp_path, recipe)
    assert "test after epoch 1" in found[0].message
    assert load(tmp_path / FILE).epoch == 0


def test_a_disk_that_fills_up_in_training_leaves_the_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file, calls = os.replace, []

    def full(temporary: str, target: str) -> None:
        calls.append(target)
        if len(calls) == 7:  # initial checkpoint, then two logs and a checkpoint an epoch
            raise OSError(28, "No space left on device")
        replace_file(temporary, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with refused("CTC608") as found:
            run_training(tmp_path)
    assert FILE in said(found[0])
    assert load(tmp_path / FILE).epoch == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, log.CSV, log.JSONL]
    assert len(run_training(tmp_path, resume=True).rows) == 3


def test_a_folder_that_cannot_be_written_shows_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    recorder = Recorder()
    with refused("CTC608"):
        run_training(tmp_path / "file" / "run", reporter=recorder)
    assert not recorder.steps


def test_a_trained_run_is_not_trained_over(tmp_path: Path) -> None:
    run_training(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    with refused("CTC614") as found:
        run_training(tmp_path)
    assert "--resume" in said(found[0])
    assert (tmp_path / FILE).read_bytes() == before


def test_resuming_needs_the_same_recipe_spec_and_classes(tmp_path: Path) -> None:
    with refused("CTC610"):
        run_training(tmp_path, resume=True)
    run_training(tmp_path, tiny_recipe(epochs=1))
    with refused("CTC613") as found:
        run_training(tmp_path, tiny_recipe(batch=8, momentum=0.5), resume=True)
    assert found[0].notes == ("batch: 7 then, 8 now", "momentum: 0.9 then, 0.5 now")
    with refused("CTC606"):
        run_training(tmp_path, identity=identity(spec="another"), resume=True)
    others = ("amber", "blue", "coral")
    with refused("CTC607"):
        run_training(
            tmp_path,
            train_set=Blots(others),
            test_set=Blots(others),
            identity=identity(others),
            resume=True,
        )


def test_a_network_that_does_not_fit_the_data_is_refused(tmp_path: Path) -> None:
    with refused("CTC612") as found:
        run_training(tmp_path, model=tiny_net(classes=4))
    assert "4 outputs, the data 3 classes" in found[0].message
    with refused("CTC612") as found:
        run_training(tmp_path, identity=identity(side=10))
    assert "3x10x10" in found[0].message
    with refused("CTC611"):
        run_training(tmp_path, test_set=Blots(("amber", "blue", "coral")))
    with refused("CTC605"):
        run_training(tmp_path, tiny_recipe(resize=5))
    with pytest.raises(InternalError):
        run_training(tmp_path, identity=identity(("x", "y", "z")))
    assert not list(tmp_path.iterdir())


def test_a_bad_image_ends_training_with_its_name(tmp_path: Path) -> None:
    class Damaged(Blots):
        def image(self, index: int) -> Image.Image:
            return decode(tmp_path / "bad.jpg") if index == 5 else super().image(index)

    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 nothing")
    with refused("CTC603") as found:
        run_training(tmp_path / "run", tiny_recipe(statistics_sample=1), train_set=Damaged())
    assert "bad.jpg" in said(found[0])


def test_given_statistics_are_not_measured_again(tmp_path: Path) -> None:
    recorder, given = Recorder(), measure(TEST, 5)
    outcome = run_training(tmp_path, tiny_recipe(epochs=1), reporter=recorder, statistics=given)
    assert outcome.statistics == load(tmp_path / FILE).statistics == given
    assert not recorder.measured


def test_bf16_trains_on_float32_weights(tmp_path: Path) -> None:
    outcome = run_training(tmp_path, tiny_recipe(precision="bf16"))
    assert {value.dtype for value in load(outcome.checkpoint).model.values()} == {torch.float32}
    exact = run_training(tmp_path / "exact")
    assert outcome.rows[-1].train_loss == pytest.approx(exact.rows[-1].train_loss, rel=0.2)
    assert not same_weights(tmp_path, tmp_path / "exact")


def test_workers_change_nothing(tmp_path: Path) -> None:
    run_training(tmp_path / "alone", tiny_recipe(epochs=1))
    run_training(tmp_path / "helped", tiny_recipe(epochs=1, workers=1))
    assert same_weights(tmp_path / "alone", tmp_path / "helped")


@pytest.mark.parametrize(
    ("recipe", "deviation"),
    [
        (Recipe(initialisation="gaussian", sigma=0.01), lambda fan_in: 0.01),
        (Recipe(initialisation="he"), lambda fan_in: (2 / fan_in) ** 0.5),
    ],
)
def test_initial_weights_are_gaussian_and_biases_zero(
    recipe: Recipe, deviation: Callable[[int], float]
) -> None:
    convolution, norm, fc = nn.Conv2d(16, 64, 5, groups=2), nn.BatchNorm2d(64), nn.Linear(300, 200)
    initialise(nn.Sequential(convolution, norm, fc), recipe)
    for weight, bias, fan_in in (
        (convolution.weight, convolution.bias, 8 * 25),
        (fc.weight, fc.bias, 300),
    ):
        weights = weight.detach().flatten()
        assert weights.std().item() == pytest.approx(deviation(fan_in), rel=0.03)
        assert abs(weights.mean().item()) < 0.03 * deviation(fan_in)
        within = (weights.abs() < weights.std()).double().mean().item()
        assert within == pytest.approx(0.683, abs=0.02), "a normal distribution"
        assert bias is not None
        assert torch.count_nonzero(bias) == 0
    assert torch.equal(norm.weight, torch.ones(64))


def test_decay_is_on_weights_alone() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    groups = Descent(model, Recipe(), CPU).optimizer.param_groups
    shapes = [[tuple(each.shape) for each in group["params"]] for group in groups]
    assert shapes == [[(4, 3, 3, 3), (2, 4)], [(4,), (4,), (4,), (2,)]]
    assert [group["weight_decay"] for group in groups] == [0.0005, 0.0]


def test_a_step_is_momentum_descent_by_hand() -> None:
    fc = nn.Linear(3, 2, bias=False)
    recipe = tiny_recipe(colour_sigma=0.0, weight_decay=0.1, momentum=0.5, rate=0.3)
    statistics = measure(TRAIN, 3)
    descent = Descent(nn.Sequential(nn.Flatten(), fc), recipe, CPU)
    pixels = torch.tensor([[200, 20, 90], [10, 250, 60]], dtype=torch.uint8)[:, :, None, None]
    inputs = (pixels[:, :, 0, 0].double() - torch.tensor(statistics.mean)) / recipe.pixel_divisor
    labels = torch.tensor([0, 1])
    weights = fc.weight.detach().double().clone()
    velocity = torch.zeros_like(weights)
    for rate in (0.3, 0.3, 0.03):
        descent.set_rate(rate)
        descent.step(Batch(pixels, labels, torch.randn(2, 3)), statistics)
        error = (inputs @ weights.T).softmax(1) - torch.eye(2)
        velocity = 0.5 * velocity + error.T @ inputs / 2 + 0.1 * weights
        weights = weights - rate * velocity
        assert torch.allclose(fc.weight.double(), weights, atol=1e-5)


def test_a_loss_that_is_not_finite_changes_no_weight() -> None:
    model = tiny_net()
    descent = Descent(model, tiny_recipe(), CPU)
    before = [each.detach().clone() for each in model.parameters()]
    pixels, labels = torch.zeros(2, 3, 12, 12, dtype=torch.uint8), torch.tensor([0, 1])
    loss, _ = descent.step(Batch(pixels, labels, torch.full((2, 3), torch.inf)), measure(TRAIN, 3))
    assert not np.isfinite(loss)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_a_damaged_log_is_said(tmp_path: Path) -> None:
    run_training(tmp_path)
    path = tmp_path / log.JSONL
    path.write_text(path.read_text() + '{"epoch": 4}\n')
    with refused("CTC610") as found:
        run_training(tmp_path, resume=True)
    assert "line 4" in found[0].message
