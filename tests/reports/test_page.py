"""The page: what it says of the runs, in one file."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import hostile
import pytest

from gan_experiments.reports import grouped, tables
from gan_experiments.reports.page import page
from gan_experiments.runs import RunFolder
from reporting import PROTOCOL, make_run

CONFIG = {"train": {"steps": 200}}


def made(*runs: RunFolder) -> str:
    groups = grouped(runs)
    return page([Path("outputs/first")], groups, tables(groups), tables(groups, "best"))


class Balance(HTMLParser):
    """Raises where an element is not closed by its own name."""

    VOID = ("meta", "img", "wbr", "input", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: object) -> None:
        """Nothing stays open."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def sweep(folder: Path, count: int) -> list[RunFolder]:
    return [
        make_run(
            folder / str(index),
            {"model": f"model{index:02d}", "data": "mnist"},
            {**CONFIG, "seed": 0},
            [{"fd": 90.0 - index, "recall": 0.1}, {"fd": 50.0 - index, "recall": 0.2}],
        )
        for index in range(count)
    ]


def test_one_file_without_network(tmp_path: Path) -> None:
    text = made(*sweep(tmp_path, 3))
    Balance(text)
    assert not re.search(r"(src|href)=.?https?:|@import|url\(", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    ("count", "title"), [(1, "model00 on mnist"), (2, "model00, model01 on mnist"), (9, "9 models on mnist")]
)
def test_the_title_says_what_was_compared(count: int, title: str, tmp_path: Path) -> None:
    text = made(*sweep(tmp_path, count))
    assert f"<h1>{title}</h1>" in text
    assert f"<title>{title}</title>" in text


def test_both_tables_stand_on_the_page(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / name, {"model": name}, CONFIG, [{"fd": best}, {"fd": last}])
        for name, best, last in (("gan", 10.0, 40.0), ("san", 20.0, 30.0))
    ]
    text = made(*runs)
    bodies = re.findall(r"<tbody>(.*?)</tbody>", text, re.DOTALL)
    values = [re.findall(r'data-label="fd" data-v="([\d.]+)"', body) for body in bodies]
    assert values == [["40.0", "30.0"], ["10.0", "20.0"]]
    assert "At the best fd of each run" in text


def test_ten_groups_are_told_apart(tmp_path: Path) -> None:
    """The best eight have a colour of their own, in every plot the same, and a label; the others are grey."""
    text = made(*sweep(tmp_path, 12))
    plots = re.findall(r'<svg class="plot".*?</svg>', text)
    coloured = [re.findall(r'class="line (c\d)" data-key="(g\d+)"', one) for one in plots[:2]]
    assert sorted(coloured[0]) == sorted(coloured[1])
    assert len(dict(coloured[0])) == 8
    assert {key for _, key in coloured[0]} == {f"g{index}" for index in range(4, 12)}  # with the least fd
    assert plots[0].count("line grey") == 4
    assert plots[0].count('class="label') == 8
    assert "4 others in grey" in text


def test_protocols_are_not_drawn_together(tmp_path: Path) -> None:
    rows = [{"fd": 3.0}, {"fd": 2.0}]
    one = make_run(tmp_path / "a", {"model": "gan"}, CONFIG, rows)
    other = make_run(tmp_path / "b", {"model": "san"}, CONFIG, rows, {**PROTOCOL, "generated": 5000})
    text = made(one, other)
    assert text.count('<section class="protocol">') == 2
    assert "Figures: generated 100" in text
    assert "Figures: generated 5000" in text
    for section in text.split('<section class="protocol">')[1:]:
        assert len(re.findall(r'class="line ', section.partition("</section>")[0])) == 1


def test_the_protocol_is_folded_and_its_hashes_cut(tmp_path: Path) -> None:
    protocol = {**PROTOCOL, "real_digest": "0123456789abcdef" * 4}
    text = made(make_run(tmp_path / "a", {"model": "gan"}, CONFIG, [{"fd": 1.0}], protocol))
    assert "0123456789ab…" in text
    assert "0123456789abc" not in text
    assert "How this was measured: extractor lenet, generated 100" in text


