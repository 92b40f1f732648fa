//! The parameters that both ways to assume a role share.

use driftwise_contract::RoleArn;

use crate::sandbox::{
    AwsError, World,
    iam::{check_identity_policy, is_name_character},
    query::Params,
};

const SESSION_POLICY_MAX: usize = 2_048;
const POLICY_ARNS_MAX: usize = 10;

/// What a caller asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The role.
    pub(super) role_arn: RoleArn,
    /// The session's name.
    pub(super) session_name: String,
    /// The session's length in seconds, if asked for.
    pub(super) duration_s: Option<i64>,
    /// Session policies: the inline document and those of the managed ARNs.
    pub(super) policies: Vec<String>,
    /// The characters that the session policies add to the packed size.
    pub(super) policy_characters: usize,
}

impl Wanted {
    /// Reads and checks the parameters; managed session policies are looked up in the role's account.
    pub(super) fn read(world: &World, params: &Params) -> Result<Self, AwsError> {
        let role_arn: RoleArn =
            params.required("RoleArn")?.parse().map_err(|_| AwsError::validation("Request ARN is invalid"))?;
        let session_name = params.required("RoleSessionName")?;
        check_pattern("roleSessionName", session_name, 2..=64, "[\\w+=,.@-]*", is_name_character)?;
        let duration_s = params.integer_within("DurationSeconds", 900..=43_200)?;
        let (policies, policy_characters) = session_policies(world, role_arn.account_id().as_str(), params)?;
        Ok(Self { role_arn, session_name: session_name.to_owned(), duration_s, policies, policy_characters })
    }
}

fn session_policies(world: &World, account_id: &str, params: &Params) -> Result<(Vec<String>, usize), AwsError> {
    let mut policies = Vec::new();
    let mut characters = 0;
    if let Some(inline) = params.optional("Policy") {
        let length = inline.chars().count();
        if length > SESSION_POLICY_MAX {
            return Err(AwsError::validation(format!(
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less \
                 than or equal to {SESSION_POLICY_MAX}"
            )));
        }
        check_identity_policy(inline)?;
        characters += length;
        policies.push(inline.to_owned());
    }
    let arns: Vec<String> = params
        .structures("PolicyArns")
        .iter()
        .map(|entry| entry.required("arn").map(str::to_owned))
        .collect::<Result<_, _>>()?;
    if arns.len() > POLICY_ARNS_MAX {
        return Err(AwsError::validation(format!(
            "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less \
             than or equal to {POLICY_ARNS_MAX}"
        )));
    }
    for arn in arns {
        characters += arn.len();
        let document = world
            .account(account_id, |account| account.iam.managed_document(&arn).map(str::to_owned))
            .flatten()
            .ok_or_else(|| AwsError::validation(format!("The specified managed policy {arn} does not exist.")))?;
        policies.push(document);
    }
    Ok((policies, characters))
}

/// Refuses a value outside its length or pattern, in AWS's words.
pub(super) fn check_pattern(
    member: &str,
    value: &str,
    length: std::ops::RangeInclusive<usize>,
    pattern: &str,
    fits: impl Fn(char) -> bool,
) -> Result<(), AwsError> {
    let constraint = if !value.chars().all(fits) {
        format!("Member must satisfy regular expression pattern: {pattern}")
    } else if value.chars().count() < *length.start() {
        format!("Member must have length greater than or equal to {}", length.start())
    } else if value.chars().count() > *length.end() {
        format!("Member must have length less than or equal to {}", length.end())
    } else {
        return Ok(());
    };
    Err(AwsError::validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )))
}
