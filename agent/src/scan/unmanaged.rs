//! Sifts what no state declares: AWS's own defaults and the parts of instances are not unmanaged, and neither is what can't
//! be told from them because it could not be read.

use std::collections::BTreeSet;

use driftwise_contract::finding::{Gap, GapScope};
use driftwise_contract::resource::{Enrichment, EnrichmentFailure, Owner, Resource};
use futures::stream::{self, StreamExt};
use serde_json::Value;

use super::Progress;
use crate::aws::Service;
use crate::aws::cloud_control::ResourceReader;
use crate::drift::Join;
use crate::inventory::parts::{self, Belongs, Parts};
use crate::inventory::{Enricher, defaults};

/// The type that says which internet gateway a VPC has; its identifier is `IGW|<VPC>`.
const ATTACHMENT: &str = "AWS::EC2::VPCGatewayAttachment";
/// Attachments that are read at once; there is one default VPC per region.
const CONCURRENCY: usize = 8;

/// Reads what may be AWS's own or part of an instance, and takes out of the unmanaged what is, what can't be told, and what
/// AWS no longer has. `broken_off` says that the list of resources is not complete: what belongs to something is then not
/// told from what does not, since that something may be missing from the list.
pub(super) async fn sift<R: ResourceReader>(
    enricher: &Enricher<'_, R>,
    resources: &mut [Resource],
    join: &mut Join,
    broken_off: bool,
    progress: &Progress,
) -> Vec<Gap> {
    let suspects = defaults::suspects(resources, &join.unmanaged);
    let undeclared = [join.unmanaged.as_slice(), &join.aws_owned, &join.cloudformation_owned].concat();
    let holders = parts::holders(resources, &undeclared, &join.unmanaged);
    let places: BTreeSet<usize> = suspects.iter().chain(&holders).copied().collect();
    let places: Vec<usize> = places.into_iter().collect();
    let step = progress.step("what AWS may have made", Some(places.len()));
    let mut gaps = enricher.probe(resources, &places, || step.advance(1)).await;
    let gateways = default_gateways(enricher, resources, &suspects, &mut gaps).await;
    step.finish(&format!("{} resources read that AWS may have made", places.len()));
    defaults::classify(resources, &suspects, &gateways);
    let held = Parts::of(resources, &holders);
    let suspects: BTreeSet<usize> = suspects.into_iter().collect();
    for place in std::mem::take(&mut join.unmanaged) {
        let resource = &resources[place];
        let is_suspect = suspects.contains(&place);
        let is_unknown = (is_suspect && resource.properties.is_none())
            || (broken_off && (is_suspect || parts::may_be_part(resource)))
            || parts::is_gone(resource);
        match held.belongs(resource) {
            _ if matches!(resource.owner, Owner::Aws { .. }) => join.aws_owned.push(place),
            Belongs::Yes => join.parts.push(place),
            Belongs::No if !is_unknown => join.unmanaged.push(place),
            Belongs::No | Belongs::Unknown => {}
        }
    }
    gaps
}

