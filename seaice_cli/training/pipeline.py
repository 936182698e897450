"""Training: one plain loop, on one or many processes, that can be killed anywhere and goes on to the same weights.

    for every step:  crops -> augmented -> normalised -> logits -> loss -> gradient -> weights -> running mean

Nothing random has a state that would have to be saved: crops, augmentation and dropout are drawn from the seed and the
number of the step. A checkpoint is written at every evaluation.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from seaice_cli.errors import OptionError, OutputError
from seaice_cli.locking import alone
from seaice_cli.network.build import build_network
from seaice_cli.network.catalog import find_model
from seaice_cli.network.export import save_model
from seaice_cli.network.pretrained import load_weights, read_tensors
from seaice_cli.network.spec import WEIGHTS_FILE
from seaice_cli.training.crops.difficulty import Difficulty
from seaice_cli.training.finetuning import lineage
from seaice_cli.training.freezing import freeze_encoder
from seaice_cli.training.loop import BEST_FILE, CHECKPOINT_FILE, Progress, Run
from seaice_cli.training.optimization.ema import Ema
from seaice_cli.training.optimization.schedules import make_optimizer, make_schedule
from seaice_cli.training.options import TrainOptions, anchored, stage_options, to_toml
from seaice_cli.training.preparation import TrainingInputs, prepare
from seaice_cli.training.records import logs
from seaice_cli.training.records.card import write_card
from seaice_cli.training.records.checkpoint import State, restore_checkpoint

log = logging.getLogger(__name__)

MODEL_FOLDER = "model"
RUNNING = ".running"
"""Name of the folder that tells other runs that one is at work."""


def train(
    options: TrainOptions, directory: Path, *, resume: bool = False, overwrite: bool = False, progress: Progress = iter
) -> tuple[Path, dict[str, float]]:
    """Train a model and write its directory.

    Args:
        options: What to learn, from what, and how.
        directory: The run's folder; it is made. In it, `model/` is the finished model.
        resume: Go on from the checkpoint in `directory`, if there is one.
        overwrite: Replace a run that is in `directory` already.
        progress: Wraps the numbers of the steps.

    Returns:
        The model directory, and the scores of its weights on the validation scenes.

    Raises:
        DataError: The data is missing or does not fit, or the loss is no number any more.
        OptionError: Options do not fit each other or the machine, or the memory is not enough.
        ModelError: The network cannot be built, or the weights to start from do not fit.
        OutputError: Another run is at work in the folder, or it cannot be made.
    """
    held_before = (directory / logs.CONFIG_FILE).exists()
    if held_before and not (resume or overwrite):
        raise OptionError(
            f"{directory}: holds a run already; resume it (`resume`), replace it (`overwrite`), or name another folder"
        )
    stages = stage_options(options)
    before, scored = options.init_from, dict[str, float]()
    with ExitStack() as held:
        for number, stage in enumerate(stages, 1):
            folder = directory / f"stage-{number}" if number < len(stages) else directory
            continued = dataclasses.replace(stage, init_from=before)
            run = _begin(continued, folder, lineage(options))
            if number == 1 and run.accelerator.is_main_process:  # not before the data is known to be sound
                held.enter_context(_kept_once_begun(directory, run.state))
                held.enter_context(alone(directory / RUNNING, directory))
                if held_before and overwrite and not resume:
                    _clear(directory)
            told = {folder: continued, directory: options}  # the run's own folder keeps all stages
            scored = _train_stage(run, told, resume=resume, progress=progress)
            before = str(folder / BEST_FILE)  # unlike the model, with the heads that only training uses
            del run  # or two stages would be held at once
    return directory / MODEL_FOLDER, scored


def _begin(options: TrainOptions, folder: Path, parent: str) -> Run:
    prepared = prepare(options)
    options = prepared.options
    accelerator = make_accelerator(options)
    return Run(options, prepared, accelerator, start(options, prepared, accelerator), folder, parent)


def _train_stage(run: Run, told: Mapping[Path, TrainOptions], *, resume: bool, progress: Progress) -> dict[str, float]:
    folder, accelerator = run.directory, run.accelerator
    if accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        for place, content in told.items():
            logs.write_text(place / logs.CONFIG_FILE, to_toml(anchored(content)))
        logs.write_environment(folder, str(accelerator.device), str(accelerator.mixed_precision))
    accelerator.wait_for_everyone()
    if resume and (folder / CHECKPOINT_FILE).is_file():
        restore_checkpoint(run.state, folder / CHECKPOINT_FILE, accelerator)
    _loop(run, progress)
    if accelerator.is_main_process:
        _finish(run)
    accelerator.wait_for_everyone()
    return run.state.best


@contextmanager
def _kept_once_begun(directory: Path, state: State) -> Iterator[None]:
    """Make a folder, and take it away again if it is new and the run in it ends before its first step."""
    new = not directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be made ({error.strerror}); choose another folder") from error
    try:
        yield
    except BaseException:
        if new and not state.step:
            shutil.rmtree(directory, ignore_errors=True)
        raise


def _clear(directory: Path) -> None:
    """Remove what an earlier run has left, but for the lock that this one holds."""
    for path in directory.iterdir():
        if path.name == RUNNING:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _loop(run: Run, progress: Progress) -> None:
    try:
        run.loop(progress)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        raise OptionError(
            f"out of memory with {run.options.batch} crops of {run.options.crop} pixels; "
            "take a smaller batch and as much more accumulate, or a smaller crop, and resume"
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    """Tell whether numpy, a GPU, or torch on a CPU (which has no error of its own for it) got no more memory."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def make_accelerator(options: TrainOptions) -> Accelerator:
    """Return what runs the network: on a GPU if there is one, in the precision asked for.

    Raises:
        OptionError: The machine cannot compute in that precision.
    """
    on_cpu = not torch.cuda.is_available()
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if (_cpu_has_bf16() if on_cpu else torch.cuda.is_bf16_supported()) else "fp32"
    if precision == "fp16" and on_cpu:
        raise OptionError("precision: fp16 needs a GPU; on this machine take bf16 or fp32")
    mixed = "no" if precision == "fp32" else precision
    # accelerate remembers the precision of the process's first run; another run may choose another.
    AcceleratorState._reset_state()  # noqa: SLF001 - there is no public way
    return Accelerator(cpu=on_cpu, mixed_precision=mixed, gradient_accumulation_steps=options.accumulate)


