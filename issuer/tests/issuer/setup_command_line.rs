//! `driftwise-issuer setup …`, as scripts see it.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::command_line::Program;

const ACCOUNT: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::123456789012:role/scan";

struct Admin {
    program: Program,
    org: String,
}

impl Admin {
    fn new() -> Self {
        let program = Program::new();
        let org = program.ok(&["org", "create", "--name", "Acme"]).trim().to_owned();
        let account = ["--account-id", ACCOUNT, "--role-arn", ROLE, "--region", "eu-central-1"];
        program.ok(&[&["account", "register", "--org", &org][..], &account].concat());
        Self { program, org }
    }

    fn setup(&self, document: &str, more: &[&str]) -> Output {
        self.program.run(&[&["setup", document, "--org", &self.org, "--account", ACCOUNT][..], more].concat())
    }

    fn ok(&self, document: &str, more: &[&str]) -> (String, String) {
        let output = self.setup(document, more);
        let (data, talk) = texts(&output);
        assert_eq!(output.status.code(), Some(0), "{document} {more:?}: {talk}");
        (data, talk)
    }
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn external_ids_are_random_and_fit_the_forms_that_need_one() {
    let admin = Admin::new();
    let id = admin.program.ok(&["setup", "external-id"]);
    assert_ne!(id, admin.program.ok(&["setup", "external-id"]));
    let given = ["--form", "external-id", "--principal", "210987654321", "--external-id", id.trim()];
    let (document, talk) = admin.ok("trust-policy", &given);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"], id.trim());
    assert_eq!(document["Statement"][0]["Principal"]["AWS"], "arn:aws:iam::210987654321:root");
    assert!(talk.contains("narrower"), "{talk}");
    let (document, talk) = admin.ok("trust-policy", &["--form", "two-layer", "--external-id", id.trim()]);
    assert!(document.contains("arn:aws:iam::123456789012:user/driftwise-agent"), "{document}");
    assert!(talk.contains("warning: "), "{talk}");
}

#[test]
fn every_refused_field_is_named_by_its_option_and_is_wrong_usage() {
    let admin = Admin::new();
    let output = admin.setup(
        "trust-policy",
        &[
            "--form",
            "external-id",
            "--principal",
            "*",
            "--external-id",
            "<b>",
            "--kms-key",
            "alias/x",
            "--region",
            "mars",
        ],
    );
    let (data, talk) = texts(&output);
    assert_eq!((output.status.code(), data.as_str()), (Some(2), ""));
    for option in ["--principal: ", "--external-id: ", "--kms-key: ", "--region: "] {
        assert!(talk.contains(option), "{option}: {talk}");
    }
}

#[test]
fn an_account_may_be_described_before_it_is_registered() {
    let admin = Admin::new();
    let other = ["setup", "trust-policy", "--org", &admin.org, "--account", "210987654321"];
    assert_eq!(admin.program.run(&other).status.code(), Some(1), "nobody knows its role");
    let output = admin.program.run(&[&other[..], &["--role", "team/scan", "--region", "cn-north-1"]].concat());
    let (data, talk) = texts(&output);
    assert!(data.contains("arn:aws-cn:iam::210987654321:oidc-provider/id.example.com"), "{data}{talk}");
    assert!(talk.contains("not registered"), "{talk}");
    let (_, talk) = admin.ok("trust-policy", &["--role", "another"]);
    assert!(talk.contains("registered with the role arn:aws:iam::123456789012:role/scan"), "{talk}");
}

#[test]
fn reasons_stand_above_their_lines() {
    let admin = Admin::new();
    let (text, _) = admin.ok("trust-policy", &["--explain"]);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let sub = lines.iter().position(|line| line.starts_with("\"id.example.com:sub\"")).unwrap();
    assert!(lines[sub - 1].starts_with("# Only this org's tokens"), "{text}");
    let (json, _) = admin.ok("trust-policy", &["--explain", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json[0]["lines"].as_array().unwrap().len() >= 6, "{json}");
}

#[test]
fn files_are_written_whole_and_never_over_somebodys_changes() {
    let admin = Admin::new();
    let directory = admin.program.directory.path().join("out");
    let out = ["--out", directory.to_str().unwrap()];
    let (paths, _) = admin.ok("trust-policy", &out);
    let path = paths.trim();
    let document: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(document["Version"], "2012-10-17");
    let (_, talk) = admin.ok("trust-policy", &out);
    assert!(talk.contains("unchanged"), "{talk}");

    fs::write(path, "mine").unwrap();
    let refused = admin.setup("trust-policy", &out);
    assert_eq!(refused.status.code(), Some(1));
    assert!(texts(&refused).1.contains("--force"), "{}", texts(&refused).1);
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    admin.ok("trust-policy", &[&out[..], &["--force"]].concat());
    assert_ne!(fs::read_to_string(path).unwrap(), "mine");
}

#[test]
fn several_documents_need_a_directory_or_a_list() {
    let admin = Admin::new();
    let buckets = ["--bucket", "tf-state", "--bucket", "s3://other-state/prod/"];
    let refused = admin.setup("bucket-policy", &buckets);
    assert_eq!(refused.status.code(), Some(1));
    assert!(texts(&refused).1.contains("--out DIR"), "{}", texts(&refused).1);
    let (list, _) = admin.ok("bucket-policy", &[&buckets[..], &["--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&list).unwrap().as_array().unwrap().len(), 2);
    let directory = admin.program.directory.path().join("out");
    let out = ["--out", directory.to_str().unwrap()];
    let (paths, _) = admin.ok("bucket-policy", &[&buckets[..], &out].concat());
    assert_eq!(paths.lines().count(), 2, "{paths}");
}

#[test]
fn documents_come_in_the_forms_that_people_deploy_with() {
    let admin = Admin::new();
    let (script, _) = admin.ok("trust-policy", &["--as", "cli"]);
    assert!(script.starts_with("#!") && script.contains("id.example.com"), "{script}");
    let (template, _) = admin.ok("trust-policy", &["--as", "cloudformation"]);
    assert!(serde_json::from_str::<Value>(&template).unwrap()["Resources"].is_object(), "{template}");
    let several = admin.setup("trust-policy", &["--as", "terraform"]);
    assert_eq!(several.status.code(), Some(1));
    assert!(texts(&several).1.contains("--out DIR"), "{}", texts(&several).1);
    let by_hand = admin.setup("bucket-policy", &["--bucket", "tf-state", "--as", "terraform"]);
    assert!(texts(&by_hand).1.contains("--as json"), "{}", texts(&by_hand).1);
    let unknown = admin.setup("trust-policy", &["--as", "pulumi"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_bundle_has_everything_in_every_form() {
    let admin = Admin::new();
    let directory = admin.program.directory.path().join("bundle");
    let out = ["--bucket", "tf-state/prod/", "--state-account", "210987654321", "--out", directory.to_str().unwrap()];
    let (paths, talk) = admin.ok("bundle", &out);
    let inside: Vec<&str> = paths.lines().map(|path| path.strip_prefix(directory.to_str().unwrap()).unwrap()).collect();
    for wanted in ["/README.md", "/policies/", "/cli/", "/cloudformation/", "/terraform/", "/by-hand/"] {
        assert!(inside.iter().any(|path| path.starts_with(wanted)), "{wanted}: {paths}");
    }
    let (_, again) = admin.ok("bundle", &out);
    assert_eq!(again.matches("unchanged: ").count(), inside.len(), "the same bytes every time: {talk}{again}");
    let (terraform, _) = admin.ok("bundle", &["--as", "terraform", "--json"]);
    assert!(serde_json::from_str::<Value>(&terraform).unwrap().as_array().unwrap().len() > 1);
}

const STATE: &str = r#"{"version": 4, "resources": [
    {"mode": "managed", "type": "aws_sqs_queue", "name": "q", "instances": [{"attributes": {"policy": "hunter2"}}]},
    {"mode": "managed", "type": "aws_from_the_future", "name": "f", "instances": []}]}"#;

/// The actions of the one policy for these types.
fn actions(admin: &Admin, types: &[&str]) -> (Vec<String>, String) {
    let (policy, talk) = admin.ok("permission-policy", types);
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let listed = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        one => vec![one.clone()],
    });
    (listed.map(|action| action.as_str().unwrap().to_owned()).collect(), talk)
}

#[test]
fn types_come_from_lists_states_and_reports_and_add_up() {
    let admin = Admin::new();
    let write = |name: &str, text: &str| {
        let path = admin.program.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let list = format!("@{}", write("types.txt", "# ours\nAWS::SNS::Topic\n"));
    let (state, empty) = (write("a.tfstate", STATE), write("b.tfstate", r#"{"version": 4, "resources": []}"#));
    let given = ["--types", &list, "--types", "aws_dynamodb_table", "--from-state", &state, "--from-state", &empty];
    let (actions, talk) = actions(&admin, &given);
    for action in ["sns:GetTopicAttributes", "dynamodb:DescribeTable", "sqs:GetQueueAttributes"] {
        assert!(actions.iter().any(|known| known == action), "{action}: {actions:?}");
    }
    assert!(talk.contains("aws_from_the_future is not known"), "{talk}");
    assert!(talk.contains("b.tfstate") && talk.contains("names no type of AWS"), "{talk}");
    assert!(!talk.contains("hunter2"), "{talk}");

    let alone = admin.setup("permission-policy", &["--from-state", &empty]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(texts(&alone).1.contains("no type is in scope"), "{}", texts(&alone).1);
}

#[test]
fn every_file_that_tells_no_types_is_named_with_its_option_and_what_to_give() {
    let admin = Admin::new();
    let secret = admin.program.directory.path().join("secret");
    fs::write(&secret, "hunter2").unwrap();
    let (file, list) = (secret.to_str().unwrap(), format!("@{}", secret.display()));
    let given = [
        "--types",
        &list,
        "--from-state",
        file,
        "--from-scan",
        file,
        "--from-state",
        "/none",
        "--from-state",
        "s3://b/k",
    ];
    let output = admin.setup("permission-policy", &given);
    let (data, talk) = texts(&output);
    assert_eq!((output.status.code(), data.as_str()), (Some(2), ""), "{talk}");
    for part in [
        "--from-state: ",
        "this is no Terraform state",
        "`terraform show -json`",
        "--from-scan: ",
        "`driftwise-agent scan --output json`",
        "\"/none\": it can't be opened",
        "`aws s3 cp s3://b/k -`",
        "--types: ",
    ] {
        assert!(talk.contains(part), "{part}: {talk}");
    }
}

#[test]
fn what_only_a_least_privilege_policy_takes_is_refused_elsewhere() {
    let admin = Admin::new();
    let named = ["--types", "AWS::SQS::Queue"];
    let output = admin.setup("permission-policy", &[&named[..], &["--access", "read-only-access"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("--access: "), "{}", texts(&output).1);
    for option in [&["--compact"][..], &["--policies-max", "12"], &["--include-surprising", "kms:Decrypt"]] {
        let output = admin.setup("permission-policy", option);
        assert_eq!(output.status.code(), Some(2), "{option:?}");
        assert!(texts(&output).1.contains("--from-state"), "{}", texts(&output).1);
    }
    for number in ["0", "21", "many"] {
        let output = admin.setup("permission-policy", &[&named[..], &["--policies-max", number]].concat());
        assert_eq!(output.status.code(), Some(2), "{number}");
        assert!(texts(&output).1.contains("1 to 20 managed policies"), "{}", texts(&output).1);
    }
}

#[test]
fn a_policy_that_needs_more_room_says_which_options_give_it() {
    let admin = Admin::new();
    let types =
        ["--types", "AWS::EC2::*,AWS::SageMaker::*,AWS::Glue::*,AWS::IoT::*,AWS::Bedrock::*,AWS::QuickSight::*"];
    let output = admin.setup("permission-policy", &[&types[..], &["--policies-max", "1"]].concat());
    let talk = texts(&output).1;
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(talk.contains("room for 1:") && talk.contains("(--policies-max)"), "{talk}");
    let directory = admin.program.directory.path().join("out");
    let out = ["--policies-max", "20", "--out", directory.to_str().unwrap()];
    let (paths, _) = admin.ok("permission-policy", &[&types[..], &out].concat());
    assert!(paths.lines().count() > 1, "{paths}");
}
