"""Every piece of code in the documentation is a file that is run, or a part of one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SOURCES = [path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.py")]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(
            path
            for suffix in ("md", "rst")
            for path in (ROOT / "docs").rglob(f"*.{suffix}")
            if "_build" not in path.parts
        ),
    ]
)
SHELL = {"console", "sh", "text", "toml", "diff"}


def pages() -> pytest.MarkDecorator:
    """One test a page."""
    return pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])


@pages()
def test_code_is_taken_from_files_that_run(page: Path) -> None:
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
        if language in SHELL:
            continue
        assert language == "python", f"a block of {language}: include a file instead"
        assert any(code in source for source in SOURCES), f"in no file of examples/:\n{code}"


@pages()
def test_included_files_and_linked_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"^```\{literalinclude\} (\S+)", text, re.M):
        assert (page.parent / name).is_file(), name
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


@pages()
def test_paths_and_commands_belong_to_no_machine(page: Path) -> None:
    found = re.findall(r"(?<![\w.])/(?:work|tmp|home|root|mnt|opt)/\S*", page.read_text(encoding="utf-8"))
    assert found == []
