//! A document as the rules see it: read leniently, so that one mistake doesn't hide the next. What is of no known shape is
//! left out; the grammar rules say so.

use driftwise_contract::policy::{Comparison, Effect, Operator, SetQualifier};

use super::place::{Kind, Member, Node, Spot};

/// A document.
#[derive(Debug)]
pub(super) struct DocumentView {
    pub(super) spot: Spot,
    pub(super) version: Option<Word>,
    pub(super) statements: Vec<StatementView>,
}

/// A text of the document and its place.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) spot: Spot,
}

/// A statement.
#[derive(Debug)]
pub(super) struct StatementView {
    /// The place of the opening brace, for what is missing in it.
    pub(super) spot: Spot,
    pub(super) effect: Option<Effect>,
    pub(super) principal: Option<PrincipalView>,
    /// `Action`, or `NotAction` with `not_action`.
    pub(super) actions: Vec<Word>,
    pub(super) not_action: Option<Spot>,
    pub(super) resources: Vec<Word>,
    /// The name of `Resource` or `NotResource`.
    pub(super) resource: Option<Word>,
    /// The name of `Condition`.
    pub(super) condition: Option<Spot>,
    pub(super) conditions: Vec<ConditionView>,
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug)]
pub(super) struct PrincipalView {
    /// The member's name.
    pub(super) spot: Spot,
    pub(super) negated: bool,
    /// `"*"` in place of an object.
    pub(super) everyone: Option<Spot>,
    /// Kind and name.
    pub(super) named: Vec<(String, Word)>,
}

/// One key under one operator.
#[derive(Debug)]
pub(super) struct ConditionView {
    pub(super) operator: Word,
    /// None for one that AWS does not know.
    pub(super) parsed: Option<Operator>,
    pub(super) key: Word,
    pub(super) values: Vec<Word>,
}

impl DocumentView {
    pub(super) fn new(root: &Node) -> Self {
        let statements = root.member("Statement").map_or(&[] as &[Node], |member| member.value.elements());
        Self {
            spot: opening(&root.spot),
            version: root.member("Version").and_then(|member| word(&member.value)),
            statements: statements.iter().filter(|node| matches!(node.kind, Kind::Object(_))).map(statement).collect(),
        }
    }
}

/// Only the bracket that opens a value: a finding about a whole object should not underline all of it.
fn opening(spot: &Spot) -> Spot {
    Spot { span: spot.span.start..spot.span.end.min(spot.span.start + 1), pointer: spot.pointer.clone() }
}

fn word(node: &Node) -> Option<Word> {
    node.text().map(|text| Word { text: text.to_owned(), spot: node.spot.clone() })
}

fn words(member: Option<&Member>) -> Vec<Word> {
    member.map_or(Vec::new(), |member| member.value.elements().iter().filter_map(word).collect())
}

fn statement(node: &Node) -> StatementView {
    let effect = node.member("Effect").and_then(|member| member.value.text());
    let not_action = node.member("NotAction");
    let resource = node.member("Resource").or_else(|| node.member("NotResource"));
    let condition = node.member("Condition");
    StatementView {
        spot: opening(&node.spot),
        effect: [Effect::Allow, Effect::Deny]
            .into_iter()
            .find(|known| effect.is_some_and(|effect| known.as_str().eq_ignore_ascii_case(effect))),
        principal: node
            .member("Principal")
            .map(|member| principal(member, false))
            .or_else(|| node.member("NotPrincipal").map(|member| principal(member, true))),
        actions: words(node.member("Action").or(not_action)),
        not_action: not_action.map(|member| member.spot.clone()),
        resources: words(resource),
        resource: resource.map(|member| Word { text: member.name.clone(), spot: member.spot.clone() }),
        condition: condition.map(|member| member.spot.clone()),
        conditions: condition.map_or(Vec::new(), conditions),
    }
}

fn principal(member: &Member, negated: bool) -> PrincipalView {
    let named = member.value.members().iter().flat_map(|kind| {
        kind.value.elements().iter().filter_map(word).map(|name| (kind.name.clone(), name)).collect::<Vec<_>>()
    });
    PrincipalView {
        spot: member.spot.clone(),
        negated,
        everyone: (member.value.text() == Some("*")).then(|| member.value.spot.clone()),
        named: named.collect(),
    }
}

