"""Packs beside each other: a hospital has one library, in which every key means one thing."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from app.domain.criteria.names import Names
from app.domain.criteria.population import OnPlan
from app.domain.criteria.tree import Answered, Leaf, leaves
from app.domain.definitions import InvalidDefinition
from app.domain.plans.pack_references import check_answer
from app.domain.plans.packs import Pack
from app.domain.plans.questionnaires import Questionnaire


def in_order(packs: Iterable[Pack]) -> list[Pack]:
    """Return packs so that forms stand before those who ask for them."""
    return sorted(packs, key=lambda pack: (bool(pack.borrows), pack.id))


def problems(packs: Sequence[Pack]) -> list[str]:
    """Return what is wrong among packs that are each right alone."""
    forms = {form.key: form for pack in packs for form in pack.questionnaires}
    plans = {plan.key for pack in packs for plan in pack.plans}
    return [
        *_repeats(packs),
        *_other_tags(packs),
        *(
            f"{pack.id}: rules: {rule.key} asks for {leaf.key}, a plan of none of these packs"
            for pack in packs
            for rule in pack.rules
            for leaf in leaves(rule.condition)
            if isinstance(leaf, OnPlan) and leaf.key not in plans
        ),
        *(problem for pack in packs for problem in _borrowed(pack, forms)),
    ]


def names_in(pack: Pack, others: Iterable[Pack] = ()) -> Names:
    """Return what the pack calls the things its criteria name; forms may be of the others."""
    forms = [form for one in (*others, pack) for form in one.questionnaires]
    return _names((pack,), forms)


def library_names(packs: Collection[Pack]) -> Names:
    """Return what the packs of a hospital together call the things their criteria name."""
    return _names(packs, [form for one in packs for form in one.questionnaires])


def _names(packs: Collection[Pack], forms: Sequence[Questionnaire]) -> Names:
    items = [(form.key, item) for form in forms for item in form.items]
    titles = {form.key: form.title for form in forms}
    articles = {article.key: article.title for pack in packs for article in pack.articles}
    return Names(
        tags={tag.key: tag.name for pack in packs for tag in pack.tags},
        plans={plan.key: plan.name for pack in packs for plan in pack.plans},
        questionnaires=titles,
        subjects=articles,
        questions={(form, item.link_id): item.text for form, item in items},
        options={
            (form, item.link_id, option.code): option.text
            for form, item in items
            for option in item.options
        },
    )


def _repeats(packs: Sequence[Pack]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for pack in packs:
        for kind, key in _keys(pack):
            first = seen.setdefault((kind, key), pack.id)
            if first != pack.id:
                yield f"{pack.id}: {kind}: {key} is a key of {first}"


def _keys(pack: Pack) -> Iterator[tuple[str, str]]:
    yield from (("articles", one.key) for one in pack.articles)
    yield from (("questionnaires", one.key) for one in pack.questionnaires)
    yield from (("plans", one.key) for one in pack.plans)
    yield from (("rules", one.key) for one in pack.rules)
    # Alerts of one episode are one alert, whichever pack they come from.
    yield from (("episodes", key) for key in dict.fromkeys(one.episode for one in pack.rules))


def _other_tags(packs: Sequence[Pack]) -> Iterator[str]:
    """Yield tags that two packs bring, but not as the same."""
    first = {tag.key: (pack.id, tag) for pack in reversed(packs) for tag in pack.tags}
    for pack in packs:
        for tag in pack.tags:
            owner, meant = first[tag.key]
            if tag != meant:
                yield f"{pack.id}: tags: {tag.key} is another tag in {owner}"


def _borrowed(pack: Pack, forms: Mapping[str, Questionnaire]) -> Iterator[str]:
    for key in pack.borrows:
        if key not in forms:
            yield f"{pack.id}: borrows: {key} is in none of these packs"
    for path, leaf in _asked(pack):
        if isinstance(leaf, Answered) and leaf.questionnaire in forms:
            try:
                check_answer(forms[leaf.questionnaire], leaf, path)
            except InvalidDefinition as problem:
                yield f"{pack.id}: {problem}"


def _asked(pack: Pack) -> Iterator[tuple[str, Leaf]]:
    for rule in pack.rules:
        yield from ((f"rules.{rule.key}", leaf) for leaf in leaves(rule.condition))
    for tagged in pack.tag_rules:
        yield from ((f"tag_rules.{tagged.tag}", leaf) for leaf in leaves(tagged.when))
    for plan in pack.plans:
        for action in plan.actions:
            path = f"plans.{plan.key}.{action.key}"
            if action.only_when is not None:
                yield from ((path, leaf) for leaf in leaves(action.only_when))
            if action.wait_for is not None:
                yield from ((path, leaf) for leaf in leaves(action.wait_for.when))
