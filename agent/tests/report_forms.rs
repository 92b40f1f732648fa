//! The report as people and scripts see it.

use std::collections::BTreeMap;

use driftwise_agent::drift::{Declared, Outcome};
use driftwise_agent::report::console::{self, Style};
use driftwise_agent::report::{self, Scan};
use driftwise_agent::state;
use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Change, DeclaredRef, Finding, Gap, GapScope, ResourceRef};
use driftwise_contract::report::{Coverage, ScanReport, Verdict};
use driftwise_contract::resource::{Edge, Grant, IamPrincipal, Owner, PrincipalKind, StateRef};
use serde_json::json;

fn scan() -> Scan {
    Scan {
        scan_id: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
        org_id: "01900000-0000-7000-8000-000000000002".parse().unwrap(),
        account_id: "123456789012".parse().unwrap(),
        role_arn: "arn:aws:iam::123456789012:role/driftwise".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        started_at: "2026-11-20T10:00:00Z".into(),
        finished_at: "2026-11-20T10:00:09Z".into(),
    }
}

fn declared() -> Declared {
    let source = StateRef { uri: "s3://states/prod.tfstate".into(), version_id: Some("v1".into()) };
    let text = r#"{"version":4,"terraform_version":"1.9.0","serial":7,"lineage":"l","resources":[]}"#;
    Declared { states: vec![state::read(source, text.as_bytes()).unwrap()] }
}

fn declared_ref(address: &str, id: &str) -> DeclaredRef {
    DeclaredRef {
        address: address.into(),
        terraform_type: address.split('.').next().unwrap().into(),
        id: id.into(),
        region: Some("eu-west-1".into()),
        source: StateRef { uri: "s3://states/prod.tfstate".into(), version_id: None },
    }
}

fn resource_ref(arn: &str, cfn_type: &str) -> ResourceRef {
    ResourceRef {
        arn: arn.parse().unwrap(),
        account_id: "123456789012".parse().unwrap(),
        region: "eu-west-1".into(),
        resource_type: "x".into(),
        cfn_type: Some(cfn_type.into()),
        owner: Owner::Unknown,
    }
}

fn every_kind() -> ScanReport {
    let change = |path: &str, declared, actual| Change { path: path.into(), property: path.into(), declared, actual };
    let findings = vec![
        Finding::UndeclaredGrant {
            account_id: "123456789012".parse().unwrap(),
            principal_arn: "arn:aws:iam::123456789012:role/app".parse().unwrap(),
            edge: Edge {
                principal: IamPrincipal { kind: PrincipalKind::Role, name: "app".into() },
                grant: Grant::ManagedPolicy {
                    policy_arn: "arn:aws:iam::aws:policy/AdministratorAccess".parse().unwrap(),
                },
            },
            principal_declared: Some(declared_ref("aws_iam_role.app", "app")),
            observed_in: Some(declared_ref("aws_iam_role.app", "app")),
            owner: Owner::Unknown,
        },
        Finding::Missing { declared: declared_ref("aws_sqs_queue.gone", "https://sqs/gone") },
        Finding::Changed {
            resource: resource_ref("arn:aws:sqs:eu-west-1:123456789012:jobs", "AWS::SQS::Queue"),
            declared: declared_ref("aws_sqs_queue.jobs", "https://sqs/jobs"),
            changes: vec![
                change("kms_master_key_id", json!({ "$sensitive_sha256": "0123456789abcdef" }), json!(null)),
                change("tags_all.team", json!("a"), json!("\u{1b}[2Jowned\nx")),
                change("visibility_timeout_seconds", json!(30), json!(60)),
            ],
        },
        Finding::Unmanaged { resource: resource_ref("arn:aws:s3:::by-hand", "AWS::S3::Bucket") },
    ];
    let coverage = Coverage {
        resources: 12,
        managed: 9,
        aws_owned: 2,
        cloudformation_owned: BTreeMap::from([("web".into(), 1)]),
        enriched: 9,
        declared: 11,
        compared: 9,
        not_comparable: BTreeMap::from([("aws_route_table_association".into(), 2)]),
        grants: 9,
        grants_declared: 4,
        grants_aws_owned: 2,
        grants_cloudformation_owned: 1,
        grants_unconfirmed: 1,
        ..Coverage::default()
    };
    let gap = Gap {
        code: Code::CloudControlDenied,
        scope: GapScope {
            service: Some("cloudcontrol".into()),
            resource_type: Some("AWS::KMS::Key".into()),
            ..GapScope::default()
        },
        count: 3,
        detail: "kms:DescribeKey is not allowed".into(),
    };
    let outcome = Outcome { findings, coverage, ..Outcome::default() };
    report::assemble(scan(), &declared(), outcome, vec![gap])
}

