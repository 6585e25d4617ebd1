//! What a URL means: one Redis, the master that Sentinels name, or a cluster.

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::problem::{Problem, Reason};

const REDIS: u16 = 6379;
const SENTINEL: u16 = 26379;
const FORMS: &str = "a URL reads like redis://user:password@host:6379/0, rediss://… with TLS, redis+sentinel://…@host:26379,host:26379/master-name/0 or redis+cluster://…@host:6379,host:6379";

/// Where Redis is.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Single(Box<ConnectionInfo>),
    Sentinel(Sentinel),
    Cluster(Nodes),
}

/// Several nodes, and how to sign in there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes {
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) has_tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// Sentinels, and what to ask them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentinel {
    pub(crate) nodes: Nodes,
    pub(crate) master: String,
    pub(crate) database: i64,
    /// To sign in at the Sentinels themselves.
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let (has_tls, kind) = match scheme.split_once('+') {
            None => return single(url),
            Some(("redis", kind)) => (false, kind),
            Some(("rediss", kind)) => (true, kind),
            Some(_) => return Err(bad()),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        match kind {
            "cluster" => Nodes::parse(authority, has_tls, REDIS).map(Self::Cluster),
            "sentinel" => {
                let nodes = Nodes::parse(authority, has_tls, SENTINEL)?;
                let (master, database) = path.split_once('/').unwrap_or((path, "0"));
                let parameter = |name: &str| {
                    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(decode)
                };
                Ok(Self::Sentinel(Sentinel {
                    nodes,
                    master: Some(decode(master)).filter(|master| !master.is_empty()).ok_or_else(bad)?,
                    database: database.parse().map_err(|_| bad())?,
                    user: parameter("sentinel_username"),
                    password: parameter("sentinel_password"),
                }))
            }
            _ => Err(bad()),
        }
    }
}

impl Nodes {
    fn parse(authority: &str, has_tls: bool, port: u16) -> Result<Self, Problem> {
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, ""))) {
            None => (None, None),
            Some((user, password)) => (Some(decode(user)), Some(decode(password))),
        };
        let is_there = |text: &String| !text.is_empty();
        let hosts = hosts.split(',').map(|host| node(host, port)).collect::<Option<Vec<_>>>().ok_or_else(bad)?;
        Ok(Self { hosts, has_tls, user: user.filter(is_there), password: password.filter(is_there) })
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = ConnectionAddr> + '_ {
        self.hosts.iter().cloned().map(|(host, port)| match self.has_tls {
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, port),
        })
    }
}

fn node(text: &str, port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':').map_or(Ok(port), str::parse).ok()?)
        }
        None => match text.split_once(':') {
            Some((host, digits)) => (host, digits.parse().ok()?),
            None => (text, port),
        },
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn single(url: &str) -> Result<Address, Problem> {
    let info = url.into_connection_info().map_err(|error| Problem::new(Reason::BadUrl, format!("{error}; {FORMS}")))?;
    Ok(Address::Single(Box::new(info)))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn bad() -> Problem {
    // The URL itself is a secret.
    Problem::new(Reason::BadUrl, FORMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_asked_for_the_master() {
        let url = "rediss+sentinel://chat:p%40ss@a.com,[::1]:5000/main/2?sentinel_password=other";
        let Ok(Address::Sentinel(sentinel)) = Address::parse(url) else { panic!("{url}") };
        assert_eq!(sentinel.nodes.hosts, [("a.com".to_owned(), 26379), ("::1".to_owned(), 5000)]);
        assert_eq!(sentinel.nodes.user.as_deref(), Some("chat"));
        assert_eq!(sentinel.nodes.password.as_deref(), Some("p@ss"));
        assert_eq!((sentinel.master.as_str(), sentinel.database), ("main", 2));
        assert_eq!((sentinel.user, sentinel.password.as_deref()), (None, Some("other")));
        assert!(sentinel.nodes.has_tls);
    }

    #[test]
    fn a_cluster_has_several_nodes() {
        let Ok(Address::Cluster(nodes)) = Address::parse("redis+cluster://:secret@a:7000,b") else { panic!() };
        assert_eq!(nodes.hosts, [("a".to_owned(), 7000), ("b".to_owned(), 6379)]);
        assert_eq!((nodes.user, nodes.password.as_deref()), (None, Some("secret")));
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for url in [
            "",
            "a.com",
            "http://a.com",
            "redis+sentinel://a",
            "redis+other://a",
            "redis+cluster://a:x",
            "redis+cluster://",
        ] {
            let problem = Address::parse(url).map(drop).expect_err(url);
            assert_eq!(problem.reason, Reason::BadUrl);
        }
        assert!(!Address::parse("nothing+cluster://user:hush@a").map(drop).expect_err("bad").message.contains("hush"));
    }
}
