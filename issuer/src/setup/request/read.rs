//! From texts to a request: every fault at once, each at its field.

use std::collections::BTreeSet;
use std::str::FromStr;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::ids::ParseIdError;
use driftwise_contract::{AccountId, OrgId, Partition, Region, RoleArn};

use super::names::{NameFault, path_and_name, role_arn};
use super::scope::{LeastPrivilegeChoice, TypesEntry};
use super::{
    AccessLevel, DEFAULT_ROLE, DEFAULT_USER, IssuerFacts, KmsKeyArn, LockDown, RawRequest, RolePattern, SetupRequest,
    TrustChoice, TrustedPrincipal, UserArn,
};
use crate::setup::permission::TypesInScope;
use crate::setup::{BucketName, Field, FieldFault, KeyPrefix, StateLocation, region};

/// The most characters that a field may have; lists have as many per entry.
const LONGEST: usize = 4_096;
/// The most entries of a list: beyond it a document could not fit AWS's limits.
const MOST_ENTRIES: usize = 2_000;

impl RawRequest {
    /// Parses every field. All faults come at once, in the order of the fields.
    ///
    /// # Errors
    /// A fault per refused field; where the account or role is refused, what depends on the partition is judged as if it were
    /// the commercial one.
    pub fn parse(&self, issuer: &IssuerFacts) -> Result<SetupRequest, Vec<FieldFault>> {
        self.parse_with_types(issuer, &TypesInScope::default())
    }

    /// The same with more types in scope than the field names: those of a state or a scan report.
    ///
    /// # Errors
    /// See [`RawRequest::parse`].
    pub fn parse_with_types(
        &self,
        issuer: &IssuerFacts,
        more_types: &TypesInScope,
    ) -> Result<SetupRequest, Vec<FieldFault>> {
        let mut reader = Reader { raw: self, more_types, faults: Vec::new() };
        let org = reader.org();
        let region = reader.region();
        let role = reader.role(region.as_ref());
        let partition = role.as_ref().map(RoleArn::partition).or(region.as_ref().map(Region::partition));
        let partition = partition.unwrap_or(Partition::Aws);
        if let (Some(role), Some(found)) = (&role, &region)
            && found.partition() != role.partition()
        {
            let reason = format!("it belongs to the partition {}, the role to {}", found.partition(), role.partition());
            reader.fault(Field::Region, "give a region of the role's partition", reason);
        }
        let account = role.as_ref().map(RoleArn::account_id);
        let trust = reader.trust(issuer, partition, account);
        let access = reader.access();
        let states = reader.states();
        let state_account = reader.state_account(account);
        let kms_keys = reader.kms_keys(partition);
        let abac = reader.abac(trust.as_ref());
        let state_reader = reader.state_reader(partition, state_account.as_ref().or(account));
        reader.judge_state_reader(state_reader.as_ref(), &states);
        let lock_down = LockDown {
            iac_roles: reader.role_patterns(Field::IacRoles, partition),
            break_glass_roles: reader.role_patterns(Field::BreakGlassRoles, partition),
        };
        let mut faults = reader.faults;
        faults.sort_by_key(|fault| fault.field);
        match (org, role, region, trust, access, abac) {
            (Some(org), Some(role), Some(region), Some(trust), Some(access), Some(abac)) if faults.is_empty() => {
                Ok(SetupRequest {
                    issuer: issuer.clone(),
                    org,
                    role,
                    region,
                    trust,
                    access,
                    states,
                    state_account,
                    kms_keys,
                    abac,
                    state_reader,
                    lock_down,
                })
            }
            _ => Err(faults),
        }
    }

    /// The text of a field.
    pub fn text(&self, field: Field) -> &str {
        match field {
            Field::Org => &self.org,
            Field::Account => &self.account,
            Field::Role => &self.role,
            Field::Region => &self.region,
            Field::Trust => &self.trust,
            Field::RoleAuthorizedByIdp => &self.role_authorized_by_idp,
            Field::Principal => &self.principal,
            Field::ExternalId => &self.external_id,
            Field::User => &self.user,
            Field::Access => &self.access,
            Field::Types => &self.types,
            Field::AllowActions => &self.allow_actions,
            Field::Compact => &self.compact,
            Field::State => &self.state,
            Field::StateAccount => &self.state_account,
            Field::KmsKeys => &self.kms_keys,
            Field::Abac => &self.abac,
            Field::StateReader => &self.state_reader,
            Field::IacRoles => &self.iac_roles,
            Field::BreakGlassRoles => &self.break_glass_roles,
        }
    }

