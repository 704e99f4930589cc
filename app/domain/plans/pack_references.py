"""The names a pack uses: each must be one that the same pack defines."""

from collections.abc import Container, Iterator, Mapping

from app.domain.criteria.population import Scored
from app.domain.criteria.tree import Answered, Criterion, HasTag, Leaf, Missed, leaves
from app.domain.definitions import InvalidDefinition, refuse_repeats
from app.domain.plans.packs import Pack
from app.domain.plans.plan import Action, ActionKind, PlanDefinition
from app.domain.plans.questionnaires import Item, ItemType, Questionnaire
from app.domain.plans.rules import AssignTag, ChangePlan, CreateTask, Rule, RuleAction, SendArticle


class PackReferences:
    """Every name a pack uses must be one that the pack defines."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.tags = {tag.key for tag in pack.tags}
        self.articles = {article.key for article in pack.articles}
        self.questionnaires = {one.key: one for one in pack.questionnaires}
        # What is in the forms of other packs is checked where those are at hand: `pack_sets`.
        self.forms = self.questionnaires.keys() | set(pack.borrows)

    def check(self) -> None:
        pack = self.pack
        refuse_repeats((*self.questionnaires, *pack.borrows), "borrows")
        refuse_repeats((tag.key for tag in pack.tags), "tags")
        refuse_repeats((article.key for article in pack.articles), "articles")
        refuse_repeats((one.key for one in pack.questionnaires), "questionnaires")
        refuse_repeats((plan.key for plan in pack.plans), "plans")
        refuse_repeats((rule.key for rule in pack.rules), "rules")
        self._check_tags()
        for index, article in enumerate(pack.articles):
            self._resolve(article.source, pack.sources, f"articles[{index}].source")
        for index, plan in enumerate(pack.plans):
            self._check_plan(plan, f"plans[{index}]")
        for index, rule in enumerate(pack.rules):
            self._check_rule(rule, f"rules[{index}]")
        for index, questionnaire in enumerate(pack.questionnaires):
            self._resolve(questionnaire.source, pack.sources, f"questionnaires[{index}].source")
            self._check_reactions(questionnaire, f"questionnaires[{index}]")

    def _resolve(self, name: str | None, known: Container[str], path: str) -> None:
        if name is not None and name not in known:
            raise InvalidDefinition(path, f"{name} is not defined in this pack")

    def _check_tags(self) -> None:
        for index, tag in enumerate(self.pack.tags):
            # A parent stands before its children, so no tag can be its own ancestor.
            earlier = {one.key for one in self.pack.tags[:index]}
            self._resolve(tag.parent, earlier, f"tags[{index}].parent")
        for index, rule in enumerate(self.pack.tag_rules):
            path = f"tag_rules[{index}]"
            self._resolve(rule.tag, self.tags, f"{path}.tag")
            self._resolve(rule.source, self.pack.sources, f"{path}.source")
            self._check_criterion(rule.when, f"{path}.when")

    def _check_plan(self, plan: PlanDefinition, path: str) -> None:
        self._resolve(plan.tag, self.tags, f"{path}.tag")
        if plan.enrol_when is not None:
            self._check_criterion(plan.enrol_when, f"{path}.enrol_when")
        for index, action in enumerate(plan.actions):
            at = f"{path}.actions[{index}]"
            self._resolve(action.article, self.articles, f"{at}.article")
            self._resolve(action.questionnaire, self.forms, f"{at}.questionnaire")
            if action.only_when is not None:
                self._check_criterion(action.only_when, f"{at}.only_when")
            if action.wait_for is not None:
                self._check_criterion(action.wait_for.when, f"{at}.wait_for.when")
            # Staff are told in their own app; every other kind needs words for a lock screen.
            if action.kind is not ActionKind.STAFF_TASK:
                self._resolve(action.kind, self.pack.notices, f"{at}.kind (notices)")

    def _check_rule(self, rule: Rule, path: str) -> None:
        self._resolve(rule.source, self.pack.sources, f"{path}.source")
        self._check_criterion(rule.condition, f"{path}.condition")
        for index, action in enumerate(rule.actions):
            self._check_action(action, f"{path}.actions[{index}]")

    def _check_action(self, action: RuleAction, path: str) -> None:
        match action:
            case AssignTag(tag):
                self._resolve(tag, self.tags, f"{path}.tag.key")
            case SendArticle(article):
                self._resolve(article, self.articles, f"{path}.article.key")
            case ChangePlan(plan=plan):
                self._resolve(plan, {one.key for one in self.pack.plans}, f"{path}.plan.key")
            case CreateTask(questionnaire=questionnaire):
                self._resolve(questionnaire, self.forms, f"{path}.task.questionnaire")

    def _check_criterion(self, criterion: Criterion, path: str) -> None:
        for leaf in leaves(criterion):
            self._check_leaf(leaf, path)

    def _check_leaf(self, leaf: Leaf, path: str) -> None:
        match leaf:
            case HasTag(key):
                self._resolve(key, self.tags, f"{path} (tag)")
            case Missed(kind=kind):
                self._resolve(kind, set(ActionKind), f"{path} (missed)")
            case Scored(questionnaire=key):
                self._resolve(key, self.forms, f"{path} (score)")
            case Answered(questionnaire=key):
                self._resolve(key, self.forms, f"{path} (answer)")
                if key in self.questionnaires:
                    check_answer(self.questionnaires[key], leaf, f"{path} (answer)")

    def check_borrowed(self, forms: Mapping[str, Questionnaire]) -> None:
        """Hold the pack against the forms in force that it borrows.

        :raises InvalidDefinition: one is not there, or asks no such thing
        """
        for index, key in enumerate(self.pack.borrows):
            if key not in forms:
                raise InvalidDefinition(f"borrows[{index}]", f"no form {key} is in force")
        trees = (
            *(rule.when for rule in self.pack.tag_rules),
            *(rule.condition for rule in self.pack.rules),
            *(plan.enrol_when for plan in self.pack.plans if plan.enrol_when is not None),
            *(one.only_when for one in self._actions() if one.only_when is not None),
            *(one.wait_for.when for one in self._actions() if one.wait_for is not None),
        )
        found = (one for tree in trees for one in leaves(tree))
        asked = (one for one in found if isinstance(one, Answered))
        for leaf in (one for one in asked if one.questionnaire in self.pack.borrows):
            check_answer(forms[leaf.questionnaire], leaf, "borrows")

    def _actions(self) -> Iterator[Action]:
        return (action for plan in self.pack.plans for action in plan.actions)

    def _check_reactions(self, questionnaire: Questionnaire, path: str) -> None:
        """An answer that must not pass unseen needs a rule that looks for it."""
        looked_for = {
            (leaf.link_id, leaf.value)
            for rule in self.pack.rules
            for leaf in leaves(rule.condition)
            if isinstance(leaf, Answered) and leaf.questionnaire == questionnaire.key
        }
        for index, item in enumerate(questionnaire.items):
            for answer in item.react_to:
                is_danger = any(
                    one.link_id == item.link_id and one.is_met_by(answer)
                    for one in questionnaire.dangers
                )
                if not is_danger and (item.link_id, answer) not in looked_for:
                    raise InvalidDefinition(
                        f"{path}.items[{index}].react_to", f"no rule looks for {answer}"
                    )


def check_answer(form: Questionnaire, leaf: Answered, path: str) -> None:
    """:raises InvalidDefinition: the form has no such question, or it no such answer"""
    item = form.item(leaf.link_id)
    if item is None or not _fits(item, leaf):
        raise InvalidDefinition(path, f"{leaf.link_id} of {form.key} has no such answer")


def _fits(item: Item, leaf: Answered) -> bool:
    """Tell whether a rule's answer is one this question can have."""
    match item.type:
        case ItemType.CHOICE | ItemType.MULTI_CHOICE:
            return leaf.value in {option.code for option in item.options}
        case ItemType.BOOLEAN:
            return isinstance(leaf.value, bool)
        case ItemType.TEXT | ItemType.DATE:
            return False
        case _:
            return not isinstance(leaf.value, str | bool)
