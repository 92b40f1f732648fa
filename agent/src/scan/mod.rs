//! One scan of one account, from the token to the report.
//!
//! ```text
//! token → session → identity check → (index ∥ IAM ∥ states) → join → managed resources first → direct reads of what is
//! absent → findings → report
//! ```
//!
//! Nothing is printed on the way: the report is complete or there is none. What a scan could not see is in the report as
//! gaps; only what makes all of it worthless is an error.

mod confirm;
pub mod progress;
mod states;
mod suppress;
mod unmanaged;

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use driftwise_contract::codes::Code;
use driftwise_contract::finding::Gap;
use driftwise_contract::report::ScanReport;
use driftwise_contract::resource::Resource;
use driftwise_contract::wire::{AccountInfo, AgentInfo};
use driftwise_contract::{Region, ScanId, SessionScope};
use uuid::{NoContext, Timestamp, Uuid};

pub use progress::Progress;
pub use states::Sources;

use crate::aws::cloud_control::CloudControl;
use crate::aws::iam::Iam;
use crate::aws::resource_explorer::ResourceExplorer;
use crate::aws::s3::S3;
use crate::aws::{AwsSession, sdk_config, sts};
use crate::clock::{SharedClock, rfc3339};
use crate::config::Config;
use crate::credentials::{WantedSession, WebIdentity};
use crate::drift::{Actual, Declared, Join};
use crate::fault::Fault;
use crate::iam;
use crate::identity::Enrolled;
use crate::inventory::identifiers::{ArnContext, from_arn, from_declared};
use crate::inventory::{Discovery, Enricher};
use crate::issuer_client::IssuerClient;
use crate::state::StateSource;
use crate::{registry, report};

/// Scans the configured account and gives the report.
pub async fn run(
    config: &Config,
    enrolled: Enrolled,
    clock: SharedClock,
    progress: &Progress,
) -> Result<ScanReport, Fault> {
    let sources = Sources::parse(&config.scan.states)?;
    let started = clock.now();
    let issuer = IssuerClient::new(enrolled.identity.issuer.clone(), &config.issuer, clock.clone())?;
    let info = issuer.agent(&enrolled).await?;
    let account = choose_account(&info, config)?.clone();
    let region = config.scan.region.clone().unwrap_or_else(|| account.region.clone());
    progress.say(&format!("scanning account {} from {region}", account.account_id));

    let session = open_session(config, enrolled, issuer, &account, &region, clock.clone()).await?;
    let (discovered, grants, read) =
        Box::pin(read_everything(config, &session, &account, &region, sources, progress)).await?;

    let mut gaps: Vec<Gap> = discovered.gaps;
    gaps.extend(grants.gaps.iter().cloned());
    gaps.extend(read.gaps);
    let mut resources = discovered.resources;
    iam::complete(&mut resources, &grants);
    let declared = Declared { states: read.states };
    let mut actual = Actual { account_id: account.account_id.clone(), resources, edges: grants.edges };
    let mut join = crate::drift::join(&declared, &actual);

    let cloud_control = CloudControl::new(&session);
    let enricher = Enricher::new(&cloud_control, account.role_arn.partition(), config.aws.concurrency);
    let managed = managed_places(&join);
    identify(&mut actual.resources, &declared, &join, &account);
    let step = progress.step("properties of managed resources", Some(managed.len()));
    gaps.extend(enricher.enrich(&mut actual.resources, &managed, || step.advance(1)).await);
    step.finish(&format!("{} managed resources read", managed.len()));
    gaps.extend(unmanaged::sift(&enricher, &mut actual.resources, &mut join, discovered.broken_off, progress).await);
    let step = progress.step("declared resources not in the index", Some(join.absent.len()));
    let confirmations =
        confirm::confirm(&enricher, &declared, &join, &account, &region, config.aws.concurrency, || step.advance(1))
            .await;
    step.finish(&format!("{} absent resources read directly", join.absent.len()));

    let withheld = read.incomplete.then(|| suppress::unmanaged(&mut join));
    let mut outcome = crate::drift::findings(&declared, &actual, &join, &confirmations);
    outcome.coverage.types_asked = enricher.types_asked();
    if let Some(withheld) = withheld {
        gaps.push(withheld.gap(suppress::grants(&mut outcome)));
    }
    let scan = report::Scan {
        scan_id: scan_id(started),
        org_id: info.org_id,
        account_id: account.account_id,
        role_arn: account.role_arn,
        region,
        started_at: rfc3339(started),
        finished_at: rfc3339(clock.now()),
    };
    Ok(report::assemble(scan, &declared, outcome, gaps))
}

