//! What a scan can't see becomes a gap, never a finding: unknown is not deleted.

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Finding, FindingKind};
use driftwise_contract::report::{ScanReport, Verdict};
use driftwise_tests::sandbox::{Fault, FaultRule};
use driftwise_tests::stage::{ACCOUNT_ID, Customer, ROLE_NAME, Stage, queue_arn, resources_of, small_state};

use crate::{assert_fails_with, program};

async fn small() -> (Stage, Customer) {
    Stage::open_small(program()).await.expect("the small account is set up")
}

/// Takes actions away from the scan role, whatever its policies allow.
async fn deny(stage: &Stage, actions: &[&str]) {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Deny", "Action": actions, "Resource": "*"},
    });
    // The name is the declared one: what is tested is the denial, not the grant.
    stage
        .iam()
        .put_role_permissions_boundary()
        .role_name(ROLE_NAME)
        .permissions_boundary(boundary(stage, &document).await)
        .send()
        .await
        .unwrap();
}

/// A managed policy that allows everything but what `deny` denies.
async fn boundary(stage: &Stage, deny: &serde_json::Value) -> String {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, deny["Statement"]],
    });
    let created =
        stage.iam().create_policy().policy_name("boundary").policy_document(document.to_string()).send().await.unwrap();
    created.policy().unwrap().arn().unwrap().to_owned()
}

