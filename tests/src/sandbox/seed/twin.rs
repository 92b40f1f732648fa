//! One resource, told twice: as AWS shows it and as Terraform's state declares it. Both come from the same description, so that
//! they agree unless something is planted.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::ACCOUNT_ID;
use crate::sandbox::inventory::{GLOBAL, LiveResource, Registry};

/// Tags, as live resources carry them.
pub(super) type Tags = BTreeMap<String, String>;

/// Where a resource is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The region, or [`GLOBAL`].
    pub(super) region: &'static str,
    /// When Resource Explorer last looked.
    pub(super) reported: OffsetDateTime,
    /// The provider's default tags.
    pub(super) default_tags: &'static [(&'static str, &'static str)],
}

impl Place {
    /// An ARN in this region.
    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        let region = if self.region == GLOBAL { "" } else { self.region };
        format!("arn:aws:{service}:{region}:{ACCOUNT_ID}:{rest}")
    }

    /// The same in no region.
    pub(super) fn global(self) -> Self {
        Self { region: GLOBAL, ..self }
    }

    /// A text to hash that is another in every region.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.region)
    }

    /// The name of the `index`th availability zone.
    pub(super) fn zone(&self, index: usize) -> String {
        format!("{}{}", self.region, ["a", "b", "c"][index % 3])
    }

    /// The second octet of the region's address block.
    pub(super) fn block(&self) -> u8 {
        match self.region {
            "us-east-1" => 30,
            "ap-southeast-2" => 40,
            _ => 20,
        }
    }

    /// The id of the `index`th availability zone, which is the same in every account.
    pub(super) fn zone_id(&self, index: usize) -> String {
        let short = match self.region {
            "us-east-1" => "use1",
            "ap-southeast-2" => "apse2",
            _ => "euc1",
        };
        format!("{short}-az{}", index % 3 + 1)
    }
}

/// What a type is called on all three sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Terraform's name.
    pub(super) terraform: &'static str,
    /// `CloudFormation`'s name.
    pub(super) cfn: &'static str,
    /// Resource Explorer's name; empty for a part, which it does not list.
    pub(super) explorer: &'static str,
}

/// Both sides of a resource.
#[derive(Debug, Clone)]
pub(super) struct Twin {
    /// AWS's side.
    pub(super) live: LiveResource,
    /// Terraform's name of the type.
    pub(super) terraform_type: &'static str,
    /// Terraform's side.
    pub(super) attributes: Map<String, Value>,
}

impl Twin {
    /// Builds both sides. `tags` are what the author wrote; the provider's default tags come on top where the type has tags.
    pub(super) fn new(
        at: Place,
        kind: Kind,
        arn: String,
        identifier: &str,
        properties: Value,
        attributes: Value,
        tags: &[(&str, &str)],
    ) -> Self {
        let schema = TerraformType::of(kind.terraform);
        let own: Tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut all = own.clone();
        if schema.has("tags_all") {
            all.extend(at.default_tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        }
        let mut properties = object(properties);
        set_tags(&mut properties, kind.cfn, &all);
        let mut attributes = object(attributes);
        if schema.has("tags_all") {
            attributes.insert("tags".to_owned(), if own.is_empty() { Value::Null } else { json!(own) });
            attributes.insert("tags_all".to_owned(), json!(all));
        }
        if schema.has("arn") && !arn.is_empty() && !attributes.contains_key("arn") {
            attributes.insert("arn".to_owned(), json!(arn));
        }
        if schema.has("region") && at.region != GLOBAL {
            attributes.insert("region".to_owned(), json!(at.region));
        }
        let is_part = kind.explorer.is_empty();
        let live = LiveResource {
            arn: if is_part { String::new() } else { arn },
            region: at.region.to_owned(),
            resource_type: kind.explorer.to_owned(),
            service: kind.explorer.split(':').next().unwrap_or_default().to_owned(),
            cfn_type: Some(kind.cfn.to_owned()),
            identifier: identifier.to_owned(),
            properties,
            tags: all,
            last_reported_at: at.reported,
            listed: !is_part,
            exists: true,
        };
        Self { live, terraform_type: kind.terraform, attributes }
    }

    /// An attribute as text.
    pub(super) fn text(&self, name: &str) -> String {
        self.attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The `id` attribute.
    pub(super) fn id(&self) -> String {
        self.text("id")
    }

    /// The `arn` attribute.
    pub(super) fn arn(&self) -> String {
        self.text("arn")
    }
}

/// Writes tags the way the type has them; AWS gives lists in no particular order.
pub(super) fn set_tags(properties: &mut Map<String, Value>, cfn_type: &str, tags: &Tags) {
    const MAPS: [&str; 4] =
        ["AWS::SSM::Parameter", "AWS::Cognito::UserPool", "AWS::Backup::BackupVault", "AWS::ApiGatewayV2::Api"];
    let Some(property) =
        Registry::shared().get(cfn_type).map(|info| info.tags.as_str()).filter(|name| !name.is_empty())
    else {
        return;
    };
    if tags.is_empty() {
        properties.shift_remove(property);
        return;
    }
    let value = if MAPS.contains(&cfn_type) {
        json!(tags)
    } else if cfn_type == "AWS::AutoScaling::AutoScalingGroup" {
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value, "PropagateAtLaunch": true})).collect()
    } else {
        tags.iter().rev().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    };
    properties.insert(property.to_owned(), value);
}

/// A type of the AWS provider (`data/terraform.json`).
#[derive(Debug, Deserialize)]
pub(super) struct TerraformType {
    /// The schema version that a state records.
    pub(super) version: u32,
    attributes: Vec<String>,
    blocks: Vec<String>,
    /// Sensitive attributes.
    pub(super) sensitive: Vec<String>,
}

impl TerraformType {
    /// A type by its name; one without attributes when the table does not know it.
    pub(super) fn of(name: &str) -> &'static Self {
        static TYPES: OnceLock<BTreeMap<String, TerraformType>> = OnceLock::new();
        static UNKNOWN: TerraformType =
            TerraformType { version: 0, attributes: Vec::new(), blocks: Vec::new(), sensitive: Vec::new() };
        let types = TYPES.get_or_init(|| {
            #[expect(clippy::expect_used, reason = "the table is part of the program, and read in a test")]
            serde_json::from_str(include_str!("../data/terraform.json"))
                .expect("data/terraform.json is a table of types")
        });
        types.get(name).unwrap_or(&UNKNOWN)
    }

    /// Whether it has this attribute or block.
    pub(super) fn has(&self, name: &str) -> bool {
        self.attributes.iter().chain(&self.blocks).any(|own| own == name)
    }

    /// All attributes of the type in alphabetical order, as a state holds them: what was not given is null, or an empty list for
    /// a block.
    pub(super) fn complete(&self, given: &Map<String, Value>) -> Map<String, Value> {
        let mut all: BTreeMap<&str, Value> = self.attributes.iter().map(|name| (name.as_str(), Value::Null)).collect();
        all.extend(self.blocks.iter().map(|name| (name.as_str(), json!([]))));
        all.extend(given.iter().map(|(name, value)| (name.as_str(), value.clone())));
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
