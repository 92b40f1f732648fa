//! The generated least-privilege policy: a full scan with exactly it sees everything, and each of its actions is needed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use driftwise_agent::registry::{self, ArnAttribute};
use driftwise_contract::finding::Gap;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::report::ScanReport;
use driftwise_issuer::setup::permission::{CfnType, TypesInScope, Unreadable};
use driftwise_tests::sandbox::seed::{self, STATE_BUCKET, State};
use driftwise_tests::stage::{ACCOUNT_ID, Customer, ROLE_NAME, Stage};
use serde_json::{Value, json};

use crate::stage;

/// What the agent calls by itself, and what reads the states: removed one by one. Without the first ones there is no scan.
const OWN: [&str; 8] = [
    "cloudformation:GetResource",
    "iam:GetAccountAuthorizationDetails",
    "resource-explorer-2:GetDefaultView",
    "resource-explorer-2:GetIndex",
    "resource-explorer-2:GetView",
    "resource-explorer-2:Search",
    "s3:GetObject",
    "s3:ListBucket",
];

/// The seeded account with a customer whose role still holds `ReadOnlyAccess`, and the report of its scan. The bucket's policy says
/// nothing of the role: what it reads of the states, it reads by its own policies.
async fn scanned() -> (Stage, Customer, ScanReport) {
    let stage = stage().await;
    let customer = stage.customer("Acme").await.unwrap();
    let of_root = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": ACCOUNT_ID}, "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{STATE_BUCKET}/none"),
    }});
    stage.s3().put_bucket_policy().bucket(STATE_BUCKET).policy(of_root.to_string()).send().await.unwrap();
    let report = report(&stage, &customer).await.expect("the first scan succeeds");
    (stage, customer, report)
}

/// A full scan over every state of the bucket: its report, or what it said when it ended without one.
async fn report(stage: &Stage, customer: &Customer) -> Result<ScanReport, String> {
    let bucket = format!("s3://{STATE_BUCKET}/");
    let scan = stage
        .agent(&customer.data_dir, &["scan", "--output", "json", "--state", &bucket])
        // As fast as the sandbox answers.
        .env("DRIFTWISE_AGENT__AWS__MAX_RPS__CLOUD_CONTROL", "10000")
        .env("DRIFTWISE_AGENT__AWS__MAX_RPS__RESOURCE_EXPLORER", "10000")
        .env("DRIFTWISE_AGENT__AWS__MAX_RPS__S3", "10000");
    let finished = scan.run().await.unwrap();
    if finished.code == 2 { Err(finished.stderr) } else { Ok(serde_json::from_str(&finished.stdout).unwrap()) }
}

/// What the issuer generates for these types: all parts of the permission policy.
async fn generated(stage: &Stage, customer: &Customer, types: &[&str]) -> Vec<PolicyDocument> {
    let command = ["permission-policy", "--bucket", STATE_BUCKET, "--json"];
    let printed = stage.document(customer.org, &[&command[..], types].concat()).await.unwrap();
    match serde_json::from_str(&printed).unwrap() {
        Value::Array(parts) => parts.iter().map(|part| PolicyDocument::from_value(part).unwrap()).collect(),
        one => vec![PolicyDocument::from_value(&one).unwrap()],
    }
}

/// Gives the role managed policies with exactly these documents, and nothing else.
async fn hold_exactly(stage: &Stage, documents: &[PolicyDocument]) {
    let iam = stage.iam();
    let inline = iam.list_role_policies().role_name(ROLE_NAME).send().await.unwrap();
    for name in inline.policy_names() {
        iam.delete_role_policy().role_name(ROLE_NAME).policy_name(name).send().await.unwrap();
    }
    let attached = iam.list_attached_role_policies().role_name(ROLE_NAME).send().await.unwrap();
    for policy in attached.attached_policies() {
        let arn = policy.policy_arn().unwrap();
        iam.detach_role_policy().role_name(ROLE_NAME).policy_arn(arn).send().await.unwrap();
        if !arn.starts_with("arn:aws:iam::aws:") {
            iam.delete_policy().policy_arn(arn).send().await.unwrap();
        }
    }
    for (index, document) in documents.iter().enumerate() {
        let create = iam.create_policy().policy_name(format!("driftwise-scan-{index}"));
        let made = create.policy_document(document.to_string()).send().await.unwrap();
        let arn = made.policy().unwrap().arn().unwrap();
        iam.attach_role_policy().role_name(ROLE_NAME).policy_arn(arn).send().await.unwrap();
    }
}

