//! What IAM refuses of names, paths and documents.

use driftwise_contract::policy::{PolicyDocument, PolicyFault, PrincipalKind};

use crate::sandbox::{
    AwsError,
    query::{Params, lower_first},
};

/// The trust policy quota, in characters without white space; AWS raises it to 4,096 on request.
pub(super) const TRUST_POLICY_MAX: usize = 2_048;
/// The size of a managed policy, in characters without white space.
pub(super) const MANAGED_POLICY_MAX: usize = 6_144;

/// The name parameter `member`: 1 to `max` of `[\w+=,.@-]`.
pub(super) fn name<'a>(params: &'a Params, member: &str, max: usize) -> Result<&'a str, AwsError> {
    let value = params.required(member)?;
    if value.chars().all(is_name_character) && value.chars().count() <= max {
        return Ok(value);
    }
    Err(AwsError::validation(format!(
        "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        lower_first(member)
    )))
}

/// `[\w+=,.@-]`, which names, session names and source identities share.
pub fn is_name_character(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter)
}

/// The parameter `Path`: `/` or a path that begins and ends with a slash.
pub(super) fn path(params: &Params) -> Result<String, AwsError> {
    let path = params.optional("Path").unwrap_or("/");
    let plain = path.chars().all(|letter| letter.is_ascii_graphic());
    if plain && path.starts_with('/') && path.ends_with('/') && path.len() <= 512 {
        return Ok(path.to_owned());
    }
    Err(AwsError::validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    ))
}

/// Refuses what is no identity policy: broken JSON or grammar, or a principal, which an identity policy must not have.
pub fn check_identity_policy(text: &str) -> Result<PolicyDocument, AwsError> {
    let document = parse(text)?;
    for statement in document.statements() {
        if statement.principal().is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if statement.resource().is_none() {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(document)
}

/// Refuses what is no trust policy.
pub fn check_trust_policy(text: &str) -> Result<PolicyDocument, AwsError> {
    let length = text.chars().filter(|letter| !letter.is_whitespace()).count();
    if length > TRUST_POLICY_MAX {
        return Err(AwsError::new(
            409,
            "LimitExceeded",
            format!("Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_MAX}"),
        ));
    }
    let document = parse(text)?;
    for statement in document.statements() {
        if statement.resource().is_some() {
            return Err(malformed("Has prohibited field Resource"));
        }
        let Some(principal) = statement.principal() else {
            return Err(malformed("Missing required field Principal"));
        };
        let actions = statement.action().listed();
        if !actions.iter().all(|action| action == "*" || action.to_ascii_lowercase().starts_with("sts:")) {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
        for account in principal.listed().of_kind(PrincipalKind::Aws) {
            check_aws_principal(account)?;
        }
    }
    Ok(document)
}

/// `*`, an account, an ARN of IAM or STS, or the unique id that stands where a deleted principal stood.
fn check_aws_principal(principal: &str) -> Result<(), AwsError> {
    let is_account = principal.len() == 12 && principal.chars().all(|letter| letter.is_ascii_digit());
    let is_arn = ["arn:aws:iam::", "arn:aws:sts::"].iter().any(|prefix| principal.starts_with(prefix));
    let is_unique_id = principal.starts_with("AIDA") || principal.starts_with("AROA");
    // A wildcard stands for everyone or for nothing: "arn:…:role/*" is no principal.
    let is_pattern = principal != "*" && principal.contains('*');
    if principal == "*" || (!is_pattern && (is_account || is_arn || is_unique_id)) {
        return Ok(());
    }
    Err(malformed(&format!("Invalid principal in policy: \"AWS\":\"{principal}\"")))
}

fn parse(text: &str) -> Result<PolicyDocument, AwsError> {
    PolicyDocument::parse(text).map_err(|error| match error.fault() {
        PolicyFault::Refused => malformed(&format!("Syntax errors in policy. ({})", error.cause())),
        _ => malformed("This policy contains invalid Json"),
    })
}

/// `MalformedPolicyDocument`, status 400.
pub(in crate::sandbox) fn malformed(message: &str) -> AwsError {
    AwsError::bad_request("MalformedPolicyDocument", message)
}
