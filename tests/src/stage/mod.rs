//! The stage on which the end-to-end tests and the demo play: a sandbox account, a real issuer, and the two programs as a
//! user runs them.
//!
//! The issuer's service runs in this process (so that a test may shift its clock), or, on a stage opened with
//! [`Stage::open_served`], as one or more `driftwise-issuer serve` behind a [`Relay`]; every other command of
//! `driftwise-issuer` and `driftwise-agent` runs as a child process, with its own environment, standard streams and exit code.
//! The children are this package's one binary, called as `driftwise-demo issuer …` and `driftwise-demo agent …`, which hand
//! their arguments to the programs' own `main_with`.
//!
//! Words: a *customer* is an org with an account whose role was made from exactly the documents that the issuer generated.

mod account_setup;
mod program;
mod relay;
mod served;
mod small_account;
mod test_agent;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use driftwise_contract::report::ScanReport;
use driftwise_contract::{AgentId, OrgId};
use driftwise_issuer::app::{Issuer, RunningIssuer};
use driftwise_issuer::clock::{Clock, SystemClock};
use driftwise_issuer::config::Config;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub use program::{Finished, Program};
pub use relay::Relay;
pub use served::Served;
pub use small_account::{SMALL_BUCKET, SMALL_KEY, SMALL_STATE, queue_arn, resources_of, small_state, small_world};
pub use test_agent::{Refusal, TestAgent, key_id_of, system_now_s, verify_against, verify_with_josekit};

use crate::sandbox::seed::{self, STATE_BUCKET};
use crate::sandbox::{Sandbox, World, clients};

/// The account that is scanned.
pub use crate::sandbox::seed::ACCOUNT_ID;
/// The region of the account's Resource Explorer aggregator.
pub use crate::sandbox::seed::HOME_REGION as REGION;
/// The role that the agent assumes in the account.
pub use crate::sandbox::seed::SCAN_ROLE as ROLE_NAME;

/// What may differ from stage to stage.
#[derive(Default)]
pub struct Props {
    /// The world behind the sandbox; none for the seeded account.
    pub world: Option<World>,
    /// The issuer's clock; none for the system's.
    pub clock: Option<Arc<dyn Clock>>,
    /// The issuer's loopback port; 0 for a free one.
    pub port: u16,
    /// The issuer's URL, when something stands in front of it; none for the address that it listens on.
    pub issuer_url: Option<String>,
    /// More lines for the `[keys]` section of the issuer's configuration.
    pub keys_config: String,
    /// More sections for the issuer's configuration.
    pub more_config: String,
    /// What the issuer's programs may do in the account, such as `kms:Sign`: they get the credentials of a user with these
    /// actions. Empty: no credentials.
    pub issuer_actions: &'static [&'static str],
}

/// A sandbox and an issuer, both listening.
pub struct Stage {
    /// The AWS stand-in.
    pub sandbox: Sandbox,
    /// The issuer, unless it runs in processes of its own.
    issuer: Option<RunningIssuer>,
    issuer_env: Vec<(String, String)>,
    issuer_url: String,
    listen_url: String,
    program: PathBuf,
    directory: TempDir,
}

/// An org with a registered account and an enrolled agent.
#[derive(Debug, Clone)]
pub struct Customer {
    /// The org.
    pub org: OrgId,
    /// The role that was registered.
    pub role_arn: String,
    /// The agent's id.
    pub agent: AgentId,
    /// The agent's data directory.
    pub data_dir: PathBuf,
}