def _cpu_has_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def start(options: TrainOptions, prepared: TrainingInputs, accelerator: Accelerator) -> State:
    """Return the state before the first step.

    Raises:
        ModelError: The network cannot be built, or the weights to start from do not fit.
        OptionError: There is no such optimiser or schedule.
    """
    torch.manual_seed(options.seed)
    weights = None if options.encoder_weights == "none" else options.encoder_weights
    network = build_network(prepared.spec, encoder_weights=weights)
    if options.init_from:
        load_weights(network, _weights_of(options.init_from))
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # untyped in torch
    network = network.to(accelerator.device).to(memory_format=torch.channels_last)
    ema = Ema(network, options.ema) if options.ema else None
    if options.freeze_encoder:
        freeze_encoder(network)
    learning = [p for p in network.parameters() if p.requires_grad]
    optimizer = make_optimizer(options.optimizer, learning, lr=options.lr, weight_decay=options.weight_decay)
    network, optimizer = accelerator.prepare(network, optimizer)
    schedule = make_schedule(options.schedule, optimizer, steps=options.steps, steps_per_epoch=options.eval_every)
    difficulty = Difficulty(prepared.train.scenes[: len(prepared.plan.weights)])  # the others are generated
    return State(network, optimizer, schedule, ema, difficulty)


def _weights_of(source: str) -> Path:
    """Return the file of weights that a name of a model, a model directory or a file stands for."""
    path = Path(source)
    return path if path.is_file() else find_model(source).file(WEIGHTS_FILE)


def _finish(run: Run) -> None:
    """Write the model directory from the best weights."""
    spec = run.prepared.spec
    network = build_network(spec)
    network.load_state_dict(read_tensors(run.directory / BEST_FILE))
    card = write_card(spec, run.options, run.state.best, same_scenes=run.prepared.same_scenes, parent=run.parent)
    save_model(run.directory / MODEL_FOLDER, spec, network, card)
