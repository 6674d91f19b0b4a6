"""How Sphinx builds these pages: ``make docs``."""

from importlib import metadata

project = "napari-unet"
author = "The napari-unet founders"
release = version = metadata.version("napari-unet-live")
html_title = f"napari-unet {release}"
html_theme = "furo"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
exclude_patterns = ["build"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
