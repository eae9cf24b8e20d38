"""An option that a command does not have: the one meant, by meaning first, then by letters.

`--lr` of other tools is `--schedule` here, and nothing like `--flip`.
"""

from __future__ import annotations

import click

_OTHER_NAMES = {
    "--schedule": "lr learning-rate learningrate rate base-lr blr lr0 initial-lr scheduler sched"
    " lr-scheduler lr-schedule lr-policy lr-steps step-size milestones decay-epochs lr-decay"
    " warmup warmup-epochs max-lr",
    "--weight-decay": "wd decay l2 l2-reg regularization weightdecay",
    "--batch": "b bs batch-size batchsize train-batch-size mini-batch minibatch mini-batch-size"
    " per-device-train-batch-size eval-batch-size",
    "--epochs": "e ep n-epochs num-epochs max-epochs nepochs iterations max-iter",
    "--momentum": "mom m beta",
    "--initialisation": "init initialization weight-init initializer init-type",
    "--dropout": "drop drop-rate dropout-rate p",
    "--device": "gpu gpus gpu-id cuda cpu accelerator mps",
    "--precision": "amp fp16 half bf16 fp32 mixed-precision dtype float16 bfloat16 autocast",
    "--accumulate": "accum grad-accum gradient-accumulation gradient-accumulation-steps"
    " accumulate-grad-batches iter-size accum-iter accumulation-steps",
    "--workers": "j nw num-workers threads loader-workers data-workers n-jobs",
    "--run": "out output o output-dir out-dir outdir save save-dir save-path log-dir logdir"
    " results work-dir workdir checkpoint-dir ckpt-dir experiment exp project folder",
    "--output": "out output-file outfile save file dest",
    "--resume": "continue restore resume-from ckpt checkpoint load r",
    "--data": "d dataset data-dir data-path datadir train-dir images root data-root imagenet",
    "--input": "img-size image-size imgsz img size resolution input-size input-shape crop-size"
    " shape i input-res",
    "--resize": "scale-size shorter-side resize-size",
    "--seed": "random-seed manual-seed rng s",
    "--seeds": "runs repeats trials",
    "--colour-sigma": "color-sigma colour color color-jitter jitter pca lighting",
    "--flip": "no-flip hflip horizontal-flip mirror",
    "--random-crop": "augment augmentation",
    "--checkpoint-every": "save-every save-freq checkpoint-interval ckpt-every save-interval"
    " snapshot",
    "--keep": "keep-last keep-checkpoints save-total-limit",
    "--tensorboard": "tb tensorboard-dir",
    "--compile": "torch-compile torchcompile jit",
    "--tune": "autotune auto-tune cudnn-benchmark",
    "--format": "json csv markdown output-format fmt f",
    "--net": "a arch architecture model model-name network",
    "--views": "ten-crop tencrop crops tta test-crops ten-view dense",
    "--recipe": "config cfg preset hparams",
    "--relative-to": "baseline base reference relative",
    "--layers": "v verbose detail details per-layer summary",
    "--weights": "pretrained weights-in state-dict ckpt checkpoint load",
    "--weights-out": "save-weights weights-output",
    "--pass": "p passes rewrite transform",
    "--picture": "plot figure png",
    "--plot": "picture figure png",
    "--report": "html",
    "-D": "param set define var override let",
}
"""An option, and what other tools call it."""

_ANSWERS = {
    ("eval", "weights"): "The checkpoint is an argument: name the folder of the run.",
    ("train", "weights"): "Training starts from random weights; --resume continues a run.",
    ("compare", "weights"): "Training starts from random weights.",
    ("compile", "init"): "He's weights are the default: `initialise(0.01)` draws the paper's.",
    ("train", "optimizer"): "Training is SGD: see --schedule, --momentum and --weight-decay.",
    ("compare", "optimizer"): "Training is SGD: see --schedule, --momentum and --weight-decay.",
}
"""What to say where a command has no such option, by command and one of `_SYNONYMS`."""

_SYNONYMS = {
    "weights": "weights pretrained checkpoint ckpt load state-dict finetune fine-tune from model",
    "init": "init initialisation initialization weight-init",
    "optimizer": "optimizer optimiser opt optim solver adam adamw sgd nesterov",
}


def with_suggestion(error: click.NoSuchOption) -> click.UsageError:
    """The error with the option that was meant, where the command has it."""
    message = f"No such option '{error.option_name}'."
    command = error.ctx.command if error.ctx is not None else None
    advice = _advice(error.option_name, command) if command is not None else ""
    return click.UsageError(f"{message} {advice}".rstrip(), error.ctx)


def _advice(option_name: str, command: click.Command) -> str:
    key = option_name.lstrip("-").lower().replace("_", "-")
    options = {
        name: option
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    if f"--{key}" in options:
        return _suggestion(f"--{key}", options)
    for name, others in _OTHER_NAMES.items():
        if name in options and key in others.split():
            return _suggestion(name, options)
    for topic, others in _SYNONYMS.items():
        if key in others.split():
            return _ANSWERS.get((command.name or "", topic), "")
    if any(key in others.split() for others in _OTHER_NAMES.values()):
        return ""  # something that this command does not do
    from ctcdsl.syntax.words import closeness

    similarity, name = max((closeness(key, name.lstrip("-")), name) for name in (*options, ""))
    return _suggestion(name, options) if similarity > 0.75 else ""


def _suggestion(name: str, options: dict[str, click.Option]) -> str:
    """The option, and the first words of its help."""
    described = (options[name].help or "").partition("  [")[0]
    return f"Did you mean '{name}'? {described}".rstrip()
