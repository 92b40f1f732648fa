//! The regions that exist, by partition: a mistyped region is refused at its field instead of failing at the first call.
//!
//! From botocore 1.43.11, `partitions.json` (November 2026). A region that AWS opened later is added here; whoever is in a
//! hurry names another region of the account's, for no policy depends on it but the KMS condition of the state's key.

use driftwise_contract::{Partition, Region};

const AWS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
const AWS_CN: &[&str] = &["cn-north-1", "cn-northwest-1"];
const AWS_US_GOV: &[&str] = &["us-gov-east-1", "us-gov-west-1"];

/// The regions of a partition, sorted.
pub const fn regions(partition: Partition) -> &'static [&'static str] {
    match partition {
        Partition::Aws => AWS,
        Partition::AwsCn => AWS_CN,
        Partition::AwsUsGov => AWS_US_GOV,
    }
}

/// Whether AWS has such a region, in the partition that its name says.
pub fn exists(region: &Region) -> bool {
    regions(region.partition()).contains(&region.as_str())
}

/// The existing region that is nearest in spelling, where one is near.
pub(super) fn nearest(text: &str) -> Option<&'static str> {
    let all = [AWS, AWS_CN, AWS_US_GOV].into_iter().flatten().copied();
    let (distance, region) = all.map(|region| (distance(text, region), region)).min()?;
    (distance <= 3).then_some(region)
}

/// The edit distance (Levenshtein) of two short texts, by bytes.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (place, wanted) in other.bytes().enumerate() {
            let substituted = diagonal + usize::from(letter != wanted);
            diagonal = row[place + 1];
            row[place + 1] = substituted.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_parses_and_lies_in_its_partition() {
        for partition in [Partition::Aws, Partition::AwsCn, Partition::AwsUsGov] {
            for region in regions(partition) {
                let region: Region = region.parse().unwrap();
                assert_eq!(region.partition(), partition);
                assert!(exists(&region), "{region}");
            }
            assert!(regions(partition).is_sorted());
        }
        assert!(!exists(&"eu-central-9".parse().unwrap()));
        assert!(!exists(&"cn-central-1".parse().unwrap()));
    }

    #[test]
    fn a_mistyped_region_is_recognised() {
        assert_eq!(nearest("eu-centra-1"), Some("eu-central-1"));
        assert_eq!(nearest("eu_west_1"), Some("eu-west-1"));
        assert_eq!(nearest("mars"), None);
    }
}
