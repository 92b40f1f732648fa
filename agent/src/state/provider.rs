//! The provider of a resource, in all the spellings that states hold.

/// A provider configuration: whose provider, and which of its configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provider {
    /// The source: `registry.terraform.io/hashicorp/aws`; of a legacy spelling `hashicorp/aws`.
    pub(super) source: String,
    /// The whole text of the state: resources with the same one share credentials and region.
    pub(super) configuration: String,
}

impl Provider {
    /// Reads `provider["registry.terraform.io/hashicorp/aws"].alias`, `provider.aws`, `module.x.provider.aws.alias`,
    /// `aws`, or nothing, where the type's first word names the provider.
    pub(super) fn parse(text: &str, terraform_type: &str) -> Self {
        // Behind `provider`, for a module's index key stands between brackets too.
        let source = if let Some((_, rest)) = text.rsplit_once("provider[\"") {
            rest.split('"').next().unwrap_or_default().to_owned()
        } else {
            let legacy = text.rsplit_once("provider.").map_or(text, |(_, rest)| rest);
            let name = if legacy.is_empty() { terraform_type.split('_').next() } else { legacy.split('.').next() };
            format!("hashicorp/{}", name.unwrap_or_default())
        };
        Self { source, configuration: text.to_owned() }
    }

    /// Whether it manages AWS resources of this type. `-` is the namespace of a state that was never upgraded.
    pub(super) fn is_aws(&self, terraform_type: &str) -> bool {
        let name = self.source.rsplit('/').next().unwrap_or_default();
        matches!(name, "aws" | "awscc") && terraform_type.split('_').next() == Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_aws_provider_is_understood() {
        for (text, source) in [
            (r#"provider["registry.terraform.io/hashicorp/aws"]"#, "registry.terraform.io/hashicorp/aws"),
            (r#"provider["registry.terraform.io/hashicorp/aws"].west"#, "registry.terraform.io/hashicorp/aws"),
            (r#"module.a["x"].provider["registry.opentofu.org/hashicorp/aws"]"#, "registry.opentofu.org/hashicorp/aws"),
            (r#"provider["registry.terraform.io/-/aws"]"#, "registry.terraform.io/-/aws"),
            ("provider.aws", "hashicorp/aws"),
            ("provider.aws.west", "hashicorp/aws"),
            ("module.x.provider.aws", "hashicorp/aws"),
            ("aws", "hashicorp/aws"),
            ("", "hashicorp/aws"),
        ] {
            let provider = Provider::parse(text, "aws_vpc");
            assert_eq!(provider.source, source, "{text}");
            assert!(provider.is_aws("aws_vpc"), "{text}: {provider:?}");
        }
        assert!(
            !Provider::parse(r#"provider["registry.terraform.io/hashicorp/random"]"#, "random_id").is_aws("random_id")
        );
        assert!(
            Provider::parse(r#"provider["registry.terraform.io/hashicorp/awscc"]"#, "awscc_x_y").is_aws("awscc_x_y")
        );
    }
}
