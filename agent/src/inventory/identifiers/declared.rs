//! The Cloud Control identifier of a declared resource, for reading it directly when the index does not show it.
//!
//! Only exact sources count, because "not found" by a wrong identifier would be reported as a deletion: the resource's
//! own ARN; else, for each property of the identifier, the attribute of the same name; else the `id`, where the identifier
//! is one id or name.

use driftwise_contract::AccountId;
use driftwise_contract::resource::DeclaredResource;
use serde_json::Value;

use super::{ArnContext, from_arn, is_arn_property, is_segment_property};
use crate::registry::{CfnType, cfn_of_terraform, cfn_type};

/// How Cloud Control is asked for a declared resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectRead {
    /// The type.
    pub cfn_type: &'static str,
    /// The identifier.
    pub identifier: String,
    /// The region to ask in, where the declaration tells it.
    pub region: Option<String>,
}

/// The direct read of a declared resource of an account; none where type or identifier can't be told with certainty.
pub fn from_declared(declared: &DeclaredResource, account: &AccountId) -> Option<DirectRead> {
    let cfn_type = cfn_type(cfn_of_terraform(&declared.terraform_type)?)?;
    let region = declared.region.clone().filter(|region| !region.is_empty());
    let by_arn = || {
        let arn = declared.arn.as_ref()?;
        let region = region.as_deref().unwrap_or(arn.region());
        from_arn(cfn_type, ArnContext { arn, region, account })
    };
    let identifier = by_arn().or_else(|| by_attributes(cfn_type, declared)).or_else(|| by_id(cfn_type, declared))?;
    Some(DirectRead { cfn_type: cfn_type.name, identifier, region })
}

fn by_attributes(cfn_type: &CfnType, declared: &DeclaredResource) -> Option<String> {
    let parts: Option<Vec<String>> =
        cfn_type.primary_identifier.iter().map(|property| attribute(declared, &snake_case(property))).collect();
    parts.map(|parts| parts.join("|"))
}

fn attribute(declared: &DeclaredResource, name: &str) -> Option<String> {
    match declared.attributes.get(name)? {
        // A `|` would shift the parts of the identifier; an id with separators is one of Terraform's own making.
        Value::String(text) if text.is_empty() || text.contains('|') => None,
        Value::String(text) if name == "id" && text.contains([':', '/', ',']) => None,
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn by_id(cfn_type: &CfnType, declared: &DeclaredResource) -> Option<String> {
    let [only] = cfn_type.primary_identifier.as_slice() else { return None };
    let id = declared.id.as_deref().filter(|id| !id.is_empty())?;
    let is_arn = id.starts_with("arn:");
    let is_url = id.starts_with("https://");
    let fits = if only.ends_with("Url") {
        is_url
    } else if is_arn_property(only) {
        is_arn
    } else {
        // An id with separators is one of Terraform's own making.
        is_segment_property(only) && !is_url && !id.contains([':', '/', '|', ','])
    };
    fits.then(|| id.to_owned())
}

/// `DBInstanceIdentifier` → `db_instance_identifier`, `VpcId` → `vpc_id`.
fn snake_case(property: &str) -> String {
    let letters: Vec<char> = property.chars().collect();
    let mut snake = String::with_capacity(letters.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let follows_small =
            index > 0 && (letters[index - 1].is_ascii_lowercase() || letters[index - 1].is_ascii_digit());
        let precedes_small = index > 0 && letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (follows_small || precedes_small) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use driftwise_contract::resource::{DeclaredStatus, StateRef};
    use serde_json::json;

    use super::*;

    fn declared(terraform_type: &str, attributes: &Value) -> DeclaredResource {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        DeclaredResource {
            address: format!("{terraform_type}.this"),
            terraform_type: terraform_type.into(),
            provider: "registry.terraform.io/hashicorp/aws".into(),
            status: DeclaredStatus::Current,
            id: text("id"),
            arn: text("arn").and_then(|arn| arn.parse().ok()),
            account_id: None,
            region: text("region"),
            attributes: attributes.as_object().unwrap().clone(),
            source: StateRef { uri: "s3://b/k".into(), version_id: None },
        }
    }

    #[test]
    fn a_declaration_gives_the_identifier_only_where_it_is_certain() {
        let account: AccountId = "123456789012".parse().unwrap();
        for (terraform_type, attributes, expected) in [
            (
                "aws_sqs_queue",
                json!({"id": "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "arn": "arn:aws:sqs:eu-west-1:123456789012:q"}),
                Some("https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
            ),
            (
                "aws_sqs_queue",
                json!({"id": "https://sqs.eu-west-1.amazonaws.com/1/q"}),
                Some("https://sqs.eu-west-1.amazonaws.com/1/q"),
            ),
            ("aws_s3_bucket", json!({"id": "b", "arn": "arn:aws:s3:::b", "region": "eu-west-1"}), Some("b")),
            ("aws_vpc", json!({"id": "vpc-1"}), Some("vpc-1")),
            ("aws_iam_role", json!({"id": "r", "arn": "arn:aws:iam::123456789012:role/team/r"}), Some("r")),
            (
                "aws_eip",
                json!({"id": "eipalloc-1", "public_ip": "192.0.2.1", "allocation_id": "eipalloc-1"}),
                Some("192.0.2.1|eipalloc-1"),
            ),
            ("aws_eip", json!({"id": "eipalloc-1", "allocation_id": "eipalloc-1"}), None),
            ("aws_api_gateway_stage", json!({"id": "ags-a-b", "rest_api_id": "a", "stage_name": "b"}), Some("a|b")),
            ("aws_route", json!({"id": "r-rtb-1080289494"}), None),
            ("random_id", json!({"id": "x"}), None),
        ] {
            let found = from_declared(&declared(terraform_type, &attributes), &account);
            assert_eq!(found.as_ref().map(|read| read.identifier.as_str()), expected, "{terraform_type} {attributes}");
        }
        let bucket = declared("aws_s3_bucket", &json!({"arn": "arn:aws:s3:::b", "region": "eu-west-1"}));
        assert_eq!(from_declared(&bucket, &account).unwrap().region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn properties_are_spelled_as_attributes() {
        for (property, attribute) in [
            ("DBInstanceIdentifier", "db_instance_identifier"),
            ("VpcId", "vpc_id"),
            ("APIKeyId", "api_key_id"),
            ("Id", "id"),
        ] {
            assert_eq!(snake_case(property), attribute);
        }
    }
}