/// Every action that the documents allow.
fn actions(documents: &[PolicyDocument]) -> BTreeSet<String> {
    documents
        .iter()
        .flat_map(PolicyDocument::statements)
        .flat_map(|statement| statement.action().listed().clone())
        .collect()
}

/// The documents without some actions; statements that are left with none go.
fn without(documents: &[PolicyDocument], removed: &BTreeSet<&str>) -> Vec<PolicyDocument> {
    let keep = |document: &PolicyDocument| {
        let mut json = document.to_json();
        let statements = json["Statement"].as_array_mut().unwrap();
        statements.retain_mut(|statement| match &mut statement["Action"] {
            Value::Array(list) => {
                list.retain(|action| !removed.contains(action.as_str().unwrap()));
                !list.is_empty()
            }
            action => !removed.contains(action.as_str().unwrap()),
        });
        (!statements.is_empty()).then(|| PolicyDocument::from_value(&json).unwrap())
    };
    documents.iter().filter_map(keep).collect()
}

/// Whether a text names exactly this action (`iam:GetRolePolicy` does not name `iam:GetRole`); of a wildcard, one that it covers.
fn names(text: &str, action: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-');
    words.any(|word| match action.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == action,
    })
}

/// Rounds of actions such that no type loses two actions in one round: each type's denial can then be told to the one action that
/// it lost, as if that had been removed alone. The types that every scan reads first count as one, since what is read of some
/// depends on others.
fn rounds<'a>(actions: &'a BTreeSet<String>, scope: &TypesInScope) -> Vec<BTreeSet<&'a str>> {
    let mut types_of: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for cfn_type in scope.types() {
        for action in cfn_type.read_actions() {
            let name = if TypesInScope::default().types().contains(&cfn_type) { "every scan" } else { cfn_type.name() };
            types_of.entry(action).or_default().insert(name);
        }
    }
    let mut rounds: Vec<(BTreeSet<&str>, HashSet<&str>)> = Vec::new();
    for action in actions.iter().map(String::as_str).filter(|action| !OWN.contains(action)) {
        let types = &types_of[action];
        match rounds.iter_mut().find(|(_, taken)| taken.is_disjoint(types)) {
            Some((round, taken)) => {
                round.insert(action);
                taken.extend(types);
            }
            None => rounds.push((BTreeSet::from([action]), types.clone())),
        }
    }
    rounds.into_iter().map(|(round, _)| round).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_scan_with_exactly_the_generated_policy_has_no_gap_and_each_action_is_needed() {
    let (stage, customer, first) = scanned().await;
    assert_eq!(first.gaps, vec![]);
    let json = serde_json::to_string(&first).unwrap();
    let scope = TypesInScope::of_scan(json.as_bytes()).unwrap();
    let file = stage.directory().join("report.json");
    std::fs::write(&file, json).unwrap();
    let whole = generated(&stage, &customer, &["--from-scan", file.to_str().unwrap()]).await;
    hold_exactly(&stage, &whole).await;
    let again = report(&stage, &customer).await.unwrap();
    assert_eq!(again.gaps, vec![], "the generated policy is not enough");
    assert_eq!(again.coverage.types_asked, first.coverage.types_asked);
    assert_eq!(again.coverage.enriched, first.coverage.enriched);

    let all = actions(&whole);
    assert!(all.len() > 150 && OWN.iter().all(|own| all.contains(*own)), "{all:?}");
    let mut needless = Vec::new();
    for own in OWN {
        hold_exactly(&stage, &without(&whole, &BTreeSet::from([own]))).await;
        let named = match report(&stage, &customer).await {
            Ok(report) => report.gaps.iter().any(|gap| names(&gap.detail, own)),
            // Without the inventory there is no report at all; what is missing is named all the same.
            Err(said) => names(&said, own),
        };
        if !named {
            needless.push(own);
        }
    }
    for round in rounds(&all, &scope) {
        hold_exactly(&stage, &without(&whole, &round)).await;
        let report = report(&stage, &customer).await.unwrap();
        needless.extend(round.iter().filter(|action| !report.gaps.iter().any(|gap| names(&gap.detail, action))));
        let others = report.gaps.iter().filter(|gap| !round.iter().any(|action| names(&gap.detail, action)));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&Gap>::new(), "gaps by what was not removed: {round:?}");
    }
    assert_eq!(needless, Vec::<&str>::new(), "no gap names these when they are removed");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_generated_from_the_states_reads_everything_that_they_declare() {
    let (stage, customer, first) = scanned().await;
    let (mut scope, mut files) = (TypesInScope::default(), Vec::new());
    for (name, state) in [("network.tfstate", State::Network), ("app.tfstate", State::App)] {
        let object = stage.s3().get_object().bucket(STATE_BUCKET).key(state.key()).send().await.unwrap();
        let body = object.body.collect().await.unwrap().into_bytes();
        scope = scope.and(TypesInScope::of_state(body.as_ref()).unwrap());
        let file = stage.directory().join(name);
        std::fs::write(&file, body).unwrap();
        files.push(file.to_str().unwrap().to_owned());
    }
    let read = scope.types();
    for asked in first.coverage.types_asked.keys() {
        assert!(CfnType::find(asked).is_some_and(|cfn_type| read.contains(&cfn_type)), "{asked}");
    }
    let attachments = scope.unreadable().find(|(name, _)| *name == "aws_iam_role_policy_attachment");
    assert_eq!(attachments.map(|(_, reason)| reason), Some(Unreadable::NotLookedFor));
    let types = ["--from-state", &files[0], "--from-state", &files[1]];
    hold_exactly(&stage, &generated(&stage, &customer, &types).await).await;
    let report = report(&stage, &customer).await.unwrap();
    assert_eq!(report.gaps, vec![]);
    assert!(seed::planted::expected().len() > 10 && !report.findings.is_empty());
    stage.close().await.unwrap();
}

