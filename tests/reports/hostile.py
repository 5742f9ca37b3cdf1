"""Odd run folders: what kills, hands, other programs and strangers make of one. Seeded."""

from __future__ import annotations

import copy
import io
import json
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from reporting import make_run

SECRET = "canary-7f3a"  # stands in every file outside of the run
MARKUP = "</script><img src=x onerror=boom>"
TEXTS = [
    "\x1b[2J\x1b]0;owned\x07",
    "$\\frac{",
    "a$b$c_{",
    MARKUP,
    "\u202eevil\u2066",
    "\ud800",
    "x" * 100_000,
    "| a | b |\n\r\x00",
    "=HYPERLINK(1)",
    "{{ 7 * 7 }}{% for x in y %}",
    "\\input{/etc/passwd}",
    "",
]
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    1e308,
    -0.0,
    [],
    {},
    [[]],
    {"a": {"b": []}},
    "nan",
    *TEXTS,
]
PLACES = [
    ".hydra/job.json",
    ".hydra/hydra.yaml",
    "summary.json",
    "metrics.jsonl",
    "samples/step_00000100.png",
    "samples/step_00000200.png",
    "evaluations/step_00000200_lenet.json",
    "evaluations/step_00000200_lenet_neighbours_lenet.png",
    "events.out.tfevents.1.host.1.0",
]


