//! Pacing: at most so many calls a second per service and region, so that throttling is the exception.
//!
//! One session is one account, so the buckets are per account as well. Waiting is first come, first served within a bucket;
//! buckets do not wait for each other.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::config::RateConfig;

/// The services that are paced. STS is not: a scan calls it a handful of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// `resource-explorer-2`.
    ResourceExplorer,
    /// `cloudcontrol`.
    CloudControl,
    /// `iam`.
    Iam,
    /// `s3`.
    S3,
    /// `sts`.
    Sts,
}

impl Service {
    /// The word of reports and gaps.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResourceExplorer => "resource-explorer-2",
            Self::CloudControl => "cloudcontrol",
            Self::Iam => "iam",
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }
}

/// The buckets of one account.
#[derive(Debug)]
pub struct Limiter {
    rates: RateConfig,
    buckets: Mutex<HashMap<(Service, String), Arc<DefaultDirectRateLimiter>>>,
}

impl Limiter {
    /// Buckets that are made as regions come up.
    pub fn new(rates: &RateConfig) -> Self {
        Self { rates: rates.clone(), buckets: Mutex::default() }
    }

    /// Waits until a call may be made.
    pub async fn admit(&self, service: Service, region: &str) {
        if let Some(bucket) = self.bucket(service, region) {
            bucket.until_ready().await;
        }
    }

    fn bucket(&self, service: Service, region: &str) -> Option<Arc<DefaultDirectRateLimiter>> {
        let per_second = match service {
            Service::ResourceExplorer => self.rates.resource_explorer,
            Service::CloudControl => self.rates.cloud_control,
            Service::Iam => self.rates.iam,
            Service::S3 => self.rates.s3,
            Service::Sts => return None,
        };
        let rate = NonZeroU32::new(per_second)?;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry((service, region.to_owned()))
            .or_insert_with(|| Arc::new(RateLimiter::direct(Quota::per_second(rate))));
        Some(Arc::clone(bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_and_region_has_its_own_bucket_of_the_configured_size() {
        let limiter = Limiter::new(&RateConfig { cloud_control: 2, ..RateConfig::default() });
        let here = limiter.bucket(Service::CloudControl, "eu-west-1").unwrap();
        assert!(here.check().is_ok() && here.check().is_ok());
        assert!(here.check().is_err(), "the third call of a second waits");
        assert!(limiter.bucket(Service::CloudControl, "eu-west-1").unwrap().check().is_err(), "the same bucket");
        assert!(limiter.bucket(Service::CloudControl, "us-east-1").unwrap().check().is_ok());
        assert!(limiter.bucket(Service::Iam, "eu-west-1").unwrap().check().is_ok());
        assert!(limiter.bucket(Service::Sts, "eu-west-1").is_none());
    }
}
