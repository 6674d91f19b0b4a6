"""The command ``train``."""

import argparse

from napari_unet.cli.given_settings import checked_settings, refuse_unknown_border
from napari_unet.cli.machine import take_the_machine
from napari_unet.cli.output import print_record, print_warnings
from napari_unet.cli.progress import Bar
from napari_unet.cli.result_lines import training_line
from napari_unet.config import changed

_STOPPING = "stopping: what is learned is being scored and saved; another Ctrl+C drops it"


def train(options: argparse.Namespace) -> int:
    """Train on the strokes of a project and on label files."""
    from napari_unet.cli.interruption import interruption_noted
    from napari_unet.dataset.label_files import checked_label_files
    from napari_unet.dataset.label_pairs import paired
    from napari_unet.project.project import Project
    from napari_unet.training.device_group import is_further_process
    from napari_unet.training.training_run import TrainingRequest, help_training, run_training

    pairs = paired(options.images, options.labels)
    request = TrainingRequest(
        options.seconds, options.steps, options.device, options.precision, options.seed, options.base, options.devices
    )
    if options.devices > 1 and is_further_process():
        # Asked to end, it helps on until the first process, which is asked too, says that all of them end.
        with interruption_noted(_STOPPING), Project(options.project, read_only=True) as project:
            help_training(project, request)
        return 0
    take_the_machine()
    given = checked_settings(options)
    files = checked_label_files(
        options.project, pairs, options.classes, options.labels_are, options.unlabelled_rim, options.axes
    )
    refuse_unknown_border(given, files.class_ids)
    with Project(options.project) as project:
        files.add_to(project, options.classes)
        if given:
            project.settings.write(changed(project.settings.read(), given))
        bar = Bar(options.steps, "training", "step")
        with interruption_noted(_STOPPING) as asked:
            try:
                result = run_training(
                    project, request, lambda step, loss: bar.to(step + 1, f"loss {loss:.3f}"), asked.is_noted
                )
            except KeyboardInterrupt:
                return asked.status or 130
        bar.close()
    print_warnings(result.warnings)
    print_record(result.as_json(), options, [training_line(result)])
    return asked.status