fn conditions(member: &Member) -> Vec<ConditionView> {
    let mut found = Vec::new();
    for operator in member.value.members() {
        for key in operator.value.members() {
            found.push(ConditionView {
                operator: Word { text: operator.name.clone(), spot: operator.spot.clone() },
                parsed: operator.name.parse().ok(),
                key: Word { text: key.name.clone(), spot: key.spot.clone() },
                values: words(Some(key)),
            });
        }
    }
    found
}

impl StatementView {
    pub(super) fn allows(&self) -> bool {
        self.effect == Some(Effect::Allow)
    }

    /// Whether the action element matches that action.
    pub(super) fn covers(&self, action: &str) -> bool {
        let listed = self.actions.iter().any(|pattern| fits(&pattern.text.to_lowercase(), &action.to_lowercase()));
        !self.actions.is_empty() && listed != self.not_action.is_some()
    }

    /// Where to point for something that the conditions lack.
    pub(super) fn condition_spot(&self) -> &Spot {
        self.condition.as_ref().unwrap_or(&self.spot)
    }
}

impl ConditionView {
    /// Whether the condition holds for a request that lacks the key: such a condition guards nothing.
    pub(super) fn holds_without_key(&self) -> bool {
        self.parsed.is_some_and(|operator| {
            if operator.comparison == Comparison::Null {
                return self.values.iter().any(|value| value.text.eq_ignore_ascii_case("true"));
            }
            operator.if_exists
                || operator.set == Some(SetQualifier::ForAllValues)
                || operator.set.is_none() && operator.comparison.negates().is_some()
        })
    }

    /// Whether the condition names what the key must be: a positive comparison of texts that an absent key fails.
    pub(super) fn pins(&self) -> bool {
        self.parsed.is_some_and(|operator| {
            matches!(
                operator.comparison,
                Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike
            )
        }) && !self.holds_without_key()
    }

    pub(super) fn comparison(&self) -> Option<Comparison> {
        self.parsed.map(|operator| operator.comparison)
    }

    /// Whether `*` and `?` in the values are wildcards.
    pub(super) fn takes_wildcards(&self) -> bool {
        matches!(
            self.comparison().map(|comparison| comparison.negates().unwrap_or(comparison)),
            Some(Comparison::StringLike | Comparison::ArnEquals | Comparison::ArnLike)
        )
    }

    /// Whether the key is this one; "condition key names are not case-sensitive" (IAM user guide, Condition).
    pub(super) fn is_key(&self, name: &str) -> bool {
        self.key.text.eq_ignore_ascii_case(name)
    }
}

/// Whether `text` fits a pattern of `*` and `?`.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                p += 1;
                retry = Some((p, t));
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                None => return false,
                // Back to after the last star, with one more character given to it.
                Some((after_star, given)) => {
                    retry = Some((after_star, given + 1));
                    (p, t) = (after_star, given + 1);
                }
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_span_runs_and_single_characters() {
        for (pattern, text, expected) in
            [("sts:*", "sts:tagsession", true), ("a?c", "abc", true), ("*ab", "aab", true), ("a*c", "abcd", false)]
        {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn an_absent_key_passes_what_does_not_pin_it() {
        let condition = |operator: &str, value: &str| {
            let text =
                format!(r#"{{"Statement": {{"Effect": "allow", "Condition": {{"{operator}": {{"k": "{value}"}}}}}}}}"#);
            let view = DocumentView::new(&super::super::place::read(&text).unwrap());
            assert!(view.statements[0].allows());
            let condition = &view.statements[0].conditions[0];
            (condition.holds_without_key(), condition.pins())
        };
        for (operator, value, expected) in [
            ("StringEquals", "x", (false, true)),
            ("ForAnyValue:StringLike", "x", (false, true)),
            ("StringEqualsIfExists", "x", (true, false)),
            ("ForAllValues:StringEquals", "x", (true, false)),
            ("StringNotEquals", "x", (true, false)),
            ("ForAnyValue:StringNotEquals", "x", (false, false)),
            ("Null", "true", (true, false)),
            ("Null", "false", (false, false)),
            ("Bool", "true", (false, false)),
            ("Strange", "x", (false, false)),
        ] {
            assert_eq!(condition(operator, value), expected, "{operator}");
        }
    }
}
