"""Networks that are not ours: torchvision's, timm's, or a user's callable.

Whatever builds them, the same loop measures them: images [batch, 3, size, size] go in, logits
[batch, classes] come out. No weights are fetched: training costs the same without them.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import torch
from torch import nn

from resnext_bench.config.lookup import list_nearest
from resnext_bench.config.models import Foreign, foreign
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.worker.calling import call, missing_in, told_to
from resnext_bench.worker.entry import exit_words

Make = Callable[[], nn.Module]

NO_AUXILIARY: Final = {"aux_logits": False, "init_weights": True}
"""Options of GoogLeNet and Inception v3: one output, and weights initialised as by default."""


class ModelError(ValueError):
    """A model cannot be built, or is not a model: what was given, and what is near or needed."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(f"--model {model}: {why}")


def maker(config: RunConfig) -> Make | None:
    """Return what makes the model, with all imports done; None for our own family."""
    named = foreign(config.model)
    if named is None:
        return None
    find = {"torchvision": _torchvision, "timm": _timm}.get(named.source, _own)
    return find(named, config)


def _torchvision(named: Foreign, config: RunConfig) -> Make:
    from torchvision import models  # noqa: PLC0415  (seconds, and only where it is asked for)

    known = models.list_models(module=models)
    if named.name in models.list_models() and named.name not in known:
        task = models.get_model_builder(named.name).__module__.split(".")[2]
        raise ModelError(config.model, f"that model is for {task}; an image classifier is needed")
    _require_known(config, named.name, known)
    options = _torchvision_options(named.name, config.image_size)
    return lambda: _module(
        config,
        models.get_model(named.name, weights=None, num_classes=config.classes, **options),
    )


def _torchvision_options(name: str, size: int) -> dict[str, Any]:
    """Return the options with which a network can be measured like the others."""
    if name in ("googlenet", "inception_v3"):
        return dict(NO_AUXILIARY)
    if name.startswith("vit_"):  # position embeddings are for one size, theirs for 224
        return {"image_size": size}
    return {"input_size": (size, size)} if name.startswith("maxvit") else {}


def _timm(named: Foreign, config: RunConfig) -> Make:
    import timm  # noqa: PLC0415

    architecture, _, tag = named.name.partition(".")
    if not timm.is_model(architecture):  # which knows older names, too
        _require_known(config, architecture, timm.list_models())
    preset = timm.get_pretrained_cfg(architecture)
    size = (config.image_size, config.image_size)
    is_other = preset and preset.fixed_input_size and tuple(preset.input_size[1:]) != size
    options = {"img_size": size} if is_other else {}

    def make() -> nn.Module:
        try:
            model = timm.create_model(
                named.name, pretrained=False, num_classes=config.classes, **options
            )
        except TypeError as error:
            if options and "img_size" in str(error):
                side = preset.input_size[1]
                why = f"takes only images of {side} x {side}; give --image-size {side}"
                raise ModelError(config.model, why) from error
            raise
        except RuntimeError as error:
            if tag and "tag" in str(error):
                raise ModelError(config.model, f"{error} (leave .{tag} out)") from error
            raise
        return _module(config, model)

    return make


def _own(named: Foreign, config: RunConfig) -> Make:
    """Return a maker of the user's own class or function."""
    target = _callable(named, config)
    told = told_to(target, config.classes)

    def make() -> nn.Module:
        try:
            return _module(config, call(target, told))
        except TypeError as error:
            missing = missing_in(target, told)
            if missing and "argument" in str(error):
                raise ModelError(config.model, _needs(named.name, missing)) from error
            raise

    return make


def _needs(name: str, missing: tuple[str, ...]) -> str:
    return (
        f"{name} needs {' and '.join(missing)}, but only num_classes is passed; name a function "
        "that supplies the rest"
    )


def how_called(config: RunConfig) -> str:
    """Describe how a user's callable was called; "" for libraries, which all take num_classes."""
    named = foreign(config.model)
    if named is None or not named.is_own:
        return ""
    return told_to(_callable(named, config), config.classes).words


def _callable(named: Foreign, config: RunConfig) -> Callable[..., Any]:
    """Return what the name leads to. The current folder comes last, so it shadows nothing."""
    folder = os.getcwd()  # noqa: PTH109  (sys.path holds text)
    if folder not in sys.path:
        sys.path.append(folder)
    target = _target(named, config.model)
    if isinstance(target, nn.Module):
        why = f"{named.name} is built already; name its class, or a function that builds it"
        raise ModelError(config.model, why)
    if not callable(target):
        raise ModelError(config.model, f"{named.name} is {words_for(target)} and cannot be called")
    return cast(Callable[..., Any], target)


def _target(named: Foreign, model: str) -> Any:
    try:
        target = importlib.import_module(named.source)
    except SystemExit as end:
        why = (
            f"its module ended the program ({exit_words(end)}): put what it runs under if __name__ "
            "== '__main__'"
        )
        raise ModelError(model, why) from end
    except ModuleNotFoundError as error:
        # One that the user's module itself misses is another matter, and its own error is clear.
        if error.name and f"{named.source}.".startswith(f"{error.name}."):
            why = f"there is no module {error.name}, neither installed nor in {sys.path[-1]}"
            raise ModelError(model, why) from error
        raise
    where = getattr(target, "__file__", None) or named.source
    parts = named.name.split(".")
    for depth, part in enumerate(parts, 1):
        if not hasattr(target, part):
            near = list_nearest(part, (name for name in dir(target) if not name.startswith("_")))
            raise ModelError(model, f"no {'.'.join(parts[:depth])} in {where}{near}")
        target = getattr(target, part)
    return target


def _module(config: RunConfig, found: object) -> nn.Module:
    if not isinstance(found, nn.Module):
        raise ModelError(config.model, f"returned {words_for(found)} instead of a torch.nn.Module")
    if not any(parameter.requires_grad for parameter in found.parameters()):
        raise ModelError(config.model, "has no parameters to train")
    return found


def _require_known(config: RunConfig, name: str, known: Iterable[str]) -> None:
    known = list(known)
    if name not in known:
        raise ModelError(
            config.model, f"no such model{list_nearest(name, known) or '; see its docs'}"
        )


def words_for(thing: object) -> str:
    """Describe a value in a few words: "a tensor [8, 512] of float32", "a dict"."""
    if isinstance(thing, torch.Tensor):
        return f"a tensor {list(thing.shape)} of {str(thing.dtype).removeprefix('torch.')}"
    word = type(thing).__name__
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"
