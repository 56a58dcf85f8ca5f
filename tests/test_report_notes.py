"""Laws of the notes in a report: they fall into sections, and nothing in them is run or fetched."""

from pixelgbm.report.notes import html_of, read_notes

NOTES = """before any heading <script>alert(1)</script>

# What the data are like
Dirt is *dark*; see [a page](http://example.org/a) and ![a picture](http://example.org/b.png).

- one
- two

## What would improve it
| more | of |
|---|---|
| data | all |
"""


def test_notes_fall_into_sections_and_stay_text(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text(NOTES)
    sections = read_notes(path)
    assert [section.title for section in sections] == ["Notes", "What the data are like", "What would improve it"]
    html = "".join(html_of(block) for section in sections for block in section.blocks)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "<a" not in html and "<img" not in html
    assert "<em>dark</em>" in html and "<td>data</td>" in html


def test_headings_within_code_and_lists_are_no_sections(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("# One\n```\n# not a heading\n```\n- # neither\n")
    assert [section.title for section in read_notes(path)] == ["One"]
    path.write_text("\n\n")
    assert read_notes(path) == ()
