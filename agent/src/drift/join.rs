//! Which declaration is which live resource: hash joins, by ARN first, then by `CloudFormation` type, region and
//! identifier.

use std::collections::{BTreeMap, HashMap, HashSet};

use driftwise_contract::Arn;
use driftwise_contract::resource::{DeclaredResource, DeclaredStatus, Owner, Resource};
use serde_json::Value;

use super::model::Whose;
use super::{Actual, Declared, Join, Pair};
use crate::registry::{self, ArnAttribute};

/// Resource Explorer's name of a `CloudFormation` stack.
const STACK: &str = "cloudformation:stack";

/// Live types that only ever are parts of something else, which declares them one by one or all at once.
const PARTS_BY_TYPE: &[&str] = &["ec2:security-group-rule"];

/// Attributes that name the resource as its live ARN does, where `id` and `arn` of the state do not: the provider builds
/// a key pair's ARN from its name, AWS from its id.
const OTHER_NAMES: &[(&str, &str)] = &[("aws_key_pair", "key_pair_id"), ("aws_db_instance", "identifier")];

/// Attributes that name resources which AWS made together with the declared one.
const PARTS: &[(&str, &str)] = &[
    ("aws_instance", "primary_network_interface_id"),
    ("aws_instance", "root_block_device.volume_id"),
    ("aws_instance", "ebs_block_device.volume_id"),
    ("aws_vpc", "default_security_group_id"),
    ("aws_vpc", "default_network_acl_id"),
    ("aws_vpc", "default_route_table_id"),
    ("aws_vpc", "main_route_table_id"),
    ("aws_nat_gateway", "network_interface_id"),
    ("aws_vpc_endpoint", "network_interface_ids"),
    ("aws_efs_mount_target", "network_interface_id"),
    ("aws_eks_cluster", "vpc_config.cluster_security_group_id"),
    ("aws_db_instance", "master_user_secret.secret_arn"),
    ("aws_rds_cluster", "master_user_secret.secret_arn"),
];

/// Joins the union of the states with what the account shows.
pub fn join(declared: &Declared, actual: &Actual) -> Join {
    let index = Index::new(actual);
    let mut joined = Join::default();
    let mut taken: HashSet<usize> = HashSet::new();
    let mut absent_keys: HashSet<String> = HashSet::new();
    let mut parts: HashSet<&str> = HashSet::new();
    let ownership = declared.ownership(&actual.account_id);
    for (place, resource) in declared.resources() {
        if ownership.whose(resource.account_id.as_ref()) == Whose::Others {
            joined.other_accounts += 1;
            continue;
        }
        collect_parts(resource, &mut parts);
        if let Some(live) = index.find(resource, actual) {
            taken.insert(live);
            joined.managed.push(Pair { declared: place, resource: live });
        } else if resource.status == DeclaredStatus::Deposed {
            // A leftover of a replacement: neither missing nor unmanaged.
        } else if is_discoverable(resource) {
            if absent_keys.insert(existence_key(resource)) {
                joined.absent.push(place);
            }
        } else {
            *joined.not_comparable.entry(resource.terraform_type.clone()).or_default() += 1;
        }
    }
    for (live, resource) in actual.resources.iter().enumerate() {
        if taken.contains(&live) {
            continue;
        }
        let part = PARTS_BY_TYPE.contains(&resource.resource_type.as_str())
            || parts.contains(resource.arn.as_str())
            || parts.contains(resource.arn.resource_tail());
        match &resource.owner {
            Owner::Aws { .. } => joined.aws_owned.push(live),
            _ if part => joined.parts.push(live),
            Owner::CloudFormation { .. } => joined.cloudformation_owned.push(live),
            // A stack is the other tool itself, not a thing that somebody made by hand.
            Owner::Unknown if resource.resource_type == STACK => joined.cloudformation_owned.push(live),
            Owner::Unknown => joined.unmanaged.push(live),
        }
    }
    joined
}

/// Whether the inventory would show the resource, and a direct read could confirm that it is gone.
fn is_discoverable(resource: &DeclaredResource) -> bool {
    let terraform_type = resource.terraform_type.as_str();
    let shown = match registry::terraform_type(terraform_type) {
        Some(known) => known.arn != ArnAttribute::None,
        None => resource.arn.is_some(),
    };
    let cfn_type = registry::cfn_of_terraform(terraform_type).and_then(registry::cfn_type);
    shown && cfn_type.is_some_and(|cfn_type| cfn_type.readable) && (resource.arn.is_some() || resource.id.is_some())
}

/// The same for the same resource in whichever state it is declared.
fn existence_key(resource: &DeclaredResource) -> String {
    if let Some(arn) = &resource.arn {
        return plain_arn(arn).to_owned();
    }
    let cfn_type = registry::cfn_of_terraform(&resource.terraform_type).unwrap_or_default();
    let region = resource.region.as_deref().unwrap_or_default();
    format!("{cfn_type} {region} {}", resource.id.as_deref().unwrap_or_default())
}

