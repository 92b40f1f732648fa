//! The Query protocol of STS and IAM: form parameters in, XML out.

mod params;
mod xml;

pub use params::Params;
pub use xml::Xml;