fn codes(report: &ScanReport) -> Vec<Code> {
    let mut codes: Vec<Code> = report.gaps.iter().map(|gap| gap.code).collect();
    codes.dedup();
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_agrees_with_its_state_is_in_sync_with_exit_code_0() {
    let (stage, customer) = small().await;
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!((report.findings.as_slice(), report.gaps.as_slice()), ([].as_slice(), [].as_slice()));
    assert_eq!((report.verdict, finished.code), (Verdict::InSync, 0));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_the_role_may_not_read_is_a_gap_and_exit_code_3() {
    let (stage, customer) = small().await;
    deny(&stage, &["sqs:GetQueueAttributes"]).await;
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(report.findings, vec![], "a denial is no drift");
    assert_eq!(codes(&report), [Code::CloudControlDenied]);
    assert_eq!(report.gaps[0].scope.resource_type.as_deref(), Some("AWS::SQS::Queue"));
    assert!(report.gaps[0].detail.contains("sqs:GetQueueAttributes"), "{}", report.gaps[0].detail);
    assert_eq!((report.verdict, finished.code), (Verdict::Incomplete, 3));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_from_the_index_is_missing_only_when_a_direct_read_confirms_it() {
    let (stage, customer) = small().await;
    let world = stage.sandbox.world();

    // The index lags: the queue exists, and a direct read finds it.
    world.account_mut(ACCOUNT_ID, |account| account.inventory.change(&queue_arn(), |queue| queue.listed = false));
    let (report, _) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!((report.verdict, report.gaps.len()), (Verdict::InSync, 0), "{:?}", report.findings);

    // Now it can't be read either: unknown.
    world.faults.add(FaultRule::new("cloudcontrol", "GetResource", Fault::AccessDenied).on("AWS::SQS::Queue"));
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(report.findings, vec![]);
    assert!(codes(&report).contains(&Code::StateUnconfirmed), "{:?}", report.gaps);
    assert_eq!(finished.code, 3);
    world.faults.clear();

    // And now it is gone.
    world.account_mut(ACCOUNT_ID, |account| account.inventory.remove(&queue_arn()));
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(report.findings.iter().map(Finding::kind).collect::<Vec<_>>(), [FindingKind::Missing]);
    assert_eq!((report.gaps.len(), finished.code), (0, 1));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_that_the_role_may_not_read_is_a_gap_and_accuses_nobody() {
    let (stage, customer) = small().await;
    deny(&stage, &["iam:GetAccountAuthorizationDetails"]).await;
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(report.findings, vec![]);
    assert!(codes(&report).contains(&Code::IamDenied), "{:?}", report.gaps);
    assert_eq!(finished.code, 3);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_state_unreadable_nothing_is_called_unmanaged_or_undeclared() {
    let (stage, customer) = small().await;
    // The queue's declaration moves to a second state, and that one is cut in half.
    let mut first = small_state();
    let mut second = small_state();
    resources_of(&mut first).retain(|resource| resource["type"] != "aws_sqs_queue");
    resources_of(&mut second).retain(|resource| resource["type"] == "aws_sqs_queue");
    stage.put_state("small/terraform.tfstate", first.to_string()).await.unwrap();
    let whole = second.to_string();
    stage.put_state("second.tfstate", whole.clone()).await.unwrap();
    let both = ["--state", "s3://acme-small-state/second.tfstate"];
    let (report, _) = stage.report(stage.scan_small(&customer, &both)).await.unwrap();
    assert_eq!(report.verdict, Verdict::InSync, "{:?} {:?}", report.findings, report.gaps);

    stage.put_state("second.tfstate", &whole.as_bytes()[..whole.len() / 2]).await.unwrap();
    let (report, finished) = stage.report(stage.scan_small(&customer, &both)).await.unwrap();
    assert_eq!(report.findings, vec![], "the queue's declaration may be in the half that is lost");
    assert!(codes(&report).contains(&Code::StateTruncated), "{:?}", report.gaps);
    assert!(report.gaps.iter().any(|gap| gap.scope.state.as_deref() == Some(both[1])), "{:?}", report.gaps);
    assert_eq!(finished.code, 3);

    // Without the second state the queue is unmanaged indeed.
    let (report, _) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(report.findings.iter().map(Finding::kind).collect::<Vec<_>>(), [FindingKind::Unmanaged]);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_slows_a_scan_and_never_changes_its_findings() {
    let (stage, customer) = small().await;
    for (service, operation) in
        [("cloudcontrol", "GetResource"), ("resource-explorer-2", "ListResources"), ("iam", "*")]
    {
        stage.sandbox.world().faults.add(FaultRule::new(service, operation, Fault::Throttle).times(2));
    }
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!((report.findings.len(), report.gaps.len(), finished.code), (0, 0, 0), "{:?}", report.gaps);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_without_tags_is_a_gap_and_no_tag_is_called_changed() {
    let (stage, customer) = small().await;
    stage.sandbox.world().account_mut(ACCOUNT_ID, |account| {
        account.inventory.views.values_mut().for_each(|view| view.has_tags = false);
    });
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    assert_eq!(report.findings, vec![]);
    assert_eq!(codes(&report), [Code::ResourceExplorerNoTags]);
    assert_eq!((report.verdict, finished.code), (Verdict::Incomplete, 3));
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_attached_policy_is_found_even_when_a_refreshed_state_has_absorbed_it() {
    let (stage, customer) = small().await;
    stage
        .iam()
        .attach_role_policy()
        .role_name(ROLE_NAME)
        .policy_arn("arn:aws:iam::aws:policy/AdministratorAccess")
        .send()
        .await
        .unwrap();
    let mut state = small_state();
    for resource in resources_of(&mut state) {
        if resource["type"] == "aws_iam_role" {
            resource["instances"][0]["attributes"]["managed_policy_arns"] = serde_json::json!([
                "arn:aws:iam::aws:policy/AdministratorAccess",
                "arn:aws:iam::aws:policy/ReadOnlyAccess"
            ]);
        }
    }
    stage.put_state("small/terraform.tfstate", state.to_string()).await.unwrap();
    let (report, finished) = stage.report(stage.scan_small(&customer, &[])).await.unwrap();
    let keys: Vec<String> = report.findings.iter().map(Finding::key).collect();
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}");
    assert_eq!(keys, [format!("undeclared_grant {role} managed arn:aws:iam::aws:policy/AdministratorAccess")]);
    assert_eq!(finished.code, 1);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workspaces_beside_a_prefix_are_read_with_it() {
    let (stage, customer) = small().await;
    // The default workspace declares all but the queue, the workspace blue declares the queue.
    let (mut default, mut blue) = (small_state(), small_state());
    resources_of(&mut default).retain(|resource| resource["type"] != "aws_sqs_queue");
    resources_of(&mut blue).retain(|resource| resource["type"] == "aws_sqs_queue");
    stage.put_state("small/terraform.tfstate", default.to_string()).await.unwrap();
    stage.put_state("env:/blue/small/terraform.tfstate", blue.to_string()).await.unwrap();
    stage.put_state("env:/blue/other/terraform.tfstate", "not of this prefix").await.unwrap();
    let scan = || stage.agent(&customer.data_dir, &["scan", "--state", "s3://acme-small-state/small/"]);
    let (report, finished) = stage.report(scan()).await.unwrap();
    assert_eq!((report.findings.as_slice(), report.gaps.as_slice()), ([].as_slice(), [].as_slice()));
    assert_eq!((report.states.len(), finished.code), (2, 0));

    // Not allowed to look for workspaces: nothing is called unmanaged, and the report says why.
    let denied = FaultRule::new("s3", "ListObjectsV2", Fault::AccessDenied).on("env%3A");
    stage.sandbox.world().faults.add(denied);
    let (report, finished) = stage.report(scan()).await.unwrap();
    assert_eq!(report.findings, vec![]);
    assert!(codes(&report).contains(&Code::StateAccessDenied), "{:?}", report.gaps);
    assert_eq!(finished.code, 3);
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_generated_role_lets_the_agent_read_no_object_but_the_state() {
    let (stage, customer) = small().await;
    let location = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::EuCentral1)
        .build();
    stage.s3().create_bucket().bucket("acme-payroll").create_bucket_configuration(location).send().await.unwrap();
    stage
        .s3()
        .put_object()
        .bucket("acme-payroll")
        .key("x.tfstate")
        .body(small_state().to_string().into_bytes().into())
        .send()
        .await
        .unwrap();
    let finished =
        stage.agent(&customer.data_dir, &["scan", "--state", "s3://acme-payroll/x.tfstate"]).run().await.unwrap();
    assert_fails_with(&finished, "state.access_denied");
    stage.close().await.unwrap();
}
