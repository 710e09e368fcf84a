"""The data of a scenario as the text of a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any


def as_yaml(data: Mapping[str, Any]) -> str:
    """The data of a scenario as a file."""
    from ruamel.yaml import YAML

    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 110
    yaml.dump(dict(data), out)
    return out.getvalue()
