//! `[setup]`: the documents for accounts.

use serde::Deserialize;

use super::raw::Faults;
use crate::setup::forms::TemplateUrl;

/// `[setup]`: the documents for accounts.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// `template_url`: the address in S3 below which CloudFormation templates are put, for quick-create links; the template of an
    /// account lies at `<org>/<account>/driftwise.cloudformation.json` below it. Default: none, and no link.
    pub template_url: Option<TemplateUrl>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    template_url: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, setup: &mut Setup, faults: &mut Faults) {
        match self.template_url.as_deref().map(TemplateUrl::parse) {
            Some(Ok(url)) => setup.template_url = Some(url),
            Some(Err(fault)) => faults.add("setup.template_url", &fault),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn templates_lie_in_s3_or_nowhere() {
        const ISSUER: &str = "[server]\nissuer_url = \"https://id.example.com\"\n";
        let with = |url: &str| Config::from_toml(&format!("{ISSUER}[setup]\ntemplate_url = \"{url}\"\n"));
        assert!(Config::from_toml(ISSUER).unwrap().setup.template_url.is_none());
        let url = with("https://acme.s3.amazonaws.com/x").unwrap().setup.template_url.unwrap();
        assert_eq!(url.to_string(), "https://acme.s3.amazonaws.com/x/");
        let refused = with("https://templates.example.com/").unwrap_err().to_string();
        assert!(refused.contains("setup.template_url") && refused.contains("S3"), "{refused}");
    }
}
