//! `doctor`: climbs the ladder of any deployment, as a page on another site would.

use std::io::{self, Write};

use anyhow::{Context, Result};
use realtime_doctor::{
    Report, Rung, Target, climb_telling, cors::Credentials, engine::Revision, finding::Verdict as Found, har,
    target::Protocol as Expected,
};
use serde_json::json;

use crate::{
    input,
    options::{Doctor, Protocol, Transport},
    verdict::Verdict,
};

pub(crate) async fn run(options: &Doctor) -> Result<Verdict> {
    let target = match target(options) {
        Ok(target) => target,
        Err(error) => {
            if options.json {
                let message = format!("{error:#}");
                println!("{}", json!({"verdict": "invalid", "reason": "Invalid", "rung": null, "message": message}));
            }
            return Err(error);
        }
    };
    let report = if options.json {
        let report = realtime_doctor::climb(&target).await;
        println!("{}", report.json());
        report
    } else {
        told(&target).await
    };
    if let Some(file) = &options.har {
        let archive = serde_json::to_vec_pretty(&har::archive(&report))?;
        std::fs::write(file, archive).with_context(|| format!("failed to write {}", file.display()))?;
    }
    Ok(match report.verdict() {
        Found::Pass | Found::Skipped => Verdict::Good,
        Found::Warn => Verdict::Warning,
        Found::Fail => Verdict::Bad,
    })
}

/// Prints each step as soon as it is judged.
async fn told(target: &Target) -> Report {
    print!("{}", realtime_doctor::report::head(target));
    let hold = target.hold;
    let report = climb_telling(target, &mut |step| {
        print!("{}", step.text());
        let _ = io::stdout().flush();
        if let (Rung::Replicas, Some(hold)) = (step.rung, hold) {
            eprintln!("holding a WebSocket open for {}", humantime::format_duration(hold));
        }
    })
    .await;
    print!("{}", report.last());
    report
}

fn target(options: &Doctor) -> Result<Target> {
    let mut target = Target::new(&options.url, &options.origin)?;
    if let Some(path) = &options.path {
        target = target.path(path)?;
    }
    if options.no_headers || !options.header.is_empty() {
        target = target.headers(&options.header)?;
    }
    if let Some(auth) = &options.auth {
        target = target.auth(auth)?;
    }
    if let Some(address) = &options.connect_to {
        target = target.connect_to(address)?;
    }
    if let Some(file) = &options.ca {
        target = target.authorities(input::bytes(file)?)?;
    }
    target.credentials =
        if options.credentials && !options.no_credentials { Credentials::Include } else { Credentials::Omit };
    target.polling = options.transports.contains(&Transport::Polling);
    target.websocket = options.transports.contains(&Transport::Websocket);
    target.revision = options.client.map(|version| if version < 3 { Revision::Three } else { Revision::Four });
    target.protocol = match options.protocol {
        Protocol::SocketIo => Expected::SocketIo,
        Protocol::Websocket => Expected::WebSocket,
    };
    target.insecure = options.insecure;
    target.timeout = options.timeout;
    target.hold = options.hold;
    Ok(target)
}
