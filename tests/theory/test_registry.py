"""The registry holds every claim file once, under ids that follow one scheme."""

import re
from pathlib import Path

from bnverify.theory import claims
from bnverify.theory.registry import files, registry

SLUG = r"[a-z\d]+(-[A-Za-z\d]+)*"
PART = r"(\.[A-Za-z\d.-]+)?"
SCHEME = re.compile(
    rf"thm-(\d\.\d(\.\d)?|C\.\d)|lem-\d\.\d|obs-\d\.\d\.[a-z]+|fact-C\.\d|def-\d\.\d{PART}|eq-\d+{PART}"
    rf"|fig-\d+[a-c]?{PART}|prose-([\dABCa]+(\.\d)*|summary|review)-{SLUG}{PART}|[a-z]+-\d{{4}}:{SLUG}|blog-(thm-4\.2\.[12]|lem-4\.5|{SLUG}){PART}|ext-{SLUG}{PART}"
)


def test_every_id_follows_the_scheme():
    assert [name for name in registry() if not SCHEME.fullmatch(name)] == []


def test_every_claim_is_found_under_its_own_id():
    assert all(claim.id == name for name, claim in registry().items())


def test_every_claim_file_states_a_claim():
    folder = Path(claims.__file__).parent
    stated = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("[!_]*.py")}
    assert set(files()) == stated
    assert all(files().values())


def test_the_named_theorems_are_all_there():
    named = {
        "thm-4.1",
        "thm-4.2.1",
        "thm-4.2.2",
        "obs-4.3.activations",
        "obs-4.3.minima",
        "thm-4.4",
        "lem-4.5",
    }
    assert named | {"thm-C.1", "fact-C.1", "fact-C.2"} <= set(registry())


def test_readings_of_a_claim_have_names_of_their_own():
    for claim in registry().values():
        slugs = [reading.slug for reading in claim.readings]
        assert len(slugs) == len(set(slugs)), claim.id
