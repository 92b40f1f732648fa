//! The frame around every answer of the Query protocol.

use http::StatusCode;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::Xml;
use crate::sandbox::{Answer, error::Protocol, route::Service};

const ISO_8601: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// `<XResponse><XResult>…</XResult><ResponseMetadata>…`: the answer to operation X.
pub fn reply(service: Service, operation: &str, request_id: &str, members: impl FnOnce(&mut Xml)) -> Answer {
    frame(service, operation, request_id, |xml| xml.within(&format!("{operation}Result"), members))
}

/// The answer to an operation that returns nothing.
pub fn acknowledge(service: Service, operation: &str, request_id: &str) -> Answer {
    frame(service, operation, request_id, |_| ())
}

fn frame(service: Service, operation: &str, request_id: &str, result: impl FnOnce(&mut Xml)) -> Answer {
    let namespace = match service.protocol() {
        Protocol::Query { namespace } => namespace,
        _ => "",
    };
    let mut xml = Xml::document(&format!("{operation}Response"), namespace);
    result(&mut xml);
    xml.within("ResponseMetadata", |metadata| metadata.text("RequestId", request_id));
    Answer::xml(StatusCode::OK, xml.finish())
}

/// A time as STS and IAM write it: UTC, whole seconds.
pub fn iso8601(time: OffsetDateTime) -> String {
    time.format(ISO_8601).unwrap_or_default()
}
