"""The folder holds the whole report: three views of one content, and nothing that needs a network."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bnverify.experiments.report import build
from bnverify.experiments.report.content import Report
from bnverify.experiments.report.pages import page_of
from bnverify.theory import store
from bnverify.theory.claim import promised
from bnverify.theory.registry import registry

from bnverify.base.errors import InputError

PROMISED = tuple(promised(registry()["thm-4.1"]))

VOID = frozenset(["meta", "link", "input", "br", "wbr", "img", "hr"])


class Page(HTMLParser):
    """Ids, links and sources of a page; ``open`` is empty where every element is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found.get("href")))
        self.sources += [str(found[key]) for key in ("src", "xlink:href") if key in found]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def test_every_statement_has_its_place_in_all_three_views(
    folder: Path, some_stored: dict[str, store.Stored]
) -> None:
    data = json.loads((folder / "report.json").read_text())
    ids = [claim["id"] for claim in data["claims"]]
    assert ids == list(some_stored)
    markdown = (folder / "report.md").read_text()
    for name in ids:
        assert (folder / "claims" / page_of(name)).is_file()
        assert f"`{name}`" in markdown


def test_the_first_page_is_small_and_sets_what_is_true_off_from_what_is_printed(folder: Path) -> None:
    text = (folder / "index.html").read_text()
    assert len(text.encode()) <= 200_000
    rows = re.findall(r'<th scope="row"><a href="claims/([^"]+).html">', text)
    assert rows[0] == "thm-4.1"
    assert len(rows) == 10
    printed, true = re.findall(r'<td class="(?:printed|true)">(.*?)</td>', text, re.DOTALL)[:2]
    assert '<msqrt class="changed">' in printed
    assert '<mrow class="changed"><mi>m</mi></mrow>' in true
    assert 'class="changed">=<' in true


ORDER = (
    "What it says",
    "Is it true?",
    "What is true instead",
    "Why",
    "As a picture",
    "What it means for your network",
    "Proof of what is true instead",
    "As printed, in full",
    "LaTeX",
    "Certificate and witnesses",
)


def test_a_page_of_a_claim_answers_in_the_order_of_the_questions(folder: Path) -> None:
    text = (folder / "claims" / "thm-4.1.html").read_text()
    assert tuple(re.findall(r"<h2[^>]*>(.*?)</h2>", text)[: len(ORDER)]) == ORDER
    for name in ("y", "ŷ", "g", "v = 0"):
        assert f">{name}</text>" in text
    assert "<summary>Readings that do not count (1)</summary>" in text


def test_errata_are_a_line_each_and_lead_to_their_claims(folder: Path) -> None:
    links = Page(folder / "errata.html").links
    assert "claims/thm-4.1.html" in links
    assert "claims/thm-4.2.2.html" in links


def test_the_pages_that_use_the_words_of_the_house_explain_them(folder: Path) -> None:
    for name in ("index.html", "claims.html", "errata.html", "made.html", "reproduction.html"):
        assert (folder / name).read_text(encoding="utf-8").count("<summary>Words used here</summary>") == 1, (
            name
        )


def test_every_page_says_what_it_is_and_lets_a_reader_skip(folder: Path) -> None:
    for path in pages(folder):
        text = path.read_text(encoding="utf-8")
        assert '<meta name="description" content="' in text
        assert '<a class="skip" href="#main">' in text


def test_the_json_holds_what_the_claims_command_promises(folder: Path) -> None:
    data = json.loads((folder / "report.json").read_text())
    for claim in data["claims"]:
        assert set(PROMISED) <= set(claim)
    theorem = next(claim for claim in data["claims"] if claim["id"] == "thm-4.1")
    assert theorem["measured"]["trials"] == 400
    assert theorem["measured"]["statements"][0]["counts"]["VIOLATED"] > 300
    assert theorem["measured"]["statements"][-1]["counts"]["VIOLATED"] == 0
    assert len(data["digits"]["snapshots"]) == 2


