//! The forms of a set-up: JSON, AWS CLI, CloudFormation, Terraform. Each is deployed into a sandbox account, and what then stands
//! there is compared with the plan. The AWS CLI is the real one, and cfn-lint and parliament judge, where `.ci/setup-tools`
//! installed them (`DRIFTWISE_REQUIRE=setup-tools`).

use std::collections::BTreeMap;
use std::path::Path;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{Audience, IssuerUrl, OrgId, Partition};
use driftwise_issuer::setup::forms::{As, OutputFile, QuickCreate, Selection, TemplateUrl, bundle, render};
use driftwise_issuer::setup::plan::{InlinePolicy, ManagedPolicy};
use driftwise_issuer::setup::{DocumentKind, IssuerFacts, RawRequest, SetupPlan};
use driftwise_tests::deploy::terraform::{self, File};
use driftwise_tests::deploy::{
    LiveGrants, LivePolicy, LiveProvider, LiveRole, LiveSetup, LiveUser, SetupTools, cloudformation,
};
use driftwise_tests::sandbox::iam::managed;
use driftwise_tests::sandbox::{Sandbox, World};
use driftwise_tests::stage::{ACCOUNT_ID, Props, Stage, TestAgent, small_world};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{assume, program};

const ACCOUNT: &str = "210987654321";

pub(crate) fn tools() -> Option<SetupTools> {
    SetupTools::find(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory"))
}

pub(crate) fn facts(issuer: &str, audience: &str) -> IssuerFacts {
    IssuerFacts {
        issuer: issuer.parse::<IssuerUrl>().unwrap(),
        audience: audience.parse::<Audience>().unwrap(),
        thumbprints: Vec::new(),
        roles_authorized_by_idp: vec![Partition::Aws],
    }
}

/// What most requests have in common.
pub(crate) fn request(trust: &str) -> RawRequest {
    RawRequest {
        org: "0190e8b2-7f53-7b1c-9c3d-2f6a1e4b5c6d".to_owned(),
        account: ACCOUNT.to_owned(),
        role: "team/driftwise.scan_1".to_owned(),
        region: "eu-central-1".to_owned(),
        trust: trust.to_owned(),
        ..RawRequest::default()
    }
}

/// Plans of every kind: each form of trust, thumbprints, a state bucket with odd prefixes, an audience that is a URL.
pub(crate) fn plans() -> Vec<(&'static str, SetupPlan)> {
    let plain = facts("https://id.example.com/driftwise", "sts.amazonaws.com");
    let odd = IssuerFacts {
        thumbprints: vec!["0123456789abcdef0123456789abcdef01234567".to_owned()],
        ..facts("https://id.example.com", "https://sts.example.com/it's/`odd`")
    };
    let state = "acme-state/stage/\nacme-state/prod/";
    let external = RawRequest {
        principal: "111122223333".to_owned(),
        external_id: "b6a1ff0c-connection:1".to_owned(),
        ..request("external-id")
    };
    let two_layer = RawRequest { external_id: "b6a1ff0c-connection:2".to_owned(), ..request("two-layer") };
    let requests = [
        ("session-tag", &plain, request("session-tag")),
        ("state", &odd, RawRequest { state: state.to_owned(), ..request("session-tag") }),
        ("subject", &odd, RawRequest { role_authorized_by_idp: "off".to_owned(), ..request("subject") }),
        ("custom-claim", &plain, request("custom-claim")),
        ("external-id", &plain, external),
        ("two-layer", &plain, two_layer),
    ];
    let plan = |(name, facts, request): (&'static str, &IssuerFacts, RawRequest)| {
        let request = request.parse(facts).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        (name, request.plan().unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let mut plans: Vec<_> = requests.into_iter().map(plan).collect();
    plans.push(("many policies", many_policies(plans[0].1.clone())));
    plans
}

/// The plan with nothing but policies of its own, several of them, one within the role.
fn many_policies(mut plan: SetupPlan) -> SetupPlan {
    let document = |action: &str| {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": [action, "sts:GetCallerIdentity"], "Resource": "*",
             "Condition": {"StringLike": {"aws:PrincipalTag/odd": "it's \"quoted\" `back`\\slash %{x} ${aws:username}"}}}]});
        PolicyDocument::from_value(&document).unwrap()
    };
    let role = &mut plan.roles[0];
    role.managed_policy_arns.clear();
    role.managed_policies = ["sqs:ListQueues", "ec2:DescribeVpcs", "kms:ListKeys"]
        .iter()
        .enumerate()
        .map(|(number, action)| ManagedPolicy {
            name: format!("driftwise.scan-{number}"),
            path: "/team/".to_owned(),
            description: format!("Part {number}"),
            document: document(action),
        })
        .collect();
    role.inline = vec![InlinePolicy { name: "identity".to_owned(), document: document("iam:GetRole") }];
    plan
}