    /// The text of a field, to be changed.
    pub fn text_mut(&mut self, field: Field) -> &mut String {
        match field {
            Field::Org => &mut self.org,
            Field::Account => &mut self.account,
            Field::Role => &mut self.role,
            Field::Region => &mut self.region,
            Field::Trust => &mut self.trust,
            Field::RoleAuthorizedByIdp => &mut self.role_authorized_by_idp,
            Field::Principal => &mut self.principal,
            Field::ExternalId => &mut self.external_id,
            Field::User => &mut self.user,
            Field::Access => &mut self.access,
            Field::Types => &mut self.types,
            Field::AllowActions => &mut self.allow_actions,
            Field::Compact => &mut self.compact,
            Field::State => &mut self.state,
            Field::StateAccount => &mut self.state_account,
            Field::KmsKeys => &mut self.kms_keys,
            Field::Abac => &mut self.abac,
            Field::StateReader => &mut self.state_reader,
            Field::IacRoles => &mut self.iac_roles,
            Field::BreakGlassRoles => &mut self.break_glass_roles,
        }
    }
}

/// Reads field by field and collects what is wrong.
struct Reader<'a> {
    raw: &'a RawRequest,
    more_types: &'a TypesInScope,
    faults: Vec<FieldFault>,
}

/// How the entries of a list are parted.
#[derive(Clone, Copy)]
enum Parted {
    /// By ends of lines: entries may hold blanks and commas.
    Lines,
    /// By blanks and ends of lines: entries may hold commas.
    Blanks,
    /// By blanks, ends of lines and commas.
    Commas,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, field: Field, fix: &str, reason: impl Into<String>) {
        let value = self.raw.text(field).trim();
        self.faults.push(FieldFault::new(field, value, reason, fix));
    }

    fn entry_fault(&mut self, field: Field, entry: &str, fault: NameFault) {
        self.faults.push(FieldFault::new(field, entry, fault.reason, fault.fix));
    }

    /// The text of a field, trimmed; none when it is empty or holds what no field can hold.
    fn text(&mut self, field: Field) -> Option<&'a str> {
        let text = self.raw.text(field).trim();
        match unfit(text) {
            _ if text.is_empty() => None,
            None => Some(text),
            Some(fault) => {
                self.entry_fault(field, text, fault);
                None
            }
        }
    }

    /// The entries of a list that hold nothing that no field can hold.
    fn entries(&mut self, field: Field, parted: Parted) -> Vec<&'a str> {
        let text = self.raw.text(field);
        let between = |c: char| match parted {
            Parted::Lines => c == '\n' || c == '\r',
            Parted::Blanks => c == '\n' || c == '\r' || c == '\t' || c == ' ',
            Parted::Commas => c == '\n' || c == '\r' || c == '\t' || c == ' ' || c == ',',
        };
        let all: Vec<&str> = text.split(between).map(str::trim).filter(|entry| !entry.is_empty()).collect();
        if all.len() > MOST_ENTRIES {
            let reason = format!("it has {} entries, more than fit into any document ({MOST_ENTRIES})", all.len());
            self.faults.push(FieldFault::new(field, "", reason, "give fewer, or a common prefix"));
            return Vec::new();
        }
        let mut fit = Vec::new();
        for entry in all {
            match unfit(entry) {
                None => fit.push(entry),
                Some(fault) => self.entry_fault(field, entry, fault),
            }
        }
        fit
    }

    /// `on` or `off`, or the default where nothing is given.
    fn switch(&mut self, field: Field, default: bool) -> Option<bool> {
        if self.raw.text(field).trim().is_empty() {
            return Some(default);
        }
        match self.text(field)? {
            "on" | "true" | "yes" => Some(true),
            "off" | "false" | "no" => Some(false),
            _ => {
                self.fault(field, "give on or off", "it is neither on nor off");
                None
            }
        }
    }

    fn org(&mut self) -> Option<OrgId> {
        if self.raw.org.trim().is_empty() {
            self.fault(Field::Org, "`driftwise-issuer org list` shows the orgs", "it is missing");
            return None;
        }
        let text = self.text(Field::Org)?;
        self.id(Field::Org, text, "`driftwise-issuer org list` shows the orgs")
    }

    fn id<T: FromStr<Err = ParseIdError>>(&mut self, field: Field, text: &str, fix: &str) -> Option<T> {
        text.parse().map_err(|error: ParseIdError| self.fault(field, fix, error.cause)).ok()
    }

    fn region(&mut self) -> Option<Region> {
        const FIX: &str = "give the region of the account's Resource Explorer aggregator, such as eu-central-1";
        if self.raw.region.trim().is_empty() {
            self.fault(Field::Region, FIX, "it is missing");
            return None;
        }
        let text = self.text(Field::Region)?;
        let found = text.parse::<Region>().ok().filter(region::exists);
        if found.is_none() {
            let fix = region::nearest(text).map_or_else(|| FIX.to_owned(), |near| format!("did you mean {near}?"));
            self.fault(Field::Region, &fix, "AWS has no such region");
        }
        found
    }

    /// Account and role, which must agree.
    fn role(&mut self, region: Option<&Region>) -> Option<RoleArn> {
        let account_given = !self.raw.account.trim().is_empty();
        let account = self.text(Field::Account);
        let account: Option<AccountId> = account.and_then(|text| {
            self.id(Field::Account, text, "give the 12 digits that `aws sts get-caller-identity` shows")
        });
        let role_given = !self.raw.role.trim().is_empty();
        let text = match self.text(Field::Role) {
            Some(text) => text,
            None if role_given => return None,
            None => DEFAULT_ROLE,
        };
        if text.starts_with("arn:") {
            let role = role_arn(text).map_err(|fault| self.entry_fault(Field::Role, text, fault)).ok()?;
            return match &account {
                Some(account) if account != role.account_id() => {
                    let reason = format!("it lies in the account {}, not in {account}", role.account_id());
                    self.fault(Field::Role, "give the role of this account", reason);
                    None
                }
                None if account_given => None,
                _ => Some(role),
            };
        }
        if !account_given {
            self.fault(Field::Account, "give the 12 digits of the role's account", "it is missing");
        }
        let named = path_and_name(text).map_err(|fault| self.entry_fault(Field::Role, text, fault)).ok();
        let ((path, name), account) = (named?, account?);
        let partition = region.map_or(Partition::Aws, Region::partition);
        let arn = format!("arn:{partition}:iam::{account}:role{path}{name}");
        role_arn(&arn).map_err(|fault| self.entry_fault(Field::Role, text, fault)).ok()
    }

    fn trust(
        &mut self,
        issuer: &IssuerFacts,
        partition: Partition,
        account: Option<&AccountId>,
    ) -> Option<TrustChoice> {
        let given = !self.raw.trust.trim().is_empty();
        let word = match self.text(Field::Trust) {
            Some(word) => word,
            None if given => return None,
            None => TrustForm::default().as_str(),
        };
        match word {
            "external-id" => self.external_id_form(partition),
            "two-layer" => self.two_layer_form(partition, account),
            word => {
                if let Ok(form) = word.parse::<TrustForm>() {
                    let default = issuer.roles_authorized_by_idp.contains(&partition);
                    let role_authorized_by_idp = self.switch(Field::RoleAuthorizedByIdp, default)?;
                    Some(TrustChoice::Federated { form, role_authorized_by_idp })
                } else {
                    let fix = format!("give one of {}", TrustChoice::WORDS.join(", "));
                    self.fault(Field::Trust, &fix, "it is no form of trust");
                    None
                }
            }
        }
    }

    fn external_id_form(&mut self, partition: Partition) -> Option<TrustChoice> {
        let external_id = self.external_id();
        if self.raw.principal.trim().is_empty() {
            let fix = "give the account, or better the role, that the agent runs as";
            self.fault(Field::Principal, fix, "it is missing: the form external-id trusts a principal of AWS");
            return None;
        }
        let text = self.text(Field::Principal)?;
        let principal = TrustedPrincipal::parse(text, partition)
            .map_err(|fault| self.entry_fault(Field::Principal, text, fault))
            .ok()?;
        if principal.partition() != partition {
            let reason = format!("it lies in the partition {}, the role in {partition}", principal.partition());
            self.fault(Field::Principal, "principals don't reach into other partitions: use a federated form", reason);
            return None;
        }
        Some(TrustChoice::ExternalId { principal, external_id: external_id? })
    }

    fn two_layer_form(&mut self, partition: Partition, account: Option<&AccountId>) -> Option<TrustChoice> {
        let external_id = self.external_id();
        let given = !self.raw.user.trim().is_empty();
        let text = match self.text(Field::User) {
            Some(text) => text,
            None if given => return None,
            None => DEFAULT_USER,
        };
        if text.starts_with("arn:") {
            self.fault(Field::User, "give its name or path/name", "it is an ARN: the user lies in the role's account");
            return None;
        }
        // A name is judged even where the account is refused.
        let named = path_and_name(text).map_err(|fault| self.entry_fault(Field::User, text, fault)).ok();
        let (_, account) = (named?, account?);
        let user = UserArn::new(partition, account.clone(), text).ok()?;
        Some(TrustChoice::TwoLayer { user, external_id: external_id? })
    }

    fn external_id(&mut self) -> Option<super::ExternalId> {
        if self.raw.external_id.trim().is_empty() {
            let fix = "make one with `driftwise-issuer setup external-id`";
            self.fault(Field::ExternalId, fix, "it is missing: without it any customer's principal could be led here");
            return None;
        }
        let text = self.text(Field::ExternalId)?;
        if text.contains(self.raw.org.trim()) && !self.raw.org.trim().is_empty() {
            let reason = "it holds the org's own id, which is no secret and the same for every connection";
            self.fault(Field::ExternalId, "make one with `driftwise-issuer setup external-id`", reason);
            return None;
        }
        text.parse().map_err(|fault| self.entry_fault(Field::ExternalId, text, fault)).ok()
    }

    fn access(&mut self) -> Option<AccessLevel> {
        let given = !self.raw.access.trim().is_empty();
        let word = match self.text(Field::Access) {
            Some(word) => word,
            None if given => return None,
            None => AccessLevel::ReadOnlyAccess.as_str(),
        };
        match word {
            "read-only-access" => Some(AccessLevel::ReadOnlyAccess),
            "least-privilege" => {
                let entries: BTreeSet<TypesEntry> = self.parsed(Field::Types, "give names such as AWS::S3::Bucket");
                let allowed_actions = self.parsed(Field::AllowActions, "give names such as kms:Decrypt");
                let compact = self.switch(Field::Compact, false)?;
                let named = entries.into_iter().map(|TypesEntry(types)| types);
                let types = named.fold(self.more_types.clone(), TypesInScope::and);
                if types.is_empty() {
                    let fix = "list the types that are in scope, such as AWS::S3::Bucket";
                    if !self.faults.iter().any(|fault| fault.field == Field::Types) {
                        self.fault(Field::Types, fix, "no type is in scope");
                    }
                    return None;
                }
                let choice = LeastPrivilegeChoice { allowed_actions, compact, ..LeastPrivilegeChoice::of(types) };
                Some(AccessLevel::LeastPrivilege(choice))
            }
            _ => {
                let fix = format!("give {}", AccessLevel::WORDS.join(" or "));
                self.fault(Field::Access, &fix, "it is no access level");
                None
            }
        }
    }

    fn parsed<T: FromStr<Err = String> + Ord>(&mut self, field: Field, fix: &str) -> BTreeSet<T> {
        let mut found = BTreeSet::new();
        for entry in self.entries(field, Parted::Commas) {
            match entry.parse() {
                Ok(value) => {
                    found.insert(value);
                }
                Err(reason) => self.entry_fault(field, entry, NameFault::new(reason, fix)),
            }
        }
        found
    }

    /// The locations, one per bucket: prefixes of the same bucket come together, and a bucket without one is meant whole.
    fn states(&mut self) -> Vec<StateLocation> {
        let mut states: Vec<StateLocation> = Vec::new();
        for entry in self.entries(Field::State, Parted::Lines) {
            match state_location(entry) {
                Err(fault) => self.entry_fault(Field::State, entry, fault),
                Ok(location) => match states.iter_mut().find(|known| known.bucket == location.bucket) {
                    None => states.push(location),
                    Some(known) if known.key_prefixes.is_empty() || location.key_prefixes.is_empty() => {
                        known.key_prefixes.clear();
                    }
                    Some(known) => {
                        let new = location.key_prefixes.into_iter();
                        known.key_prefixes.extend(new);
                        known.key_prefixes.dedup();
                    }
                },
            }
        }
        states
    }

    /// The owner of the buckets, where it is another account than the role's.
    fn state_account(&mut self, role_account: Option<&AccountId>) -> Option<AccountId> {
        let text = self.text(Field::StateAccount)?;
        let account = self.id(Field::StateAccount, text, "give the 12 digits of the account that owns the bucket")?;
        (Some(&account) != role_account).then_some(account)
    }

    fn kms_keys(&mut self, partition: Partition) -> Vec<KmsKeyArn> {
        let mut keys = Vec::new();
        for entry in self.entries(Field::KmsKeys, Parted::Commas) {
            match entry.parse::<KmsKeyArn>() {
                Ok(key) if key.partition() == partition => {
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
                Ok(key) => {
                    let reason = format!("it lies in the partition {}, the role in {partition}", key.partition());
                    self.entry_fault(
                        Field::KmsKeys,
                        entry,
                        NameFault::new(reason, "give a key of the role's partition"),
                    );
                }
                Err(fault) => self.entry_fault(Field::KmsKeys, entry, fault),
            }
        }
        keys
    }

    fn abac(&mut self, trust: Option<&TrustChoice>) -> Option<bool> {
        let abac = self.switch(Field::Abac, false)?;
        if abac && trust.is_some_and(|trust| !trust.tags_the_session()) {
            let reason = "only the form session-tag gives sessions the tag that such policies demand";
            self.fault(Field::Abac, "choose the form session-tag, or leave this off", reason);
            return None;
        }
        Some(abac)
    }

    fn state_reader(&mut self, partition: Partition, account: Option<&AccountId>) -> Option<RoleArn> {
        let text = self.text(Field::StateReader)?;
        let given = if text.starts_with("arn:") {
            role_arn(text)
        } else {
            let (path, name) =
                path_and_name(text).map_err(|fault| self.entry_fault(Field::StateReader, text, fault)).ok()?;
            role_arn(&format!("arn:{partition}:iam::{}:role{path}{name}", account?))
        };
        let role = given.map_err(|fault| self.entry_fault(Field::StateReader, text, fault)).ok()?;
        if role.partition() != partition {
            let reason = format!("it lies in the partition {}, the role in {partition}", role.partition());
            self.fault(Field::StateReader, "give a role of the same partition", reason);
            return None;
        }
        Some(role)
    }

    /// A reader needs something to read, and somebody who may assume it.
    fn judge_state_reader(&mut self, reader: Option<&RoleArn>, states: &[StateLocation]) {
        if reader.is_none() {
            return;
        }
        if states.is_empty() && self.raw.state.trim().is_empty() {
            self.fault(
                Field::StateReader,
                "name the bucket of the state, or leave this out",
                "there is no state to read",
            );
        }
    }

    fn role_patterns(&mut self, field: Field, partition: Partition) -> Vec<RolePattern> {
        let mut patterns = Vec::new();
        for entry in self.entries(field, Parted::Blanks) {
            match RolePattern::parse(entry, partition) {
                Ok(pattern) if patterns.contains(&pattern) => {}
                Ok(pattern) => patterns.push(pattern),
                Err(fault) => self.entry_fault(field, entry, fault),
            }
        }
        patterns
    }
}