/// The account that was named, or the only one.
pub fn choose_account<'a>(info: &'a AgentInfo, config: &Config) -> Result<&'a AccountInfo, Fault> {
    let registered: Vec<&str> = info.accounts.iter().map(|account| account.account_id.as_str()).collect();
    let listed = if registered.is_empty() { "none".to_owned() } else { registered.join(", ") };
    match (&config.scan.account, info.accounts.as_slice()) {
        (Some(named), accounts) => accounts.iter().find(|account| account.account_id == *named).ok_or_else(|| {
            Fault::new(
                Code::AgentAccountUnknown,
                format!("account {named} is not registered for org {}", info.org_name),
            )
            .because(format!("registered: {listed}"))
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Fault::new(Code::AgentAccountUnknown, "which account to scan is not clear")
            .because(format!("registered for org {}: {listed}", info.org_name))),
    }
}

async fn open_session(
    config: &Config,
    enrolled: Enrolled,
    issuer: IssuerClient,
    account: &AccountInfo,
    region: &Region,
    clock: SharedClock,
) -> Result<AwsSession, Fault> {
    let base = sdk_config(&config.aws, region).await;
    let wanted = WantedSession {
        enrolled,
        role: account.role_arn.clone(),
        scope: if config.scan.narrow_session { SessionScope::Scan } else { SessionScope::Role },
        // What does not parse was refused before anybody was called.
        states: config.scan.states.iter().filter_map(|text| StateSource::parse(text).ok()).collect(),
        duration_s: config.scan.session_duration_s,
        backoff: Duration::from_millis(config.aws.initial_backoff_ms),
    };
    let credentials = WebIdentity::new(&base, issuer, wanted, clock);
    credentials.session().await?;
    let session = AwsSession::new(&base, SharedCredentialsProvider::new(credentials), &config.aws);
    // Before anything is read: a wrong endpoint or role must not fill a report with another account.
    let actual = sts::caller_account(&session).await.map_err(|failure| failure.fault(Code::AwsServiceError))?;
    if actual != account.account_id {
        return Err(Fault::new(
            Code::StsWrongAccount,
            format!("the session of {} is in account {actual}, not {}", account.role_arn, account.account_id),
        ));
    }
    Ok(session)
}

async fn read_everything(
    config: &Config,
    session: &AwsSession,
    account: &AccountInfo,
    region: &Region,
    sources: Sources,
    progress: &Progress,
) -> Result<(crate::inventory::Discovered, iam::Grants, states::Read), Fault> {
    let index = ResourceExplorer::new(session, region.as_str());
    let discovery = Discovery {
        index: &index,
        account: &account.account_id,
        region,
        allow_local_index: config.scan.allow_local_index,
    };
    let inventory = async {
        let step = progress.step("inventory", None);
        let discovered = discovery.run(|entries| step.reach(entries)).await?;
        let foreign = match discovered.foreign {
            0 => String::new(),
            count => format!(" ({count} of other accounts left out)"),
        };
        step.finish(&format!("{} resources in the index{foreign}", discovered.resources.len()));
        Ok(discovered)
    };
    let iam = Iam::new(session, account.role_arn.partition());
    let grants = async {
        let step = progress.step("IAM grants", None);
        let grants = iam::read(&iam).await;
        step.finish(&match &grants.edges {
            Some(edges) => format!("{} IAM grants", edges.len()),
            None => "IAM could not be read".to_owned(),
        });
        Ok(grants)
    };
    let store = S3::new(session, region.as_str());
    let states = async {
        let step = progress.step("Terraform states", None);
        let read = sources.read(&store, |states| step.reach(states)).await?;
        step.finish(&format!("{} Terraform states", read.states.len()));
        Ok(read)
    };
    tokio::try_join!(inventory, grants, states)
}

/// The live resources that a state declares, each once, in order.
fn managed_places(join: &Join) -> Vec<usize> {
    let mut places: Vec<usize> = join.managed.iter().map(|pair| pair.resource).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Lets declarations say what the index does not. It calls several types by one name (a composite alarm is an alarm to it);
/// the declaration's type is exact. And where an ARN does not tell the Cloud Control identifier, the declaration of the same
/// resource may: an elastic IP's needs its address, which stands in the state.
fn identify(resources: &mut [Resource], declared: &Declared, join: &Join, account: &AccountInfo) {
    for pair in &join.managed {
        let Some(resource) = resources.get_mut(pair.resource) else { continue };
        let declared = declared.resource(pair.declared);
        let exact = registry::cfn_of_terraform(&declared.terraform_type).and_then(registry::cfn_type);
        let Some(exact) = exact.filter(|exact| exact.readable) else { continue };
        let same_type = resource.cfn_type.as_deref() == Some(exact.name);
        if same_type && resource.identifier.is_some() {
            continue;
        }
        let of_declared = from_declared(declared, &account.account_id).map(|read| read.identifier);
        let context = ArnContext { arn: &resource.arn, region: &resource.region, account: &account.account_id };
        resource.identifier = of_declared.or_else(|| from_arn(exact, context));
        resource.cfn_type = Some(exact.name.to_owned());
    }
}

/// A UUID of version 7: ids of scans sort by time.
fn scan_id(started: time::OffsetDateTime) -> ScanId {
    let seconds = u64::try_from(started.unix_timestamp()).unwrap_or_default();
    ScanId::from_uuid(Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, started.nanosecond())))
}

