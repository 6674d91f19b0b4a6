"""What the user chose for new projects, on napari's page of preferences."""

from napari.settings import get_plugin_settings

from napari_unet.config import Settings, settings_from

_PLUGIN = "napari-unet-live"


def settings_of_new_projects() -> Settings:
    """Preferences where there are any, defaults elsewhere."""
    return settings_from(get_plugin_settings(_PLUGIN).new_projects.model_dump())
