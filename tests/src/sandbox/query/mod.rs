//! The Query protocol of STS and IAM: form parameters in, XML out.

mod params;
mod reply;
mod xml;

pub use params::Params;
pub(crate) use params::lower_first;
pub use reply::{acknowledge, iso8601, reply};
pub use xml::Xml;
