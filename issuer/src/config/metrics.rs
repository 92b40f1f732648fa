//! `[metrics]`: where the issuer's numbers are read.

use std::net::SocketAddr;

use serde::Deserialize;

use super::raw::Faults;

/// `[metrics]`: where the issuer's numbers are read.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// `listen`: address and port of `GET /metrics` in plain HTTP, for Prometheus; another than `server.listen`, and none that
    /// the internet reaches. Default: nowhere.
    pub listen: Option<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    listen: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, metrics: &mut Metrics, server_listen: SocketAddr, faults: &mut Faults) {
        if self.listen.is_none() {
            return;
        }
        // No address to listen on stands for one that can't be read, which is told.
        let mut listen = SocketAddr::from(([0, 0, 0, 0], 0));
        faults.address("metrics.listen", self.listen, &mut listen);
        if listen == server_listen && listen.port() != 0 {
            faults.add("metrics.listen", "must differ from server.listen: metrics are not for the public");
        }
        metrics.listen = Some(listen);
    }
}