fn collect_parts<'a>(resource: &'a DeclaredResource, parts: &mut HashSet<&'a str>) {
    for (terraform_type, path) in PARTS {
        if *terraform_type == resource.terraform_type {
            let mut words = path.split('.');
            if let Some(value) = words.next().and_then(|first| resource.attributes.get(first)) {
                collect_texts(value, words, parts);
            }
        }
    }
}

fn collect_texts<'a, 'p>(
    value: &'a Value,
    mut path: impl Iterator<Item = &'p str> + Clone,
    parts: &mut HashSet<&'a str>,
) {
    match value {
        Value::Array(elements) => {
            for element in elements {
                collect_texts(element, path.clone(), parts);
            }
        }
        Value::Object(members) => {
            if let Some(member) = path.next().and_then(|word| members.get(word)) {
                collect_texts(member, path, parts);
            }
        }
        Value::String(text) if !text.is_empty() => {
            parts.insert(text);
        }
        _ => {}
    }
}

/// Log groups end in `:*` in some APIs and provider versions, and don't in others.
fn plain_arn(arn: &Arn) -> &str {
    arn.as_str().strip_suffix(":*").filter(|_| arn.service() == "logs").unwrap_or(arn.as_str())
}

struct Index<'a> {
    by_arn: HashMap<&'a str, usize>,
    /// By `CloudFormation` type and identifier; in several regions there may be one each.
    by_alias: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(actual: &'a Actual) -> Self {
        let mut by_arn = HashMap::with_capacity(actual.resources.len());
        let mut by_alias: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for (live, resource) in actual.resources.iter().enumerate() {
            by_arn.entry(plain_arn(&resource.arn)).or_insert(live);
            let Some(cfn_type) = resource.cfn_type.as_deref() else { continue };
            for alias in aliases(resource, cfn_type) {
                let places = by_alias.entry((cfn_type, alias)).or_default();
                if places.last() != Some(&live) {
                    places.push(live);
                }
            }
        }
        Self { by_arn, by_alias }
    }

    fn find(&self, declared: &DeclaredResource, actual: &Actual) -> Option<usize> {
        let own_arn =
            registry::terraform_type(&declared.terraform_type).is_none_or(|known| known.arn != ArnAttribute::None);
        if let Some(arn) = declared.arn.as_ref().filter(|_| own_arn)
            && let Some(live) = self.by_arn.get(plain_arn(arn))
        {
            return Some(*live);
        }
        let cfn_type = registry::cfn_of_terraform(&declared.terraform_type).filter(|_| own_arn)?;
        let name = declared.attributes.get("name").and_then(Value::as_str);
        // A name is weaker than an id: it counts where the state has no ARN that would have told.
        let name = name.filter(|_| declared.arn.is_none());
        let other_names = OTHER_NAMES.iter().filter(|(terraform_type, _)| *terraform_type == declared.terraform_type);
        let other_names = other_names.filter_map(|(_, attribute)| declared.attributes.get(*attribute)?.as_str());
        declared.id.as_deref().into_iter().chain(other_names).chain(name).find_map(|alias| {
            let fits = |live: &usize| {
                let region = &actual.resources[*live].region;
                declared.region.as_ref().is_none_or(|own| own == region || region == "global")
            };
            let mut places = self.by_alias.get(&(cfn_type, alias))?.iter().copied().filter(|live| fits(live));
            let only = places.next()?;
            places.next().is_none().then_some(only)
        })
    }
}

/// By what a declaration's `id` may name a live resource: its Cloud Control identifier, and the end of its ARN where that
/// is one name and the type is identified by one name.
fn aliases<'a>(resource: &'a Resource, cfn_type: &str) -> impl Iterator<Item = &'a str> {
    let by_name = registry::cfn_type(cfn_type)
        .is_some_and(|known| matches!(known.primary_identifier.as_slice(), [only] if !only.ends_with("Arn")));
    let one_name = resource.arn.resource().matches(['/', ':']).count() <= 1;
    let tail = Some(resource.arn.resource_tail()).filter(|_| by_name && one_name);
    resource.identifier.as_deref().into_iter().chain(tail)
}

/// How many live resources each `CloudFormation` stack owns that no state declares.
pub(super) fn by_stack(join: &Join, actual: &Actual) -> BTreeMap<String, u64> {
    let mut stacks = BTreeMap::new();
    for live in &join.cloudformation_owned {
        let resource = &actual.resources[*live];
        let stack = match &resource.owner {
            Owner::CloudFormation { stack } => stack,
            // `stack/<name>/<uuid>`
            _ => resource.arn.resource().split('/').nth(1).unwrap_or_default(),
        };
        *stacks.entry(stack.to_owned()).or_default() += 1;
    }
    stacks
}