def png(size: tuple[int, int] = (33, 33)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(buffer, "PNG")
    return buffer.getvalue()


def records(*events: Event) -> bytes:
    parts = (event.SerializeToString() for event in events)
    return b"".join(struct.pack("<QI", len(data), 0) + data + bytes(4) for data in parts)


def loss(step: int, value: float, tag: str = "loss/generator") -> Event:
    return Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def whole(path: Path, seed: int, model: str = "gan") -> Path:
    """A run as gan-train and gan-eval leave it."""
    config = {"seed": seed, "train": {"steps": 200}, "optim": {"lr": 2e-4}, "data": {"image_size": 16}}
    figures = [{"fd_lenet": 40.0 + seed, "recall_lenet": 0.1}, {"fd_lenet": 30.0 + seed, "recall_lenet": 0.2}]
    make_run(path, {"model": model, "loss": "minimax"}, config, figures)
    (path / "evaluations").mkdir()
    row = json.loads((path / "metrics.jsonl").read_text().splitlines()[-1])
    row["protocol"]["generated"] = 50_000
    (path / "evaluations" / "step_00000200_lenet.json").write_text(json.dumps(row))
    (path / "summary.json").write_text(json.dumps({"status": "finished", "best": {"step": 200}}))
    for place in PLACES:
        if place.endswith(".png"):
            (path / place).write_bytes(png())
    (path / PLACES[-1]).write_bytes(records(*(loss(step, 1 / (step + 1)) for step in range(20))))
    return path


def make(folder: Path, outside: Path, seed: int) -> Path:
    """An odd run in `folder`, spoiled in one to three ways; `outside` is a folder that nothing may read from."""
    chance = random.Random(seed)
    name = chance.choice(
        ["run", "run", "a b", "\x1b[31mred", MARKUP.replace("/", "_"), "l\nine", "$x$", "\udcff"]
    )
    run = whole(folder / f"{seed}{name}", seed)
    for spoil in chance.sample(SPOILERS, chance.choice([1, 1, 2, 3])):
        spoil(run, outside, chance)
    return run


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    if os.path.lexists(path) and not path.is_dir():
        path.unlink()
    if not os.path.lexists(path) and path.parent.is_dir():
        make(path)


def link_out(run: Path, outside: Path, chance: random.Random) -> None:
    place = chance.choice(PLACES)
    target = outside / ("secret.png" if place.endswith("png") else "secret.json")
    _replace(run / place, lambda path: path.symlink_to(target))


def link_folder_out(run: Path, outside: Path, chance: random.Random) -> None:
    folder = run / chance.choice([".hydra", "samples", "evaluations"])
    folder.rename(run / "moved")
    folder.symlink_to(chance.choice([outside, Path("/"), folder, Path("/dev")]))


def special(run: Path, outside: Path, chance: random.Random) -> None:
    kinds: list[Callable[[Path], object]] = [
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/dev/stdin"),
        lambda path: path.symlink_to(path.name),
        lambda path: path.mkdir(),
        lambda path: path.touch(),
        lambda path: os.truncate(path, 1 << 36) if path.touch() is None else None,  # sparse
    ]
    for place in chance.sample(PLACES, chance.choice([1, 2, 9])):
        _replace(run / place, chance.choice(kinds))


def cut(run: Path, outside: Path, chance: random.Random) -> None:
    for place in chance.sample(PLACES, 3):
        if (run / place).is_file() and (run / place).stat().st_size < 1 << 20:
            data = (run / place).read_bytes()
            (run / place).write_bytes(data[: chance.randrange(len(data) + 1)])


def garble(run: Path, outside: Path, chance: random.Random) -> None:
    for place in chance.sample(PLACES, 3):
        if (run / place).is_file() and 0 < (run / place).stat().st_size < 1 << 20:
            data = bytearray((run / place).read_bytes())
            for _ in range(chance.choice([1, 10, 1000])):
                data[chance.randrange(len(data))] = chance.randrange(256)
            (run / place).write_bytes(data)


def bomb(run: Path, outside: Path, chance: random.Random) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    choices = "hydra: {runtime: {choices: {model: *a11}}}"
    texts = {
        ".hydra/hydra.yaml": [
            "\n".join([*lines, choices]),
            "hydra: {runtime: {choices: " + "[" * 50_000,
            "!!python/object/apply:os.system ['touch evil']",
            "hydra: {runtime: {choices: {model: 0x" + "f" * 60_000 + "}}}",
            "hydra: {runtime: {choices: {? [a] : b, 3: 4}}}",
        ],
        ".hydra/job.json": ["[" * 100_000, '{"config": ' + '{"a":' * 900 + "1" + "}" * 901, "1" * 10_000],
        "metrics.jsonl": [
            "[" * 100_000 + "\n",
            '{"step": 1, "metrics": {"fd": ' + "9" * 5000 + "}}\n",
            "\0" * 9999,
        ],
    }
    place = chance.choice(list(texts))
    _replace(run / place, lambda path: path.write_text(chance.choice(texts[place])))


def odd_settings(run: Path, outside: Path, chance: random.Random) -> None:
    record = _json(run / ".hydra/job.json")
    for _ in range(chance.choice([1, 2, 5])):
        node = record
        while isinstance(node, dict) and node:
            key = chance.choice(list(node))
            if isinstance(node[key], dict) and chance.random() < 0.6:
                node = node[key]
                continue
            action = chance.randrange(3)
            if action == 0:
                del node[key]
            elif action == 1:
                node[chance.choice(TEXTS)] = copy.deepcopy(chance.choice(VALUES))
            else:
                node[key] = copy.deepcopy(chance.choice(VALUES))
            break
    record |= chance.choice([{}, {"status": chance.choice(VALUES), "error": chance.choice(VALUES)}])
    _replace(run / ".hydra/job.json", lambda path: path.write_text(json.dumps(record)))


def odd_choices(run: Path, outside: Path, chance: random.Random) -> None:
    choices = {"model": chance.choice(VALUES), chance.choice(TEXTS): "x", "data": chance.choice(TEXTS)}
    text = json.dumps({"hydra": {"runtime": {"choices": choices}}})  # JSON is YAML
    _replace(run / ".hydra/hydra.yaml", lambda path: path.write_text(text))


def odd_figures(run: Path, outside: Path, chance: random.Random) -> None:
    rows = []
    for step in range(1, chance.choice([2, 5, 300])):
        row: dict[str, Any] = {"step": step, "images_seen": 64 * step, "seconds": step / 2}
        row["metrics"] = {"fd_lenet": chance.random(), "fd_se_lenet": 0.1, "recall_lenet": 0.5}
        row["floor"], row["protocol"] = {"fd_lenet": 0.1}, {"extractor": "lenet", "generated": 100}
        for _ in range(chance.choice([0, 0, 1, 3])):
            place = chance.choice([row, row["metrics"]] if isinstance(row.get("metrics"), dict) else [row])
            key = chance.choice([*place, *TEXTS])
            place[key] = copy.deepcopy(chance.choice([*VALUES, "inf", "-inf"]))
        rows.append(json.dumps(row))
    chance.shuffle(rows)
    end = chance.choice(
        ["\n", "", '\n{"step": 9, "met', '\n{"step": 9, "met{"step": 10, "metrics": {"fd_lenet": 1}}\n']
    )
    place = chance.choice(["metrics.jsonl", "evaluations/step_00000200_lenet.json"])
    text = "\n".join(rows) + end if place == "metrics.jsonl" else rows[-1]
    _replace(run / place, lambda path: path.write_text(text, errors="replace"))


def odd_pictures(run: Path, outside: Path, chance: random.Random) -> None:
    huge = bytearray(png())
    huge[16:24] = struct.pack(">II", 60_000, 60_000)
    kinds = [
        bytes(huge),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        png((1, 1)),
        png((3000, 2)),
        b"GIF89a",
    ]
    names = ["step_abc.png", "step_\u0663.png", "step_.png", f"step_{'9' * 200}.png", "step_00000300.png"]
    (run / "samples").is_dir() and (run / "samples" / chance.choice(names)).write_bytes(chance.choice(kinds))
    _replace(
        run / chance.choice([p for p in PLACES if p.endswith("png")]),
        lambda p: p.write_bytes(chance.choice(kinds)),
    )


def odd_events(run: Path, outside: Path, chance: random.Random) -> None:
    good = records(*(loss(step, 1.0) for step in (5, 3, 3, 9)))
    kinds = [
        good + struct.pack("<QI", 1 << 62, 0) + b"x",
        good + struct.pack("<QI", 200, 0) + b"\xff" * 300,
        records(loss(1, float("nan")), loss(2, float("inf")), loss(-5, 1.0), loss(2**62, 1e38)),
        records(
            *(loss(1, 1.0, f"loss/{text[:1000]}") for text in TEXTS if text.isprintable() or "\x1b" in text)
        ),
        struct.pack("<QI", 0, 0) * 1000,
    ]
    _replace(run / PLACES[-1], lambda path: path.write_bytes(chance.choice(kinds)))
    (run / "events.out.tfevents.2.\x1b[0m").write_bytes(good)


SPOILERS: list[Callable[[Path, Path, random.Random], None]] = [
    link_out, link_folder_out, special, cut, garble, bomb, odd_settings, odd_choices, odd_figures, odd_pictures, odd_events
]  # fmt: skip


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text()) if path.is_file() and path.stat().st_size < 1 << 20 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
