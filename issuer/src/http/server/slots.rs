//! How many connections are open, in all and of each client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::client_address::ClientNetwork;
use crate::telemetry::metrics::ConnectionEnd;

#[derive(Debug)]
pub(super) struct Slots {
    max: usize,
    max_per_client: usize,
    /// Never more entries than connections.
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    of_client: HashMap<ClientNetwork, usize>,
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    client: Option<ClientNetwork>,
}

impl Slots {
    pub(super) fn new(max: usize, max_per_client: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_client, open: Mutex::default() })
    }

    /// A slot, of a client that is counted or of a trusted proxy, which is not.
    pub(super) fn take(slots: &Arc<Self>, client: Option<ClientNetwork>) -> Result<Slot, ConnectionEnd> {
        let mut open = slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= slots.max {
            return Err(ConnectionEnd::TooMany);
        }
        if let Some(client) = client {
            let count = open.of_client.entry(client).or_default();
            if *count >= slots.max_per_client {
                return Err(ConnectionEnd::TooManyOfClient);
            }
            *count += 1;
        }
        open.total += 1;
        Ok(Slot { slots: slots.clone(), client })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(client) = self.client
            && let Some(count) = open.of_client.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                open.of_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client_address::ClientAddress;

    #[test]
    fn slots_are_counted_in_all_and_per_client_and_given_back() {
        let client = |text: &str| Some(ClientAddress::new(text.parse().unwrap()).network());
        let slots = Slots::new(3, 2);
        let first = Slots::take(&slots, client("192.0.2.1")).unwrap();
        let _second = Slots::take(&slots, client("192.0.2.1")).unwrap();
        assert_eq!(Slots::take(&slots, client("192.0.2.1")).unwrap_err(), ConnectionEnd::TooManyOfClient);
        let _proxy = Slots::take(&slots, None).unwrap();
        assert_eq!(Slots::take(&slots, client("192.0.2.2")).unwrap_err(), ConnectionEnd::TooMany);
        drop(first);
        let third = Slots::take(&slots, client("192.0.2.2")).unwrap();
        drop(third);
        assert_eq!(slots.open.lock().unwrap().of_client.len(), 1, "nothing is kept of who is gone");
    }
}
