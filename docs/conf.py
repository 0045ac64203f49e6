"""How the documentation is built: `make docs` runs Sphinx over this folder, and any warning fails.

Nothing is fetched while building: no inventories of other projects, no fonts, no scripts from elsewhere.
"""

import os
import sys
from pathlib import Path

# The interpreted core has signatures and docstrings that Sphinx can read.
os.environ["TWINAX_CORE"] = "python"
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

import twinax  # noqa: E402 - the two lines above decide what is imported

project = "twinax"
author = "The twinax authors"
version = release = twinax.__version__

extensions = ["sphinx.ext.autodoc", "myst_parser", "twinax_reference"]
exclude_patterns = ["_build", "measurements"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    # Other people's documentation is not here, and building must not need a network.
    (
        r"py:.*",
        r"(_?asyncio|collections|concurrent|datetime|enum|http|ipaddress|logging|os|re|signal|socket|ssl|typing|urllib)\..*",
    ),
]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "twinax"
html_static_path = ["_static"]
html_css_files = ["twinax.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_sidebars = {
    "**": ["sidebar/brand.html", "sidebar/scroll-start.html", "sidebar/navigation.html", "sidebar/scroll-end.html"]
}
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e75", "color-brand-content": "#0b6e75"},
    "dark_css_variables": {"color-brand-primary": "#5fc9cf", "color-brand-content": "#5fc9cf"},
}
pygments_style = "friendly"
pygments_dark_style = "native"
