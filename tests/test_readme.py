import re
import runpy
from pathlib import Path

from features import FAMILIES
from pixelgbm.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def figure_table() -> str:
    hook = runpy.run_path(str(ROOT / "docs" / "hooks" / "figures.py"))
    return "\n".join(hook["lines"](hook["FOLDER"]))


def family_table() -> str:
    lines = ["| family | columns | it asks | source |", "|---|---|---|---|"]
    for family in FAMILIES.values():
        count = len(family.columns("match", 1.0))
        lines.append(f"| {family.name} | {count} | {family.question} | {family.source} |")
    return "\n".join(lines)


def with_tables(text: str) -> str:
    for name, table in (("figures", figure_table()), ("families", family_table())):
        place = re.compile(rf"(<!-- {name}: .*? -->\n).*(\n<!-- /{name} -->)", re.DOTALL)
        text = place.sub(lambda found, table=table: found.group(1) + table + found.group(2), text)
    return text


def test_readme_shows_the_tables():
    assert with_tables(README) == README, "python -m tests.test_readme writes it anew"
    assert figure_table() in README
    assert family_table() in README


def test_every_command_is_documented():
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"`pixelgbm {name} " in text


def test_links_lead_somewhere():
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_readme_names_only_commands_of_run_all_that_exist():
    script = (ROOT / "run_all.sh").read_text(encoding="utf-8")
    for name in re.findall(r"run_all\.sh (train|predict|bundle|test|docs|check|\w+ing)\b", README):
        assert f"\n  {name})" in script


if __name__ == "__main__":
    (ROOT / "README.md").write_text(with_tables(README), encoding="utf-8")
