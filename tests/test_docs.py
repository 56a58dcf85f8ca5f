import re
import runpy
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import click
import pytest

from features import FAMILIES
from pixelgbm.__main__ import COMMANDS, group
from pixelgbm.config import load_config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
HOOKS = DOCS / "hooks"


def blocks(path, language):
    """The fenced blocks of a page in one language, "" for those that name none."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for said, text in fenced if said == language]


def command_lines(path):
    return [line for block in blocks(path, "") for line in block.splitlines() if line.startswith("pixelgbm ")]


LINES = [(path, line) for path in PAGES for line in command_lines(path)]


@pytest.mark.parametrize(("path", "line"), LINES, ids=[f"{path.stem}: {line}" for path, line in LINES])
def test_command_lines_of_the_pages_are_understood(path, line):
    top = click.Context(group, info_name="pixelgbm")
    _, name, *arguments = shlex.split(line)
    command = group.get_command(top, name)
    assert command is not None, f"{path.name}: no command {name}"
    command.make_context(name, arguments, parent=top)


def test_every_job_goes_from_drawing_to_a_score():
    for path in sorted((DOCS / "how-to").glob("*-*.md")):
        used = [line.split()[1] for line in command_lines(path)]
        assert {"synth", "check", "train", "tune", "predict", "score"} <= set(used)


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "toml")], ids=lambda path: path.stem)
def test_configurations_of_the_pages_are_accepted(path, tmp_path):
    for text in blocks(path, "toml"):
        (tmp_path / "run.toml").write_text(text)
        load_config(tmp_path / "run.toml")


def test_python_of_the_tutorial_runs(tiny_data, tmp_path, monkeypatch, capsys):
    shutil.copytree(tiny_data, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    for number, code in enumerate(blocks(DOCS / "tutorial.md", "python")):
        script = tmp_path / f"block-{number}.py"
        script.write_text(code)
        found = runpy.run_path(str(script))
    assert "Rule(low=" in capsys.readouterr().out
    assert found["mask"].shape == found["probability"].shape


def hook(name):
    return runpy.run_path(str(HOOKS / f"{name}.py"))


@pytest.mark.parametrize("path", sorted(HOOKS.glob("*.py")), ids=lambda path: path.stem)
def test_hook_writes_into_its_place_alone(path):
    found = hook(path.stem)
    written = [page for page in PAGES if found["PLACE"] in page.read_text(encoding="utf-8")]
    assert len(written) == 1
    assert found["on_page_markdown"]("nothing to do") == "nothing to do"
    assert found["PLACE"] not in found["on_page_markdown"](written[0].read_text(encoding="utf-8"))


def test_page_of_commands_says_what_help_says():
    text = "\n".join(hook("commands")["lines"]())
    assert re.findall(r"^## pixelgbm (\S+)$", text, re.MULTILINE) == list(COMMANDS)
    assert "--without-references" in text


def test_catalogue_has_every_column_and_a_picture_of_every_family():
    text = "\n".join(hook("catalogue")["lines"]())
    for family in FAMILIES.values():
        assert (DOCS / "pictures" / f"{family.name}.png").is_file(), "python docs/draw_pictures.py draws it"
        for column in family.columns("match", 1.0):
            assert f"`{column.name}` | `{column.formula}`" in text


def test_benchmarks_show_every_file_and_figure(tmp_path):
    (tmp_path / "speed.py").write_text('"""How fast."""\n')
    (tmp_path / "speed-dev.json").write_text(
        '{"seed": 1, "rows": [{"name": "a", "ms_a_pair": 1.23456}, {"name": "b|c"}]}'
    )
    lines = list(hook("benchmarks")["lines"](tmp_path))
    assert lines[0] == "## speed-dev"
    assert "How fast." in lines
    assert "- seed: 1" in lines
    table = ["| name | ms a pair |", "| --- | --- |", "| a | 1.235 |", r"| b\|c | - |"]
    assert [row for row in lines if row.startswith("|")] == table
    assert hook("benchmarks")["FOLDER"] == ROOT / "benchmarks"


def test_what_a_script_says_of_several_files_stands_once(tmp_path):
    (tmp_path / "speed.py").write_text('"""How fast."""\n')
    for name in ("speed-dev", "speed-train"):
        (tmp_path / f"{name}.json").write_text('{"seed": 1}')
    lines = [line for line in hook("benchmarks")["lines"](tmp_path) if line]
    assert lines == ["## speed-dev", "How fast.", "- seed: 1", "## speed-train", "- seed: 1"]


def test_a_benchmark_with_a_page_beside_it_is_shown_by_that(tmp_path):
    (tmp_path / "speed.json").write_text('{"seed": 1}')
    (tmp_path / "speed.md").write_text("# Speed\n\nOne core.\n\n## Trees\n\n| a |\n|---|\n| 1 |\n")
    lines = [line for line in hook("benchmarks")["lines"](tmp_path) if line]
    assert lines == ["## speed", "Written to speed.json.", "One core.", "### Trees", "| a |", "|---|", "| 1 |"]


def test_named_rows_and_deep_values_of_a_benchmark_are_kept():
    render = hook("benchmarks")["render"]
    named = list(render({"methods": {"ours": {"score": 0.5}, "peer": {"score": None}}}, level=3))
    assert named[-4:-1] == ["| --- | --- |", "| ours | 0.5 |", "| peer | - |"]
    deep = [line for line in render([{"method": "ours", "levels": {"1": {"mean": [1, 2]}}}], level=3) if line]
    assert deep == ["### ours", "- method: ours", "#### levels", "|  | mean |", "| --- | --- |", "| 1 | 1 / 2 |"]


def test_a_benchmark_of_few_plain_values_takes_one_line_and_a_long_table_none():
    render = hook("benchmarks")["render"]
    sections = {"sections": {"trees": {"machine": {"cores": 2}, "rows": [{"name": "ours", "facts": {"gap": 0.5}}]}}}
    lines = [line for line in render(sections, level=3) if line]
    table = ["| name | facts |", "| --- | --- |", "| ours | gap 0.5 |"]
    assert lines == ["### trees", "- machine: cores 2", *table]
    assert list(render([{"id": k} for k in range(100)], level=3)) == ["100 rows, in the file alone.", ""]


def test_every_figure_at_a_glance_has_its_command():
    found = hook("figures")
    heading, _, *rows = [line.strip("| ").split(" | ") for line in found["lines"](found["FOLDER"])]
    assert heading == ["measured", "figure", "by"]
    assert len(rows) > 8
    for _, figure, command in rows:
        assert re.search(r"\d", figure)
        name, *options = shlex.split(command.strip("`"))
        assert name in ("bash", "python") and (ROOT / options[0]).is_file()


def test_headings_of_the_pages_go_down_one_step_at_a_time():
    for path in PAGES:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        levels = [len(found) for found in re.findall(r"^(#+) ", text, re.MULTILINE)]
        assert all(after <= before + 1 for before, after in pairwise(levels)), path.name