def test_unfinished_runs_are_listed_with_their_errors(tmp_path: Path) -> None:
    good = make_run(tmp_path / "a", {"model": "gan"}, CONFIG, [{"fd": 1.0}])
    bad = make_run(
        tmp_path / "b", {"model": "san"}, CONFIG, status="failed", error="loss <generator> was not finite"
    )
    text = made(good, bad)
    assert "not finished: 1 of 2 runs" in text
    assert "loss &lt;generator&gt; was not finite" in text


def test_neighbours_of_gan_eval_are_shown(tmp_path: Path) -> None:
    assert made(RunFolder(hostile.whole(tmp_path / "a", 0))).count("nearest real images") == 2


def test_fifty_runs_stay_small(tmp_path: Path) -> None:
    """With pictures that do not compress, at 64 x 64 pixels and three moments of training."""
    import numpy as np
    from PIL import Image

    runs = sweep(tmp_path, 50)
    noise = np.random.default_rng(0).integers(0, 256, (521, 521, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png", compress_level=0)
    data = hostile.records(*(hostile.loss(step, 1.0 / (step + 1)) for step in range(2000)))
    for run in runs:
        for step in range(3):
            (run.path / "samples" / f"step_{step:08d}.png").hardlink_to(tmp_path / "noise.png")
        (run.path / "events.out.tfevents.1").write_bytes(data)
    text = made(*runs)
    assert text.count("<img") == 100
    assert len(text) < 10_000_000


def test_budget(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / str(index),
            {"model": "gan"},
            {**CONFIG, "optim": {"lr": index}},
            [{"fd": 1.0}, {"fd": value}],
        )
        for index, value in enumerate([30.0, 10.0, 50.0, 20.0])
    ]
    assert 'data-name="all runs"' in made(*runs).partition("Best figure against budget")[2]
    assert "Best figure against budget" not in made(*runs[:2])
    runs += [
        make_run(
            tmp_path / f"s{index}",
            {"model": "san"},
            {**CONFIG, "optim": {"lr": index}},
            [{"fd": 1.0}, {"fd": 5.0}],
        )
        for index in range(4)
    ]
    svg = made(*runs).partition("Best figure against budget")[2].partition("</svg>")[0]
    assert 'data-name="gan"' in svg
    assert 'data-y="27.5 19.38 15.78 13.87"' in svg
    assert 'data-y="5 5 5 5"' in svg


def test_boxes_by_setting_and_differences(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / f"{model}{seed}{norm}",
            {"model": model},
            {**CONFIG, "seed": seed, "norm": norm},
            [{"fd": base + 10 * norm + seed**2}],
        )
        for base, model in enumerate(("gan", "san"))
        for norm in (1, 2)
        for seed in range(4)
    ]
    text = made(*runs)
    boxes = text.partition("<h3>By setting</h3>")[2].partition("<h3>")[0]
    assert re.findall("<figcaption>(.*?)</figcaption>", boxes) == [
        "fd over all settings", "model=gan: fd by norm", "model=san: fd by norm"
    ]  # fmt: skip
    assert boxes.count('<g class="box">') == 6
    assert "76% of the ranks&#39; variance, 14% by chance, p 0.021" in boxes
    sure = text.partition("How sure the differences are")[2].partition("</table>")[0]
    assert sure.count("<tr>") == 1 + 3
    Balance(text)


def test_settings_stand_a_line_each(tmp_path: Path) -> None:
    config = {"seed": 3, "optim": {"lr": 0.1}, "note": "two\nlines <b>"}
    text = made(make_run(tmp_path / "a", {"model": "gan"}, config, [{"fd": 1.0}]))
    assert "<pre>model: gan\noptim.lr: 0.1\nnote: two\\nlines &lt;b&gt;</pre>" in text


def test_settings_are_escaped_wherever_they_stand(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / str(index),
            {"model": text, "data": text},
            {"note": text, **CONFIG},
            [{"fd": 1.0}, {"fd": 2.0}],
        )
        for index, text in enumerate([hostile.MARKUP, "\x1b[2J{{ 7 * 7 }}"])
    ]
    text = made(*runs)
    Balance(text)
    assert "<img src=x" not in text
    assert "\x1b" not in text
    assert "{{ 7 * 7 }}" in text
    assert json.dumps(hostile.MARKUP) not in text
