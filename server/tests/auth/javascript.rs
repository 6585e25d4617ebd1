//! The clients that people use.

use super::support::*;

/// `tests/setup` installs them.
#[tokio::test]
async fn the_javascript_clients_of_three_generations_hear_why() {
    let setup =
        std::process::Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/setup")).arg("clients").status();
    assert!(setup.expect("tests/setup runs").success(), "the clients are installed");
    let server = server_with_file(&key_set(&[Signer::ec()]), ", queryParameter: token");
    let run = async |client: &str, transport: &str, seconds: i64| {
        let payload = json!({"token": Signer::ec().token(&claims(seconds))}).to_string();
        let mut node = tokio::process::Command::new("node");
        node.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/clients"))
            .arg("ladder.mjs")
            .stdin(std::process::Stdio::piped());
        node.args(["--client", client, "--transports", transport, "--path", PATH, "--origin", APP, "--auth", &payload]);
        node.args(["--url", &format!("http://{}", server.public)])
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true);
        let mut node = node.spawn().expect("node");
        let input = node.stdin.take();
        tokio::time::sleep(Duration::from_secs(6)).await;
        drop(input);
        let output = node.wait_with_output().await.expect("its output");
        String::from_utf8(output.stdout).expect("text")
    };
    for client in ["4", "3", "2"] {
        for transport in ["websocket", "polling"] {
            let (kept, late, brief) =
                tokio::join!(run(client, transport, 600), run(client, transport, -3600), run(client, transport, -26));
            assert!(
                kept.contains(r#""event":"connect""#) && !kept.contains("io server disconnect"),
                "{client} {transport}: {kept}"
            );
            assert!(late.contains("TokenExpired: the token expired 1h"), "{client} {transport}: {late}");
            let heard = ["token_expired", "connect again with a fresh one", "io server disconnect"];
            assert!(heard.iter().all(|part| brief.contains(part)), "{client} {transport}: {brief}");
        }
    }
}
