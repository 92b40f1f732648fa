//! Error codes: one stable name per thing that can go wrong and that a user can meet, with its cause and its fix.
//!
//! To add one, add a row to the table at the end: name, code, cause, fix. Codes are dotted, from the general to the
//! particular; once released they do not change, because scripts match on them.

use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $cause:literal, $fix:literal;)+) => {
        /// An error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`: ", $cause)] $name,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What usually causes it, as a sentence.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)+ }
            }

            /// What to do about it, as a sentence.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix,)+ }
            }
        }
    };
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no error code of this version"))
    }
}

crate::ids::serde_by_text!(Code);

codes! {
    ConfigInvalid, "config.invalid",
        "The configuration holds a value that is not allowed, or lacks one that is needed.",
        "Correct the named setting; the example configuration documents every key.";
    AgentNotEnrolled, "agent.not_enrolled",
        "There is no agent identity in the data directory.",
        "Run `driftwise-agent enrol --issuer URL --code CODE` with a code from `driftwise-issuer agent enrol`.";
    AgentIdentityUnreadable, "agent.identity_unreadable",
        "The agent's identity or private key can't be read, or is not what enrolment wrote.",
        "Check owner and mode (0600) of the files in the data directory, or enrol again.";
    AgentAlreadyEnrolled, "agent.already_enrolled",
        "The data directory already holds an agent's identity and key.",
        "Use another --data-dir, or pass --force to replace it; the old key then can't be used any more.";
    AgentAccountUnknown, "agent.account_unknown",
        "The account is not registered for the agent's org, or several are and none was named.",
        "Name one with --account, or register it with `driftwise-issuer account register`.";

    IssuerUnreachable, "issuer.unreachable",
        "The issuer gave no answer.",
        "Check the issuer's address, DNS, proxy settings and that it is running (GET <issuer>/healthz).";
    IssuerNotAnIssuer, "issuer.not_an_issuer",
        "What answers at the issuer's address is not a driftwise issuer, or it names itself by another URL.",
        "Use the issuer URL exactly as /federation-info states it.";
    IssuerClockSkew, "issuer.clock_skew",
        "The clocks of agent and issuer differ by more than 60 seconds.",
        "Synchronise both clocks (NTP): chronyc tracking, or timedatectl status.";
    IssuerAgentRefused, "issuer.agent_refused",
        "The issuer does not accept this agent: it was removed, or its key was replaced.",
        "Enrol the agent again with a new code.";
    IssuerEnrolmentRefused, "issuer.enrolment_refused",
        "The enrolment code is unknown, already used or expired.",
        "Ask for a new code: `driftwise-issuer agent enrol --org ORG`.";
    IssuerRoleNotRegistered, "issuer.role_not_registered",
        "The role is not registered as an account of the agent's org, so the issuer pins no token to it.",
        "Register it: `driftwise-issuer account register --org ORG --account-id ID --role-arn ARN --region REGION`.";
    IssuerRefused, "issuer.refused",
        "The issuer refused the request.",
        "The detail says why; the issuer's log has the request id.";
    IssuerUnavailable, "issuer.unavailable",
        "The issuer could not answer now.",
        "Try again later; if it lasts, look the request id up in the issuer's log.";

    AwsUnreachable, "aws.unreachable",
        "An AWS endpoint gave no answer.",
        "Check the network, proxy and AWS_ENDPOINT_URL settings, and that the region exists and is enabled.";
    AwsThrottled, "aws.throttled",
        "AWS throttled the calls for longer than the agent waits.",
        "Scan at a lower rate (--max-rps) or when less else runs in the account.";
    AwsServiceError, "aws.service_error",
        "AWS failed to answer the call.",
        "Try again later; the detail has AWS's own words.";
    AwsSessionExpired, "aws.session_expired",
        "The role's session ended before the scan did.",
        "Raise the role's maximum session duration or the agent's session setting.";

    StsAccessDenied, "aws.sts.access_denied",
        "STS refused the role: a condition of its trust policy is not met, the role does not exist, or it is younger than about 15 seconds.",
        "Compare the role's trust policy with `driftwise-issuer setup trust-policy`: sub, aud and dw_org_id must be equal to the letter.";
    StsTagSessionDenied, "aws.sts.tag_session_denied",
        "The token carries session tags, but the role's trust policy does not allow sts:TagSession.",
        "Allow sts:TagSession beside sts:AssumeRoleWithWebIdentity, or register the account with --form subject.";
    StsSourceIdentityDenied, "aws.sts.source_identity_denied",
        "The token carries a source identity, but the role's trust policy does not allow sts:SetSourceIdentity.",
        "Allow sts:SetSourceIdentity in the trust policy.";
    StsProviderNotFound, "aws.sts.provider_not_found",
        "The role's account has no IAM OIDC provider for this issuer.",
        "Create the provider in the role's own account with exactly the issuer's URL: no trailing slash, same case, same partition.";
    StsWrongAudience, "aws.sts.wrong_audience",
        "The token's audience is not among the provider's client ids.",
        "Add it: aws iam add-client-id-to-open-id-connect-provider.";
    StsKeyUnavailable, "aws.sts.key_unavailable",
        "STS could not get the key that signed the token: discovery or JWKS unreachable, slower than 5 s, or without that kid.",
        "Check that the issuer's discovery document and JWKS are reachable from the internet, and that the signing key is published.";
    StsTokenNotForRole, "aws.sts.token_not_for_role",
        "The token is pinned to another role.",
        "Register this role's ARN for the account, or scan with the registered one.";
    StsTokenExpired, "aws.sts.token_expired",
        "The token had expired for more than 5 minutes when STS saw it.",
        "Synchronise the clocks of issuer and agent (NTP).";
    StsTokenRejected, "aws.sts.token_rejected",
        "STS does not accept the token.",
        "The detail has STS's own words; compare the issuer's /federation-info with the IAM OIDC provider.";
    StsIdpUnreachable, "aws.sts.idp_unreachable",
        "STS could not talk to the issuer.",
        "The issuer must be reachable from the internet on port 443 with a public certificate; try again.";
    StsRegionDisabled, "aws.sts.region_disabled",
        "STS is not enabled in this region for the account.",
        "Activate the region's STS endpoint in the account settings, or use another region.";
    StsInvalidRequest, "aws.sts.invalid_request",
        "STS refused a parameter of the call.",
        "The detail names it; session duration must lie between 900 s and the role's maximum.";
    StsWrongAccount, "aws.sts.wrong_account",
        "The session belongs to another account than the registered one.",
        "Check the role ARN and the endpoints that the agent uses; nothing was read.";

    ProveForeignOrgAdmitted, "prove.foreign_org_admitted",
        "The role's trust policy lets tokens of other orgs in: every customer of this issuer may assume the role.",
        "Replace the trust policy now by the one of `driftwise-issuer setup trust-policy`: it compares sub with StringEquals. Then look in CloudTrail for AssumeRoleWithWebIdentity rows of the role with another sub than your org's.";
    ProveInconclusive, "prove.inconclusive",
        "STS refused the canary token for another reason than the trust policy, so that nothing is known of the policy.",
        "The steps say what STS answered: mend that, then prove again.";

    ResourceExplorerNotEnabled, "aws.resource_explorer.not_enabled",
        "Resource Explorer has no index in this region.",
        "Enable it with an aggregator index (aws resource-explorer-2 create-index, then update-index-type --type AGGREGATOR), or name the aggregator's region.";
    ResourceExplorerNoDefaultView, "aws.resource_explorer.no_default_view",
        "Resource Explorer has an index in this region, but no default view.",
        "Create a view and make it the default: aws resource-explorer-2 associate-default-view.";
    ResourceExplorerWrongRegion, "aws.resource_explorer.wrong_region",
        "The index in this region is not the aggregator: it sees its own region only.",
        "Scan with the aggregator's region, which the detail names where it is known.";
    ResourceExplorerDenied, "aws.resource_explorer.access_denied",
        "The role may not use Resource Explorer, or not this view.",
        "Allow resource-explorer-2:Search, GetView, GetIndex, GetDefaultView and ListIndexes to the role.";
    ResourceExplorerPartial, "aws.resource_explorer.partial",
        "Resource Explorer shows only a part of the account.",
        "Create the service-linked role and an aggregator index, and wait until it is ACTIVE.";
    ResourceExplorerNoTags, "aws.resource_explorer.no_tags",
        "The view does not include tags.",
        "Include the property tags in the view: aws resource-explorer-2 update-view --included-properties Name=tags.";

    CloudControlDenied, "aws.cloudcontrol.access_denied",
        "The role may not read resources of this type: Cloud Control reads with the caller's own permissions.",
        "Allow the action that the detail names, with cloudformation:GetResource.";
    CloudControlUnsupportedType, "aws.cloudcontrol.unsupported_type",
        "Cloud Control can't read this type, or not in this region.",
        "Nothing to do: existence is reported, attributes are not compared.";
    CloudControlUnsupportedIdentifier, "aws.cloudcontrol.unsupported_identifier",
        "The Cloud Control identifier of this type can't be told from what is known of the resource.",
        "Nothing to do: existence is reported, attributes are not compared.";
    CloudControlInvalidIdentifier, "aws.cloudcontrol.invalid_identifier",
        "Cloud Control refused the identifier.",
        "Please report it with the type's name: the identifier rule for this type is wrong.";
    CloudControlFailed, "aws.cloudcontrol.failed",
        "Cloud Control failed to read the resource.",
        "Try again later; the detail has AWS's own words.";
    CloudControlTimeout, "aws.cloudcontrol.timeout",
        "Cloud Control gave no answer in time.",
        "Try again later.";

    IamDenied, "aws.iam.access_denied",
        "The role may not read IAM.",
        "Allow iam:GetAccountAuthorizationDetails to the role.";

    StateNotFound, "state.not_found",
        "There is no state at this place.",
        "Check bucket, key and workspace (workspaces lie below env:/<name>/<key>).";
    StateAccessDenied, "state.access_denied",
        "The role may not read the state.",
        "Allow s3:GetObject on the key and s3:ListBucket on the bucket, in the role's and the bucket's policy.";
    StateKeyDenied, "state.kms_denied",
        "The state is encrypted with a KMS key that the role may not use.",
        "Allow kms:Decrypt on the key, in the role's policy and in the key policy.";
    StateEmpty, "state.empty",
        "The file is empty: there is no state in it.",
        "Nothing to do if the stack was never applied; else look for an older version of the object.";
    StateTruncated, "state.truncated",
        "The file ends in the middle of its JSON.",
        "Fetch it again, or restore an older version of the object.";
    StateEncrypted, "state.encrypted",
        "The state is encrypted by OpenTofu.",
        "It can't be read without the key; give the agent `tofu show -json` output or an unencrypted copy.";
    StateBackendStub, "state.backend_stub",
        "The file is a pointer to a backend (.terraform/terraform.tfstate), not a state.",
        "Name the state that it points to.";
    StateNotAState, "state.not_a_state",
        "The file is not a Terraform state.",
        "Check the key or path.";
    StateUnsupportedVersion, "state.unsupported_version",
        "The state has a format version that is not read.",
        "Run a current terraform or tofu on it once to upgrade it (terraform refresh), or update the agent.";
    StateUnreadable, "state.unreadable",
        "The state could not be read.",
        "The detail says what failed.";
    StateUnconfirmed, "state.unconfirmed",
        "A declared resource is not in the index, and a direct read could not tell whether it exists.",
        "Let the role read the type (the detail says what failed), then scan again.";
    ReportUnwritable, "report.unwritable",
        "The report could not be written.",
        "Check the path, its permissions and the free space.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_unique_well_formed_and_parses_back() {
        let mut seen = BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b"._0123456789".contains(&b)), "{code}");
            assert_eq!(code.as_str().parse::<Code>(), Ok(*code));
            assert!(code.cause().ends_with('.') && code.fix().ends_with('.'), "{code}: whole sentences");
        }
    }
}
