"""The commands ``predict`` and ``export``."""

import argparse
from dataclasses import replace

from napari_unet.cli.given_settings import object_settings
from napari_unet.cli.machine import take_the_machine
from napari_unet.cli.option_hints import error_line
from napari_unet.cli.output import print_files
from napari_unet.cli.progress import BatchBar


def predict(options: argparse.Namespace) -> int:
    """Write masks of image files."""
    from napari_unet.packaging.batch import Listener, cluster_for, predict_batch
    from napari_unet.packaging.model import load_model
    from napari_unet.prediction.prediction_request import PredictionRequest

    formats = list(dict.fromkeys([*options.format, *(["objects", "csv"] if options.objects else [])]))
    request = PredictionRequest(
        formats, options.tile, options.probabilities, options.rescale, options.channels, options.axes
    )
    take_the_machine()
    model = load_model(options.model, options.device, options.precision)
    model = replace(model, settings=object_settings(options, model.settings, model.checkpoint.class_ids))
    cluster = cluster_for(request, model, options.scheduler, options.device, options.precision)
    bar = BatchBar()
    listener = Listener(bar.start, lambda failure: bar.say(error_line(failure.error, options)), bar.tile, bar.warn)
    batch = predict_batch(model, options.images, options.out, request, cluster, listener)
    bar.close()
    print_files(batch.as_json(), bar.warnings, options)
    return 2 if batch.failed else 0


def export(options: argparse.Namespace) -> int:
    """Predict a project's images and write the results."""
    from napari_unet.evaluation.checked_areas import TO_PUBLISH
    from napari_unet.export.provenance import dice_to_publish_in, images_in
    from napari_unet.packaging import project_export
    from napari_unet.packaging.batch import Failure
    from napari_unet.project.project import Project

    take_the_machine()
    with Project(options.project, read_only=True) as project:
        settings = object_settings(options, project.settings.read(), project.classes.names())
        bar = BatchBar()
        failed: list[Failure] = []

        def fail(failure: Failure) -> None:
            failed.append(failure)
            bar.say(error_line(failure.error, options))

        written = project_export.export(
            project, options.out, options.format, device=options.device, precision=options.precision,
            settings=settings, warn=bar.warn, failed=fail,
        )  # fmt: skip
    record = {
        "files": [str(path) for path in written],
        "images": images_in(written),
        TO_PUBLISH: dice_to_publish_in(written),
        "failed": [failure.as_json() for failure in failed],
    }
    print_files(record, bar.warnings, options)
    return 2 if failed else 0
