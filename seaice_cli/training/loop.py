"""The loop itself: steps, evaluations, and what is kept of them."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from seaice_cli.errors import DataError, EngineError, OptionError
from seaice_cli.evaluation.metrics.confusion import scores
from seaice_cli.network.export import safetensors_bytes
from seaice_cli.training.augmentation.augment import augment, parse_recipe
from seaice_cli.training.augmentation.inputs import IGNORE, Batch, RandomSource
from seaice_cli.training.crops.dataset import Crops
from seaice_cli.training.crops.difficulty import crop_losses
from seaice_cli.training.crops.sampling import CropSampler
from seaice_cli.training.freezing import hold_encoder
from seaice_cli.training.losses import edge_target, parse_loss, training_loss
from seaice_cli.training.options import TrainOptions
from seaice_cli.training.preparation import TrainingInputs
from seaice_cli.training.records import logs
from seaice_cli.training.records.checkpoint import State, save_checkpoint
from seaice_cli.training.records.curves import CURVES_FILE, draw_curves
from seaice_cli.training.validation import classify, confuse, normalised

T = TypeVar("T")

log = logging.getLogger(__name__)

CHECKPOINT_FILE, BEST_FILE, PICTURE = "checkpoint.pt", "best.safetensors", "predictions"
LOOK_EVERY = 20
"""Steps after which the loss is looked at; looking makes an accelerator wait."""
Progress = Callable[[Iterable[int]], Iterable[int]]


def _mixed(*numbers: int) -> int:
    """Return one seed of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


