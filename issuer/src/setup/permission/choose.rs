//! Which actions a scan of the types in scope needs, each with its reason; what is left out; and what the role can't do then.

use std::collections::{BTreeMap, BTreeSet};

use super::scope::{TypesInScope, Unreadable};
use super::table::{Action, CfnType, Standing, Surprise, standing, wildcard_of};

/// What a scan itself calls, whatever is in scope: statement, action, reason.
pub(super) const OWN_CALLS: [(&str, &str, &str); 6] = [
    ("DiscoverResources", "resource-explorer-2:GetDefaultView", "finds the view that lists the account's resources"),
    ("DiscoverResources", "resource-explorer-2:GetIndex", "tells whether the index covers every region"),
    ("DiscoverResources", "resource-explorer-2:GetView", "tells whether the view shows tags; listing needs it as well"),
    ("DiscoverResources", "resource-explorer-2:Search", "lists the account's resources"),
    (
        "ReadResources",
        "cloudformation:GetResource",
        "lets Cloud Control read a resource; what it may read is decided by the actions of the type's read handler",
    ),
    (
        "ReadIamGrants",
        "iam:GetAccountAuthorizationDetails",
        "lists users, roles and groups with everything that they hold: undeclared grants are found by it",
    ),
];

/// An action of read handlers in scope that is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// `kms:Decrypt`.
    pub action: &'static str,
    /// Why.
    pub surprise: Surprise,
    /// The types in scope whose read handler is published to call it.
    pub types: Vec<CfnType>,
}

impl LeftOut {
    /// As a sentence.
    pub fn words(&self) -> String {
        let types: Vec<&str> = self.types.iter().map(|cfn_type| cfn_type.name()).collect();
        format!("{} is left out: it is {} (published for {})", self.action, self.surprise.words(), types.join(", "))
    }
}

/// What the role can't do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cannot {
    /// Something in scope is not read.
    Read {
        /// The name that it came with.
        name: String,
        /// Why.
        reason: Unreadable,
    },
    /// A type may be read in part, or not at all where its handler insists: actions were left out.
    ReadInFull {
        /// The type.
        cfn_type: CfnType,
        /// The actions.
        without: Vec<&'static str>,
    },
}

impl Cannot {
    /// As a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Read { name, reason } => format!("{name} {}", reason.words()),
            Self::ReadInFull { cfn_type, without } => format!(
                "{cfn_type} is read without {}: where its read handler insists, the scan reports a gap that names the action",
                without.join(", ")
            ),
        }
    }
}

/// The actions of read handlers, chosen.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Granted to the role, ordered, each with its reason.
    pub(super) actions: BTreeMap<&'static str, String>,
    /// Granted to services that act for the role.
    pub(super) through_services: BTreeMap<&'static str, String>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) cannot: Vec<Cannot>,
    /// Allowed by name, though no read handler in scope calls it.
    pub(super) not_asked_for: Vec<Action>,
}

/// Chooses for a scope; `allow` are surprising actions that somebody asked for.
pub(super) fn choose(scope: &TypesInScope, allow: &BTreeSet<Action>, compact: bool) -> Chosen {
    let mut callers: BTreeMap<&'static str, Vec<CfnType>> = BTreeMap::new();
    for cfn_type in scope.types() {
        for action in cfn_type.read_actions() {
            callers.entry(action).or_default().push(cfn_type);
        }
    }
    let not_asked_for = allow.iter().filter(|action| !callers.contains_key(action.as_str())).copied().collect();
    let callers = without_covered(callers);
    let mut chosen = Chosen { not_asked_for, ..Chosen::default() };
    let mut without: BTreeMap<CfnType, Vec<&'static str>> = BTreeMap::new();
    for (action, types) in callers {
        let is_asked_for = allow.iter().any(|asked| asked.as_str() == action);
        match standing(action) {
            Standing::Read => drop(chosen.actions.insert(action, reason(scope, &types))),
            Standing::ReadThroughServices => drop(chosen.through_services.insert(action, reason(scope, &types))),
            Standing::Surprising(surprise) if is_asked_for => {
                let why = format!("asked for by name, though {}; {}", surprise.words(), reason(scope, &types));
                chosen.actions.insert(action, why);
            }
            Standing::Surprising(surprise) => {
                // What can't be granted is missed by nobody.
                if surprise != Surprise::Unlisted {
                    for cfn_type in &types {
                        without.entry(*cfn_type).or_default().push(action);
                    }
                }
                chosen.left_out.push(LeftOut { action, surprise, types });
            }
        }
    }
    let unreadable = scope.unreadable().map(|(name, reason)| Cannot::Read { name: name.to_owned(), reason });
    let in_part = without.into_iter().map(|(cfn_type, without)| Cannot::ReadInFull { cfn_type, without });
    chosen.cannot = unreadable.chain(in_part).collect();
    if compact {
        chosen.actions = compacted(chosen.actions);
    }
    chosen
}

