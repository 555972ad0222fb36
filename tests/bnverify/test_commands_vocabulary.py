"""``bnverify vocabulary`` lists every name."""

import json

from bnverify.theory.vocabulary import VOCABULARY
from typer.testing import CliRunner

from bnverify.commands.cli import application


def test_the_vocabulary_is_listed_as_data_and_as_a_table():
    items = json.loads(CliRunner().invoke(application(), ["vocabulary", "--json"]).stdout)
    assert [item["name"] for item in items] == list(VOCABULARY)
    assert all(item["symbol"] and item["sort"] and item["meaning"] and item["unit"] for item in items)
    table = CliRunner().invoke(application(), ["vocabulary"]).stdout
    assert "[L]/[y]" in table
    assert "batch-norm" in table