def test_the_list_of_files_is_the_folder(folder: Path) -> None:
    listed = set(json.loads((folder / "report.json").read_text())["files"])
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert listed | {"report.json"} == present


def test_every_page_is_well_formed_and_ids_are_unique(folder: Path) -> None:
    for path in pages(folder):
        page = Page(path)
        assert page.open == [], path.name
        assert len(page.ids) == len(set(page.ids)), path.name


def test_every_link_leads_somewhere_inside_the_folder(folder: Path) -> None:
    found = {path.resolve(): Page(path) for path in pages(folder)}
    for path, page in found.items():
        for href in page.links:
            name, _, anchor = href.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.is_file(), f"{path.name}: {href}"
            if anchor:
                assert anchor in found[target].ids, f"{path.name}: {href}"


def test_nothing_is_fetched_from_elsewhere(folder: Path) -> None:
    for path in pages(folder):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(?!#)|<link|<iframe|<img", text), path.name
        for source in Page(path).sources:
            assert source.startswith("#"), f"{path.name}: {source}"


def test_pictures_of_the_markdown_lie_in_the_folder(folder: Path) -> None:
    found = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (folder / "report.md").read_text())
    assert found
    for name in found:
        assert (folder / name).is_file()


def test_mathematics_is_mathml_on_the_page_and_latex_in_the_markdown(folder: Path) -> None:
    assert (folder / "claims" / "thm-4.4.html").read_text().count("<math") > 20
    assert "$$" in (folder / "report.md").read_text()


def test_no_template_expression_or_number_went_wrong(folder: Path) -> None:
    for path in [*pages(folder), folder / "report.md"]:
        text = path.read_text(encoding="utf-8")
        visible = re.sub(r"<(script|style)>.*?</\1>|alttext=\"[^\"]*\"", "", text, flags=re.DOTALL)
        assert not re.search(r"\{\{|\{%|\bNone\b|\bnan\b", visible), path.name


def test_no_evidence_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(store, "load", dict)
    with pytest.raises(InputError, match="bnverify prove"):
        build.build(tmp_path / "report", trials=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("trials", "device"), [(0, "cpu"), (-3, "cpu"), (1, "cuda:99"), (1, "abacus")])
def test_a_wrong_request_is_one_line_and_leaves_nothing(tmp_path: Path, trials: int, device: str) -> None:
    with pytest.raises(InputError) as caught:
        build.build(tmp_path / "report", trials=trials, device=device)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_contradicts_a_certificate(small_report: Report) -> None:
    assert small_report.failures == ()


def test_a_contradiction_is_on_the_first_page(small_report: Report, tmp_path: Path) -> None:
    build.write(replace(small_report, failures=("thm-4.1: random batches violate it",)), tmp_path)
    for name in ("index.html", "report.md"):
        assert "thm-4.1: random batches violate it" in (tmp_path / name).read_text()


def test_the_summary_counts_every_statement(small_report: Report) -> None:
    assert sum(small_report.tally.values()) == len(small_report.claims)
    asked = sum(entry.item["kind"] == "extension" for entry in small_report.claims)
    said, beside = small_report.summary.split("; and ")
    assert said.startswith(f"{len(small_report.claims) - asked} statements of the paper")
    assert beside.startswith(f"{asked} statements asked beside them")
    assert "as printed" not in beside
    assert sum(len(group.entries) for group in small_report.groups) == len(small_report.claims)


def test_the_committed_training_runs_have_a_page_that_leads_to_their_claims_and_back(
    small_report: Report, folder: Path
) -> None:
    if not small_report.reproduction:
        pytest.skip("no summary has been committed")
    assert 'href="reproduction.html"' in (folder / "index.html").read_text()
    page = (folder / "reproduction.html").read_text()
    claim = next(entry for entry in small_report.claims if f'id="{entry.item["id"]}"' in page)
    assert f'href="{claim.href}"' in page
    assert f'href="../reproduction.html#{claim.item["id"]}"' in (folder / claim.href).read_text()
