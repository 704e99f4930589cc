"""A CSV file of past cases, read as text: UTF-8, or GB18030 as Chinese spreadsheets save it."""

import csv
import io
from pathlib import Path
from typing import Final

from app.domain.profile.risk.training_set import InvalidTrainingSet

_MOST_COLUMNS: Final = 500
_LARGEST: Final = 512 * 1024 * 1024


def read_training_file(path: Path) -> list[dict[str, str]]:
    """Return the rows by column name.

    :raises InvalidTrainingSet: not such a file, with the line where it stops being one
    """
    if path.stat().st_size > _LARGEST:
        raise InvalidTrainingSet("文件超过 512 MB，请先按时间分段")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            raise InvalidTrainingSet("文件既不是 UTF-8 也不是 GB18030 编码") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in next(lines, [])]
        if not all(names) or len(set(names)) < len(names) or len(names) > _MOST_COLUMNS:
            raise InvalidTrainingSet("第一行应是列名，不能空缺或重复")
        rows = []
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(names):
                told = f"第 {lines.line_num} 行有 {len(cells)} 格，表头有 {len(names)} 格"
                raise InvalidTrainingSet(told)
            rows.append(dict(zip(names, cells, strict=True)))
    except csv.Error:
        raise InvalidTrainingSet(f"第 {lines.line_num} 行不是有效的 CSV") from None
    return rows
