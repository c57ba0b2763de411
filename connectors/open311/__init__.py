"""An outside 311 system that speaks GeoReport v2 (https://wiki.open311.org/GeoReport_v2)."""
