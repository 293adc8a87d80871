"""The tutorial: it runs from top to bottom, and is kept with what comes out."""

import json
import re

import pytest

from tests.support.notebooks import TUTORIAL, execute
from tests.support.paths import ROOT

NOTEBOOK = json.loads(TUTORIAL.read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(tmp_path):
    notebook = execute(TUTORIAL, tmp_path)
    said = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    accuracy = float(re.search(r"done: test accuracy ([\d.]+)%", said)[1])
    assert accuracy > 50  # of six labels 17 is chance
    assert re.search(r"model-int8.tflite: .* labels changed", said)
    assert "thresholds: go" in said and (tmp_path / "result/commands/detector.json").is_file()


def test_it_is_kept_with_its_outputs():
    kept = [kind for cell in CODE for output in cell["outputs"] for kind in output.get("data", [])]
    # clip and effects, tables, a player, the track
    assert kept.count("image/png") == 2 and "text/html" in kept
    assert [cell["execution_count"] for cell in CODE] == [*range(1, len(CODE) + 1)]
    assert not any(output["output_type"] == "error" for cell in CODE for output in cell["outputs"])


def test_it_is_small_and_names_no_folder_of_a_machine():
    text = TUTORIAL.read_text(encoding="utf-8")
    assert len(text) < 1_500_000
    assert not re.search(r'[\s"=\'](/tmp|/home|/root|/work)/', text)
    assert str(ROOT) not in text


def test_its_links_lead_somewhere():
    text = "".join("".join(cell["source"]) for cell in NOTEBOOK["cells"])
    links = re.findall(r"\]\(([\w.]+)(?:#[\w-]+)?\)", text)
    assert len(links) > 4
    assert [link for link in links if not (TUTORIAL.parent / link).is_file()] == []
