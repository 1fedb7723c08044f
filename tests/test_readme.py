from pathlib import Path

from webpbx.model.settings import markdown_table

README = Path(__file__).parent.parent / "README.md"


def test_the_readme_tells_each_option_with_its_default_and_meaning() -> None:
    assert markdown_table() in README.read_text()
