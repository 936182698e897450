"""What the extensions of STAC ask for, as JSON schemas.

The core's own schemas come with pystac. Those of the extensions lie on the internet; these here were written by hand after their
texts, for the fields that this package writes, and nothing else of an extension's prefix is allowed.
"""

from __future__ import annotations

import jsonschema
import pystac
from pystac.validation import validate_dict

TEXT, NUMBER, WHOLE = {"type": "string", "minLength": 1}, {"type": "number"}, {"type": "integer"}
DTYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")


def _list(of, shortest=1, longest=None):
    return {"type": "array", "items": of, "minItems": shortest} | ({"maxItems": longest} if longest else {})


def _object(required, **known):
    return {"type": "object", "required": required.split(), "properties": known}


CLASS = _object(
    "value name", value=WHOLE, name={"type": "string", "pattern": "^[0-9A-Za-z-_]+$"}, description=TEXT, title=TEXT,
    color_hint={"type": "string", "pattern": "^[0-9A-F]{6}$"}, nodata={"type": "boolean"},
)  # fmt: skip
CLASSES = _list(CLASS) | {"uniqueItems": True}
BAND = _object(
    "name", name=TEXT, data_type={"enum": list(DTYPES)}, nodata={"oneOf": [NUMBER, {"enum": ["nan", "inf", "-inf"]}]},
    **{"raster:spatial_resolution": {"type": "number", "exclusiveMinimum": 0}, "classification:classes": CLASSES},
)  # fmt: skip
PROJECTION = {
    "proj:code": {"oneOf": [{"type": "string", "pattern": "^[A-Z0-9]+:[0-9A-Za-z]+$"}, {"type": "null"}]}, "proj:wkt2": TEXT,
    "proj:shape": _list(WHOLE, 2, 2), "proj:transform": _list(NUMBER, 6, 6), "proj:bbox": _list(NUMBER, 4, 4),
}  # fmt: skip
PROCESSING = {
    "processing:software": {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
    "processing:lineage": TEXT,
}  # fmt: skip
MASK = _object(
    "stac_extensions properties assets",
    stac_extensions=_list({"type": "string", "format": "iri"}) | {"uniqueItems": True},
    properties={
        **_object("proj:code proj:shape proj:transform processing:software", **PROJECTION, **PROCESSING),
        "patternProperties": {r"^(?!(proj|processing|raster|classification|mlm):)": {}},
        "additionalProperties": False,
    },
    assets={"type": "object", "additionalProperties": _object("href", bands=_list(BAND))},
)


def _structure():
    axes = {"enum": ["batch", "bands", "class", "height", "width"]}
    return _object(
        "shape dim_order data_type", shape=_list({"type": "integer", "minimum": -1}), dim_order=_list(axes) | {"uniqueItems": True},
        data_type={"enum": list(DTYPES)},
    )  # fmt: skip


TASKS = _list({"enum": ["semantic-segmentation"]})
MODEL = _object(
    "stac_extensions properties assets",
    properties={
        **_object(
            "mlm:name mlm:architecture mlm:tasks mlm:input mlm:output",
            **{
                "mlm:name": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9_.-]+[a-zA-Z0-9]$"}, "mlm:architecture": TEXT,
                "mlm:framework": TEXT, "mlm:tasks": TASKS,
                "mlm:hyperparameters": {"type": "object", "propertyNames": {"pattern": "^[0-9a-zA-Z_.-]+$"}, "minProperties": 1},
                "mlm:input": _list(_object(
                    "name bands input", name=TEXT, bands=_list(TEXT), input=_structure(), value_scaling={"type": "null"},
                    resize_type={"type": "null"},
                )),
                "mlm:output": _list(_object(
                    "name tasks result", name=TEXT, tasks=TASKS, result=_structure(), **{"classification:classes": CLASSES}
                )),
            },
            **PROCESSING,
        ),
        "patternProperties": {r"^(?!(proj|processing|raster|classification|mlm):)": {}},
        "additionalProperties": False,
    },
    assets={
        "type": "object", "minProperties": 1,
        "additionalProperties": {
            "if": {"properties": {"roles": {"contains": {"const": "mlm:model"}}}}, "then": {"required": ["mlm:artifact_type"]},
        },
    },
)  # fmt: skip


def check(values, schema=None):
    """Check an item or collection by the core's schemas, and by one of those above."""
    kind = pystac.STACObjectType.COLLECTION if values["type"] == "Collection" else pystac.STACObjectType.ITEM
    validate_dict(values, stac_object_type=kind, extensions=[])
    if schema:
        jsonschema.validate(values, schema, cls=jsonschema.Draft202012Validator)
