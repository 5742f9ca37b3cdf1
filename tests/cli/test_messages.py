"""Every mistake that a user can make, through the command itself: one message, exit code 2, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[[str, str], Path]

MINE = """\
from dataclasses import dataclass
from omegaconf import MISSING
from gan_experiments.models import Gan

@dataclass
class Mine(Gan):
    extra: float = MISSING
"""

# What is typed, and the whole message or its beginning and end around "...".
TYPED = {
    # options
    "model=sann": "there is no model=sann. Options: ...\n  Did you mean 'san'?",
    "data=minst": "there is no data=minst. Options: ...\n  Did you mean 'mnist'?",
    "experiment=nope": "there is no experiment=nope. ...",
    "+experiment=nope": "there is no experiment=nope. ...",
    "model=": "there is no model=. Options: ...",
    "model=3": "there is no model=3. Options: ...",
    "model=null": "there is no model=null. Options: ...",
    "metrics=null": "there is no metrics=null. Options: ...none...",
    "metrics=[lenet,incepton]": "there is no metrics=incepton. Options: ...\n  Did you mean 'inception'?",
    "metrics=[lenet,none]": "several metrics must be feature networks: metrics=[inception,lenet], ...",
    "metrics=lenet,inception": "metrics=lenet,inception gives several values: ... (or write key=[a,b] for a list)",
    "-m metrics=lenet,[lenet,none]": "several metrics must be feature networks: ...",
    "~model": "model is not chosen. Options: ...",
    "model=[gan,san]": "model is given two classes; it takes one option, ...",
    "model=san model=gan": "model is given twice: model=san and model=gan",
    "hydra/launcher=nope": "there is no hydra/launcher=nope. Options: ...",
    "hydra/launcher=ray": 'hydra/launcher=ray needs a plugin: pip install "gan-experiments[ray]"',
    # keys
    "modle=san": "there is no setting modle. There are: ...\n  Did you mean 'model'?",
    "train.step=5": "there is no setting train.step. train has: accumulate, batch_size, ...\n  Did you mean 'steps'?",
    "+train.step=5": "there is no setting train.step. train has: accumulate, batch_size, ...\n  Did you mean 'steps'?",
    "++model.latent=5": "there is no setting model.latent. model has: ...",
    "+foo=1": "there is no setting foo. There are: data, ...",
    "steps=5": "there is no setting steps\n  Did you mean 'train.steps'?",
    "lr=1e-3": "there is no setting lr\n  Did you mean 'optim.lr'?",
    "init.networks=generator": "init.networks=generator: this is a list, 'init.networks=[generator]'",
    "seed.x=1": "seed.x=1: seed is a single value and has no settings of its own",
    "paths=/x": "paths=/x: paths is no single value; it has: data, outputs",
    "~foo": "~foo: there is no setting foo to take away",
    "hydra.run.dirr=x": "there is no setting hydra.run.dirr. hydra.run has: dir\n  Did you mean 'dir'?",
    "model@x=san": "there is no model@x to override",
    "model=cyclegan head@model.head=san": "head@model.head: this model takes no head, the last layer of ...",
    "model=aae head@model.head=san": "head@model.head: this model takes no head, the last layer of ...",
    "model.penalties.gp.weight=3": "there is no setting model.penalties.gp. model.penalties has: nothing\n"
    "  Add it with +penalty@model.penalties.gp=gp",
    "+model.penalties.gp.weight=3": "model.penalties has no gp\n  Add it with +penalty@model.penalties.gp=gp",
    "+model.penalties.gp=gp": "model.penalties has no gp\n  Add it with +penalty@model.penalties.gp=gp",
    "experiment=modes model=vae": "a penalty is added to model.penalties, which the model chosen here does not have",
    "head=san": "head is part of another option: head@model.head=san",
    "+penalty=gp": "penalty is part of another option: +penalty@model.penalties.gp=gp",
    "~metrics": "a run needs metrics: metrics=OPTION (metrics=none)",
    "~paths": "paths.data has no value; give it as paths.data=FOLDER",
    "~hydra/job_logging": "~hydra/job_logging: a run cannot do without Hydra's own settings",
    "hydra.mode=MULTIRUN": "hydra.mode is said with -m: a sweep with it, one run without",
    # values
    "paths.outputs=": "paths.outputs has no value; give it as paths.outputs=FOLDER",
    "seed=18446744073709551615": "seed must be less than 2**63, not 18446744073709551615",
    "metrics.seed=-99999999999999999999": "metrics.seed must be less than 2**63, not ...",
    "optim.eps=nan": "optim.eps must be a finite number, not nan",
    "model.instance_noise=nan": "model.instance_noise must be a finite number, not nan",
    "optim.decay_start=-inf": "optim.decay_start must be ...",
    "model.latent_dim=abc": "model.latent_dim=abc: Value 'abc' of type 'str' could not be converted to Integer",
    "seed=1.5": "seed=1.5: Value '1.5' of type 'float' could not be converted to Integer",
    "train.ema=": "train.ema=: Value '' of type 'str' could not be converted to Float",
    "gpu.precision=bf61": "gpu.precision=bf61: Invalid value 'bf61', expected one of [...]",
    "train.steps=0": "train.steps must be at least 1, not 0",
    "data.channels=???": "data.channels has no value; give it as data.channels=VALUE or in a YAML file",
    "seed=${x}": "seed: Interpolation key 'x' not found",
    "model=${x}": "there is nothing that ${x} could refer to",
    "seed=${oc.env:NO_SUCH}": "seed: ...Environment variable 'NO_SUCH' not found...",
    # syntax
    "san": "'san' is no setting; settings are written key=value\n  Did you mean 'model=san'?",
    "modle": "'modle' is no setting; settings are written key=value\n  Did you mean 'model'?",
    "model": "model has no value: write model=VALUE",
    "model=[1": "cannot read 'model=[1'; ...",
    "'seed=1": "cannot read ''seed=1'; ...",
    "--foo": "unrecognized arguments: --foo",
    "--cfg nope": "argument --cfg/-c: invalid choice: 'nope' ...",
    # sweeps without -m, and what only sweeps can get wrong
    "model=gan,san": "model=gan,san gives several values: add -m for a job with each ...",
    "seed=range(0,3)": "seed=range(0,3) gives several values: add -m for a job with each",
    "sweep=first": "sweep=first names a sweep: add -m",
    "hparams_search=grid": "hparams_search=grid searches with many runs: add -m",
    "-m seed=0,x": "seed=x: Value 'x' of type 'str' could not be converted to Integer",
    "-m model=gan,sann": "there is no model=sann. Options: ...\n  Did you mean 'san'?",
    "-m seed=0 train.steps=5,0": "train.steps must be at least 1, not 0",
    "-m seed=0 sweep=a/b": "sweep=a/b: a sweep's name is a folder's name, ...",
    "-m seed=0 resume=x": "resume=... continues one run; ...",
    "-m seed=range(100000000) optim.lr=1,2": "this sweep has more than 10,000 jobs, all of which would be checked first",
    "hydra.run.dir=": "hydra.run.dir has no value; give it as hydra.run.dir=FOLDER",
    "-m hydra.sweep.dir=": "hydra.sweep.dir has no value; give it as hydra.sweep.dir=FOLDER",
    "data.num_classes=99999999": "data.num_classes must be 0 (no labels) or more, up to 100,000, not 99999999",
    "-m seed=range(0)": "seed=range(0) gives no value, so there is nothing to run",
    "-m model=glob(x*)": "model=glob(x*) is true of no option. Options: ...",
    "-m optim.lr=interval(0,1)": "optim.lr=interval(0,1) is for a search ...",
    "data.path=\udcff": "'data.path=\\udcff' is not UTF-8 text: a link of another name ...",
    # flags
    "-sc query=bash": '-sc query=... is for the shell itself: eval "$(gan-train -sc install=bash)"',
    "-m --cfg job": "--cfg and --multirun exclude each other",
    "--resolve": "--resolve belongs to --cfg",
    # folders
    "-cd nope": "there is no config folder '...nope'",
    "-cn nope": "there is no config nope.yaml in ...conf",
    "resume=": "resume has no value; give it as resume=RUN",
    "resume=''": "resume has no value; give it as resume=RUN",
    "init=": "init has no value; give it as init=RUN",
    "resume=nope": "resume=nope: there is no such run folder or checkpoint file",
}

# A YAML file of the user's own, how it is used, and the message.
SCHEMA = "defaults:\n  - san\n  - override /schema/model@_here_: my_gan.Mine\n  - _self_\n"
WRITTEN = {
    "syntax": (
        "model",
        "defaults:\n  - san\nk: [1\nb: 2\n",
        "...mine/model/syntax.yaml, line 4, column 2: ...",
    ),
    "tab": ("model", "defaults:\n\t- san\n", "...mine/model/tab.yaml, line 2, column 1: ..."),
    "type": (
        "model",
        SCHEMA + "extra: fast\n",
        "model/type.yaml: model.extra: Value 'fast' of type 'str' could not be converted to Float",
    ),
    "key": (
        "model",
        "defaults:\n  - san\n  - _self_\nlatent_dimm: 3\n",
        "model/key.yaml: there is no setting model.latent_dimm. model has: ...\n  Did you mean 'latent_dim'?",
    ),
    "missing": ("model", SCHEMA, "model.extra has no value; ..."),
    "untyped": ("model", "k: 1\n", "model has no type: its YAML file begins with\n  defaults:\n..."),
    "list": ("model", "- 1\n", "model has no type: ..."),
    "empty": ("model", "", "model has no type: ..."),
    "defaults": ("model", "defaults: 3\n", "Invalid defaults list in 'model/defaults', ..."),
    "parent": (
        "model",
        "defaults:\n  - sann\n",
        "model/parent.yaml: there is no model/sann.yaml\n  Did you mean 'san'?",
    ),
    "group": (
        "model",
        "defaults:\n  - san\n  - override /los@_global_.los: hinge\n",
        "model/group.yaml: there is no los to override",
    ),
    "option": (
        "model",
        "defaults:\n  - san\n  - override /loss@_global_.loss: hing\n  - _self_\n",
        "there is no loss=hing (asked for in mine/model/option.yaml). Options: ...\n  Did you mean 'hinge'?",
    ),
    "order": (
        "model",
        "defaults:\n  - override /loss@_global_.loss: hinge\n  - san\n",
        "In model/order: Override 'loss : hinge' is defined before 'model: san'.\n...",
    ),
    "itself": (
        "model",
        "defaults:\n  - itself\n",
        "a config file's defaults lead back to itself, or a value is nested too deep",
    ),
    "twice": (
        "model",
        "defaults:\n  - san\n  - /schema/model@_here_: my_gan.Mine\n",
        "model is given two classes; ...",
    ),
    "module": (
        "model",
        "defaults:\n  - /schema/model@_here_: nowhere.Mine\n",
        "model component nowhere.Mine: there is no module 'nowhere' here; ...",
    ),
    "class": (
        "model",
        "defaults:\n  - /schema/model@_here_: my_gan.Mien\n",
        "model component my_gan.Mien: my_gan has no dataclass 'Mien'\n  Did you mean 'Mine'?",
    ),
    "recipe": (
        "experiment",
        "# @package _global_\ndefaults:\n  - override /model: sann\n",
        "there is no model=sann (asked for in mine/experiment/recipe.yaml). ...\n  Did you mean 'san'?",
    ),
    "recipe_key": (
        "experiment",
        "# @package _global_\ntrain:\n  stepz: 3\n",
        "experiment/recipe_key.yaml: there is no setting train.stepz. ...\n  Did you mean 'steps'?",
    ),
    "interpolation": (
        "experiment",
        "# @package _global_\nmodel:\n  latent_dim: ${data.nope}\n",
        "model.latent_dim: Interpolation key 'data.nope' not found",
    ),
    "package": (
        "experiment",
        "defaults:\n  - override /model: gan\n",
        "experiment/package.yaml: there is no model@experiment.model to override\n...'# @package _global_'",
    ),
}


def assert_message(result: Any, expected: str) -> None:
    """One message on stderr that matches `expected`, whose "..." stand for anything."""
    assert result.code == 2, result.err
    assert "Traceback" not in result.err
    prefix, _, message = result.err.partition("error: ")
    assert prefix == "gan-train: "
    parts = expected.split("...")
    message = message.rstrip("\n")
    assert message.startswith(parts[0]), message
    assert message.endswith(parts[-1]), message
    position = 0
    for part in parts:
        position = message.find(part, position)
        assert position >= 0, f"{part!r} is not in {message!r}"
        position += len(part)


@pytest.mark.parametrize("arguments", TYPED)
def test_mistake_on_the_command_line(
    arguments: str, gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    result = gan_train(*arguments.split(" "))
    assert_message(result, TYPED[arguments])
    assert not trainer.calls
    assert not (tmp_path / "outputs").exists()  # nothing is left behind


@pytest.mark.parametrize("name", WRITTEN)
def test_mistake_in_a_yaml_file(name: str, gan_train: Command, trainer: Any, write: Write) -> None:
    group, text, expected = WRITTEN[name]
    write("my_gan.py", MINE)
    write(f"mine/{group}/{name}.yaml", text)
    assert_message(gan_train("-cd", "mine", f"{group}={name}"), expected)
    assert not trainer.calls


def test_file_in_another_encoding_is_named(gan_train: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine" / "model" / "latin.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"k: \xff\xfe")
    assert_message(gan_train("-cd", "mine", "model=latin"), "mine/model/latin.yaml is not UTF-8 text")


def test_config_folder_of_the_environment_must_exist(
    gan_train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_CONF", "/no/such/folder")
    assert_message(gan_train("model=san"), "GAN_CONF: there is no folder /no/such/folder")


def test_file_in_place_of_the_outputs_folder(gan_train: Command, write: Write) -> None:
    write("outputs", "")
    assert_message(gan_train("seed=1"), "...outputs...: Not a directory")


def test_full_error_on_request(gan_train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    result = gan_train("model=sann")
    assert result.code == 2
    assert "Traceback" in result.err
    assert "MissingConfigException" in result.err
    assert result.err.rstrip().endswith("Did you mean 'san'?")
