"""The commands that look at what is there: ``score``, ``models`` and ``verify``."""

import argparse

from napari_unet.cli.output import print_line, print_record, print_warnings
from napari_unet.cli.result_lines import model_line, score_lines


def score(options: argparse.Namespace) -> int:
    """Compare masks with truth."""
    from napari_unet.packaging.scored_files import score_pairs

    meanings = {"truth_is": options.truth_is, "prediction_is": options.prediction_is}
    record = score_pairs(options.prediction, options.truth, **meanings)
    print_record(record, options, score_lines(record))
    return 0


def models(options: argparse.Namespace) -> int:
    """List trained networks with their scores."""
    from napari_unet.packaging.model_list import list_models

    records = list_models(options.paths)
    print_record({"models": records}, options, [model_line(record) for record in records])
    return 0


def verify(options: argparse.Namespace) -> int:
    """Check a project, after a repair where one is asked for; return 1 where something is wrong."""
    from napari_unet.packaging import project_check

    if options.repair:
        for line in project_check.repair(options.project):
            print_line(line)
    notices: list[str] = []
    found = project_check.verify(options.project, notices)
    print_warnings(notices)
    for line in found:
        print_line(line)
    return 1 if found else 0
