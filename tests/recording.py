"""Writes what checkpoints of today say of themselves, for models that have no record yet: `python tests/recording.py`.

A record in tests/records/ stays as it is: checkpoints of its day are to be read by every later version.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tiny
from gan_experiments.training.restore import describe

RECORDS = Path(__file__).resolve().parent / "records"
SETTINGS = ["data.image_size=16", "paths.data=data", "paths.outputs=outputs"]
DOMAINS = ["data=paired_folders", "data.path=pictures", "network.discriminator_layers=1"]  # of a translator


def record_of(model: str) -> dict[str, Any]:
    """The settings of a tiny run, and what its checkpoints say is to be built of them."""
    domains = DOMAINS if model in tiny.TRANSLATORS else []
    config, record = tiny.compose(f"model={model}", *SETTINGS, *domains)
    return {"record": record, "describe": describe(config, config.data.shape)}


def main() -> None:
    RECORDS.mkdir(exist_ok=True)
    for model in [*tiny.MODELS, *tiny.TRANSLATORS]:
        path = RECORDS / f"{model}.json"
        if not path.exists():
            path.write_text(json.dumps(record_of(model), indent=1) + "\n")
            print(path)


if __name__ == "__main__":
    main()