class Run:
    """One stage of training."""

    def __init__(
        self,
        options: TrainOptions,
        prepared: TrainingInputs,
        accelerator: Accelerator,
        state: State,
        directory: Path,
        parent: str = "",
    ) -> None:
        self.options, self.prepared, self.accelerator = options, prepared, accelerator
        self.state, self.directory, self.parent = state, directory, parent
        self._recipe = parse_recipe(options.augment)
        self._cloud = options.classes.index(options.cloud) if options.cloud in options.classes else None
        weights = torch.tensor(prepared.class_weights) if prepared.class_weights else None
        self._loss = parse_loss(options.loss, classes=len(options.classes), class_weights=weights)
        self._losses: list[torch.Tensor] = []
        """Of every batch since the last evaluation."""
        self._crops: list[tuple[torch.Tensor, torch.Tensor]] = []
        """With the sampler `hard`: the crops of every batch since then, and the loss of each."""

    def loop(self, progress: Progress) -> None:
        """Train up to the last step, evaluating and saving on the way."""
        options, state = self.options, self.state
        main = self.accelerator.is_main_process
        if self._is_stale():
            return
        run_log = logs.RunLog(self.directory, tensorboard=options.tensorboard and main, keep=state.step)
        batches, started = self.batches(), time.monotonic()
        for step in progress(range(state.step, options.steps)):
            self.step(step, batches)
            due = state.step % options.eval_every == 0 or state.step == options.steps
            if due or state.step % LOOK_EVERY == 0:
                self._refuse_nonsense()
            if not due:
                continue
            row = {"step": state.step, "lr": state.optimizer.param_groups[0]["lr"], "loss": self._mean_loss()}
            row |= {"seconds": round(time.monotonic() - started, 1)} | self._evaluate()
            if main:
                run_log.add(row)
                draw_curves(run_log.rows, self.directory / CURVES_FILE)
                save_checkpoint(state, self.directory / CHECKPOINT_FILE, self.accelerator)
            log.info("step %d: %s", state.step, ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k != "step"))
            if self._is_stale():
                return
            batches, started = self.batches() if options.sampler == "hard" else batches, time.monotonic()

    def _is_stale(self) -> bool:
        options, stale = self.options, self.state.stale
        if not options.patience or stale < options.patience:
            return False
        log.info("stopped: no better %s in %d evaluations", options.metric, stale)
        return True

    def batches(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """Yield pixels, target, valid and (scene, row, column, size) of the batches from the step that comes next."""
        options, prepared, state = self.options, self.prepared, self.state
        plan = prepared.plan
        if options.sampler == "hard":
            plan = dataclasses.replace(plan, places=[state.difficulty.places(plan.weights)], shares=(1.0,))
        start, stop = (step * options.accumulate for step in (state.step, options.steps))
        sampler = CropSampler(prepared.train, plan, start=start, stop=stop, process=self.accelerator.process_index)
        loader = torch.utils.data.DataLoader(
            Crops(prepared.train, options.crop),
            batch_sampler=sampler,
            num_workers=options.workers,
            pin_memory=self.accelerator.device.type == "cuda",
        )
        return _told(iter(loader), options.workers)

    def step(self, step: int, batches: Iterator[tuple[torch.Tensor, ...]]) -> None:
        """Move the weights once, by the gradients of `accumulate` batches."""
        options, state, accelerator = self.options, self.state, self.accelerator
        state.network.train()
        if options.freeze_encoder:
            hold_encoder(state.network)
        for part in range(options.accumulate):
            seed = _mixed(options.seed, step, part, accelerator.process_index)
            torch.manual_seed(seed)
            *tensors, crops = next(batches)
            with accelerator.accumulate(state.network):
                batch = self._augmented([t.to(accelerator.device, non_blocking=True) for t in tensors], seed)
                outputs = state.network(normalised(batch.pixels, batch.valid, self.prepared.spec))
                loss = training_loss(outputs, batch.target, self._loss)
                accelerator.backward(loss)
                if options.clip and accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(state.network.parameters(), options.clip)
                state.optimizer.step()
                state.optimizer.zero_grad()
            self._losses.append(loss.detach())
            if options.sampler == "hard":
                logits = outputs if isinstance(outputs, torch.Tensor) else outputs.logits
                self._crops.append((crops.to(accelerator.device), crop_losses(logits, batch.target)))
        state.schedule.step()
        state.step = step + 1
        if state.ema is not None:
            state.ema.update(accelerator.unwrap_model(state.network), step)

    def _augmented(self, tensors: list[torch.Tensor], seed: int) -> Batch:
        """Return the batch, augmented, in scene units."""
        batch = Batch(*tensors)
        if self._recipe:
            low, high = self.prepared.spec.valid_range
            generator = torch.Generator(batch.pixels.device).manual_seed(seed)
            shares = batch.with_pixels((batch.pixels - low) / (high - low))
            batch = augment(shares, self._recipe, RandomSource(generator, self._cloud))
            batch = batch.with_pixels(batch.pixels * (high - low) + low)
        if self.options.ignore_border:
            border = edge_target(batch.target, ignore=IGNORE, width=2 * self.options.ignore_border)[:, 0] == 1
            batch = dataclasses.replace(batch, target=batch.target.masked_fill(border, IGNORE))
        return batch

    def _refuse_nonsense(self) -> None:
        recent = self._losses[-LOOK_EVERY * self.options.accumulate :]
        if not all(math.isfinite(float(loss)) for loss in recent):
            raise DataError(
                f"step {self.state.step}: the loss is no number any more; {self.directory} keeps the last good weights; "
                "lower lr, take precision fp32, or look for wrong labels with `seaice data check`"
            )

    def _mean_loss(self) -> float:
        """Return the mean loss of all processes since the last evaluation, and remember where it was high."""
        gather = self.accelerator.gather
        mean = float(gather(torch.stack(self._losses)).double().mean())
        if self._crops:
            crops, losses = (gather(torch.cat(parts)).cpu().numpy() for parts in zip(*self._crops, strict=True))
            self.state.difficulty.learn(crops, losses.astype(np.float64))
        self._losses.clear()
        self._crops.clear()
        return mean

    def _evaluate(self) -> dict[str, float]:
        """Score the weights on the validation scenes, and keep them if they are the best so far."""
        options, state, spec = self.options, self.state, self.prepared.spec
        network = state.weights(self.accelerator)
        with self.accelerator.autocast():
            counts, loss = confuse(network, self.prepared.val, spec, self.accelerator.device)
        found = scores(counts, spec.class_names)
        if options.metric not in found:
            raise OptionError(f"metric {options.metric!r} is none of {', '.join(found)}")
        better = options.keep == "last" or not state.best or not found[options.metric] <= state.best[options.metric]
        state.stale = 0 if better else state.stale + 1
        if better and self.accelerator.is_main_process:
            logs.write_bytes(self.directory / BEST_FILE, safetensors_bytes(network.state_dict()))
        state.schedule.observe(found[options.metric])
        if better:
            state.best = {"step": float(state.step), **found}
        if self.accelerator.is_main_process:
            self._picture(network)
        shown = {options.metric: found[options.metric]} | {k: v for k, v in found.items() if k.startswith("iou:")}
        return {"val_loss": loss} | shown

    def _picture(self, network: nn.Module) -> None:
        """Write what the network makes of the first window of some validation scenes."""
        store, spec = self.prepared.val, self.prepared.spec
        pieces = []
        for scene in range(min(4, len(store.scenes))):
            for labelled, logits in islice(classify(network, store, scene, spec, self.accelerator.device), 1):
                predicted = np.asarray(logits.argmax(0).to(torch.uint8).cpu().numpy())
                pieces.append((labelled.pixels, labelled.classes, predicted))
        if not pieces:
            return
        logs.write_picture(
            self.directory / f"{PICTURE}-{self.state.step:06d}.png",
            pieces,
            [c.color for c in spec.classes],
            spec.valid_range,
        )


def _told(batches: Iterator[T], workers: int) -> Iterator[T]:
    """Pass batches on; tell of what ends the processes that read them.

    Raises:
        EngineError: They have no room in shared memory, or were killed.
    """
    try:
        yield from batches
    except RuntimeError as error:
        reason = str(error)
        if workers and ("shared memory" in reason or "shm" in reason or "DataLoader worker" in reason):
            raise EngineError(
                f"`workers` {workers}: a process that reads crops has ended, most often because shared memory (/dev/shm) is too small "
                f"for batches; give it more (the option shm-size of docker), or choose fewer `workers`, or 0"
            ) from error
        raise
