"""Sphinx's settings: what docs/pages.py has gathered becomes the site. `make docs` runs both."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "ncap"
author = "The ncap developers"
version = release = version_of("ncap")
extensions = ["myst_parser", "sphinx.ext.autodoc", "docstrings"]

# What is written as a reference must exist. Annotations also name types that have no page here: numpy's, Keras', internal ones.
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False  # what Keras says of its own methods stands in its pages
smartquotes = False  # 1'P 1 is a formula
python_maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"

html_theme = "furo"
html_title = f"ncap {release}"
html_extra_path = [str(HERE.parent / "build" / "tour.html")]
html_copy_source = False
html_show_sphinx = html_show_copyright = False
html_static_path = [str(HERE / "narrow.css")]
html_css_files = ["narrow.css"]
