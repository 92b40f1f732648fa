//! What the state reader understands, and how it refuses what is no state.

use driftwise_agent::state::command::{self, Output};
use driftwise_agent::state::{self, SkipReason, State, StateError};
use driftwise_contract::codes::Code;
use driftwise_contract::resource::{DeclaredEdge, DeclaredStatus, Grant, StateRef, redacted_hash};
use proptest::prelude::*;
use serde_json::{Value, json};

fn source() -> StateRef {
    StateRef { uri: "s3://states/terraform.tfstate".into(), version_id: None }
}

fn read(text: &str) -> Result<State, StateError> {
    state::read(source(), text.as_bytes())
}

fn fixture(name: &str) -> State {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    state::read(source(), std::fs::File::open(path).unwrap()).unwrap()
}

fn managed(terraform_type: &str, name: &str, attributes: &Value) -> Value {
    json!({
        "mode": "managed", "type": terraform_type, "name": name,
        "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
        "instances": [{ "schema_version": 0, "attributes": attributes }],
    })
}

fn state_of(resources: &[Value]) -> State {
    let document =
        json!({ "version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "resources": resources });
    read(&document.to_string()).unwrap()
}

fn edges(edges: &[DeclaredEdge]) -> Vec<String> {
    let shown = edges.iter().map(|declared| {
        let principal = &declared.edge.principal;
        let grant = match &declared.edge.grant {
            Grant::ManagedPolicy { policy_arn } => format!("managed {}", policy_arn.resource_tail()),
            Grant::InlinePolicy { policy_name } => format!("inline {policy_name}"),
            Grant::Member { group } => format!("member {group}"),
            Grant::InstanceProfile { profile } => format!("profile {profile}"),
            Grant::Boundary { policy_arn } => format!("boundary {}", policy_arn.resource_tail()),
            Grant::AccessKey { key_id } => format!("key {key_id}"),
        };
        format!("{} {} {grant}", principal.kind.as_str(), principal.name)
    });
    shown.collect()
}

#[test]
fn a_state_of_format_4_is_understood_in_every_detail() {
    let state = fixture("v4.tfstate");
    assert_eq!((state.terraform_version.as_str(), state.serial, state.lineage.as_str()), ("1.12.1", 42, "6f0d"));
    let addresses: Vec<&str> = state.resources.iter().map(|resource| resource.address.as_str()).collect();
    assert_eq!(
        addresses,
        [
            "aws_sqs_queue.jobs",
            r#"module.net["eu.west"].aws_subnet.this["a\"b"]"#,
            r#"module.net["eu.west"].aws_subnet.this["${not}"]"#.replace("${", "$${").as_str(),
            "aws_instance.web[0]",
            "aws_instance.web[1]",
            "aws_instance.web[0] (deposed object 0a1b2c3d)",
            "aws_db_instance.main",
            "aws_security_group.old",
            "awscc_ec2_nat_gateway.exit",
        ]
    );
    let by = |address: &str| state.resources.iter().find(|resource| resource.address == address).unwrap();
    assert_eq!(by("aws_instance.web[1]").status, DeclaredStatus::Tainted);
    assert_eq!(by("aws_instance.web[0] (deposed object 0a1b2c3d)").status, DeclaredStatus::Deposed);
    assert_eq!(by("aws_sqs_queue.jobs").account_id.as_ref().unwrap().as_str(), "123456789012");
    assert_eq!(by("aws_sqs_queue.jobs").region.as_deref(), Some("eu-west-1"));
    assert!(redacted_hash(&by("aws_db_instance.main").attributes["password"]).is_some(), "by the provider's schema");
    assert!(redacted_hash(&by("aws_db_instance.main").attributes["username"]).is_some(), "by the state's mark");
    assert_eq!(by("aws_security_group.old").attributes["ingress"][0]["from_port"], "22", "unflattened");
    assert_eq!(by("aws_security_group.old").provider, "hashicorp/aws");
    assert_eq!(by("aws_security_group.old").region, None, "another provider configuration than the queue's");
    let skipped: Vec<_> = state.skipped.iter().map(|skipped| (skipped.address.as_str(), skipped.reason)).collect();
    assert_eq!(
        skipped,
        [
            ("data.aws_caller_identity.me", SkipReason::DataSource),
            ("random_id.suffix", SkipReason::OtherProvider),
            ("aws_vpc.planned", SkipReason::NoObject),
        ]
    );
    assert_eq!(state.summary().skipped, 1);
    let whole = serde_json::to_string(&state).unwrap();
    for secret in ["hunter2", "admin-name", "private-blob", "output-secret"] {
        assert!(!whole.contains(secret), "{secret} left the reader");
    }
}

#[test]
fn old_formats_say_the_same() {
    let v3 = fixture("v3.tfstate");
    let addresses: Vec<_> = v3.resources.iter().map(|resource| (resource.address.as_str(), resource.status)).collect();
    assert_eq!(
        addresses,
        [
            ("aws_instance.web[0]", DeclaredStatus::Tainted),
            ("aws_instance.web[0] (deposed object 00000000)", DeclaredStatus::Deposed),
            ("aws_vpc.main", DeclaredStatus::Current),
            ("module.net.module.zone.aws_subnet.a", DeclaredStatus::Current),
        ]
    );
    assert_eq!(v3.resources[2].attributes["tags"], json!({ "Name": "main", "a.b/c": "d" }));
    assert_eq!(v3.resources[3].id.as_deref(), Some("subnet-1"));
    assert_eq!(v3.skipped.len(), 2);
}

#[test]
fn shown_json_reads_like_the_state_it_shows() {
    let shown = json!({
        "format_version": "1.0", "terraform_version": "1.9.0",
        "values": { "root_module": {
            "resources": [{
                "address": "aws_db_instance.main", "mode": "managed", "type": "aws_db_instance", "name": "main",
                "provider_name": "registry.opentofu.org/hashicorp/aws",
                "values": { "id": "db-1", "username": "admin-name", "password": "hunter2" },
                "sensitive_values": { "username": true },
            }],
            "child_modules": [{ "address": "module.a[0]", "resources": [{
                "mode": "managed", "type": "aws_vpc", "name": "x", "index": "k", "provider_name": "registry.opentofu.org/hashicorp/aws",
                "values": { "id": "vpc-1" }, "deposed_key": "0a1b2c3d",
            }] }],
        } },
    });
    let state = read(&shown.to_string()).unwrap();
    assert_eq!(state.resources[0].provider, "registry.opentofu.org/hashicorp/aws");
    assert_eq!(state.resources[1].address, r#"module.a[0].aws_vpc.x["k"] (deposed object 0a1b2c3d)"#);
    let whole = serde_json::to_string(&state).unwrap();
    assert!(!whole.contains("hunter2") && !whole.contains("admin-name"), "{whole}");
}

#[test]
fn what_is_no_state_is_refused_by_name_and_place() {
    let cases: [(&[u8], Code, &str); 24] = [
        (b"", Code::StateEmpty, "empty"),
        (b" \n\t ", Code::StateEmpty, "empty"),
        (b"{\"version\": 4, \"resources\": [{\"mode\": \"man", Code::StateTruncated, "ends in the middle"),
        (b"{\"version\": 4", Code::StateTruncated, "ends in the middle"),
        (b"{\"serial\":1,\"lineage\":\"x\",\"encrypted_data\":\"QUJD\",\"encryption_version\":\"v0\"}", Code::StateEncrypted, "encrypted_data"),
        (b"{\"version\":3,\"serial\":1,\"backend\":{\"type\":\"s3\"},\"modules\":[{\"path\":[\"root\"],\"resources\":{}}]}", Code::StateBackendStub, "backend"),
        (b"{\"version\":5,\"resources\":{}}", Code::StateUnsupportedVersion, "version 5"),
        (b"{\"encrypted_data\":\"QUJD\",\"version\":4}", Code::StateEncrypted, "encrypted_data"),
        (b"{\"version\":4,\"resources\":[],\"encrypted_data\":\"QUJD\"}", Code::StateEncrypted, "encrypted_data"),
        (b"{\"version\":9,\"encrypted_data\":\"QUJD\",\"resources\":7}", Code::StateEncrypted, "encrypted_data"),
        (b"{\"version\":4}", Code::StateNotAState, "no `resources`"),
        (b"{\"version\":4,\"modules\":[]}", Code::StateNotAState, "no `resources`"),
        (b"{\"version\":3,\"resources\":[]}", Code::StateNotAState, "no `modules`"),
        (b"{\"version\":1}", Code::StateNotAState, "no `modules`"),
        (b"{}", Code::StateNotAState, "without a `version`"),
        (b"[]", Code::StateNotAState, "no JSON object"),
        (b"<html>", Code::StateNotAState, "error page"),
        (b"hello", Code::StateNotAState, "no JSON object"),
        (b"\x1f\x8b\x08\x00abc", Code::StateNotAState, "gzip"),
        (b"\xff\xfe{\x00}\x00", Code::StateNotAState, "UTF-16"),
        (b"PK\x03\x04....", Code::StateNotAState, "ZIP"),
        (b"{\"version\":4,\"lineage\":\"\xff\xfe\"}", Code::StateNotAState, "UTF-8"),
        (b"{\"version\":4,\"resources\":[{]}", Code::StateNotAState, "JSON"),
        (b"{\"format_version\":\"1.2\",\"planned_values\":{},\"resource_changes\":[]}", Code::StateNotAState, "plan"),
    ];
    for (bytes, code, words) in cases {
        let error = state::read(source(), bytes).unwrap_err();
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(error.code, code, "{shown}: {error}");
        assert!(error.detail.contains(words), "{shown}: {error}");
        assert!(error.to_string().starts_with("s3://states/terraform.tfstate"), "{error}");
    }
}

#[test]
fn an_error_inside_names_line_column_and_byte() {
    let text = "{\n  \"version\": 4,\n  \"resources\": [\n    {\"mode\": \"managed\",\n     \"type\": 7}\n  ]\n}";
    let error = read(text).unwrap_err();
    let position = error.position.unwrap();
    assert_eq!((position.line, position.column), (5, 14), "{error}");
    assert_eq!(&text[usize::try_from(position.byte).unwrap()..][..1], "7", "{error}");
    assert!(error.detail.contains("expected a string"), "{error}");
    let truncated = read(&text[..60]).unwrap_err();
    assert_eq!(truncated.position.map(|position| position.byte), Some(60), "{truncated}");
}

#[test]
fn an_error_never_quotes_a_value_of_the_state() {
    let instance = |attributes: &str| {
        format!(
            r#"{{"version":4,"resources":[{{"mode":"managed","type":"aws_x","name":"y","instances":[{{"attributes":{attributes}}}]}}]}}"#
        )
    };
    for text in [
        instance(r#""SECRET21""#),
        instance(r#""SECRET21, expected SECRET21""#),
        r#"{"version":"SECRET21"}"#.to_owned(),
        r#"{"version":4,"resources":["SECRET21"]}"#.to_owned(),
        r#"{"version":3,"modules":[{"path":["root"],"resources":{"aws_x.y":{"type":"aws_x","primary":"SECRET21"}}}]}"#
            .to_owned(),
        r#"{"version":3,"modules":[{"path":["root"],"resources":{"aws_x.y":{"primary":{"attributes":"SECRET21"}}}}]}"#
            .to_owned(),
    ] {
        let error = read(&text).unwrap_err();
        assert_eq!(error.code, Code::StateNotAState);
        assert!(error.detail.contains("expected ") && !error.detail.contains("SECRET"), "{error}");
    }
    let missing = read(r#"{"version":4,"resources":[{"mode":"managed"}]}"#).unwrap_err();
    assert!(missing.detail.contains("missing field `type`"), "{missing}");
}

#[test]
fn the_owner_in_words_leaves_the_account_to_the_arn() {
    let rule = json!({ "id": "rslvr-rr-1", "owner_id": "Route 53 Resolver",
                       "arn": "arn:aws:route53resolver:eu-west-1:123456789012:resolver-rule/rslvr-rr-1" });
    let state = state_of(&[managed("aws_route53_resolver_rule", "r", &rule)]);
    assert_eq!(state.resources[0].account_id.as_ref().unwrap().as_str(), "123456789012");
}

#[test]
fn what_a_resource_type_only_writes_is_hashed_in_awscc_too() {
    for (terraform_type, attributes) in [
        ("awscc_rds_db_cluster", json!({ "id": "c", "master_user_password": "SECRET21", "engine": "aurora" })),
        (
            "awscc_iam_user",
            json!({ "id": "u", "user_name": "u", "login_profile": { "password": "SECRET21", "password_reset_required": true } }),
        ),
    ] {
        let mut resource = managed(terraform_type, "x", &attributes);
        resource["provider"] = json!("provider[\"registry.terraform.io/hashicorp/awscc\"]");
        let whole = serde_json::to_string(&state_of(&[resource])).unwrap();
        assert!(!whole.contains("SECRET21"), "{whole}");
        assert!(
            whole.contains("aurora") || whole.contains("password_reset_required\":true"),
            "only the secret: {whole}"
        );
    }
}

#[test]
fn a_byte_order_mark_and_nulls_in_place_of_lists_do_no_harm() {
    let state = read("\u{feff}{\"version\":4,\"terraform_version\":null,\"resources\":null,\"outputs\":{}}").unwrap();
    assert!(state.resources.is_empty());
}

#[test]
fn every_declaring_type_gives_its_edges() {
    let policy = |name: &str| format!("arn:aws:iam::123456789012:policy/{name}");
    for (terraform_type, attributes, expected) in [
        (
            "aws_iam_role_policy_attachment",
            json!({ "id": "r-2022", "role": "r", "policy_arn": policy("p") }),
            vec!["role r managed p"],
        ),
        (
            "aws_iam_role_policy_attachment",
            json!({ "id": "x", "role": "arn:aws:iam::123456789012:role/path/r", "policy_arn": policy("p") }),
            vec!["role r managed p"],
        ),
        ("aws_iam_user_policy_attachment", json!({ "user": "u", "policy_arn": policy("p") }), vec!["user u managed p"]),
        (
            "aws_iam_group_policy_attachment",
            json!({ "group": "g", "policy_arn": policy("p") }),
            vec!["group g managed p"],
        ),
        (
            "aws_iam_policy_attachment",
            json!({ "users": ["u"], "roles": ["r", "s"], "groups": null, "policy_arn": policy("p") }),
            vec!["user u managed p", "role r managed p", "role s managed p"],
        ),
        (
            "aws_iam_role_policy_attachments_exclusive",
            json!({ "role_name": "r", "policy_arns": [policy("p"), policy("q")] }),
            vec!["role r managed p", "role r managed q"],
        ),
        (
            "aws_iam_user_policies_exclusive",
            json!({ "user_name": "u", "policy_names": ["i"] }),
            vec!["user u inline i"],
        ),
        (
            "aws_iam_role_policy",
            json!({ "id": "r:i", "role": "r", "name": "i", "policy": "{}" }),
            vec!["role r inline i"],
        ),
        ("aws_iam_group_policy", json!({ "id": "g:i" }), vec!["group g inline i"]),
        (
            "aws_iam_group_membership",
            json!({ "name": "m", "group": "g", "users": ["u", "v"] }),
            vec!["user u member g", "user v member g"],
        ),
        (
            "aws_iam_user_group_membership",
            json!({ "user": "u", "groups": ["g", "h"] }),
            vec!["user u member g", "user u member h"],
        ),
        ("aws_iam_instance_profile", json!({ "name": "i", "role": "r" }), vec!["role r profile i"]),
        ("aws_iam_instance_profile", json!({ "name": "i", "roles": ["r"] }), vec!["role r profile i"]),
        ("aws_iam_access_key", json!({ "id": "AKIAX", "user": "u", "secret": "hush" }), vec!["user u key AKIAX"]),
        ("aws_iam_user", json!({ "name": "u", "permissions_boundary": policy("b") }), vec!["user u boundary b"]),
        ("aws_iam_service_linked_role", json!({ "name": "AWSServiceRoleForX" }), vec![]),
    ] {
        let state = state_of(&[managed(terraform_type, "x", &attributes)]);
        assert_eq!(edges(&state.edges), expected, "{terraform_type}");
        assert!(state.observed_edges.is_empty());
    }
}

#[test]
fn what_a_role_observed_is_not_what_the_author_declared() {
    let role = json!({
        "name": "r", "arn": "arn:aws:iam::123456789012:role/r",
        "managed_policy_arns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        "inline_policy": [{ "name": "i", "policy": "{}" }, { "name": "", "policy": "" }],
    });
    let state = state_of(&[managed("aws_iam_role", "r", &role)]);
    assert!(state.edges.is_empty());
    assert_eq!(edges(&state.observed_edges), ["role r managed AdministratorAccess", "role r inline i"]);
}

#[test]
fn an_awscc_principal_declares_what_its_properties_say() {
    let mut role = managed(
        "awscc_iam_role",
        "r",
        &json!({
            "id": "r", "role_name": "r", "managed_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "policies": [{ "policy_name": "i", "policy_document": "{}" }],
        }),
    );
    role["provider"] = json!("provider[\"registry.terraform.io/hashicorp/awscc\"]");
    assert_eq!(edges(&state_of(&[role]).edges), ["role r managed ReadOnlyAccess", "role r inline i"]);
}

#[test]
fn an_edge_belongs_to_the_account_of_its_principal_or_provider() {
    let role = json!({ "name": "r", "arn": "arn:aws:iam::222222222222:role/r" });
    let attachment = json!({ "role": "r", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess" });
    let state =
        state_of(&[managed("aws_iam_role", "r", &role), managed("aws_iam_role_policy_attachment", "a", &attachment)]);
    assert_eq!(state.edges[0].account_id.as_ref().unwrap().as_str(), "222222222222");
    assert_eq!(state_of(&[managed("aws_iam_role_policy_attachment", "a", &attachment)]).edges[0].account_id, None);
}

#[test]
fn the_state_command_prints_what_was_understood_and_fails_on_what_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.tfstate");
    let bad = folder.path().join("sub/bad.tfstate");
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::create_dir(folder.path().join(".terraform")).unwrap();
    std::fs::write(folder.path().join(".terraform/terraform.tfstate"), "{\"version\":3,\"backend\":{}}").unwrap();
    let attachment = json!({ "role": "r", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess" });
    let queue = json!({ "id": "q\u{1b}[31m", "arn": null });
    let resources =
        [managed("aws_iam_role_policy_attachment", "a", &attachment), managed("aws_sqs_queue", "q", &queue)];
    let document =
        json!({ "version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "l", "resources": resources });
    std::fs::write(&good, document.to_string()).unwrap();
    std::fs::write(&bad, "{\"version\": 4,").unwrap();

    let (mut printed, mut said) = (Vec::new(), Vec::new());
    let path = folder.path().to_str().unwrap();
    assert_eq!(command::run(&[path], Output::Text, &mut printed, &mut said).unwrap(), 2);
    let printed = String::from_utf8(printed).unwrap().replace(path, "DIR");
    let said = String::from_utf8(said).unwrap().replace(path, "DIR");
    insta::assert_snapshot!(printed, @r"
    DIR/good.tfstate: format 4, Terraform 1.9.0, serial 1, lineage l
      resources: 2
        aws_iam_role_policy_attachment.a
        aws_sqs_queue.q  q�[31m
      IAM grants declared: 1
        role r: managed policy arn:aws:iam::aws:policy/ReadOnlyAccess  (aws_iam_role_policy_attachment.a)
    ");
    insta::assert_snapshot!(said, @r"
    error[state.truncated]: DIR/sub/bad.tfstate, line 1, column 15 (byte 14): the file ends in the middle of its JSON
    cause: The file ends in the middle of its JSON.
    hint: Fetch it again, or restore an older version of the object.
    ");

    let mut printed = Vec::new();
    let pattern = format!("{path}/*.tfstate");
    assert_eq!(command::run(&[pattern.as_str()], Output::Json, &mut printed, &mut Vec::new()).unwrap(), 0);
    let printed: Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(printed["schema"], "driftwise.state/1");
    assert_eq!(printed["states"][0]["resources"][1]["address"], "aws_sqs_queue.q");

    let mut printed = Vec::new();
    assert_eq!(command::run(&["no/such/file"], Output::Json, &mut printed, &mut Vec::new()).unwrap(), 2);
    let printed: Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(printed["errors"][0]["code"], "state.not_found");
}

#[test]
fn what_no_local_file_is_named_by_is_a_bad_argument() {
    for (path, code) in [("gs://bucket/state", Code::ConfigInvalid), ("s3://bucket/key", Code::StateUnreadable)] {
        let read = state::read_local(&[path]);
        let [(_, Err(error))] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!(error.code, code, "{error}");
    }
}

#[cfg(unix)]
#[test]
fn an_unreadable_folder_is_told_and_hides_no_other_state() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("a-locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::write(folder.path().join("z.tfstate"), r#"{"version":4,"resources":[]}"#).unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).unwrap();
    let root_reads_all = std::fs::read_dir(&locked).is_ok();
    let read = state::read_local(&[folder.path().to_str().unwrap()]);
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(read.iter().filter(|(_, state)| state.is_ok()).count(), 1, "{read:?}");
    let errors: Vec<&StateError> = read.iter().filter_map(|(_, state)| state.as_ref().err()).collect();
    if !root_reads_all {
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert_eq!(error.code, Code::StateUnreadable);
        assert!(error.uri.ends_with("a-locked"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_or_damaged_state_is_an_error_or_a_state_and_never_a_panic(
        cut in 0_usize..4_000, at in 0_usize..4_000, byte in any::<u8>(),
    ) {
        let whole = include_bytes!("fixtures/v4.tfstate");
        let end = whole.iter().rposition(|byte| *byte == b'}').unwrap();
        let cut = cut.min(end);
        let error = state::read(source(), &whole[..cut]).unwrap_err();
        prop_assert!(matches!(error.code, Code::StateTruncated | Code::StateEmpty), "{}", error);
        let mut damaged = whole.to_vec();
        let at = at % damaged.len();
        damaged[at] = byte;
        if let Err(error) = state::read(source(), damaged.as_slice()) {
            prop_assert!(error.position.is_none_or(|position| position.byte <= damaged.len() as u64), "{}", error);
        }
    }
}
