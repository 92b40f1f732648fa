//! Volumes and network interfaces that hang on an instance that no state declares: they came with it, and are reported with
//! it, if at all.
//!
//! A *holder* is such an instance: launched by an Auto Scaling group or a stack, or made by hand. It is read to learn what
//! hangs on it. Where a holder can't be read, whether a volume or an interface of its region is part of it is not known.

use std::collections::BTreeSet;

use driftwise_contract::resource::{Enrichment, EnrichmentFailure, Resource};
use serde_json::Value;

const INSTANCE: &str = "AWS::EC2::Instance";
const TYPES: [&str; 2] = ["AWS::EC2::Volume", "AWS::EC2::NetworkInterface"];
/// Where an instance's properties name its parts: the list, and the id in each element.
const LISTS: [(&str, &str); 2] = [("Volumes", "VolumeId"), ("NetworkInterfaces", "NetworkInterfaceId")];

/// The instances among the `undeclared` places that are worth reading: those in a region with parts that no state declares.
pub fn holders(resources: &[Resource], undeclared: &[usize], unmanaged: &[usize]) -> Vec<usize> {
    let loose = unmanaged.iter().filter_map(|place| resources.get(*place)).filter(|resource| may_be_part(resource));
    let regions: BTreeSet<&str> = loose.map(|resource| resource.region.as_str()).collect();
    let is_holder = |place: &usize| {
        resources.get(*place).is_some_and(|resource| {
            resource.cfn_type.as_deref() == Some(INSTANCE) && regions.contains(resource.region.as_str())
        })
    };
    undeclared.iter().copied().filter(is_holder).collect()
}

/// What the holders hold, once they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    ids: BTreeSet<String>,
    unknown_in: BTreeSet<String>,
}

/// Whether something is part of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// A holder in its region could not be read.
    Unknown,
}

impl Parts {
    /// Collects what hangs on the holders.
    pub fn of(resources: &[Resource], holders: &[usize]) -> Self {
        let mut parts = Self::default();
        for holder in holders.iter().filter_map(|place| resources.get(*place)) {
            match &holder.properties {
                Some(properties) => {
                    for (list, id) in LISTS {
                        let elements = properties.get(list).and_then(Value::as_array).into_iter().flatten();
                        parts.ids.extend(elements.filter_map(|element| Some(element.get(id)?.as_str()?.to_owned())));
                    }
                }
                // The index lags: what is gone holds nothing.
                None if is_gone(holder) => {}
                None => {
                    parts.unknown_in.insert(holder.region.clone());
                }
            }
        }
        parts
    }

    /// Whether a resource is part of a holder.
    pub fn belongs(&self, resource: &Resource) -> Belongs {
        if !may_be_part(resource) {
            Belongs::No
        } else if self.ids.contains(resource.arn.resource_tail()) {
            Belongs::Yes
        } else if self.unknown_in.contains(&resource.region) {
            Belongs::Unknown
        } else {
            Belongs::No
        }
    }
}

/// Whether AWS says that it does not exist, whatever the index shows.
pub fn is_gone(resource: &Resource) -> bool {
    resource.enrichment == Enrichment::Failed { reason: EnrichmentFailure::NotFound }
}

/// Whether it is of a type that hangs on instances.
pub fn may_be_part(resource: &Resource) -> bool {
    resource.cfn_type.as_deref().is_some_and(|cfn_type| TYPES.contains(&cfn_type))
}

#[cfg(test)]
mod tests {
    use driftwise_contract::resource::Owner;
    use serde_json::json;

    use super::*;

    fn ec2(cfn_type: &str, arn: &str, properties: &Value) -> Resource {
        Resource {
            arn: format!("arn:aws:ec2:eu-west-1:123456789012:{arn}").parse().unwrap(),
            account_id: "123456789012".parse().unwrap(),
            region: "eu-west-1".into(),
            service: "ec2".into(),
            resource_type: "ec2:x".into(),
            cfn_type: Some(cfn_type.into()),
            identifier: None,
            last_reported_at: None,
            tags: None,
            owner: Owner::Unknown,
            enrichment: Enrichment::None,
            properties: properties.as_object().cloned(),
        }
    }

    #[test]
    fn what_hangs_on_an_undeclared_instance_is_part_of_it() {
        let held = json!({"Volumes": [{"Device": "/dev/xvda", "VolumeId": "vol-1"}],
            "NetworkInterfaces": [{"DeviceIndex": "0", "NetworkInterfaceId": "eni-1"}]});
        let mut resources = vec![
            ec2(INSTANCE, "instance/i-1", &held),
            ec2(TYPES[0], "volume/vol-1", &Value::Null),
            ec2(TYPES[1], "network-interface/eni-1", &Value::Null),
            ec2(TYPES[0], "volume/vol-2", &Value::Null),
        ];
        assert_eq!(holders(&resources, &[0, 1, 2, 3], &[1, 2, 3]), [0]);
        assert_eq!(holders(&resources, &[0, 1, 2, 3], &[0]), [] as [usize; 0]);
        let told = |resources: &[Resource]| {
            let parts = Parts::of(resources, &[0]);
            resources[1..].iter().map(|resource| parts.belongs(resource)).collect::<Vec<_>>()
        };
        assert_eq!(told(&resources), [Belongs::Yes, Belongs::Yes, Belongs::No]);
        resources[0].properties = None;
        resources[0].enrichment = Enrichment::Failed { reason: EnrichmentFailure::AccessDenied };
        assert_eq!(told(&resources), [Belongs::Unknown; 3]);
        resources[0].enrichment = Enrichment::Failed { reason: EnrichmentFailure::NotFound };
        assert_eq!(told(&resources), [Belongs::No; 3]);
    }
}
