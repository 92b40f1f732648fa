//! What users, groups and roles may do: inline policies and attached managed ones. The calls are the same for all three, so
//! they are recognised by pattern: `Attach{User,Group,Role}Policy` and so on.

use super::{
    Grants, IamRequest, IamState,
    paging::Page,
    state::no_such_entity,
    validate::{self, check_identity_policy},
    write,
};
use crate::sandbox::{Answer, AwsError};

/// Managed policies per user, group or role (the default quota).
const ATTACHED_MAX: usize = 10;

/// Who holds grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
}

impl PrincipalKind {
    /// The word in operation and parameter names.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
        }
    }

    /// The parameter that names the principal.
    pub fn parameter(self) -> String {
        format!("{}Name", self.word())
    }

    /// The most characters that the inline policies may have together.
    fn inline_max(self) -> usize {
        match self {
            Self::User => 2_048,
            Self::Group => 5_120,
            Self::Role => 10_240,
        }
    }
}

/// What is done to the grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Attach a managed policy.
    Attach,
    /// Detach one.
    Detach,
    /// List the attached ones.
    ListAttached,
    /// Write an inline policy.
    Put,
    /// Read one.
    Read,
    /// Remove one.
    Delete,
    /// List the names of the inline ones.
    List,
}

/// Recognises an operation on grants.
pub(super) fn operation(name: &str) -> Option<(PrincipalKind, Verb)> {
    [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::Role].into_iter().find_map(|kind| {
        let word = kind.word();
        let verbs = [
            (format!("Attach{word}Policy"), Verb::Attach),
            (format!("Detach{word}Policy"), Verb::Detach),
            (format!("ListAttached{word}Policies"), Verb::ListAttached),
            (format!("Put{word}Policy"), Verb::Put),
            (format!("Get{word}Policy"), Verb::Read),
            (format!("Delete{word}Policy"), Verb::Delete),
            (format!("List{word}Policies"), Verb::List),
        ];
        verbs.into_iter().find(|(operation, _)| operation == name).map(|(_, verb)| (kind, verb))
    })
}

/// Refuses the ARN of a managed policy that does not exist.
pub(super) fn check_policy_exists(iam: &IamState, arn: &str) -> Result<(), AwsError> {
    match iam.managed_document(arn) {
        Some(_) => Ok(()),
        None => Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable."))),
    }
}

pub(super) fn perform(
    iam: &mut IamState,
    request: &IamRequest<'_>,
    kind: PrincipalKind,
    verb: Verb,
) -> Result<Answer, AwsError> {
    let principal = request.params.required(&kind.parameter())?;
    if verb == Verb::Attach {
        check_policy_exists(iam, request.params.required("PolicyArn")?)?;
    }
    let grants = match kind {
        PrincipalKind::User => &mut iam.user(principal)?.grants,
        PrincipalKind::Group => &mut iam.group(principal)?.grants,
        PrincipalKind::Role => &mut iam.role(principal)?.grants,
    };
    match verb {
        Verb::Attach => attach(grants, request, kind),
        Verb::Detach => detach(grants, request),
        Verb::ListAttached => {
            let page = Page::cut(grants.attached.clone(), &request.params)?;
            Ok(request.reply(|xml| {
                write::attached(xml, "AttachedPolicies", &page.items);
                Page::<String>::write_end(page.marker.as_deref(), xml);
            }))
        }
        Verb::Put => put(grants, request, kind),
        Verb::Read => read(grants, request, kind, principal),
        Verb::Delete => {
            let name = request.params.required("PolicyName")?;
            grants.inline.remove(name).map(|_| request.acknowledge()).ok_or_else(|| missing_inline(kind, name))
        }
        Verb::List => {
            let page = Page::cut(grants.inline.keys().cloned().collect(), &request.params)?;
            Ok(request.reply(|xml| {
                xml.strings("PolicyNames", &page.items);
                Page::<String>::write_end(page.marker.as_deref(), xml);
            }))
        }
    }
}

fn attach(grants: &mut Grants, request: &IamRequest<'_>, kind: PrincipalKind) -> Result<Answer, AwsError> {
    let arn = request.params.required("PolicyArn")?;
    // Attaching what is attached already changes nothing and succeeds.
    if !grants.attached.iter().any(|attached| attached == arn) {
        if grants.attached.len() >= ATTACHED_MAX {
            return Err(limit(format!("Cannot exceed quota for PoliciesPer{}: {ATTACHED_MAX}", kind.word())));
        }
        grants.attached.push(arn.to_owned());
    }
    Ok(request.acknowledge())
}

fn detach(grants: &mut Grants, request: &IamRequest<'_>) -> Result<Answer, AwsError> {
    let arn = request.params.required("PolicyArn")?;
    let before = grants.attached.len();
    grants.attached.retain(|attached| attached != arn);
    if grants.attached.len() == before {
        return Err(no_such_entity(format!("Policy {arn} was not found.")));
    }
    Ok(request.acknowledge())
}

fn put(grants: &mut Grants, request: &IamRequest<'_>, kind: PrincipalKind) -> Result<Answer, AwsError> {
    let name = validate::name(&request.params, "PolicyName", 128)?;
    let document = request.params.required("PolicyDocument")?;
    check_identity_policy(document)?;
    let size = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).count();
    let others: usize = grants.inline.iter().filter(|(other, _)| *other != name).map(|(_, text)| size(text)).sum();
    if others + size(document) > kind.inline_max() {
        let principal = request.params.optional(&kind.parameter()).unwrap_or_default();
        return Err(limit(format!(
            "Maximum policy size of {} bytes exceeded for {} {principal}",
            kind.inline_max(),
            kind.word().to_lowercase()
        )));
    }
    grants.inline.insert(name.to_owned(), document.to_owned());
    Ok(request.acknowledge())
}

fn read(grants: &Grants, request: &IamRequest<'_>, kind: PrincipalKind, principal: &str) -> Result<Answer, AwsError> {
    let name = request.params.required("PolicyName")?;
    let document = grants.inline.get(name).ok_or_else(|| missing_inline(kind, name))?;
    Ok(request.reply(|xml| {
        xml.text(&kind.parameter(), principal);
        xml.text("PolicyName", name);
        xml.text("PolicyDocument", write::encoded(document));
    }))
}

fn missing_inline(kind: PrincipalKind, name: &str) -> AwsError {
    no_such_entity(format!("The {} policy with name {name} cannot be found.", kind.word().to_lowercase()))
}

fn limit(message: String) -> AwsError {
    AwsError::new(409, "LimitExceeded", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_on_grants_are_recognised_for_each_kind() {
        assert_eq!(operation("AttachRolePolicy"), Some((PrincipalKind::Role, Verb::Attach)));
        assert_eq!(operation("ListAttachedGroupPolicies"), Some((PrincipalKind::Group, Verb::ListAttached)));
        assert_eq!(operation("GetUserPolicy"), Some((PrincipalKind::User, Verb::Read)));
        assert_eq!(operation("GetPolicy"), None);
    }
}