/// What no value of any field can hold: what would begin a string's end, a tag, a policy variable or a new line somewhere
/// behind. None of AWS's names needs it; object keys could, but nobody means it in a prefix.
fn unfit(text: &str) -> Option<NameFault> {
    if text.chars().count() > LONGEST {
        return Some(NameFault::new(format!("it is longer than {LONGEST} characters"), "shorten it"));
    }
    // A blank that is none (U+00A0) and a hyphen that nobody sees (U+00AD) are typed by accident or with intent, never meant.
    let unseen = |character: char| character.is_control() || matches!(character, '\u{a0}' | '\u{ad}');
    let found = text
        .chars()
        .find(|character| unseen(*character) || matches!(character, '<' | '>' | '"' | '\'' | '`' | '\\' | '{' | '}'))?;
    let reason = if unseen(found) {
        format!("it holds a character that nobody sees (U+{:04X})", u32::from(found))
    } else {
        format!("it holds {found}, which no value here can hold")
    };
    Some(NameFault::new(reason, "leave it out; quotes, HTML and ${variables} are not taken"))
}

/// One line of the state field.
fn state_location(text: &str) -> Result<StateLocation, NameFault> {
    const FIX: &str = "give bucket, bucket/prefix or s3://bucket/prefix";
    let rest = text.strip_prefix("s3://").unwrap_or(text);
    if rest.contains("://") || rest.starts_with("arn:") {
        return Err(NameFault::new("it is not the address of a bucket", FIX));
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket: BucketName = bucket.parse().map_err(|reason: String| NameFault::new(reason, FIX))?;
    if prefix.is_empty() {
        return Ok(StateLocation { bucket, key_prefixes: Vec::new() });
    }
    // IAM takes policies of U+0009, U+000A, U+000D and U+0020 to U+00FF (IAM API, `PolicyDocument`).
    if let Some(character) = prefix.chars().find(|character| u32::from(*character) > 0xff) {
        let reason = format!("IAM takes no policy that holds {character} (beyond U+00FF)");
        return Err(NameFault::new(reason, "end the prefix before it"));
    }
    let prefix: KeyPrefix = prefix.parse().map_err(|reason: String| NameFault::new(reason, FIX))?;
    Ok(StateLocation { bucket, key_prefixes: vec![prefix] })
}