fn console(report: &ScanReport, style: Style) -> String {
    let mut out = Vec::new();
    console::write(report, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_kind_of_finding_is_shown_grants_first() {
    insta::assert_snapshot!(console(&every_kind(), Style { color: false, width: 120 }), @r#"
    Drift report  account 123456789012  region eu-west-1
    compared with 1 state, 0 resources declared
      s3://states/prod.tfstate (version v1), serial 7

    IAM grants that no state declares (1)
      role app  has managed policy arn:aws:iam::aws:policy/AdministratorAccess
          arn:aws:iam::123456789012:role/app, declared by aws_iam_role.app in s3://states/prod.tfstate
          seen in managed_policy_arns of aws_iam_role.app at its last refresh, which declares nothing

    Missing: declared, but gone (1)
      aws_sqs_queue  https://sqs/gone  eu-west-1
          declared by aws_sqs_queue.gone in s3://states/prod.tfstate

    Changed: not as declared (1)
      aws_sqs_queue  https://sqs/jobs  eu-west-1
          declared by aws_sqs_queue.jobs in s3://states/prod.tfstate
          kms_master_key_id           (sensitive, sha256 01234567…) → (none)
          tags_all.team               "a" → "\u001b[2Jowned\nx"
          visibility_timeout_seconds  30 → 60

    Unmanaged: declared nowhere (1)
      AWS::S3::Bucket  arn:aws:s3:::by-hand  eu-west-1

    Not seen (1)
      aws.cloudcontrol.access_denied  cloudcontrol  AWS::KMS::Key  (3 of them)
          kms:DescribeKey is not allowed
          cause: The role may not read resources of this type: Cloud Control reads with the caller's own permissions.
          fix:   Allow the action that the detail names, with cloudformation:GetResource.

    Drift: 1 undeclared grant, 1 missing, 1 changed, 1 unmanaged
      live       12 resources: 9 managed, 2 AWS's own, 1 of CloudFormation stacks; 9 read in full
      declared   11 resources: 9 compared, 2 of types that the inventory can't show
      IAM        9 grants: 4 declared, 1 undeclared, 2 AWS's own, 1 of CloudFormation stacks, 1 of unknown account
    Incomplete: 1 gap, see "Not seen".
    "#);
}

#[test]
fn an_account_in_sync_says_so_in_a_few_lines() {
    let report = report::assemble(scan(), &declared(), Outcome::default(), vec![]);
    assert_eq!(report.verdict, Verdict::InSync);
    insta::assert_snapshot!(console(&report, Style { color: false, width: 80 }), @r"
    Drift report  account 123456789012  region eu-west-1
    compared with 1 state, 0 resources declared
      s3://states/prod.tfstate (version v1), serial 7

    In sync: 0 undeclared grants, 0 missing, 0 changed, 0 unmanaged
      live       0 resources: 0 managed, 0 AWS's own, 0 of CloudFormation stacks; 0 read in full
      declared   0 resources: 0 compared, 0 of types that the inventory can't show
      IAM        0 grants: 0 declared, 0 undeclared, 0 AWS's own, 0 of CloudFormation stacks
    Complete: nothing was left unseen.
    ");
}

#[test]
fn nothing_but_our_own_colours_reaches_the_terminal() {
    let plain = console(&every_kind(), Style { color: false, width: 0 });
    assert!(!plain.contains('\u{1b}'));
    let coloured = console(&every_kind(), Style { color: true, width: 0 });
    assert!(coloured.contains("\u{1b}[") && !coloured.contains("\u{1b}[2J"));
}

#[test]
fn long_values_are_cut_to_the_terminal() {
    let mut report = every_kind();
    if let Finding::Changed { changes, .. } = &mut report.findings[2] {
        changes[2].declared = json!("x".repeat(500));
    }
    let lines = console(&report, Style { color: false, width: 80 });
    let longest = lines.lines().filter(|line| line.contains('→')).map(|line| line.chars().count()).max();
    assert!(longest.unwrap() <= 110, "{longest:?}");
    assert!(lines.contains('…'));
}

#[test]
fn the_json_form_reads_back_as_the_same_report() {
    let report = every_kind();
    let mut out = Vec::new();
    report::json::write(&report, &mut out).unwrap();
    assert!(out.ends_with(b"}\n"));
    assert_eq!(serde_json::from_slice::<ScanReport>(&out).unwrap(), report);
    assert_eq!(report.verdict, Verdict::Drift);
    assert_eq!(report.summary.values().sum::<u64>(), 4);
}
