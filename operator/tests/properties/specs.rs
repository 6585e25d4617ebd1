//! Random resources. Lists and maps are drawn from small stocks by the bits of a number: quick to make, and shrunk to nothing.

use proptest::prelude::*;
use realtime_crds::{
    RealtimeService, RealtimeServiceSpec,
    v1alpha1::{
        Auth, Backplane, Duration, Exposure, GkeClass, Jwks, Jwt, Limits, MissingOrigin, OriginMode, Origins,
        PolicySource, Publish, Queue, Recovery, RedisBackplane, SecretKey, Timeouts, Transport,
    },
};

use crate::{exposures, workloads};

/// Two states of one resource.
#[derive(Clone, Debug)]
pub struct Resource {
    pub before: RealtimeService,
    pub after: RealtimeService,
    /// Whether each state's pod template leaves the pod as safe as it was.
    pub harmless: [bool; 2],
}

/// What is an owner's and must not reach a child.
pub const MARK: &str = "mark-of-the-owner";

/// Those of the stock whose bit is set.
pub fn some_of<T: Clone>(stock: &[T], bits: u32) -> Vec<T> {
    stock.iter().enumerate().filter(|(index, _)| bits >> index & 1 == 1).map(|(_, item)| item.clone()).collect()
}

/// A DNS label that begins with a letter.
pub fn label(least: usize, most: usize) -> impl Strategy<Value = String> {
    const LETTERS: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz0123456789-";
    (any::<u64>(), least..=most).prop_map(|(mut seed, length)| {
        let mut draw = |among: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(LETTERS[usize::try_from((seed >> 33) % among).expect("an index")])
        };
        let ends = |index: usize| index == 0 || index + 1 == length;
        (0..length)
            .map(|index| {
                draw(if index == 0 {
                    26
                } else if ends(index) {
                    36
                } else {
                    37
                })
            })
            .collect()
    })
}

pub fn resource() -> impl Strategy<Value = Resource> {
    (label(1, 50), label(1, 63), 1_i64..1000, spec(), spec()).prop_map(
        |(name, namespace, generation, before, after)| {
            let harmless = [before.1, after.1];
            let resource = |spec: RealtimeServiceSpec, generation| {
                let mut service = RealtimeService::new(&name, spec);
                let marks = || Some([(format!("{MARK}/tracked-by"), MARK.to_owned())].into());
                service.metadata.namespace = Some(namespace.clone());
                service.metadata.uid = Some("6f0e0c8e-9f6c-4d6e-8a43-1d1b7c0e9a11".to_owned());
                service.metadata.generation = Some(generation);
                service.metadata.labels = marks();
                service.metadata.annotations = marks();
                service
            };
            Resource { before: resource(before.0, generation), after: resource(after.0, generation + 1), harmless }
        },
    )
}

/// A spec, and whether its pod template leaves the pod as safe as it was.
fn spec() -> impl Strategy<Value = (RealtimeServiceSpec, bool)> {
    let places = (label(1, 30), label(1, 63), 0_usize..3, 0_usize..20);
    let shared = (backplane(), publish());
    let small = (origins(), auth(), limits(), recovery(), shared, any::<bool>(), any::<bool>());
    (places, small, timeouts(), workloads::workload(), exposures::exposure()).prop_map(
        |((first, second, levels, which), small, raw, (workload, harmless), exposure)| {
            let (origins, auth, limits, recovery, (backplane, publish), from_file, paused) = small;
            let queue = |publish: Publish| Publish { queue: publish.queue.filter(|_| backplane.is_some()), ..publish };
            let is_one = |publish: &Publish| publish.token_secret_ref.is_some() || publish.queue.is_some();
            let publish = publish.map(queue).filter(is_one);
            let mut host = [first, "domain-a.com".to_owned()].join(".");
            host = (0..levels).fold(host, |host, _| format!("{second}.{host}"));
            let gke = exposure.as_ref().and_then(|exposure| exposure.gke.as_ref());
            if gke.is_some_and(|gke| gke.managed_certificate) && host.len() > 63 {
                "chat.domain-a.com".clone_into(&mut host);
            }
            let spec = RealtimeServiceSpec {
                host,
                path: ["/socket.io", "/oursocketio", "/a", "/realtime/v2/~x", "/A.b-c_d"][which % 5].to_owned(),
                transports: transports(which / 5),
                origins,
                auth,
                timeouts: raw.within(silence_limit(exposure.as_ref())),
                limits,
                recovery,
                backplane,
                publish,
                workload,
                exposure,
                policy_source: if from_file { PolicySource::File } else { PolicySource::Watch },
                probe: None,
                paused,
            };
            (spec, harmless)
        },
    )
}

fn transports(which: usize) -> Vec<Transport> {
    match which {
        0 => vec![Transport::Websocket, Transport::Polling],
        1 => vec![Transport::Polling, Transport::Websocket],
        2 => vec![Transport::Websocket],
        _ => vec![Transport::Polling],
    }
}

