//! Enrichment: the properties of resources, one Cloud Control read each, several at a time.
//!
//! What can't be read is marked on the resource and counted in one gap per type, region and reason. A type that a region does
//! not offer is asked for once and then left out there; one that the role may not read, after a few refusals. One refusal
//! says little: a policy may allow some resources of a type only, and a locked bucket answers for itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use driftwise_contract::Partition;
use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Gap, GapScope};
use driftwise_contract::resource::{Enrichment, EnrichmentFailure, Resource};
use futures::stream::{self, StreamExt};
use serde_json::{Map, Value};

use crate::aws::cloud_control::ResourceReader;
use crate::aws::failure::denied_action;
use crate::aws::{AwsFailure, FailureKind, Service};
use crate::registry;

/// Why a resource was not read, in a form that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The reason.
    pub reason: EnrichmentFailure,
    /// The code of the gap.
    pub code: Code,
    /// AWS's words, or ours.
    pub detail: String,
}

impl Unread {
    fn new(reason: EnrichmentFailure, detail: impl Into<String>) -> Self {
        let code = match reason {
            EnrichmentFailure::UnsupportedIdentifier => Code::CloudControlUnsupportedIdentifier,
            EnrichmentFailure::UnsupportedType => Code::CloudControlUnsupportedType,
            EnrichmentFailure::AccessDenied => Code::CloudControlDenied,
            EnrichmentFailure::Throttled => Code::AwsThrottled,
            EnrichmentFailure::InvalidIdentifier => Code::CloudControlInvalidIdentifier,
            EnrichmentFailure::NotFound | EnrichmentFailure::ServiceError => Code::CloudControlFailed,
            EnrichmentFailure::Timeout => Code::CloudControlTimeout,
        };
        Self { reason, code, detail: detail.into() }
    }

    fn of(failure: &AwsFailure) -> Self {
        match &failure.kind {
            FailureKind::NotFound => Self::new(
                EnrichmentFailure::NotFound,
                format!(
                    "the index shows it, Cloud Control does not find it (the index lags behind deletions): {}",
                    failure.words()
                ),
            ),
            FailureKind::Denied | FailureKind::Unauthorized => {
                let action = denied_action(&failure.message).map(|action| format!("{action} is not allowed; "));
                let words = format!("{}{}", action.unwrap_or_default(), failure.words());
                Self::new(EnrichmentFailure::AccessDenied, words)
            }
            FailureKind::Throttled => Self::new(EnrichmentFailure::Throttled, failure.words()),
            FailureKind::UnsupportedType => Self::new(EnrichmentFailure::UnsupportedType, failure.words()),
            FailureKind::Invalid => Self::new(EnrichmentFailure::InvalidIdentifier, failure.words()),
            FailureKind::Timeout => Self::new(EnrichmentFailure::Timeout, failure.words()),
            FailureKind::Service => Self::new(EnrichmentFailure::ServiceError, failure.words()),
            FailureKind::Unreachable => {
                Self { code: Code::AwsUnreachable, ..Self::new(EnrichmentFailure::Timeout, failure.words()) }
            }
            FailureKind::SessionExpired => {
                Self { code: Code::AwsSessionExpired, ..Self::new(EnrichmentFailure::ServiceError, failure.words()) }
            }
            FailureKind::Credentials(fault) => {
                Self { code: fault.code(), ..Self::new(EnrichmentFailure::ServiceError, fault.to_string()) }
            }
        }
    }
}

/// After how many refused reads of a type in a region, and none that was allowed, the rest is left out.
const DENIALS_THAT_CLOSE: u32 = 3;

/// How reads of one type in one region went.
#[derive(Debug, Default)]
struct Course {
    denials: u32,
    /// One of them was allowed: refusals are about single resources then.
    allowed: bool,
    /// Why the rest is not worth asking for.
    closed: Option<Unread>,
}

/// Reads resources through Cloud Control, and remembers what is not worth asking again.
#[derive(Debug)]
pub struct Enricher<'a, R> {
    reader: &'a R,
    partition: Partition,
    concurrency: usize,
    /// By type and region.
    courses: Mutex<HashMap<(String, String), Course>>,
    /// How often AWS was asked, by type.
    asked: Mutex<BTreeMap<String, u64>>,
    /// Why no call can be made any more.
    ended: Mutex<Option<Unread>>,
}

impl<'a, R: ResourceReader> Enricher<'a, R> {
    /// An enricher that keeps at most `concurrency` reads in flight.
    pub fn new(reader: &'a R, partition: Partition, concurrency: usize) -> Self {
        Self {
            reader,
            partition,
            concurrency: concurrency.max(1),
            courses: Mutex::default(),
            asked: Mutex::default(),
            ended: Mutex::default(),
        }
    }

