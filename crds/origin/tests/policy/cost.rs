use std::time::{Duration, Instant};

use origin_policy::{Config, OriginPolicy, Received};

fn large(count: usize) -> OriginPolicy {
    let exact = (0..count / 2).map(|n| format!("https://app{n}.example.com"));
    let wild = (0..count / 2).map(|n| format!("https://*.tenant{n}.example.net"));
    OriginPolicy::new(&Config { allow: exact.chain(wild).collect(), ..Config::default() }).expect("a valid policy")
}

#[test]
fn decisions_do_not_allocate() {
    let policy = large(100);
    let deep = format!("https://{}example.net", "a.".repeat(120));
    for origin in [
        "https://app7.example.com",
        "https://a.b.tenant7.example.net",
        "https://stranger.test",
        "http://[2001:db8::1]:3000",
        "http://127.0.0.1:3000",
        "null",
        "https://a.com, https://b.com",
        "https://app7.example.com/",
        &deep,
    ] {
        let info = allocation_counter::measure(|| {
            std::hint::black_box(policy.decide(Received::from(origin)));
        });
        assert_eq!(info.count_total, 0, "{origin}");
    }
}

#[test]
fn ten_thousand_patterns_are_built_and_asked_in_no_time() {
    let start = Instant::now();
    let policy = large(10_000);
    assert_eq!(policy.patterns().len(), 10_000);
    assert!(policy.decide(Received::from("https://app4999.example.com")).is_allowed());
    assert!(policy.decide(Received::from("https://x.tenant4999.example.net")).is_allowed());
    assert!(!policy.decide(Received::from("https://tenant4999.example.net")).is_allowed());
    // A quadratic search for duplicates would take minutes in a debug build.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_thousand_explanations_of_hostile_origins_stay_cheap() {
    let policy = large(10_000);
    let hostile: Vec<String> = (0..1000).map(|n| format!("https://{}x{n}.example.com", "a.".repeat(100))).collect();
    let start = Instant::now();
    for origin in &hostile {
        assert!(!policy.explain(Received::from(origin.as_str())).message.is_empty());
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