/// Reads that a wildcard of another handler covers (`autoscaling:Describe*`) are granted by it: its types are theirs too.
fn without_covered(callers: BTreeMap<&'static str, Vec<CfnType>>) -> BTreeMap<&'static str, Vec<CfnType>> {
    let is_read = |action: &str| standing(action) == Standing::Read;
    let wildcards: Vec<&'static str> =
        callers.keys().copied().filter(|action| action.ends_with('*') && is_read(action)).collect();
    let mut kept: BTreeMap<&'static str, Vec<CfnType>> = BTreeMap::new();
    for (action, types) in callers {
        let covers = |wildcard: &&&str| action.starts_with(wildcard.trim_end_matches('*')) && is_read(action);
        let all = kept.entry(wildcards.iter().find(covers).copied().unwrap_or(action)).or_default();
        all.extend(types);
        all.sort_unstable();
        all.dedup();
    }
    kept
}

fn reason(scope: &TypesInScope, types: &[CfnType]) -> String {
    const SHOWN: usize = 3;
    let named: Vec<&str> = types.iter().filter(|known| scope.is_named(**known)).map(|known| known.name()).collect();
    let Some(shown) = named.get(..named.len().min(SHOWN)).filter(|shown| !shown.is_empty()) else {
        let names: Vec<&str> = types.iter().map(|cfn_type| cfn_type.name()).collect();
        return format!("reads {}: every scan does, to tell what AWS made by itself", names.join(", "));
    };
    let more = match named.len() - shown.len() {
        0 => String::new(),
        count => format!(" and {count} more types in scope"),
    };
    format!("reads {}{more}", shown.join(", "))
}

/// Wildcards in the place of two or more actions each, where nothing but descriptions is opened by it.
fn compacted(actions: BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let mut covered: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
    for action in actions.keys() {
        if let Some((pattern, _)) = wildcard_of(action) {
            covered.entry(pattern).or_default().push(action);
        }
    }
    covered.retain(|_, actions| actions.len() > 1);
    let mut compact = BTreeMap::new();
    for (action, why) in actions {
        match wildcard_of(action).filter(|(pattern, _)| covered.contains_key(pattern)) {
            Some((pattern, opened)) => {
                let asked = covered.get(pattern).map_or(0, Vec::len);
                let why =
                    format!("stands for {asked} actions that read handlers in scope call; it opens {opened} reads");
                compact.insert(pattern, why);
            }
            None => drop(compact.insert(action, why)),
        }
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(types: &[&str]) -> TypesInScope {
        TypesInScope::of_list(types.iter().copied()).unwrap()
    }

    #[test]
    fn each_action_says_which_types_it_is_for() {
        let chosen = choose(&scope(&["AWS::SQS::Queue", "AWS::Lambda::Function"]), &BTreeSet::new(), false);
        assert_eq!(chosen.actions["sqs:GetQueueAttributes"], "reads AWS::SQS::Queue");
        assert!(chosen.actions["ec2:DescribeVpcs"].contains("every scan does"), "{:?}", chosen.actions);
        assert_eq!(chosen.through_services["lambda:GetFunction"], "reads AWS::Lambda::Function");
        let chosen = choose(&TypesInScope::all(), &BTreeSet::new(), false);
        assert!(
            chosen.actions["kms:DescribeKey"].contains("more types in scope"),
            "{}",
            chosen.actions["kms:DescribeKey"]
        );
    }

    #[test]
    fn surprising_actions_are_left_out_and_named_unless_asked_for() {
        let lambda =
            scope(&["AWS::Lambda::Function", "AWS::SecretsManager::Secret", "AWS::AutoScaling::AutoScalingGroup"]);
        let chosen = choose(&lambda, &BTreeSet::new(), false);
        let left: Vec<_> = chosen.left_out.iter().map(|left| (left.action, left.surprise)).collect();
        assert_eq!(
            left,
            [
                ("kms:Decrypt", Surprise::NoRead),
                ("managed-fleets:Get*", Surprise::Unlisted),
                ("secretsmanager:GetSecretValue", Surprise::Data)
            ]
        );
        let words: Vec<String> = chosen.cannot.iter().map(Cannot::words).collect();
        assert!(words[0].starts_with("AWS::Lambda::Function is read without kms:Decrypt"), "{words:?}");
        assert_eq!(words.len(), 2, "an action that can't be granted is missed by nobody: {words:?}");

        let allow = BTreeSet::from(["kms:Decrypt".parse().unwrap(), "kms:CreateGrant".parse().unwrap()]);
        let chosen = choose(&lambda, &allow, false);
        assert!(chosen.actions["kms:Decrypt"].starts_with("asked for by name, though"), "{:?}", chosen.actions);
        assert_eq!(chosen.not_asked_for, ["kms:CreateGrant".parse().unwrap()]);
    }

    #[test]
    fn what_a_handlers_own_wildcard_covers_is_not_granted_twice() {
        let types = ["AWS::AutoScaling::AutoScalingGroup", "AWS::AutoScaling::LaunchConfiguration"];
        let alone = choose(&scope(&types[1..]), &BTreeSet::new(), false);
        assert!(alone.actions.contains_key("autoscaling:DescribeLaunchConfigurations"), "{:?}", alone.actions);
        let both = choose(&scope(&types), &BTreeSet::new(), false);
        let autoscaling: Vec<_> =
            both.actions.iter().filter(|(action, _)| action.starts_with("autoscaling:")).collect();
        assert_eq!(autoscaling, [(&"autoscaling:Describe*", &format!("reads {}", types.join(", ")))]);
    }

    #[test]
    fn compact_actions_cover_the_plain_ones_and_stay_reads() {
        let all = TypesInScope::all();
        let plain = choose(&all, &BTreeSet::new(), false);
        let compact = choose(&all, &BTreeSet::new(), true);
        assert!(compact.actions.len() * 3 < plain.actions.len() * 2, "{}", compact.actions.len());
        for action in plain.actions.keys() {
            let covers = |pattern: &str| {
                pattern == *action || pattern.strip_suffix('*').is_some_and(|start| action.starts_with(start))
            };
            assert!(compact.actions.keys().any(|pattern| covers(pattern)), "{action}");
        }
        for surprising in plain.left_out.iter().filter(|left| left.surprise != Surprise::Unlisted) {
            let opened = compact
                .actions
                .keys()
                .find(|pattern| pattern.strip_suffix('*').is_some_and(|start| surprising.action.starts_with(start)));
            assert_eq!(opened, None, "{}", surprising.action);
        }
    }
}
