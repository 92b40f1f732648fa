//! Faults that a test plants: throttling, delays, refusals, dropped connections.
//!
//! Rules are asked in the order in which they were added; the first that fires decides. Chance comes from a seed and a counter,
//! so that a run can be repeated.

use std::{sync::Mutex, time::Duration};

use sha2::{Digest, Sha256};

use super::{AwsError, error::Protocol, log::lock};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The service's own throttling error.
    Throttle,
    /// The answer comes, later.
    Delay(Duration),
    /// The service's access-denied error.
    AccessDenied,
    /// Any error.
    Error {
        /// HTTP status.
        status: u16,
        /// Error code.
        code: String,
        /// Message.
        message: String,
    },
    /// The connection closes without an answer.
    DropConnection,
    /// The services themselves look for this word ([`Faults::lies`]) and answer something untrue in their own way, for example
    /// a short page or a stale resource.
    Lie(String),
}

/// When a fault happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// Each time.
    Always,
    /// The next so many times.
    Times(u32),
    /// Each time with this probability, 0.0 to 1.0.
    Chance(f64),
}

/// One planted fault.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// The service ([`super::route::Service::name`]); `*` for any.
    pub service: String,
    /// The operation; `*` for any.
    pub operation: String,
    /// Text that the request's path, query or body must contain.
    pub resource: Option<String>,
    /// How many matching calls pass unharmed first.
    pub skip: u32,
    /// How often, from then on.
    pub when: When,
    /// What.
    pub fault: Fault,
}

impl FaultRule {
    /// A fault for every call of one operation; narrow it with [`FaultRule::on`], [`FaultRule::after`], [`FaultRule::times`],
    /// [`FaultRule::chance`].
    pub fn new(service: &str, operation: &str, fault: Fault) -> Self {
        let (service, operation) = (service.to_owned(), operation.to_owned());
        Self { service, operation, resource: None, skip: 0, when: When::Always, fault }
    }

    /// Only for requests that contain this text.
    #[must_use]
    pub fn on(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// Only after `count` matching calls that pass unharmed, for example to break a paged listing in its middle. A call that an
    /// earlier rule fails is not counted.
    #[must_use]
    pub fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Only the next `count` times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.when = When::Times(count);
        self
    }

    /// Only with this probability.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.when = When::Chance(probability);
        self
    }

    fn matches(&self, service: &str, operation: &str, request: &str) -> bool {
        (self.service == "*" || self.service == service)
            && (self.operation == "*" || self.operation == operation)
            && self.resource.as_ref().is_none_or(|text| request.contains(text))
    }
}

/// All planted faults of a world.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<FaultRule>,
    seed: u64,
    draws: u64,
}

impl State {
    /// A number in [0, 1): the hash of seed and counter.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        let digest = Sha256::digest(format!("{}/{}", self.seed, self.draws));
        let word = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        f64::from(word) / (f64::from(u32::MAX) + 1.0)
    }

    fn fires(&mut self, index: usize) -> bool {
        if let Some(left) = self.rules[index].skip.checked_sub(1) {
            self.rules[index].skip = left;
            return false;
        }
        match self.rules[index].when {
            When::Always => true,
            When::Times(0) => false,
            When::Times(left) => {
                self.rules[index].when = When::Times(left - 1);
                true
            }
            When::Chance(probability) => self.draw() < probability,
        }
    }

    fn first(&mut self, wanted: impl Fn(&FaultRule) -> bool) -> Option<Fault> {
        let candidates: Vec<usize> = (0..self.rules.len()).filter(|&index| wanted(&self.rules[index])).collect();
        candidates.into_iter().find(|&index| self.fires(index)).map(|index| self.rules[index].fault.clone())
    }
}

impl Faults {
    /// Plants a fault.
    pub fn add(&self, rule: FaultRule) {
        lock(&self.state).rules.push(rule);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        lock(&self.state).rules.clear();
    }

    /// Restarts chance from `seed`.
    pub fn seed(&self, seed: u64) {
        let mut state = lock(&self.state);
        state.seed = seed;
        state.draws = 0;
    }

    /// The fault for this request, if one is due; lies are not asked for here. `request` is the text that
    /// [`FaultRule::resource`] is looked for in.
    pub fn due(&self, service: &str, operation: &str, request: &str) -> Option<Fault> {
        lock(&self.state)
            .first(|rule| !matches!(rule.fault, Fault::Lie(_)) && rule.matches(service, operation, request))
    }

    /// Whether the service shall tell the lie named `lie` in this answer.
    pub fn lies(&self, service: &str, operation: &str, request: &str, lie: &str) -> bool {
        lock(&self.state)
            .first(|rule| {
                matches!(&rule.fault, Fault::Lie(word) if word == lie) && rule.matches(service, operation, request)
            })
            .is_some()
    }
}

/// The refusal that a fault stands for; `None` for those that are none (delay, drop, lie).
pub fn refusal(fault: &Fault, protocol: Protocol, operation: &str) -> Option<AwsError> {
    match fault {
        Fault::Throttle => Some(match protocol {
            Protocol::Query { .. } => AwsError::bad_request("Throttling", "Rate exceeded"),
            Protocol::RestJson => AwsError::new(429, "ThrottlingException", "Rate exceeded"),
            Protocol::Json10 | Protocol::Json11 => AwsError::bad_request("ThrottlingException", "Rate exceeded"),
            Protocol::S3 => AwsError::new(503, "SlowDown", "Please reduce your request rate."),
        }),
        Fault::AccessDenied => {
            let status = if matches!(protocol, Protocol::Json10 | Protocol::Json11) { 400 } else { 403 };
            Some(AwsError::new(status, "AccessDenied", format!("Access denied for {operation} (planted fault)")))
        }
        Fault::Error { status, code, message } => Some(AwsError::new(*status, code, message)),
        Fault::Delay(_) | Fault::DropConnection | Fault::Lie(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_ends() {
        let faults = Faults::default();
        faults.add(FaultRule::new("iam", "GetRole", Fault::Throttle).times(2));
        let due: Vec<bool> = (0..4).map(|_| faults.due("iam", "GetRole", "").is_some()).collect();
        assert_eq!(due, [true, true, false, false]);
    }

    #[test]
    fn a_fault_may_let_the_first_matching_calls_pass() {
        let faults = Faults::default();
        faults
            .add(FaultRule::new("resource-explorer-2", "ListResources", Fault::Throttle).on("view").after(2).times(1));
        let due = |request: &str| faults.due("resource-explorer-2", "ListResources", request).is_some();
        let calls = ["view", "other", "view", "other", "view", "view"];
        assert_eq!(calls.map(due), [false, false, false, false, true, false]);
    }

    #[test]
    fn chance_repeats_with_its_seed() {
        let draw = || {
            let faults = Faults::default();
            faults.seed(7);
            faults.add(FaultRule::new("*", "*", Fault::Throttle).chance(0.5));
            (0..32).map(|_| faults.due("iam", "GetRole", "").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        assert!(draw().contains(&true) && draw().contains(&false));
    }

    #[test]
    fn a_fault_on_a_resource_leaves_the_others_alone() {
        let faults = Faults::default();
        faults.add(FaultRule::new("cloudcontrol", "GetResource", Fault::AccessDenied).on("AWS::S3::Bucket"));
        assert!(faults.due("cloudcontrol", "GetResource", r#"{"TypeName":"AWS::S3::Bucket"}"#).is_some());
        assert!(faults.due("cloudcontrol", "GetResource", r#"{"TypeName":"AWS::SQS::Queue"}"#).is_none());
    }
}
