//! Where services are.

use muster_store::StoreError;
use reqwest::Url;

use crate::settings::wrong;

/// What decides where the services of a region are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub region: String,
    pub dual_stack: bool,
    pub fips: bool,
}

impl Place {
    /// The address of a service, without a slash at its end.
    pub(crate) fn of(&self, service: &str) -> String {
        let region = &self.region;
        let (domain, dual_domain) = match region.split_once('-').map_or("", |(group, _)| group) {
            "cn" => ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            "eusc" => ("amazonaws.eu", "api.amazonwebservices.eu"),
            _ if region.starts_with("us-isob-") => ("sc2s.sgov.gov", "sc2s.sgov.gov"),
            _ if region.starts_with("us-isof-") => ("csp.hci.ic.gov", "csp.hci.ic.gov"),
            _ if region.starts_with("us-iso-") => ("c2s.ic.gov", "c2s.ic.gov"),
            _ if region.starts_with("eu-isoe-") => ("cloud.adc-e.uk", "cloud.adc-e.uk"),
            _ => ("amazonaws.com", "api.aws"),
        };
        let fips = if self.fips { "-fips" } else { "" };
        match (self.dual_stack, service) {
            (true, "s3") => format!("https://s3{fips}.dualstack.{region}.{domain}"),
            (true, _) => format!("https://{service}{fips}.{region}.{dual_domain}"),
            (false, _) => format!("https://{service}{fips}.{region}.{domain}"),
        }
    }
}

/// Whether this looks like the name of a region.
pub(crate) fn is_region(name: &str) -> bool {
    let mut parts: Vec<_> = name.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    parts.len() >= 2
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && parts
            .iter()
            .all(|part| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_lowercase()))
}

/// An address that somebody gave, in its usual form and without a slash at its end.
pub(crate) fn custom(name: &'static str, text: &str) -> Result<String, StoreError> {
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    };
    let url = Url::parse(&with_scheme)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| wrong(name, "is not the URL of a service"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong(name, "must not have a user, a password or a query"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The address of a bucket, without a slash at its end.
pub(crate) fn bucket(service: &str, bucket: &str, path_style: bool) -> String {
    let host = |url: &str| Some(url.split_once("://")?.1.to_owned());
    let is_ip = Url::parse(service).is_ok_and(|url| url.domain().is_none());
    let is_secure = service.starts_with("https://");
    if path_style || is_ip || !is_host(bucket) || (is_secure && bucket.contains('.')) {
        return format!("{service}/{bucket}");
    }
    match (service.split_once("://"), host(service)) {
        (Some((scheme, _)), Some(host)) => format!("{scheme}://{bucket}.{host}"),
        _ => format!("{service}/{bucket}"),
    }
}

/// Whether a name can be a part of the name of a host.
fn is_host(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_regions() {
        let check = |region: &str, dual_stack, fips, expect: [&str; 2]| {
            let region = region.to_owned();
            let place = Place {
                region,
                dual_stack,
                fips,
            };
            assert_eq!(["s3", "sts"].map(|service| place.of(service)), expect);
        };
        let usual = [
            "https://s3.eu-west-1.amazonaws.com",
            "https://sts.eu-west-1.amazonaws.com",
        ];
        check("eu-west-1", false, false, usual);
        let china = [
            "https://s3.cn-north-1.amazonaws.com.cn",
            "https://sts.cn-north-1.amazonaws.com.cn",
        ];
        check("cn-north-1", false, false, china);
        let all = [
            "https://s3-fips.dualstack.us-east-2.amazonaws.com",
            "https://sts-fips.us-east-2.api.aws",
        ];
        check("us-east-2", true, true, all);
    }

    #[test]
    fn addresses_of_buckets() {
        let check = |service: &str, name: &str, path_style, expect: &str| {
            assert_eq!(bucket(service, name, path_style), expect);
        };
        let aws = "https://s3.eu-west-1.amazonaws.com";
        check(aws, "bkt", false, "https://bkt.s3.eu-west-1.amazonaws.com");
        check(aws, "bkt", true, "https://s3.eu-west-1.amazonaws.com/bkt");
        check(
            aws,
            "a.bkt",
            false,
            "https://s3.eu-west-1.amazonaws.com/a.bkt",
        );
        check(
            aws,
            "Bkt_",
            false,
            "https://s3.eu-west-1.amazonaws.com/Bkt_",
        );
        check(
            "http://127.0.0.1:9000",
            "bkt",
            false,
            "http://127.0.0.1:9000/bkt",
        );
        check(
            "http://localhost:9000/x",
            "bkt",
            false,
            "http://bkt.localhost:9000/x",
        );
    }

    #[test]
    fn addresses_that_were_given() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(custom("endpoints", text).ok().as_deref(), expect, "{text}");
        };
        check(
            "https://minio.example.com:443/",
            Some("https://minio.example.com"),
        );
        check("minio.example.com", Some("https://minio.example.com"));
        check("http://user:pw@host", None);
        check("ftp://host", None);
        check("http://", None);
    }

    #[test]
    fn names_of_regions() {
        for good in [
            "us-east-1",
            "ap-southeast-10",
            "us-gov-west-1",
            "us-isob-east-1",
        ] {
            assert!(is_region(good), "{good}");
        }
        for bad in [
            "",
            "foo",
            "us-east",
            "us-east-1a",
            "US-EAST-1",
            "-east-1",
            "1",
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
