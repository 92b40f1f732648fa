//! The questions of the set-up page: labels, hints and choices, with what was typed and what is wrong with it.

use driftwise_contract::Partition;

use super::view::field::{Choice, Choices, FaultLine, FaultText, TextField};
use super::view::pages::FormView;
use crate::setup::{Field, FieldFault, RawRequest, region};

/// The form with the answers in it.
pub(super) fn form(raw: &RawRequest, faults: &[FieldFault]) -> FormView {
    let form = Form { raw, faults };
    FormView {
        account: TextField {
            required: true,
            numeric: true,
            placeholder: "123456789012",
            ..form.text(Field::Account, "Its 12 digits, as the console shows them at the top right.")
        },
        role: TextField {
            placeholder: crate::setup::request::DEFAULT_ROLE,
            ..form.text(Field::Role, "A name, a path and name, or an ARN. Leave it empty for the usual one.")
        },
        region: TextField {
            required: true,
            placeholder: "eu-central-1",
            choices: region::regions(Partition::Aws),
            ..form.text(Field::Region, "Where Resource Explorer’s aggregator index is. China and GovCloud follow from it.")
        },
        trust: form.trust(),
        pinned: form.pinned(),
        trust_details: vec![
            form.text(Field::ExternalId, "Leave it empty and a random one is made for this connection."),
            form.text(Field::Principal, "For the External-ID form: our account id, or a role’s ARN."),
            TextField {
                placeholder: crate::setup::request::DEFAULT_USER,
                ..form.text(Field::User, "For the two-layer form: the name of the user.")
            },
        ],
        access: form.access(),
        types: vec![
            TextField {
                rows: 6,
                placeholder: "AWS::S3::Bucket\nAWS::EC2::VPC",
                ..form.text(Field::Types, "CloudFormation types (AWS::SQS::Queue, AWS::SQS::*) or Terraform types (aws_sqs_queue), one per line.")
            },
            TextField {
                rows: 6,
                placeholder: "kms:Decrypt",
                ..form.text(Field::AllowActions, "Some reads need actions that do more than describe. They are left out, and named, unless they stand here.")
            },
        ],
        compact: Choice {
            value: "on",
            title: "Allow wildcards by service",
            text: "Write ec2:Describe* in place of long lists. Shorter, and wider than needed.",
            chosen: raw.compact == "on",
            ..Choice::default()
        },
        state: vec![TextField {
            rows: 3,
            placeholder: "example-terraform-state/prod/",
            ..form.text(Field::State, "One per line: a bucket, or a bucket and the beginning of the keys.")
        }],
        state_details: vec![
            TextField {
                rows: 2,
                placeholder: "arn:aws:kms:eu-central-1:123456789012:key/…",
                ..form.text(Field::KmsKeys, "Key ARNs, one per line, where states are encrypted with your own keys.")
            },
            TextField {
                numeric: true,
                ..form.text(Field::StateAccount, "Where another account than the role’s owns the bucket.")
            },
            form.text(Field::StateReader, "A second role for the states alone, in the account of the bucket. Leave it empty for none."),
        ],
        abac: Choice {
            value: "on",
            title: "Demand the organisation’s session tag",
            text: "Bucket and key policies then ask for aws:PrincipalTag/dw_org_id as well. Only with tokens that carry the tag.",
            chosen: raw.abac == "on",
            ..Choice::default()
        },
        lock_down: vec![
            TextField {
                rows: 3,
                placeholder: "terraform-deploy",
                ..form.text(Field::IacRoles, "The only roles that may change IAM, one per line. Makes a service control policy.")
            },
            TextField {
                rows: 3,
                placeholder: "break-glass-admin",
                ..form.text(Field::BreakGlassRoles, "Roles for emergencies that are spared, one per line.")
            },
        ],
        details_open: [&raw.kms_keys, &raw.state_account, &raw.state_reader, &raw.abac, &raw.role_authorized_by_idp]
            .iter()
            .any(|text| !text.is_empty()),
        lock_down_open: !raw.iac_roles.is_empty() || !raw.break_glass_roles.is_empty(),
    }
}

/// The summary above the form.
pub(super) fn fault_lines(faults: &[FieldFault]) -> Vec<FaultLine> {
    let line = |fault: &FieldFault| FaultLine {
        name: fault.field.name(),
        label: fault.field.label(),
        reason: fault.reason.clone(),
    };
    faults.iter().map(line).collect()
}

struct Form<'a> {
    raw: &'a RawRequest,
    faults: &'a [FieldFault],
}