#[cfg(test)]
mod tests {
    use driftwise_contract::claims::TrustForm;
    use driftwise_contract::resource::{Enrichment, Owner, StateRef};
    use driftwise_contract::{AgentId, OrgId};
    use serde_json::json;

    use super::*;

    fn info(accounts: &[&str]) -> AgentInfo {
        AgentInfo {
            agent_id: AgentId::from_uuid(Uuid::from_u128(1)),
            org_id: OrgId::from_uuid(Uuid::from_u128(2)),
            org_name: "Example".into(),
            issuer: "https://id.example.com".parse().unwrap(),
            token_endpoint: "https://id.example.com/oauth2/token".into(),
            accounts: accounts
                .iter()
                .map(|account| AccountInfo {
                    account_id: account.parse().unwrap(),
                    role_arn: format!("arn:aws:iam::{account}:role/dw").parse().unwrap(),
                    region: "eu-west-1".parse().unwrap(),
                    trust_form: TrustForm::SessionTag,
                })
                .collect(),
        }
    }

    #[test]
    fn the_only_account_needs_no_name_and_of_several_one_must_be_named() {
        let mut config = Config::default();
        let one = info(&["111111111111"]);
        assert_eq!(choose_account(&one, &config).unwrap().account_id.as_str(), "111111111111");
        let two = info(&["111111111111", "222222222222"]);
        let fault = choose_account(&two, &config).unwrap_err();
        assert_eq!(fault.code(), Code::AgentAccountUnknown);
        assert!(fault.detail().unwrap().contains("111111111111, 222222222222"), "{fault}");
        config.scan.account = Some("222222222222".parse().unwrap());
        assert_eq!(choose_account(&two, &config).unwrap().account_id.as_str(), "222222222222");
        assert_eq!(choose_account(&one, &config).unwrap_err().code(), Code::AgentAccountUnknown);
        assert_eq!(choose_account(&info(&[]), &Config::default()).unwrap_err().code(), Code::AgentAccountUnknown);
    }

    #[test]
    fn a_managed_resource_is_read_as_the_type_that_is_declared() {
        let account = info(&["123456789012"]).accounts.remove(0);
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:all";
        let text = json!({"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "outputs": {},
            "resources": [{"mode": "managed", "type": "aws_cloudwatch_composite_alarm", "name": "all",
                "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                "instances": [{"schema_version": 0, "attributes": {"id": "all", "arn": arn, "alarm_name": "all"}}]}]});
        let source = StateRef { uri: "s3://b/k".into(), version_id: None };
        let declared = Declared { states: vec![crate::state::read(source, text.to_string().as_bytes()).unwrap()] };
        let alarm = Resource {
            arn: arn.parse().unwrap(),
            account_id: account.account_id.clone(),
            region: "eu-west-1".into(),
            service: "cloudwatch".into(),
            resource_type: "cloudwatch:alarm".into(),
            cfn_type: Some("AWS::CloudWatch::Alarm".into()),
            identifier: Some("all".into()),
            last_reported_at: None,
            tags: None,
            owner: Owner::Unknown,
            enrichment: Enrichment::None,
            properties: None,
        };
        let resources = vec![alarm];
        let mut actual = Actual { account_id: account.account_id.clone(), resources, edges: None };
        let join = crate::drift::join(&declared, &actual);
        assert_eq!(join.managed.len(), 1);
        identify(&mut actual.resources, &declared, &join, &account);
        let read = &actual.resources[0];
        assert_eq!(read.cfn_type.as_deref(), Some("AWS::CloudWatch::CompositeAlarm"));
        assert_eq!(read.identifier.as_deref(), Some("all"));
    }

    #[test]
    fn scan_ids_sort_by_time() {
        let at = |seconds| scan_id(time::OffsetDateTime::from_unix_timestamp(seconds).unwrap());
        assert!(at(1_800_000_000) < at(1_800_000_001));
    }
}
