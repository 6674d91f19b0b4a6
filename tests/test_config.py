"""Laws of the settings."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.config import Field, Settings, fields, settings_from
from napari_unet.errors import UserError
from scripts.write_preferences import KEY, MANIFEST, preferences

ALL = list(fields())
NUMBERS = [field for field in ALL if field.kind in {int, float}]
NAMES = [field for field in ALL if field.choices]


def refused(values: dict[str, Any]) -> str:
    """The text of the refusal."""
    with pytest.raises(UserError, match=r"^NU-C01: ") as caught:
        settings_from(values)
    return str(caught.value)


def test_every_setting_is_a_field() -> None:
    """A form built from the fields holds every setting, in order, with its default."""
    assert [field.name for field in ALL] == list(Settings.__struct_fields__)
    assert {field.name: field.default for field in ALL} == msgspec.to_builtins(Settings())


@pytest.mark.parametrize("field", ALL, ids=lambda field: field.name)
def test_every_setting_explains_itself(field: Field) -> None:
    """Label, help and, for numbers, unit and range; the default lies in the range."""
    assert field.label not in {"", "None"}
    assert field.help.endswith(".")
    assert settings_from({field.name: field.default}) == Settings()
    if field not in NUMBERS:
        assert field.kind is bool or field.default in field.choices
        return
    assert field.unit
    assert field.minimum is not None
    assert field.maximum is not None
    assert field.minimum <= field.default <= field.maximum


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_the_range_is_enforced(field: Field) -> None:
    """The smallest value is taken; a value below, above or of no number is refused with the setting's name."""
    assert field.minimum is not None
    assert field.maximum is not None
    step = field.step or 1
    assert getattr(settings_from({field.name: field.kind(field.minimum)}), field.name) == field.minimum
    for value in (field.minimum - step, field.maximum + step, "many", None, [1], math.nan):
        assert field.name in refused({field.name: value})


def test_a_refusal_names_setting_value_and_range() -> None:
    """In words of this program: whoever mistyped an option sees what it takes."""
    multiple = "choose a whole number from 0 to 1024 that is a multiple of 16"
    assert refused({"tile": 100}) == f"NU-C01: tile cannot be 100, settings, {multiple}"
    assert refused({"object_split": 7.0}).endswith(
        ": object_split cannot be 7.0, settings, choose a number from 0 to 1"
    )
    assert refused({"averaging": 1.0}).endswith(", choose a number from 0 to less than 1")
    assert refused({"loss": "x"}).startswith("NU-C01: loss cannot be x, settings, choose one of ")
    assert refused({"object_cut": "maybe"}).endswith("settings, choose true or false")


@pytest.mark.parametrize("field", ALL, ids=lambda field: field.name)
def test_values_of_numpy_are_taken_as_those_of_python(field: Field) -> None:
    """A number that a script took out of an array is a number, of whichever type it was."""
    value = np.array(field.default)[()]
    assert isinstance(value, np.generic)
    taken = getattr(settings_from({field.name: value}), field.name)
    assert taken == field.default
    assert type(taken) is field.kind


@pytest.mark.parametrize("field", NAMES, ids=lambda field: field.name)
def test_only_the_names_offered_are_taken(field: Field) -> None:
    """Each choice is taken and told in the help; anything else is refused with the setting's name."""
    assert len(field.choices) > 1
    for choice in field.choices:
        assert getattr(settings_from({field.name: choice}), field.name) == choice
        assert choice in field.help
    for value in ("", "many", field.choices[0].upper(), 1, None, [field.choices[0]]):
        assert field.name in refused({field.name: value})


@pytest.mark.parametrize("name", ["tile", "prediction_tile"])
def test_tiles_fit_the_stride(name: str) -> None:
    """Tiles that are no multiple of the network's stride are refused."""
    assert name in refused({name: 100})


def test_the_manifest_offers_the_settings_as_preferences() -> None:
    """Written by ``python -m scripts.write_preferences``; nothing is offered that napari would round away."""
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert manifest["contributions"]["configurations"] == preferences()
    offered = preferences()[KEY]["properties"]
    assert {field.name for field in fields()} - offered.keys() == {"learning_rate", "weight_decay", "averaging"}


def test_unknown_settings_are_refused() -> None:
    """A misspelt name is named."""
    assert "'tyle'" in refused({"tyle": 64})


@given(st.dictionaries(st.sampled_from([field.name for field in ALL]), st.integers(-5, 300)))
def test_what_is_accepted_survives_storing(values: dict[str, Any]) -> None:
    """Settings are either refused or equal after a round trip through plain values."""
    try:
        settings = settings_from(values)
    except UserError:
        return
    assert settings_from(msgspec.to_builtins(settings)) == settings