/// The issuer carries its own tables, since it must not know the agent: here both are held together.
#[test]
fn the_issuers_tables_say_what_the_agents_say() {
    let plain = |actions: &[&str]| actions.iter().map(|action| action.to_ascii_lowercase()).collect::<BTreeSet<_>>();
    assert_eq!(CfnType::all().count(), registry::cfn_types().count());
    for cfn_type in CfnType::all() {
        let of_agent = registry::cfn_type(cfn_type.name()).unwrap();
        assert_eq!(cfn_type.is_readable(), of_agent.readable, "{cfn_type}");
        assert_eq!(plain(cfn_type.read_actions()), plain(&of_agent.read_permissions), "{cfn_type}");
        let awscc = registry::awscc_of_cfn(cfn_type.name());
        if cfn_type.is_readable() && !cfn_type.read_actions().is_empty() {
            let scope = TypesInScope::of_list([awscc.as_str()]).unwrap();
            assert!(scope.is_named(cfn_type), "{awscc}");
        }
    }
    for terraform in registry::terraform_types() {
        let cfn_type = terraform.cfn_type.and_then(CfnType::find);
        let read = cfn_type.filter(|cfn_type| {
            terraform.arn != ArnAttribute::None && cfn_type.is_readable() && !cfn_type.read_actions().is_empty()
        });
        let scope = TypesInScope::of_list([terraform.name]).unwrap();
        assert!(scope.named().eq(read), "{}", terraform.name);
        assert_eq!(scope.unreadable().count(), usize::from(read.is_none()), "{}", terraform.name);
    }
}