    /// Reads the resources at `places` into `resources`, and says what could not be read. `progress` is called per read.
    pub async fn enrich(
        &self,
        resources: &mut [Resource],
        places: &[usize],
        progress: impl FnMut() + Send,
    ) -> Vec<Gap> {
        self.read_all(resources, places, progress, None).await
    }

    /// The same for what no state declares. What the index still shows and AWS no longer has is marked, and no gap: nothing
    /// is missed by it, and instances and interfaces of services come and go.
    pub async fn probe(&self, resources: &mut [Resource], places: &[usize], progress: impl FnMut() + Send) -> Vec<Gap> {
        self.read_all(resources, places, progress, Some(EnrichmentFailure::NotFound)).await
    }

    async fn read_all(
        &self,
        resources: &mut [Resource],
        places: &[usize],
        mut progress: impl FnMut() + Send,
        no_gap: Option<EnrichmentFailure>,
    ) -> Vec<Gap> {
        let targets: Vec<_> = places
            .iter()
            .filter_map(|place| {
                let resource = resources.get(*place)?;
                Some((*place, resource.cfn_type.clone(), resource.identifier.clone(), resource.region.clone()))
            })
            .collect();
        let mut reads = stream::iter(targets)
            .map(|(place, cfn_type, identifier, region)| async move {
                (place, self.read(cfn_type.as_deref(), identifier.as_deref(), &region).await)
            })
            .buffer_unordered(self.concurrency);
        let mut tally = Tally::default();
        while let Some((place, read)) = reads.next().await {
            progress();
            let Some(resource) = resources.get_mut(place) else { continue };
            match read {
                Ok(properties) => {
                    resource.enrichment = Enrichment::Enriched;
                    resource.properties = Some(properties);
                }
                Err(unread) => {
                    resource.enrichment = Enrichment::Failed { reason: unread.reason };
                    if no_gap != Some(unread.reason) {
                        tally.note(resource, unread);
                    }
                }
            }
        }
        tally.gaps()
    }

    /// Reads one resource. A type or identifier that is not known is told without a call.
    pub async fn read(
        &self,
        cfn_type: Option<&str>,
        identifier: Option<&str>,
        region: &str,
    ) -> Result<Map<String, Value>, Unread> {
        let Some(cfn_type) = cfn_type else {
            return Err(Unread::new(EnrichmentFailure::UnsupportedType, "the type has no known CloudFormation type"));
        };
        if registry::cfn_type(cfn_type).is_some_and(|known| !known.readable) {
            return Err(Unread::new(EnrichmentFailure::UnsupportedType, format!("{cfn_type} has no read handler")));
        }
        let Some(identifier) = identifier else {
            let words = format!("the identifier of {cfn_type} can't be told from the ARN");
            return Err(Unread::new(EnrichmentFailure::UnsupportedIdentifier, words));
        };
        // What is global is read where the partition's global services are signed for.
        let region = if region == "global" || region.is_empty() { self.partition.iam_region() } else { region };
        let key = (cfn_type.to_owned(), region.to_owned());
        if let Some(unread) = self.known_outcome(&key) {
            return Err(unread);
        }
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(key.0.clone()).or_default() += 1;
        match self.reader.read(region, cfn_type, identifier).await {
            Ok(properties) => {
                let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
                let course = courses.entry(key).or_default();
                (course.allowed, course.closed) = (true, None);
                Ok(properties)
            }
            Err(failure) => {
                let unread = Unread::of(&failure);
                self.remember(key, &failure, &unread);
                Err(unread)
            }
        }
    }

    /// How often AWS was asked for a resource, by `CloudFormation` type; refused reads count.
    pub fn types_asked(&self) -> BTreeMap<String, u64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known_outcome(&self, key: &(String, String)) -> Option<Unread> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let courses = || self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        ended.clone().or_else(|| courses().get(key)?.closed.clone())
    }

    fn remember(&self, key: (String, String), failure: &AwsFailure, unread: &Unread) {
        let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        let course = courses.entry(key).or_default();
        match &failure.kind {
            FailureKind::SessionExpired | FailureKind::Credentials(_) => {
                *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(unread.clone());
            }
            FailureKind::Denied | FailureKind::Unauthorized if is_about_one_resource(&failure.message) => {}
            FailureKind::Denied | FailureKind::Unauthorized => {
                course.denials += 1;
                if course.denials >= DENIALS_THAT_CLOSE && !course.allowed {
                    course.closed = Some(unread.clone());
                }
            }
            FailureKind::UnsupportedType => course.closed = Some(unread.clone()),
            _ => {}
        }
    }
}