impl Form<'_> {
    fn text(&self, field: Field, hint: &'static str) -> TextField {
        TextField {
            name: field.name(),
            label: field.label(),
            hint,
            value: self.raw.text(field).to_owned(),
            fault: self.fault(field),
            ..TextField::default()
        }
    }

    /// All that is wrong with a field; a list may have several faults.
    fn fault(&self, field: Field) -> Option<FaultText> {
        let mut faults = self.faults.iter().filter(|fault| fault.field == field);
        let first = faults.next()?;
        let more = faults.fold(String::new(), |text, fault| format!("{text}; {}: {}", fault.value, fault.reason));
        Some(FaultText { reason: capital(&format!("{}{more}", first.reason)), fix: capital(&first.fix) })
    }

    fn choices(&self, field: Field, label: &'static str, hint: &'static str, mut options: Vec<Choice>) -> Choices {
        let typed = self.raw.text(field);
        // Nothing typed is the first choice; what is no choice at all chooses none, and is a fault.
        let chosen = if typed.is_empty() { options.first().map_or("", |option| option.value) } else { typed };
        for option in &mut options {
            option.chosen = option.value == chosen;
        }
        Choices { name: field.name(), label, hint, options, fault: self.fault(field) }
    }

    fn trust(&self) -> Choices {
        self.choices(
            Field::Trust,
            "How the role knows your organisation",
            "What somebody must show to be let in. Every form asks for more than a name that can be guessed.",
            vec![
                Choice {
                    value: "session-tag",
                    title: "Token with session tag",
                    text: "A short-lived token that names your organisation in its subject and as a session tag. No key is stored anywhere, and the tag can guard buckets and keys as well.",
                    badge: "recommended",
                    ..Choice::default()
                },
                Choice {
                    value: "subject",
                    title: "Token",
                    text: "The same without the tag, for accounts in which sts:TagSession is not allowed.",
                    ..Choice::default()
                },
                Choice {
                    value: "external-id",
                    title: "Account with External ID",
                    text: "A role of another AWS account assumes this one and states an id. For accounts that may have no OIDC provider.",
                    shows: "external",
                    ..Choice::default()
                },
                Choice {
                    value: "two-layer",
                    title: "User in two layers",
                    text: "A user that may do nothing but assume this role, with an External ID. The last resort: it has an access key.",
                    badge: "stores a key",
                    badge_class: "warn",
                    shows: "external",
                    ..Choice::default()
                },
                Choice {
                    value: "custom-claim",
                    title: "Token with custom claim",
                    text: "For STS servers that show every claim to policies, such as Ceph RGW or MinIO. AWS does not: there it admits nobody.",
                    badge: "not for AWS",
                    badge_class: "warn",
                    ..Choice::default()
                },
            ],
        )
    }

    fn pinned(&self) -> Choices {
        self.choices(
            Field::RoleAuthorizedByIdp,
            "Pinned tokens",
            "Whether the trust policy asks for a token that was made for this role alone (sts:RoleAuthorizedByIdp).",
            vec![
                Choice { value: "", title: "As usual", text: "Yes in the commercial partition.", ..Choice::default() },
                Choice { value: "on", title: "Yes", text: "A token for another role is refused.", ..Choice::default() },
                Choice { value: "off", title: "No", text: "Where AWS does not know the key yet.", ..Choice::default() },
            ],
        )
    }

    fn access(&self) -> Choices {
        self.choices(
            Field::Access,
            "What the role may read",
            "Either way it changes nothing, and what it can’t see it reports as unknown, never as deleted.",
            vec![
                Choice {
                    value: "read-only-access",
                    title: "ReadOnlyAccess, without data",
                    text: "AWS’s own policy, which grows with AWS, and beside it one that denies what is data: items, messages, logs, code.",
                    badge: "simple",
                    ..Choice::default()
                },
                Choice {
                    value: "least-privilege",
                    title: "Least privilege",
                    text: "Only the actions that your resource types need, each with its reason, in as few policies as AWS’s limits allow.",
                    shows: "types",
                    ..Choice::default()
                },
            ],
        )
    }
}

/// A sentence begins with a capital; what begins with a quotation mark or a digit stays.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::request::{AccessLevel, TrustChoice};

    #[test]
    fn every_word_that_a_choice_sends_is_one_that_is_understood() {
        let form = form(&RawRequest::default(), &[]);
        let values = |choices: &Choices| -> Vec<&str> { choices.options.iter().map(|option| option.value).collect() };
        let sorted = |mut words: Vec<&'static str>| {
            words.sort_unstable();
            words
        };
        let mut trust = values(&form.trust);
        trust.sort_unstable();
        assert_eq!(trust, sorted(TrustChoice::WORDS.to_vec()));
        assert_eq!(values(&form.access), AccessLevel::WORDS);
    }

    #[test]
    fn the_form_asks_for_every_field_but_the_org() {
        let html = format!("{:?}", form(&RawRequest::default(), &[]));
        for field in Field::ALL.iter().filter(|field| !matches!(field, Field::Org | Field::Compact | Field::Abac)) {
            assert!(html.contains(&format!("{:?}", field.name())), "{field}");
        }
    }

    #[test]
    fn nothing_typed_chooses_the_first_and_nonsense_chooses_none() {
        let chosen = |trust: &str| {
            let raw = RawRequest { trust: trust.to_owned(), ..RawRequest::default() };
            let options = form(&raw, &[]).trust.options;
            options.iter().filter(|option| option.chosen).map(|option| option.value).collect::<Vec<_>>()
        };
        assert_eq!(chosen(""), ["session-tag"]);
        assert_eq!(chosen("subject"), ["subject"]);
        assert!(chosen("nonsense").is_empty());
    }
}
