"""The options after a message of the command line."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from napari_unet.cli.command import main
from napari_unet.cli.option_hints import OPTIONS, option_hint
from napari_unet.cli.parser import command_parser


def options_of(*arguments: str) -> argparse.Namespace:
    """Parse a command."""
    return command_parser().parse_args(arguments)


COMMANDS = (
    options_of("train", "--project", "a.unet"),
    options_of("predict", "--model", "a.unet", "a.tif", "--out", "out"),
    options_of("score", "--prediction", "a.tif", "--truth", "b.tif"),
)


def test_a_mask_that_was_not_called_one_is_answered_with_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says in words what to say of the labels, and then where on the command line."""
    image, mask = tmp_path / "image.png", tmp_path / "mask.png"
    imsave(image, np.arange(64 * 64, dtype=np.uint8).reshape(64, 64), check_contrast=False)
    imsave(mask, np.where(np.eye(64, dtype=bool), 255, 0).astype(np.uint8), check_contrast=False)
    status = main(["train", "--project", str(tmp_path / "p.unet"), "--images", str(image), "--labels", str(mask)])
    told = capsys.readouterr().err
    assert status == 2
    assert told.startswith("error: NU-A14: ")
    assert told.endswith("say that the labels are a mask, or give class numbers 1, 2, ... (--labels-are, --classes)\n")


@pytest.mark.parametrize("code", OPTIONS)
def test_every_option_that_is_named_exists(code: str) -> None:
    """Each belongs to a command, and a command without it does not name it."""
    named = {name for options in COMMANDS for name in OPTIONS[code] if hasattr(options, name)}
    assert named == set(OPTIONS[code])
    assert option_hint(code, options_of("verify", "a.unet")) == ""


def test_other_messages_stay_as_they_are() -> None:
    """Most errors are about no option."""
    assert option_hint("NU-P01", COMMANDS[0]) == ""