/// The ids of the internet gateways of default VPCs. Where that can't be read, the region's gateways count as unread.
async fn default_gateways<R: ResourceReader>(
    enricher: &Enricher<'_, R>,
    resources: &mut [Resource],
    suspects: &[usize],
    gaps: &mut Vec<Gap>,
) -> BTreeSet<String> {
    let questions: Vec<_> = defaults::default_vpcs(resources, suspects)
        .into_iter()
        .filter_map(|(gateways, vpc)| {
            let region = resources.get(*gateways.first()?)?.region.clone();
            Some((gateways, vpc, region))
        })
        .collect();
    let mut answers = stream::iter(questions)
        .map(|(gateways, vpc, region)| async move {
            let answer = enricher.read(Some(ATTACHMENT), Some(&format!("IGW|{vpc}")), &region).await;
            (gateways, vpc, region, answer)
        })
        .buffered(CONCURRENCY);
    let mut found = BTreeSet::new();
    while let Some((gateways, vpc, region, answer)) = answers.next().await {
        match answer {
            Ok(properties) => {
                found.extend(properties.get("InternetGatewayId").and_then(Value::as_str).map(str::to_owned));
            }
            // A default VPC may have lost its gateway.
            Err(unread) if unread.reason == EnrichmentFailure::NotFound => {}
            Err(unread) => {
                for place in &gateways {
                    if let Some(gateway) = resources.get_mut(*place) {
                        gateway.enrichment = Enrichment::Failed { reason: unread.reason };
                        gateway.properties = None;
                    }
                }
                gaps.push(Gap {
                    code: unread.code,
                    scope: GapScope {
                        service: Some(Service::CloudControl.as_str().to_owned()),
                        region: Some(region),
                        resource_type: Some(ATTACHMENT.to_owned()),
                        ..GapScope::default()
                    },
                    count: gateways.len() as u64,
                    detail: format!(
                        "which internet gateway belongs to the default VPC {vpc} is not known: {}",
                        unread.detail
                    ),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use driftwise_contract::Partition;
    use serde_json::{Map, json};

    use super::*;
    use crate::aws::{AwsFailure, FailureKind};

    /// Properties by identifier; null for what may not be read.
    struct Fake(BTreeMap<&'static str, Value>);

    impl ResourceReader for Fake {
        async fn read(&self, _region: &str, _type: &str, identifier: &str) -> Result<Map<String, Value>, AwsFailure> {
            let kind = match self.0.get(identifier) {
                Some(Value::Object(properties)) => return Ok(properties.clone()),
                Some(_) => FailureKind::Denied,
                None => FailureKind::NotFound,
            };
            let (service, aws_code, message) = (Service::CloudControl, String::new(), "words".to_owned());
            Err(AwsFailure { service, operation: "GetResource", kind, aws_code, message })
        }
    }

    fn ec2(kind: &str, cfn: &str, id: &str) -> Resource {
        Resource {
            arn: format!("arn:aws:ec2:eu-west-1:123456789012:{kind}/{id}").parse().unwrap(),
            account_id: "123456789012".parse().unwrap(),
            region: "eu-west-1".into(),
            service: "ec2".into(),
            resource_type: format!("ec2:{kind}"),
            cfn_type: Some(format!("AWS::EC2::{cfn}")),
            identifier: Some(id.into()),
            last_reported_at: None,
            tags: Some(BTreeMap::new()),
            owner: Owner::Unknown,
            enrichment: Enrichment::None,
            properties: None,
        }
    }

    /// The ids that stay unmanaged, those of AWS, the parts, and the gaps.
    async fn sifted(
        answers: BTreeMap<&'static str, Value>,
        broken_off: bool,
    ) -> (Vec<String>, Vec<String>, Vec<String>, Vec<Gap>) {
        let mut resources = vec![
            ec2("vpc", "VPC", "vpc-d"),
            ec2("internet-gateway", "InternetGateway", "igw-d"),
            ec2("internet-gateway", "InternetGateway", "igw-own"),
            ec2("instance", "Instance", "i-own"),
            ec2("volume", "Volume", "vol-own"),
            ec2("volume", "Volume", "vol-loose"),
        ];
        let mut join = Join { unmanaged: (0..resources.len()).collect(), ..Join::default() };
        let fake = Fake(answers);
        let enricher = Enricher::new(&fake, Partition::Aws, 2);
        let gaps = sift(&enricher, &mut resources, &mut join, broken_off, &Progress::quiet()).await;
        let ids = |places: &[usize]| {
            places.iter().map(|place| resources[*place].arn.resource_tail().to_owned()).collect::<Vec<_>>()
        };
        (ids(&join.unmanaged), ids(&join.aws_owned), ids(&join.parts), gaps)
    }

    fn answers() -> BTreeMap<&'static str, Value> {
        let vpc = json!({"CidrBlock": "172.31.0.0/16", "InstanceTenancy": "default", "EnableDnsHostnames": true,
            "EnableDnsSupport": true});
        BTreeMap::from([
            ("vpc-d", vpc),
            ("igw-d", json!({"InternetGatewayId": "igw-d"})),
            ("igw-own", json!({"InternetGatewayId": "igw-own"})),
            ("IGW|vpc-d", json!({"InternetGatewayId": "igw-d", "VpcId": "vpc-d"})),
            ("i-own", json!({"Volumes": [{"VolumeId": "vol-own"}]})),
        ])
    }

    #[tokio::test]
    async fn defaults_and_parts_are_not_unmanaged_and_everything_else_is() {
        let (unmanaged, aws_owned, parts, gaps) = sifted(answers(), false).await;
        assert_eq!(unmanaged, ["igw-own", "i-own", "vol-loose"]);
        assert_eq!(aws_owned, ["vpc-d", "igw-d"]);
        assert_eq!(parts, ["vol-own"]);
        assert_eq!(gaps, []);
    }

    #[tokio::test]
    async fn what_can_not_be_told_is_a_gap_and_no_finding() {
        let mut answers = answers();
        answers.insert("IGW|vpc-d", Value::Null);
        answers.insert("i-own", Value::Null);
        let (unmanaged, aws_owned, parts, gaps) = sifted(answers, false).await;
        assert_eq!(unmanaged, ["i-own"]);
        assert_eq!((aws_owned.as_slice(), parts.len()), (["vpc-d".to_owned()].as_slice(), 0));
        let types: Vec<_> = gaps.iter().map(|gap| gap.scope.resource_type.as_deref().unwrap()).collect();
        assert_eq!(types, ["AWS::EC2::Instance", ATTACHMENT]);
    }

    #[tokio::test]
    async fn of_a_list_that_broke_off_nothing_is_accused_that_may_belong_to_what_is_not_in_it() {
        let (unmanaged, aws_owned, parts, _) = sifted(answers(), true).await;
        assert_eq!(unmanaged, ["i-own"]);
        assert_eq!((aws_owned.len(), parts.as_slice()), (2, ["vol-own".to_owned()].as_slice()));
    }

    #[tokio::test]
    async fn an_instance_that_is_gone_is_neither_a_finding_nor_a_gap() {
        let mut answers = answers();
        answers.remove("i-own");
        let (unmanaged, _, _, gaps) = sifted(answers, false).await;
        assert_eq!(unmanaged, ["igw-own", "vol-own", "vol-loose"]);
        assert_eq!(gaps, []);
    }
}