fn origins() -> impl Strategy<Value = Origins> {
    const ALLOW: [&str; 6] = [
        "https://app.domain-b.com",
        "https://*.preview.domain-b.com",
        "http://localhost:5173",
        "https://app.domain-c.co.uk:8443",
        "https://xn--bcher-kva.example",
        "http://intranet.domain-b.com",
    ];
    const HEADERS: [&str; 4] = ["Authorization", "Content-Type", "X-Request-Id", "x-api-key"];
    let owned = |stock: &[&str], bits| some_of(stock, bits).into_iter().map(str::to_owned).collect::<Vec<_>>();
    (1_u32..64, 0_u32..16, 0_u32..16, 0_u64..=86_400, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        move |(allow, allowed, exposed, max_age, credentials, deny, report)| {
            let secure = if credentials && allow & 31 == 0 { 1 } else { allow };
            Origins {
                allow: owned(&ALLOW[..if credentials { 5 } else { 6 }], secure),
                credentials,
                allowed_headers: owned(&HEADERS, allowed),
                exposed_headers: owned(&HEADERS, exposed),
                max_age: Duration::from_secs(max_age),
                missing: if deny { MissingOrigin::Deny } else { MissingOrigin::Allow },
                mode: if report { OriginMode::Report } else { OriginMode::Enforce },
            }
        },
    )
}

fn auth() -> impl Strategy<Value = Option<Auth>> {
    (0_u32..4, 1_u32..8, any::<bool>()).prop_map(|(keys, audiences, query)| {
        let jwks = match keys {
            0 | 1 => return None,
            2 => Jwks { url: Some("https://login.domain-b.com/keys".to_owned()), secret_ref: None },
            _ => Jwks {
                url: None,
                secret_ref: Some(SecretKey { name: "login-keys".to_owned(), key: "keys.json".to_owned() }),
            },
        };
        let audiences = some_of(&["chat", "live", "desk"].map(str::to_owned), audiences);
        let query_parameter = query.then(|| "token".to_owned());
        Some(Auth { jwt: Jwt { issuer: "https://login.domain-b.com/".to_owned(), audiences, jwks, query_parameter } })
    })
}

fn backplane() -> impl Strategy<Value = Option<Backplane>> {
    let secret = |name: &str, key: &str| SecretKey { name: name.to_owned(), key: key.to_owned() };
    let choices = (any::<bool>(), any::<bool>(), any::<bool>(), prop::option::of(100..=10_000_000));
    choices.prop_map(move |(is_there, has_authority, has_name, max_length)| {
        let redis = RedisBackplane {
            url_secret_ref: secret("chat-redis", "url"),
            ca_secret_ref: has_authority.then(|| secret("chat-redis-ca", "ca.crt")),
            stream: has_name.then(|| "chat".to_owned()),
            max_length,
        };
        is_there.then_some(Backplane { redis })
    })
}

fn publish() -> impl Strategy<Value = Option<Publish>> {
    let name = |name: &'static str| prop::option::of(Just(name.to_owned()));
    let queue = (name("readers"), name("chat:lost"), prop::option::of(1..=100));
    let queue = queue.prop_map(|(group, dead_letter, tries)| Queue {
        stream: "chat:publish".to_owned(),
        group,
        dead_letter,
        tries,
    });
    (any::<bool>(), prop::option::of(queue)).prop_map(|(has_token, queue)| {
        let token = SecretKey { name: "chat-publish".to_owned(), key: "tokens".to_owned() };
        Some(Publish { token_secret_ref: has_token.then_some(token), queue })
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let maybe = |most: i32, least: i32| prop::option::of(least..=most);
    // More than 100 connections of a pod, which is what the load may ask for.
    (
        maybe(1_000_000, 120),
        maybe(100_000, 1),
        maybe(104_857_600, 1024),
        maybe(100_000, 1),
        maybe(1_073_741_824, 65_536),
    )
        .prop_map(
            |(
                connections_per_pod,
                handshakes_per_second,
                max_message_bytes,
                messages_per_second,
                send_buffer_bytes,
            )| {
                Limits {
                    connections_per_pod,
                    handshakes_per_second,
                    max_message_bytes,
                    messages_per_second,
                    send_buffer_bytes,
                }
            },
        )
}

fn recovery() -> impl Strategy<Value = Recovery> {
    (0_u64..=3_600_000, 1_048_576_i64..=17_179_869_184)
        .prop_map(|(window, max_bytes)| Recovery { window: Duration::from_millis(window), max_bytes })
}

/// Milliseconds, of which the pings are cut to what the rest allows.
#[derive(Clone, Copy, Debug)]
struct Raw {
    age: u64,
    drain: u64,
    ping: u64,
    pong: u64,
}

fn timeouts() -> impl Strategy<Value = Raw> {
    let age = prop_oneof![10_000_u64..=86_400_000, (10_u64..=86_400).prop_map(|seconds| seconds * 1000)];
    (age, 0_u64..=3_540_000, any::<u32>(), any::<u32>()).prop_map(|(age, drain, ping, pong)| Raw {
        age,
        drain,
        ping: ping.into(),
        pong: pong.into(),
    })
}

impl Raw {
    fn within(self, silence: u64) -> Timeouts {
        let both = silence.min(self.age) - 1;
        let of = |seed: u64, most: u64| 1_000 + seed % (most.min(300_000) - 999);
        let ping = of(self.ping, both - 1_000);
        Timeouts {
            max_connection_age: Duration::from_millis(self.age),
            drain: Duration::from_millis(self.drain),
            ping_interval: Duration::from_millis(ping),
            ping_timeout: Duration::from_millis(of(self.pong, both - ping)),
        }
    }
}

/// Longest silence that the load balancer bears, in milliseconds.
fn silence_limit(exposure: Option<&Exposure>) -> u64 {
    let google = exposure.is_some_and(|exposure| {
        exposure.gke_gateway.is_some() || exposure.gke.as_ref().is_some_and(|gke| gke.class == GkeClass::GceInternal)
    });
    if google { 300_000 } else { u64::MAX }
}
