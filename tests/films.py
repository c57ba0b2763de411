"""Tiny films for the tests, made by the library that reads them."""

from __future__ import annotations

from io import BytesIO

import av
import numpy as np
from PIL import Image

RATE = 10


def film(
    seconds: float = 4,
    size: tuple[int, int] = (64, 48),
    *,
    sound: bool = True,
    codec: str = "libx264",
    points: str = "yuv420p",
    form: str = "mp4",
    told: dict[str, str] | None = None,
) -> bytes:
    """A film whose colour changes; `told` is what else its file says."""
    made = BytesIO()
    with av.open(made, "w", format=form) as file:
        file.metadata.update(told or {})
        pictures = file.add_stream(codec, rate=RATE)
        pictures.width, pictures.height, pictures.pix_fmt = *size, points
        heard = file.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number in range(round(seconds * RATE)):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (40 + number * 3 % 200, 90, 160)))
            file.mux(pictures.encode(frame))
        file.mux(pictures.encode(None))
        if heard is not None:
            for number in range(round(seconds * 8000 / 1024)):
                quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "float32"), format="fltp", layout="mono")
                quiet.sample_rate, quiet.pts = 8000, number * 1024
                file.mux(heard.encode(quiet))
            file.mux(heard.encode(None))
    return made.getvalue()


def turned(content: bytes) -> bytes:
    """The same, as a telephone that is held upright says it: shown a quarter of a turn to the right."""
    place = content.index(b"tkhd") + 4 + 40
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    matrix = b"".join(number.to_bytes(4, "big", signed=True) for number in quarter)
    return content[:place] + matrix + content[place + 36 :]
