"""What may be written into the tag library: no rings of parents, no rules that go in a circle."""

from collections.abc import Iterable, Mapping

from app.domain.criteria.tree import HasTag, leaves
from app.domain.profile.tag_tree import TagTree
from app.domain.profile.tagging import TagRule


def is_ring(key: str, parent: str | None, parents: Mapping[str, str | None]) -> bool:
    """Tell whether `parent` stands below `key` (or is it), so that the tree would bite itself."""
    seen: set[str] = set()
    while parent is not None and parent not in seen:
        if parent == key:
            return True
        seen.add(parent)
        parent = parents.get(parent)
    return False


def circle_of(rules: Iterable[TagRule], tree: TagTree) -> tuple[str, ...]:
    """Return tags whose rules wait for each other; empty where there are none.

    A rule that asks for a tag reads it and every tag below it.
    """
    reads: dict[str, set[str]] = {}
    for rule in rules:
        asked = [leaf.key for leaf in leaves(rule.when) if isinstance(leaf, HasTag)]
        reads.setdefault(rule.tag, set()).update(key for one in asked for key in tree.below(one))
    done: set[str] = set()

    def search(key: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if key in path:
            return path[path.index(key) :]
        if key in done:
            return ()
        for other in sorted(reads.get(key, ())):
            if other in reads and (found := search(other, (*path, key))):
                return found
        done.add(key)
        return ()

    for key in sorted(reads):
        if found := search(key, ()):
            return found
    return ()
