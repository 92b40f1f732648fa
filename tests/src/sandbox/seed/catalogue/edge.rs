//! What faces the internet: zones, distributions, APIs.

use serde_json::json;

use super::{kind, part};
use crate::sandbox::seed::{
    ACCOUNT_ID, ids,
    twin::{Place, Twin},
};

/// A public zone.
pub(in crate::sandbox::seed) fn zone(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::unique("Z", name, 20);
    let servers = ["ns-211.awsdns-26.com", "ns-1417.awsdns-49.org", "ns-905.awsdns-49.net", "ns-1893.awsdns-44.co.uk"];
    let mut sorted = servers;
    sorted.sort_unstable();
    Twin::new(
        at.global(),
        kind("aws_route53_zone", "AWS::Route53::HostedZone", "route53:hostedzone"),
        format!("arn:aws:route53:::hostedzone/{id}"),
        &id,
        json!({
            "Id": id, "Name": format!("{name}."), "NameServers": servers,
            "HostedZoneConfig": {"Comment": "Managed by Terraform"}, "VPCs": [],
        }),
        json!({
            "id": id, "zone_id": id, "name": name, "comment": "Managed by Terraform", "name_servers": sorted,
            "primary_name_server": servers[0], "delegation_set_id": "", "force_destroy": false,
        }),
        tags,
    )
}

/// A record, which Cloud Control can't read.
pub(in crate::sandbox::seed) fn record(at: Place, zone: &Twin, name: &str, target: &str) -> Twin {
    let id = format!("{}_{name}_CNAME", zone.id());
    let mut twin = Twin::new(
        at.global(),
        part("aws_route53_record", "AWS::Route53::RecordSet"),
        String::new(),
        &id,
        json!({ "Name": name, "Type": "CNAME", "TTL": "300", "ResourceRecords": [target] }),
        json!({
            "id": id, "name": name, "fqdn": name, "type": "CNAME", "ttl": 300, "records": [target],
            "zone_id": zone.id(), "set_identifier": "", "health_check_id": "",
            "multivalue_answer_routing_policy": false,
        }),
        &[],
    );
    twin.live.exists = true;
    twin
}

/// A distribution in front of a bucket.
pub(in crate::sandbox::seed) fn distribution(at: Place, name: &str, origin: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::unique("E", name, 14);
    let domain = format!("d{}.cloudfront.net", ids::hex(name, 13));
    Twin::new(
        at.global(),
        kind("aws_cloudfront_distribution", "AWS::CloudFront::Distribution", "cloudfront:distribution"),
        format!("arn:aws:cloudfront::{ACCOUNT_ID}:distribution/{id}"),
        &id,
        json!({
            "Id": id, "DomainName": domain,
            "DistributionConfig": {
                "Enabled": true, "Comment": name, "HttpVersion": "http2and3", "IPV6Enabled": true,
                "PriceClass": "PriceClass_100", "DefaultRootObject": "index.html", "Aliases": ["shop.acme.example"],
                "Origins": [{"Id": "assets", "DomainName": origin, "ConnectionAttempts": 3, "ConnectionTimeout": 10}],
                "Staging": false,
                "DefaultCacheBehavior": {"TargetOriginId": "assets", "ViewerProtocolPolicy": "redirect-to-https", "Compress": true, "AllowedMethods": ["HEAD", "GET"], "CachedMethods": ["HEAD", "GET"]},
                "ViewerCertificate": {"CloudFrontDefaultCertificate": false, "MinimumProtocolVersion": "TLSv1.2_2021", "SslSupportMethod": "sni-only"},
            },
        }),
        json!({
            "id": id, "domain_name": domain, "enabled": true, "comment": name, "http_version": "http2and3",
            "is_ipv6_enabled": true, "price_class": "PriceClass_100", "default_root_object": "index.html",
            "aliases": ["shop.acme.example"], "staging": false, "status": "Deployed",
            "hosted_zone_id": "Z2FDTNDATAQYW2", "retain_on_delete": false, "wait_for_deployment": true,
            "web_acl_id": "", "caller_reference": ids::uuid(name),
            "etag": ids::unique("E", &format!("{name}/etag"), 14), "in_progress_validation_batches": 0,
            "last_modified_time": "2026-09-30 16:11:02.9 +0000 UTC",
            "origin": [{"connection_attempts": 3, "connection_timeout": 10, "domain_name": origin, "origin_id": "assets", "origin_path": ""}],
            "default_cache_behavior": [{"allowed_methods": ["GET", "HEAD"], "cached_methods": ["GET", "HEAD"], "compress": true, "target_origin_id": "assets", "viewer_protocol_policy": "redirect-to-https"}],
            "viewer_certificate": [{"cloudfront_default_certificate": false, "minimum_protocol_version": "TLSv1.2_2021", "ssl_support_method": "sni-only"}],
        }),
        tags,
    )
}

/// An HTTP API.
pub(in crate::sandbox::seed) fn http_api(at: Place, name: &str, tags: &[(&str, &str)]) -> Twin {
    let id = ids::hex(&at.key(name), 10);
    let endpoint = format!("https://{id}.execute-api.{}.amazonaws.com", at.region);
    Twin::new(
        at,
        kind("aws_apigatewayv2_api", "AWS::ApiGatewayV2::Api", "apigateway:apis"),
        format!("arn:aws:apigateway:{}::/apis/{id}", at.region),
        &id,
        json!({
            "ApiId": id, "ApiEndpoint": endpoint, "Name": name, "ProtocolType": "HTTP",
            "RouteSelectionExpression": "$request.method $request.path",
            "ApiKeySelectionExpression": "$request.header.x-api-key",
            "DisableExecuteApiEndpoint": false, "IpAddressType": "ipv4",
        }),
        json!({
            "id": id, "api_endpoint": endpoint, "name": name, "protocol_type": "HTTP",
            "route_selection_expression": "$request.method $request.path",
            "api_key_selection_expression": "$request.header.x-api-key",
            "disable_execute_api_endpoint": false, "ip_address_type": "ipv4", "description": "", "version": "",
            "execution_arn": at.arn("execute-api", &id), "body": null,
        }),
        tags,
    )
}
