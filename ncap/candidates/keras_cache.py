"""Where Keras keeps the weights that it downloads; known without importing Keras."""

import os
from pathlib import Path


def models_folder() -> Path:
    """$KERAS_HOME/models, or ~/.keras/models; below /tmp where Keras may not write to it, because Keras then reads from there too.

    >>> models_folder().name
    'models'
    """
    home = Path("~").expanduser()
    default = (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    folder = Path(os.environ.get("KERAS_HOME", default)).expanduser()
    unwritable = folder.exists() and not os.access(folder, os.W_OK)
    return (Path("/tmp/.keras") if unwritable else folder) / "models"
