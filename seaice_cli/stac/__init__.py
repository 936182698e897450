"""STAC: masks as items, models as items, folders of masks as collections."""
