//! The seeded account: acme, a shop, with its networks and services in three regions, the people who run it, two Terraform states,
//! and the drift that [`planted`] lists.
//!
//! Words: a *twin* is one resource told twice, as AWS shows it and as a state declares it; the *plan* is the account under
//! construction; *traps* look like drift and are none.
//!
//! Invariant: state and live agree on everything but the rows of [`planted::TABLE`]. The account is the same in every run, but for
//! times, which follow the clock that is passed in.
//!
//! To add a resource: a function in `catalogue` if its type is new (and a row in `data/`), and a line in `company`.

mod catalogue;
mod company;
mod ids;
mod plan;
pub mod planted;
mod scan_role;
mod state;
mod traps;
mod twin;

use time::{Duration, OffsetDateTime};

pub use plan::State;
pub use scan_role::SCAN_ROLE;

use self::{
    plan::{Declaration, Plan},
    scan_role::ScanRole,
};
use super::{
    Account, Fault, FaultRule, World,
    inventory::IndexKind,
    resource_explorer,
    s3::{Bucket, Put},
};

/// The account's id.
pub const ACCOUNT_ID: &str = "482915637204";
/// The region of the aggregator index and of the states' bucket.
pub const HOME_REGION: &str = "eu-central-1";
/// The bucket that the states lie in.
pub const STATE_BUCKET: &str = "acme-terraform-state";

const SERIAL: u64 = 318;

/// What was built, and what was made by hand in it.
#[derive(Debug)]
pub(crate) struct Seeded {
    plan: Plan,
    by_hand: Vec<(&'static str, String)>,
}

impl Seeded {
    fn hand_made(&self, handle: &str) -> String {
        self.by_hand.iter().find(|(own, _)| *own == handle).map(|(_, arn)| arn.clone()).unwrap_or_default()
    }
}

fn build(now: OffsetDateTime) -> Seeded {
    let mut plan = Plan::new(now);
    let ground = company::network::build(&mut plan);
    let platforms = company::platform::build(&mut plan, &ground);
    company::services::build(&mut plan, &ground, &platforms);
    company::people::build(&mut plan);
    company::foreign::aws_own(&mut plan);
    company::foreign::cloudformation(&mut plan);
    let by_hand = company::foreign::by_hand(&mut plan);
    planted::plant(&mut plan);
    traps::lay(&mut plan);
    Seeded { plan, by_hand }
}

/// A world with the seeded account as its primary one. The first page of its resources comes half filled and the second empty, as
/// Resource Explorer's pages may.
pub fn world() -> World {
    let world = World::default();
    world.add_account(account(world.now()));
    for lie in [resource_explorer::SHORT_PAGE, resource_explorer::EMPTY_PAGE] {
        let lie = Fault::Lie(lie.to_owned());
        world.faults.add(FaultRule::new("resource-explorer-2", "ListResources", lie).times(1));
    }
    world
}

/// The seeded account, as of `now`.
pub fn account(now: OffsetDateTime) -> Account {
    const AGE: Duration = Duration::days(400);
    let mut account = Account::new(ACCOUNT_ID);
    let Seeded { plan, .. } = build(now);
    account.buckets.create(STATE_BUCKET, HOME_REGION, now - AGE).is_versioned = true;
    if let Some(bucket) = account.buckets.get_mut(STATE_BUCKET) {
        store_states(bucket, &plan, &ScanRole::expected(), now);
    }
    let inventory = &mut account.inventory;
    for region in plan.regions() {
        let kind = if region == HOME_REGION { IndexKind::Aggregator } else { IndexKind::Local };
        inventory.create_index(ACCOUNT_ID, &region, kind, now - AGE);
        let view = inventory.create_view(ACCOUNT_ID, &region, "all-resources", true, now - AGE);
        inventory.default_views.insert(region, view);
    }
    // What IAM gets from now on takes its time to be indexed, as on AWS.
    inventory.iam_lag = Duration::hours(2);
    for live in plan.live {
        inventory.insert(live);
    }
    account.iam = plan.iam;
    account
}

/// Declares a role of the seeded account in the app state, exactly as it is now: the role, its attachments and its inline policies.
/// It takes the place of the agent's role, [`SCAN_ROLE`]. False when there is no such role.
///
/// Call it once the role is made from the generated documents; the state then says what their Terraform form would have said.
pub fn declare_role(world: &World, role: &str) -> bool {
    let now = world.now();
    let Seeded { plan, .. } = build(now);
    let declared = world.account_mut(ACCOUNT_ID, |account| {
        let role = account.iam.roles.get(role).map(ScanRole::of)?;
        let state = declared(&plan, State::App, &role);
        let text = state::render(State::App, SERIAL + 1, &state.iter().collect::<Vec<_>>());
        account.buckets.get_mut(STATE_BUCKET)?.put(State::App.key(), Put::json(text), now);
        Some(())
    });
    declared.flatten().is_some()
}

/// Each state in two versions, and the lock of a run under way.
fn store_states(bucket: &mut Bucket, plan: &Plan, scan_role: &ScanRole, now: OffsetDateTime) {
    for state in [State::Network, State::App] {
        let all = declared(plan, state, scan_role);
        let all: Vec<&Declaration> = all.iter().collect();
        let earlier = &all[..all.len() / 2];
        bucket.put(state.key(), Put::json(state::render(state, SERIAL - 1, earlier)), now - Duration::days(9));
        bucket.put(state.key(), Put::json(state::render(state, SERIAL, &all)), now - Duration::hours(5));
    }
    let lock = format!("{}.tflock", State::App.key());
    bucket.put(&lock, Put::json(state::lock(State::App)), now - Duration::minutes(4));
}

fn declared(plan: &Plan, state: State, scan_role: &ScanRole) -> Vec<Declaration> {
    let mut declared: Vec<Declaration> = plan.declared.iter().filter(|found| found.state == state).cloned().collect();
    if state == State::App {
        declared.extend(scan_role.declarations());
    }
    declared
}