async fn sandbox() -> Sandbox {
    Sandbox::start(World::with_account(ACCOUNT)).await.unwrap()
}

fn live(sandbox: &Sandbox) -> LiveSetup {
    LiveSetup::of(sandbox.world(), ACCOUNT).unwrap()
}

/// What a plan says of an account, in the words of what stands there.
fn expected(plan: &SetupPlan) -> LiveSetup {
    let map = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    let inline = |policies: &[InlinePolicy]| {
        policies.iter().map(|policy| (policy.name.clone(), policy.document.canonicalize())).collect()
    };
    let own = |policy: &ManagedPolicy| {
        let arn = format!("arn:aws:iam::{}:policy{}{}", plan.account, policy.path, policy.name);
        let description = Some(policy.description.clone());
        (arn, LivePolicy { description, document: policy.document.canonicalize() })
    };
    let mut setup = LiveSetup::default();
    if let Some(provider) = &plan.provider {
        let live = LiveProvider {
            issuer: provider.url.to_string(),
            client_ids: provider.client_ids.iter().map(ToString::to_string).collect(),
            thumbprints: provider.thumbprints.clone(),
        };
        setup.providers.insert(provider.arn.clone(), live);
    }
    for role in &plan.roles {
        let aws = role.managed_policy_arns.iter().map(|arn| {
            let document = managed::document(&arn.to_string()).expect("the sandbox knows the policy");
            let document = PolicyDocument::parse(document).unwrap().canonicalize();
            (arn.to_string(), LivePolicy { description: None, document })
        });
        let attached = aws.chain(role.managed_policies.iter().map(own)).collect();
        let live = LiveRole {
            description: Some(role.description.clone()),
            max_session_s: i64::from(role.max_session_s),
            tags: map(&role.tags),
            trust: role.trust.canonicalize(),
            grants: LiveGrants { attached, inline: inline(&role.inline) },
        };
        setup.roles.insert(role.arn.to_string(), live);
    }
    for user in &plan.users {
        let grants = LiveGrants { attached: BTreeMap::new(), inline: inline(&user.inline) };
        let arn = format!("arn:aws:iam::{}:user{}{}", plan.account, user.path, user.name);
        setup.users.insert(arn, LiveUser { tags: map(&user.tags), grants });
    }
    setup
}

pub(crate) fn all(plan: &SetupPlan, form: As) -> Vec<OutputFile> {
    render(plan, Selection::Everything, form).unwrap()
}

fn text<'a>(files: &'a [OutputFile], path: &str) -> &'a str {
    let file = files.iter().find(|file| file.path == path);
    let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
    &file.unwrap_or_else(|| panic!("no {path} among {paths:?}")).text
}

pub(crate) fn template(plan: &SetupPlan) -> String {
    text(&all(plan, As::CloudFormation), "driftwise.cloudformation.json").to_owned()
}

fn module(files: &[OutputFile]) -> Vec<File<'_>> {
    let in_module = files.iter().filter(|file| file.path.starts_with("terraform/driftwise/"));
    in_module.map(|file| File { path: &file.path, text: &file.text }).collect()
}

async fn run_script(tools: &SetupTools, sandbox: &Sandbox, plan: &SetupPlan) -> (i32, String, String) {
    let scratch = TempDir::new().unwrap();
    let script = scratch.path().join("setup.sh");
    std::fs::write(&script, text(&all(plan, As::Cli), "setup.sh")).unwrap();
    let said = tools.bash(sandbox, &script).await.unwrap();
    (said.code, said.stdout, said.stderr)
}

