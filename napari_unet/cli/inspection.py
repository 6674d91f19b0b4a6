"""The commands that look at what is there: ``score``, ``models`` and ``verify``."""

import argparse

from napari_unet.cli.output import print_line, print_record
from napari_unet.cli.result_lines import model_line, score_lines
from napari_unet.errors import UserError


def score(options: argparse.Namespace) -> int:
    """Compare masks with truth."""
    from statistics import mean

    from napari_unet.packaging.mask_scores import score_files

    if len(options.prediction) != len(options.truth):
        what = f"{len(options.prediction)} predictions and {len(options.truth)} truths"
        raise UserError("NU-C02", what, "score", "give one truth for each prediction")
    results = [
        score_files(p, t, truth_is=options.truth_is, prediction_is=options.prediction_is)
        for p, t in zip(options.prediction, options.truth, strict=True)
    ]
    means = [r["mean_dice"] for r in results if r["mean_dice"] is not None]
    record = results[0] if len(results) == 1 else {"mean_dice": mean(means) if means else None, "images": results}
    lines = [line for p, r in zip(options.prediction, results, strict=True) for line in score_lines(p, r)]
    print_record(record, options, lines)
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
    found = project_check.verify(options.project)
    for line in found:
        print_line(line)
    return 1 if found else 0
