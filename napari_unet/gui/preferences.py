"""The settings of new projects, which the user chooses on napari's page of preferences."""

from napari.settings import get_plugin_settings

from napari_unet.config import Settings, settings_from

_PLUGIN = "napari-unet-live"


def settings_of_new_projects() -> Settings:
    """Return the settings that the user prefers, and defaults elsewhere."""
    return settings_from(get_plugin_settings(_PLUGIN).new_projects.model_dump())
