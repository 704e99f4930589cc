"""The tree of tags as the library has it."""

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.domain.profile.tag_tree import TagTree
from app.models.profile.tag import Tag


def tag_tree(session: Session) -> TagTree:
    """Return which tags stand above which; the library is some hundreds of rows."""
    into = aliased(Tag)
    rows = session.execute(
        select(Tag.key, Tag.parent_key, into.key.label("into")).outerjoin(
            into, into.id == Tag.merged_into_id
        )
    ).all()
    return TagTree(
        {row.key: row.parent_key for row in rows},
        {row.key: row.into for row in rows if row.into is not None},
    )
