"""Pictures of change points: a case before and after, and the difference.

A strip is named by its two pictures and drawn once, so it stays when the runs are removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageChops

from editproof.harness.records.nights import PointPictures, Trends
from editproof.reports.common.pictures import read_picture
from editproof.reports.html.thumbnails import AMPLIFIED, cut, find_change

FOLDER = "points"

MOST_SHOWN = 100
"""Strips of a page, of the newest change points."""


def write_point_pictures(trends: Trends, folder: Path, runs: Path) -> dict[PointPictures, str]:
    """Draw the strips of the newest change points that are not drawn yet, into a page's folder;
    where each lies, seen from the page. `runs`: where run folders lie. One whose pictures are not
    on the disk is left out.
    """
    points = [point for trend in trends.series for point in trend.points if point.pictures]
    found: dict[PointPictures, str] = {}
    for point in sorted(points, key=lambda one: -one.night):
        shown = point.pictures
        if shown is None or shown in found:
            continue
        if len(found) == MOST_SHOWN:
            break
        name = f"{FOLDER}/{shown.before[:16]}-{shown.after[:16]}.webp"
        nights = (trends.nights[point.night], trends.nights[point.before])
        if (folder / name).is_file() or _draw(
            shown, [runs / night.run for night in nights], folder / name
        ):
            found[shown] = name
    return found


def _draw(shown: PointPictures, runs: Iterable[Path], target: Path) -> bool:
    """Draw one strip at the place that differs most; False: a picture is not on the disk. What a
    run was compared with lies in its folder, too, so each picture is looked for in both.
    """
    folders = list(runs)
    pictures = [_read(folders, digest) for digest in (shown.before, shown.after)]
    before, after = pictures
    if before is None or after is None or before.size != after.size:
        return False
    gap = ImageChops.difference(before, after)
    sheet = cut([before, after, gap.point(lambda level: level * AMPLIFIED)], find_change(gap))
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target, "WEBP", quality=82, method=2)
    return True


def _read(folders: Iterable[Path], digest: str) -> Image.Image | None:
    found = (read_picture(folder, digest) for folder in folders)
    return next((picture for picture in found if picture is not None), None)
