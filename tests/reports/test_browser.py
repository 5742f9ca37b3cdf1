"""The page in headless Chromium: nothing is cut off or scrolls sideways, columns sort and hide."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from test_page import CONFIG, made

from reporting import make_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
         "--disable-background-networking", "--disable-sync", "--virtual-time-budget=4000", "--window-size=1400,900"]  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

LOOK = """
const look = frame => {
  const page = frame.contentDocument, view = frame.contentWindow;
  for (const one of page.querySelectorAll("details:not(.columns)")) one.open = true;
  const right = e => e ? e.getBoundingClientRect().right : view.innerWidth;
  const wide = [...page.querySelectorAll("body *")].filter(e => e.checkVisibility() && right(e) > Math.min(view.innerWidth, right(e.closest("tr"))) + 1);
  const table = page.querySelector("table"), column = index => [...table.tBodies[0].rows].map(row => row.cells[index].textContent);
  const seen = {
    width: view.innerWidth, scroll: page.documentElement.scrollWidth, wide: wide.map(e => e.tagName + e.textContent.slice(0, 40)),
    hidden: [...table.tHead.rows[0].cells].filter(cell => cell.hidden).length,
    paper: view.getComputedStyle(page.body).backgroundColor,
  };
  const fd = [...table.tHead.rows[0].cells].findIndex(cell => cell.dataset.name === "fd_lenet");
  table.tHead.rows[0].cells[fd].querySelector("button").click();
  seen.up = column(0);
  table.tHead.rows[0].cells[fd].querySelector("button").click();
  seen.down = column(0);
  page.querySelector(".columns input").click();
  seen.first = table.tBodies[0].rows[0].cells[0].checkVisibility();
  const svg = page.querySelector("svg.plot"), box = svg.querySelector("circle").getBoundingClientRect();
  svg.dispatchEvent(new view.PointerEvent("pointermove", {clientX: box.x + box.width / 2, clientY: box.y + box.height / 2}));
  seen.tip = page.getElementById("tip").textContent;
  seen.lit = page.querySelectorAll("tr.lit").length;
  return seen;
};
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What frames of some widths show of one page."""
    folder = tmp_path_factory.mktemp("browser")
    names = ["fd", "kid", "precision", "recall", "density", "coverage", "is", "mode_kl"]
    runs = [
        make_run(
            folder / f"{index}-{seed}",
            {"model": f"a_method_of_long_name_{index}", "data": "mnist"},
            {**CONFIG, "seed": seed},
            [
                {f"{name}_lenet": 1234.5 - step * index**2 + seed for name in names}
                | {"diversity_within_class": 0.1774 + 0.0394 * seed}
                for step in range(3)
            ],
            status="finished" if index else "interrupted",
        )
        for index in range(12)
        for seed in range(2)
    ]
    text = html.escape(made(*runs))
    frames = "".join(
        f'<iframe id="w{w}" width="{w}" height="800" srcdoc="{text}"></iframe>' for w in (390, 768, 1280)
    )
    call = "addEventListener('load', () => setTimeout(() => { document.title = JSON.stringify(Object.fromEntries("
    call += "[...document.querySelectorAll('iframe')].map(frame => [frame.id, look(frame)]))) }, 1000))"
    (folder / "frames.html").write_text(f"<title>?</title><body>{frames}<script>{LOOK}{call}</script>")
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        str(folder / "frames.html"),
    ]
    page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search("<title>(.*?)</title>", page)
    assert title
    found: dict[str, dict[str, Any]] = json.loads(html.unescape(title[1]))
    return found


@pytest.mark.parametrize("width", ["w390", "w768", "w1280"])
def test_nothing_is_cut_off(width: str, seen: dict[str, dict[str, Any]]) -> None:
    assert seen[width]["wide"] == []
    assert seen[width]["scroll"] <= seen[width]["width"]


def test_every_column_is_there_at_1280_and_on_a_phone(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["w1280"]["hidden"] == seen["w390"]["hidden"] == 0


def test_columns_sort_and_hide(seen: dict[str, dict[str, Any]]) -> None:
    found = seen["w1280"]
    assert found["up"] == found["down"][::-1]
    assert found["up"][0] == "a_method_of_long_name_11"
    assert found["first"] is False


def test_lines_show_their_values_and_light_their_rows(seen: dict[str, dict[str, Any]]) -> None:
    assert re.fullmatch(r"a_method_of_long_name_\d+: \d+ at 6,400", seen["w1280"]["tip"])
    assert seen["w1280"]["lit"] >= 1


def test_it_follows_the_colours_of_the_system(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["w1280"]["paper"] in ("rgb(255, 255, 255)", "rgb(22, 24, 28)")
