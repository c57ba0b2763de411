"""The pretend outside 311: a GeoReport v2 server that answers as badly as real ones do."""