/// A bucket's or a key's own policy denies that one; the others of its type may be readable.
fn is_about_one_resource(message: &str) -> bool {
    message.contains("resource-based policy") || message.contains("explicit deny")
}

/// Unread resources, counted.
#[derive(Default)]
struct Tally(BTreeMap<(Code, String, String), (u64, String, String)>);

impl Tally {
    fn note(&mut self, resource: &Resource, unread: Unread) {
        let resource_type = resource.cfn_type.clone().unwrap_or_else(|| resource.resource_type.clone());
        let entry = self
            .0
            .entry((unread.code, resource_type, resource.region.clone()))
            .or_insert_with(|| (0, resource.arn.to_string(), unread.detail));
        entry.0 += 1;
    }

    fn gaps(self) -> Vec<Gap> {
        let gap =
            |((code, resource_type, region), (count, arn, detail)): ((Code, String, String), (u64, String, String))| {
                Gap {
                    code,
                    scope: GapScope {
                        service: Some(Service::CloudControl.as_str().to_owned()),
                        region: Some(region),
                        resource_type: Some(resource_type),
                        resource: (count == 1).then_some(arn),
                        state: None,
                    },
                    count,
                    detail,
                }
            };
        self.0.into_iter().map(gap).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use driftwise_contract::resource::Owner;

    use super::*;

    /// Answers by the last letter of the identifier, and counts the calls.
    #[derive(Default)]
    struct Fake {
        calls: Mutex<Vec<(String, String, String)>>,
    }

    impl ResourceReader for Fake {
        async fn read(&self, region: &str, cfn_type: &str, identifier: &str) -> Result<Map<String, Value>, AwsFailure> {
            self.calls.lock().unwrap().push((region.into(), cfn_type.into(), identifier.into()));
            let (kind, message) = match cfn_type {
                "AWS::SNS::Topic" => {
                    (FailureKind::Denied, "x is not authorized to perform: sns:GetTopicAttributes on y")
                }
                "AWS::KMS::Key" => (FailureKind::Denied, "denied with an explicit deny in a resource-based policy"),
                "AWS::S3::Bucket" if identifier.starts_with("locked") => (FailureKind::Denied, "Access Denied"),
                "AWS::S3::Bucket" => return Ok(Map::new()),
                "AWS::EC2::NetworkInterface" => (FailureKind::NotFound, "gone"),
                "AWS::Kinesis::Stream" => (FailureKind::Throttled, "Rate exceeded"),
                "AWS::Glue::Job" => (FailureKind::UnsupportedType, "not here"),
                "AWS::IAM::Role" | "AWS::EC2::SecurityGroup" => {
                    return Ok(serde_json::from_str(r#"{"GroupName": "default"}"#).unwrap());
                }
                _ => (FailureKind::SessionExpired, "expired"),
            };
            let service = Service::CloudControl;
            Err(AwsFailure {
                service,
                operation: "GetResource",
                kind,
                aws_code: String::new(),
                message: message.into(),
            })
        }
    }

    fn resource(cfn_type: &str, name: &str, region: &str) -> Resource {
        Resource {
            arn: format!("arn:aws:x:{}:123456789012:{name}", if region == "global" { "" } else { region })
                .parse()
                .unwrap(),
            account_id: "123456789012".parse().unwrap(),
            region: region.into(),
            service: "x".into(),
            resource_type: "x:y".into(),
            cfn_type: Some(cfn_type.into()),
            identifier: Some(name.into()),
            last_reported_at: None,
            tags: Some(BTreeMap::new()),
            owner: Owner::Unknown,
            enrichment: Enrichment::None,
            properties: None,
        }
    }

    async fn enrich(resources: &mut [Resource]) -> (Vec<Gap>, Vec<(String, String, String)>) {
        let fake = Fake::default();
        let places: Vec<usize> = (0..resources.len()).collect();
        let gaps = Enricher::new(&fake, Partition::Aws, 1).enrich(resources, &places, || ()).await;
        (gaps, fake.calls.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_denied_type_is_asked_for_a_few_times_per_region_and_the_gap_names_the_action() {
        let mut resources =
            ["a", "b", "c", "d", "e"].map(|name| resource("AWS::SNS::Topic", name, "eu-west-1")).to_vec();
        resources.push(resource("AWS::SNS::Topic", "f", "us-east-1"));
        let (gaps, calls) = enrich(&mut resources).await;
        assert_eq!(calls.len(), 4);
        assert_eq!(
            gaps.iter().map(|gap| (gap.code, gap.count)).collect::<Vec<_>>(),
            [(Code::CloudControlDenied, 5), (Code::CloudControlDenied, 1)]
        );
        assert!(gaps[0].detail.contains("sns:GetTopicAttributes"), "{}", gaps[0].detail);
        assert_eq!(resources[4].enrichment, Enrichment::Failed { reason: EnrichmentFailure::AccessDenied });
    }

    #[tokio::test]
    async fn a_few_locked_resources_hide_none_of_the_others_in_whatever_order_they_are_read() {
        for names in [
            ["locked-1", "a", "locked-2", "b", "locked-3", "locked-4", "c"],
            ["locked-1", "locked-2", "a", "b", "c", "locked-3", "locked-4"],
            ["a", "locked-1", "locked-2", "locked-3", "locked-4", "b", "c"],
        ] {
            let mut resources = names.map(|name| resource("AWS::S3::Bucket", name, "eu-west-1"));
            let (gaps, calls) = enrich(&mut resources).await;
            assert_eq!(calls.len(), 7);
            let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
            assert_eq!((gap.code, gap.count), (Code::CloudControlDenied, 4));
            assert!(
                resources.iter().all(|bucket| bucket.properties.is_some() != bucket.arn.as_str().contains("locked"))
            );
        }
    }

    #[tokio::test]
    async fn a_denial_by_one_keys_own_policy_does_not_close_the_type() {
        let mut resources = ["a", "b"].map(|name| resource("AWS::KMS::Key", name, "eu-west-1"));
        let (gaps, calls) = enrich(&mut resources).await;
        assert_eq!((calls.len(), gaps[0].count), (2, 2));
    }

    #[tokio::test]
    async fn throttling_that_outlasts_the_retries_is_counted() {
        let mut resources = ["a", "b"].map(|name| resource("AWS::Kinesis::Stream", name, "eu-west-1"));
        let (gaps, calls) = enrich(&mut resources).await;
        assert_eq!((calls.len(), gaps[0].code, gaps[0].count), (2, Code::AwsThrottled, 2));
    }

    #[tokio::test]
    async fn what_no_state_declares_and_is_gone_is_no_gap() {
        let mut resources = [resource("AWS::EC2::NetworkInterface", "gone", "eu-west-1")];
        let fake = Fake::default();
        let enricher = Enricher::new(&fake, Partition::Aws, 1);
        assert_eq!(enricher.probe(&mut resources, &[0], || ()).await, []);
        assert_eq!(resources[0].enrichment, Enrichment::Failed { reason: EnrichmentFailure::NotFound });
        assert_eq!(enricher.enrich(&mut resources, &[0], || ()).await.len(), 1);
    }

    #[tokio::test]
    async fn an_ended_session_stops_all_calls() {
        let mut resources = ["a", "b", "c"].map(|name| resource("AWS::SQS::Queue", name, "eu-west-1"));
        let (gaps, calls) = enrich(&mut resources).await;
        assert_eq!((calls.len(), gaps[0].code, gaps[0].count), (1, Code::AwsSessionExpired, 3));
    }

    #[tokio::test]
    async fn global_types_are_read_in_the_partitions_home() {
        let mut resources =
            [resource("AWS::IAM::Role", "r", "global"), resource("AWS::EC2::SecurityGroup", "sg-1", "eu-west-1")];
        let (gaps, calls) = enrich(&mut resources).await;
        assert!(gaps.is_empty());
        assert!(calls.iter().any(|(region, cfn_type, _)| region == "us-east-1" && cfn_type == "AWS::IAM::Role"));
        assert!(resources.iter().all(|resource| resource.enrichment == Enrichment::Enriched));
    }

    #[tokio::test]
    async fn what_can_not_be_asked_for_is_told_without_a_call() {
        let mut resources = [
            Resource { cfn_type: None, ..resource("", "a", "eu-west-1") },
            Resource { identifier: None, ..resource("AWS::SQS::Queue", "b", "eu-west-1") },
            resource("AWS::Route53::RecordSet", "c", "global"),
        ];
        let (gaps, calls) = enrich(&mut resources).await;
        assert!(calls.is_empty());
        let codes: Vec<Code> = gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(
            codes,
            [
                Code::CloudControlUnsupportedType,
                Code::CloudControlUnsupportedType,
                Code::CloudControlUnsupportedIdentifier
            ]
        );
    }
}