#[tokio::test]
async fn cloudformation_makes_what_the_plan_says() {
    for (name, plan) in plans() {
        let sandbox = sandbox().await;
        let stack = cloudformation::deploy(&sandbox, ACCOUNT, &template(&plan), &[]).await;
        let stack = stack.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(live(&sandbox), expected(&plan), "{name}");
        let arns: Vec<_> = stack.outputs.values().cloned().collect();
        for role in &plan.roles {
            assert!(arns.contains(&role.arn.to_string()), "{name}: {arns:?}");
        }
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn terraform_makes_what_the_plan_says_and_would_import_what_is_there() {
    for (name, plan) in plans() {
        let sandbox = sandbox().await;
        let files = all(&plan, As::Terraform);
        let applied = terraform::apply(&sandbox, ACCOUNT, &module(&files), &[]).await;
        let applied = applied.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(live(&sandbox), expected(&plan), "{name}");
        let imports = terraform::imports(text(&files, "terraform/imports.tf.example")).unwrap();
        assert_eq!(imports, applied.import_ids, "{name}");
        let root: hcl::Body = hcl::from_str(text(&files, "terraform/main.tf")).unwrap();
        let outputs: Vec<_> = root.blocks().filter(|block| block.identifier() == "output").collect();
        assert_eq!(outputs.len(), applied.outputs.len(), "{name}");
        for role in &plan.roles {
            assert!(applied.outputs.values().any(|arn| *arn == role.arn.to_string()), "{name}");
        }
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn the_commands_make_what_the_plan_says_and_change_nothing_when_run_again() {
    let Some(tools) = tools() else { return };
    for (name, plan) in plans() {
        let sandbox = sandbox().await;
        for run in ["first", "second"] {
            let (code, stdout, stderr) = run_script(&tools, &sandbox, &plan).await;
            assert_eq!(code, 0, "{name}, {run} run: {stderr}");
            assert_eq!(live(&sandbox), expected(&plan), "{name}, {run} run");
            let arns: Vec<_> = plan.roles.iter().map(|role| role.arn.to_string()).collect();
            assert_eq!(stdout.lines().collect::<Vec<_>>(), arns, "{name}");
        }
        let versions = |policy: &driftwise_tests::sandbox::iam::ManagedPolicy| policy.versions.len();
        let most = sandbox.world().account(ACCOUNT, |account| account.iam.policies.values().map(versions).max());
        assert_eq!(most.flatten().unwrap_or(1), 1, "{name}: the second run made versions");
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn the_commands_bring_an_account_up_to_date_that_was_set_up_otherwise() {
    let Some(tools) = tools() else { return };
    let plans: BTreeMap<_, _> = plans().into_iter().collect();
    let (before, after) = (&plans["session-tag"], &plans["state"]);
    let sandbox = sandbox().await;
    // The provider of the new plan is there, made by somebody else for another audience.
    let iam = aws_sdk_iam::Client::new(&driftwise_tests::sandbox::clients::root_config(&sandbox, ACCOUNT));
    let url = after.provider.as_ref().unwrap().url.to_string();
    iam.create_open_id_connect_provider().url(url).client_id_list("somebody.else").send().await.unwrap();
    // The policy changes again and again: it has five versions at most.
    for plan in [before, after, before, after, before, after, after] {
        let (code, _, stderr) = run_script(&tools, &sandbox, plan).await;
        assert_eq!(code, 0, "{stderr}");
    }
    let (live, wanted) = (live(&sandbox), expected(after));
    assert_eq!(live.roles, wanted.roles);
    let client_ids = &live.providers[&after.provider.as_ref().unwrap().arn].client_ids;
    let audience = after.provider.as_ref().unwrap().client_ids[0].to_string();
    assert_eq!(*client_ids, [audience, "somebody.else".to_owned()]);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_role_with_the_same_name_elsewhere_stops_the_commands() {
    let Some(tools) = tools() else { return };
    let (_, plan) = plans().remove(0);
    let sandbox = sandbox().await;
    let iam = aws_sdk_iam::Client::new(&driftwise_tests::sandbox::clients::root_config(&sandbox, ACCOUNT));
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]});
    let name = plan.roles[0].name.clone();
    iam.create_role().role_name(&name).assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let (code, stdout, stderr) = run_script(&tools, &sandbox, &plan).await;
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("another path can't be set"), "{stderr}");
    sandbox.stop().await;
}

#[tokio::test]
async fn credentials_of_another_account_change_nothing() {
    let (_, plan) = plans().remove(0);
    let other = "333333333333";
    let sandbox = Sandbox::start(World::with_account(other)).await.unwrap();
    let stack = cloudformation::deploy(&sandbox, other, &template(&plan), &[]).await.unwrap();
    assert_eq!(stack, cloudformation::Stack::default());
    let files = all(&plan, As::Terraform);
    let guard = format!("allowed_account_ids = [\"{ACCOUNT}\"]");
    assert!(text(&files, "terraform/main.tf").contains(&guard));
    if let Some(tools) = tools() {
        let (code, stdout, stderr) = run_script(&tools, &sandbox, &plan).await;
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains(other) && stderr.contains("Nothing was changed"), "{stderr}");
    }
    assert_eq!(LiveSetup::of(sandbox.world(), other).unwrap(), LiveSetup::default());
    sandbox.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_there_already_is_left_to_others() {
    let (_, plan) = plans().remove(0);
    let mut wanted = expected(&plan);
    wanted.providers.clear();
    let first = sandbox().await;
    let parameters = [("CreateOidcProvider", "false")];
    cloudformation::deploy(&first, ACCOUNT, &template(&plan), &parameters).await.unwrap();
    assert_eq!(live(&first), wanted);
    first.stop().await;
    let second = sandbox().await;
    let variables = [("create_oidc_provider", json!(false))];
    terraform::apply(&second, ACCOUNT, &module(&all(&plan, As::Terraform)), &variables).await.unwrap();
    assert_eq!(live(&second), wanted);
    second.stop().await;
}

#[tokio::test]
async fn one_document_alone_can_be_deployed_onto_the_other() {
    for (name, plan) in plans() {
        let only = |kind, form| render(&plan, Selection::Only(kind), form).unwrap();
        let sandbox = sandbox().await;
        let trust = only(DocumentKind::TrustPolicy, As::CloudFormation);
        cloudformation::deploy(&sandbox, ACCOUNT, &trust[0].text, &[]).await.unwrap();
        let permissions = only(DocumentKind::PermissionPolicy, As::Terraform);
        let applied = terraform::apply(&sandbox, ACCOUNT, &module(&permissions), &[]).await;
        applied.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(live(&sandbox), expected(&plan), "{name}");
        sandbox.stop().await;
    }
}

#[test]
fn the_json_files_are_the_policies_of_the_plan() {
    for (name, plan) in plans() {
        let files = all(&plan, As::Json);
        let parsed: Vec<_> =
            files.iter().map(|file| PolicyDocument::parse(&file.text).unwrap().canonicalize()).collect();
        let roles = plan.roles.iter().flat_map(|role| {
            let managed = role.managed_policies.iter().map(|policy| &policy.document);
            std::iter::once(&role.trust).chain(managed).chain(role.inline.iter().map(|policy| &policy.document))
        });
        let users = plan.users.iter().flat_map(|user| user.inline.iter().map(|policy| &policy.document));
        let by_hand = plan.attach_by_hand.iter().map(|document| &document.policy);
        let wanted: Vec<_> = roles.chain(users).chain(by_hand).map(PolicyDocument::canonicalize).collect();
        assert_eq!(parsed, wanted, "{name}");
    }
}

#[test]
fn a_bundle_holds_every_form_once_and_says_what_to_do() {
    let org: OrgId = request("").org.parse().unwrap();
    let base = TemplateUrl::parse("https://acme.s3.eu-central-1.amazonaws.com/templates").unwrap();
    for (name, plan) in plans() {
        let quick_create = QuickCreate::new(&plan, &base, org);
        let files = bundle(&plan, Some(&quick_create)).unwrap();
        let mut paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths[0], "README.md");
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count, "{name}: a path twice");
        for path in paths {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
            assert!(path.chars().all(plain) && !path.starts_with('/') && !path.contains(".."), "{path}");
        }
        let readme = text(&files, "README.md");
        assert!(readme.contains(&quick_create.link) && readme.contains(&quick_create.template_url), "{readme}");
        assert!(readme.contains(&plan.roles[0].arn.to_string()));
        for document in &plan.attach_by_hand {
            assert!(readme.contains(&format!("by-hand/{}.json", document.file_stem)), "{name}");
            text(&files, &format!("by-hand/{}.json", document.file_stem));
        }
        for (path, form) in [
            ("cli/setup.sh", As::Cli),
            ("cloudformation/driftwise.cloudformation.json", As::CloudFormation),
            ("terraform/driftwise/main.tf", As::Terraform),
        ] {
            let alone = all(&plan, form);
            assert_eq!(text(&files, path), alone[0].text, "{name}");
        }
    }
}

/// A role that a form of the set-up made, and those who would like to get in.
async fn only_its_org_gets_in(form: As, trust: TrustForm, tools: Option<&SetupTools>) {
    let stage = Stage::open(program(), Props { world: Some(small_world()), ..Props::default() }).await.unwrap();
    let (org, other) = (stage.create_org("Acme").await.unwrap(), stage.create_org("Other").await.unwrap());
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/driftwise-readonly");
    let others_role = format!("arn:aws:iam::{ACCOUNT_ID}:role/others");
    stage.register(org, &role, trust.as_str()).await.unwrap();
    stage.register(other, &others_role, trust.as_str()).await.unwrap();
    let (agent, stranger) =
        (TestAgent::enrol(&stage, org).await.unwrap(), TestAgent::enrol(&stage, other).await.unwrap());
    let request = RawRequest {
        org: org.to_string(),
        account: ACCOUNT_ID.to_owned(),
        role: "driftwise-readonly".to_owned(),
        ..request(trust.as_str())
    };
    let plan = request.parse(&facts(stage.issuer_url(), "sts.amazonaws.com")).unwrap().plan().unwrap();
    match form {
        As::CloudFormation => {
            cloudformation::deploy(&stage.sandbox, ACCOUNT_ID, &template(&plan), &[]).await.unwrap();
        }
        As::Terraform => {
            let files = all(&plan, As::Terraform);
            terraform::apply(&stage.sandbox, ACCOUNT_ID, &module(&files), &[]).await.unwrap();
        }
        As::Cli => {
            let (code, _, stderr) = run_script(tools.unwrap(), &stage.sandbox, &plan).await;
            assert_eq!(code, 0, "{stderr}");
        }
        As::Json => panic!("nothing deploys JSON"),
    }
    let token = agent.token(&role).await.unwrap().expect("the issuer mints");
    assume(&stage, &role, &token).await.unwrap_or_else(|refusal| panic!("{form}, {trust}: {refusal:?}"));
    // Pinned to the very role, with tags and without: nothing but the trust policy can refuse it.
    for theirs in [TrustForm::SessionTag, TrustForm::Subject] {
        let token = agent.canary(&role, theirs).await.unwrap();
        let refused = assume(&stage, &role, &token).await.unwrap_err();
        assert_eq!(refused.0, "AccessDenied", "{form}, {trust}, {theirs}: {refused:?}");
    }
    // Pinned to a role of its own.
    let token = stranger.token(&others_role).await.unwrap().expect("the issuer mints");
    let refused = assume(&stage, &role, &token).await.unwrap_err();
    assert_eq!(refused.0, "InvalidIdentityToken", "{form}, {trust}: {refused:?}");
    stage.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_form_made_the_role_only_its_org_gets_in() {
    let tools = tools();
    for form in [As::CloudFormation, As::Terraform, As::Cli] {
        if form == As::Cli && tools.is_none() {
            continue;
        }
        for trust in [TrustForm::SessionTag, TrustForm::Subject] {
            only_its_org_gets_in(form, trust, tools.as_ref()).await;
        }
    }
}

#[test]
fn a_document_that_no_form_can_merge_comes_as_json_alone() {
    let (_, plan) = plans().remove(1);
    let only = Selection::Only(DocumentKind::BucketPolicy);
    let files = render(&plan, only, As::Json).unwrap();
    let policy: Value = serde_json::from_str(&files[0].text).unwrap();
    assert!(policy["Statement"][0]["Principal"].is_object());
    for form in [As::Cli, As::CloudFormation, As::Terraform] {
        let refusal = render(&plan, only, form).unwrap_err().to_string();
        assert!(refusal.contains("bucket-policy") && refusal.contains("--as json"), "{refusal}");
        let everything = all(&plan, form);
        assert!(everything.iter().any(|file| file.path.starts_with("by-hand/")), "{form}");
    }
}