impl Stage {
    /// Opens a stage. `program` is the multi-call binary of this package.
    pub async fn open(program: &Path, props: Props) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", props.port))
            .await
            .with_context(|| format!("the issuer can't listen on 127.0.0.1:{}; is the port taken?", props.port))?;
        let listen_url = format!("http://{}", listener.local_addr()?);
        let clock = props.clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
        let mut stage = Self::prepare(program, props, listen_url).await?;
        let config = Config::load(Some(&stage.config_path()))?;
        stage.issuer = Some(Issuer::start(config, clock, listener).await?);
        Ok(stage)
    }

    /// Opens a stage whose issuer is a process: `relay`, whose address is the issuer's URL, leads to it. Others over the same
    /// store join by [`Stage::serve`].
    pub async fn open_served(program: &Path, props: Props, relay: &Relay) -> anyhow::Result<(Self, Served)> {
        let props = Props { issuer_url: Some(relay.url()), ..props };
        let mut stage = Self::prepare(program, props, String::new()).await?;
        let served = stage.serve(&[]).await?;
        served.url().clone_into(&mut stage.listen_url);
        relay.forward_to(served.url());
        Ok((stage, served))
    }

    /// Starts `driftwise-issuer serve` on a free port, with more environment, and returns once it serves.
    pub async fn serve(&self, env: &[(&str, &str)]) -> anyhow::Result<Served> {
        let program = self.issuer(&["serve"]).env("DRIFTWISE_ISSUER__SERVER__LISTEN", "127.0.0.1:0");
        Served::start(env.iter().fold(program, |program, (name, value)| program.env(name, value))).await
    }

    /// The sandbox, and the configuration of an issuer that does not run yet.
    async fn prepare(program: &Path, props: Props, listen_url: String) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(props.world.unwrap_or_else(seed::world)).await?;
        let directory = TempDir::with_prefix("driftwise-").context("no scratch directory could be made")?;
        let issuer_url = props.issuer_url.unwrap_or_else(|| listen_url.clone());
        let home = directory.path().display();
        let config = format!(
            "[server]\nissuer_url = \"{issuer_url}\"\n\n[store]\npath = \"{home}/issuer.db\"\n\n[keys]\ndirectory = \"{home}/keys\"\n{}\n\n{}\n",
            props.keys_config, props.more_config
        );
        let stage = Self {
            issuer_env: if props.issuer_actions.is_empty() {
                Vec::new()
            } else {
                account_setup::user_env(&sandbox, "driftwise-issuer", props.issuer_actions).await?
            },
            sandbox,
            issuer: None,
            issuer_url,
            listen_url,
            program: program.to_owned(),
            directory,
        };
        std::fs::write(stage.config_path(), config)?;
        Ok(stage)
    }

    fn config_path(&self) -> PathBuf {
        self.directory.path().join("driftwise-issuer.toml")
    }

    /// The issuer that runs in this process.
    pub fn running(&self) -> Option<&RunningIssuer> {
        self.issuer.as_ref()
    }

    /// The issuer's URL.
    pub fn issuer_url(&self) -> &str {
        &self.issuer_url
    }

    /// The address that the issuer listens on; differs from its URL when something stands in front of it.
    pub fn listen_url(&self) -> &str {
        &self.listen_url
    }

    /// An address of the issuer: `path` starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer_url)
    }

    /// The scratch directory, removed when the stage closes.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `driftwise-issuer` with this stage's configuration.
    pub fn issuer(&self, args: &[&str]) -> Program {
        let program = Program::new(&self.program, "issuer").args(args).arg("--config").arg(self.config_path());
        self.issuer_env.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// `driftwise-agent` of an agent, with the sandbox as its AWS and no AWS credentials of its own.
    pub fn agent(&self, data_dir: &Path, args: &[&str]) -> Program {
        Program::new(&self.program, "agent")
            .args(args)
            .env("DRIFTWISE_AGENT_DATA_DIR", data_dir)
            .env("AWS_ENDPOINT_URL", self.sandbox.url())
            .env("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// Creates an org and gives its id.
    pub async fn create_org(&self, name: &str) -> anyhow::Result<OrgId> {
        let created = self.issuer(&["org", "create", "--name", name, "--json"]).run().await?.success()?;
        let id = created.json()?["org_id"].as_str().context("org create --json gives no org_id")?.to_owned();
        Ok(id.parse()?)
    }

    /// Registers a role for an org.
    pub async fn register(&self, org: OrgId, role_arn: &str, form: &str) -> anyhow::Result<()> {
        self.register_with(org, role_arn, &["--form", form]).await
    }

    /// Registers a role for an org; `more` is added to the issuer's command.
    pub async fn register_with(&self, org: OrgId, role_arn: &str, more: &[&str]) -> anyhow::Result<()> {
        let account = role_arn.split(':').nth(4).unwrap_or_default();
        let org = org.to_string();
        let args =
            ["account", "register", "--org", &org, "--account-id", account, "--role-arn", role_arn, "--region", REGION];
        self.issuer(&args).args(more).run().await?.success()?;
        Ok(())
    }

    /// One of the documents that the issuer generates for an org's account.
    pub async fn document(&self, org: OrgId, args: &[&str]) -> anyhow::Result<String> {
        let org = org.to_string();
        let program = self.issuer(&["setup"]).args(args).args(&["--org", &org, "--account", ACCOUNT_ID]);
        Ok(program.run().await?.success()?.stdout)
    }

    /// Enrols a new agent for an org.
    pub async fn enrol(&self, org: OrgId, name: &str) -> anyhow::Result<(AgentId, PathBuf)> {
        self.enrol_with(org, name, &[]).await
    }

    /// Enrols a new agent for an org; `args` are added to the issuer's command.
    pub async fn enrol_with(&self, org: OrgId, name: &str, args: &[&str]) -> anyhow::Result<(AgentId, PathBuf)> {
        let org = org.to_string();
        let make = self.issuer(&["agent", "enrol", "--org", &org, "--json"]).args(args);
        let made = make.run().await?.success()?;
        let code = made.json()?["code"].as_str().context("agent enrol --json gives no code")?.to_owned();
        let data_dir = self.directory.path().join(name);
        let enrolled =
            self.agent(&data_dir, &["enrol", "--issuer", &self.issuer_url, "--code", &code]).run().await?.success()?;
        let id = enrolled.stdout.trim().parse().context("enrol does not print the agent's id")?;
        Ok((id, data_dir))
    }

    /// Opens a stage over the small account, with its state in its bucket, and sets its customer up.
    pub async fn open_small(program: &Path) -> anyhow::Result<(Self, Customer)> {
        let stage = Self::open(program, Props { world: Some(small_world()), ..Props::default() }).await?;
        let customer = stage.customer_of_small().await?;
        Ok((stage, customer))
    }

    /// The whole set-up of a customer in the small account, whose state goes into its bucket.
    pub async fn customer_of_small(&self) -> anyhow::Result<Customer> {
        self.create_bucket(SMALL_BUCKET).await?;
        self.put_state(SMALL_KEY, small_state().to_string()).await?;
        self.customer_with("Acme", SMALL_BUCKET).await
    }

    /// Makes a bucket in the account.
    pub async fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        let location =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
        self.s3().create_bucket().bucket(name).create_bucket_configuration(location).send().await?;
        Ok(())
    }

    /// An S3 client with the account's root credentials.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = clients::root_config(&self.sandbox, ACCOUNT_ID);
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build())
    }

    /// An IAM client with the account's root credentials.
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&clients::root_config(&self.sandbox, ACCOUNT_ID))
    }

    /// Puts an object into the small account's bucket.
    pub async fn put_state(&self, key: &str, body: impl Into<Vec<u8>>) -> anyhow::Result<()> {
        let body: Vec<u8> = body.into();
        self.s3().put_object().bucket(SMALL_BUCKET).key(key).body(body.into()).send().await?;
        Ok(())
    }

    /// The whole set-up of a customer in the seeded account: org, account, provider, role, policies, agent.
    pub async fn customer(&self, name: &str) -> anyhow::Result<Customer> {
        let customer = self.customer_with(name, STATE_BUCKET).await?;
        // The customer's code declares the role as it now is: what the generated documents made is no drift.
        ensure!(seed::declare_role(self.sandbox.world(), ROLE_NAME), "the scan role was not created");
        Ok(customer)
    }

    async fn customer_with(&self, name: &str, state_bucket: &str) -> anyhow::Result<Customer> {
        let org = self.create_org(name).await?;
        let role_arn = format!("arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}");
        self.register(org, &role_arn, "session-tag").await?;
        account_setup::apply(self, org, ROLE_NAME, state_bucket).await?;
        let (agent, data_dir) = self.enrol(org, &format!("agent-{org}")).await?;
        Ok(Customer { org, role_arn, agent, data_dir })
    }

    /// Runs a scan of the small account; `args` are added.
    pub fn scan_small(&self, customer: &Customer, args: &[&str]) -> Program {
        self.agent(&customer.data_dir, &["scan", "--state", SMALL_STATE]).args(args)
    }

    /// Runs a scan of a customer's account over the seeded states; `args` are added.
    pub fn scan(&self, customer: &Customer, args: &[&str]) -> Program {
        let mut program = self.agent(&customer.data_dir, &["scan"]);
        for state in [seed::State::Network, seed::State::App] {
            program = program.args(&["--state", &state.uri()]);
        }
        program.args(args)
    }

    /// Runs a scan and parses its JSON report, whatever the verdict.
    pub async fn report(&self, scan: Program) -> anyhow::Result<(ScanReport, Finished)> {
        let finished = scan.args(&["--output", "json"]).run().await?;
        ensure!((0..=3).contains(&finished.code) && finished.code != 2, "the scan failed:\n{}", finished.stderr);
        let report = serde_json::from_str(&finished.stdout).context("the report is no scan report")?;
        Ok((report, finished))
    }

    /// Stops issuer and sandbox, and gives the scratch directory, which is removed once that is dropped.
    pub async fn close(self) -> anyhow::Result<TempDir> {
        if let Some(issuer) = self.issuer {
            issuer.shutdown().await?;
        }
        self.sandbox.stop().await;
        Ok(self.directory)
    }
}
