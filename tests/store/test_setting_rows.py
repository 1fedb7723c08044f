"""Which field of a row its checks mean by the words of their sentences."""

import ast
import dataclasses
import inspect

import pytest

from webpbx.model.device import Device
from webpbx.model.trunk import Trunk
from webpbx.store.setting_rows import field_of

OF_OTHER_ROWS = {"company id": "tenant_id"}
"""Words for what a row belongs to, which no form of its own asks for."""


def words_of(row: type[Device | Trunk]) -> list[str]:
    """Give the words by which a row's checks call what they check."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(row)))  # type: ignore[arg-type]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    checks = [call.args[0] for call in calls if call.func.id.startswith("check_")]  # type: ignore[attr-defined]
    return [word.value for word in checks if isinstance(word, ast.Constant) and isinstance(word.value, str)]


@pytest.mark.parametrize(("row", "word"), [(row, word) for row in (Device, Trunk) for word in words_of(row)])
def test_what_a_check_calls_a_setting_is_a_field_of_its_row(row: type[Device | Trunk], word: str) -> None:
    fields = {field.name for field in dataclasses.fields(row)}
    assert OF_OTHER_ROWS.get(word, field_of(word)) in fields


def test_the_words_of_the_checks_are_found() -> None:
    assert "telephone's name" in words_of(Device)
    assert {"trunk name", "DTMF way", "ring limit"} <= set(words_of(Trunk))
