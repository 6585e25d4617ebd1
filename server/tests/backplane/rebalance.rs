//! A server that comes gets a share of the connections that the others have.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::{APP, Request, Server, crowd::Crowd, eventually, frames::Frames, within},
    pod_with,
    redis::Redis,
};

const LONG: Duration = Duration::from_secs(60);

/// A server that soon does something for those that come.
async fn pod(redis: &Redis, more: &[&str]) -> Server {
    let url = redis.url();
    let options = ["--redis-url", url.as_str(), "--rebalance-after", "1s", "--rebalance-over", "4s"];
    pod_with(&[&options[..], more].concat()).await
}

async fn know_each_other(servers: &[&Server]) {
    for server in servers {
        let others = servers.len() - 1;
        eventually("they know each other", async || server.status().await["backplane"]["peers"] == others).await;
    }
}

/// A load balancer that deals connections out in turn.
struct Turns {
    address: SocketAddr,
    targets: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Turns {
    async fn among(servers: &[&Server]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let targets = Arc::new(Mutex::new(servers.iter().map(|server| server.public).collect::<Vec<_>>()));
        tokio::spawn({
            let targets = targets.clone();
            async move {
                for turn in 0.. {
                    let (mut client, _) = listener.accept().await.unwrap();
                    let target = {
                        let targets = targets.lock().unwrap();
                        targets[turn % targets.len()]
                    };
                    tokio::spawn(async move {
                        let Ok(mut server) = TcpStream::connect(target).await else { return };
                        client.set_nodelay(true).unwrap();
                        server.set_nodelay(true).unwrap();
                        copy_bidirectional(&mut client, &mut server).await.ok();
                    });
                }
            }
        });
        Self { address, targets }
    }

    fn add(&self, server: &Server) {
        self.targets.lock().unwrap().push(server.public);
    }
}

/// The sum of a metric's series that have all these words.
async fn sum(server: &Server, words: &[&str]) -> u64 {
    let metrics = server.metrics().await;
    let series = metrics.lines().filter(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
    series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

async fn moved(server: &Server) -> u64 {
    sum(server, &["moves_total", r#"cause="rebalance""#]).await
}

async fn is_over(server: &Server) -> bool {
    sum(server, &["realtime_server_rebalancing "]).await == 0
}

async fn clients(server: &Server) -> u64 {
    server.status().await["connections"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_gets_its_share_and_the_clients_lose_nothing() {
    let redis = Redis::start();
    let (one, two) = (pod(&redis, &[]).await, pod(&redis, &[]).await);
    know_each_other(&[&one, &two]).await;
    let balancer = Turns::among(&[&one, &two]).await;
    let crowd = Crowd::start(balancer.address, &["--count", "90", "--every", "500"]).await;
    assert_eq!((clients(&one).await, clients(&two).await), (45, 45));
    let three = pod(&redis, &[]).await;
    balancer.add(&three);
    know_each_other(&[&one, &two, &three]).await;
    let servers = [&one, &two, &three];
    within(LONG, "clients are moved", async || moved(&one).await > 0 && moved(&two).await > 0).await;
    for server in servers {
        within(LONG, "it is over", async || is_over(server).await).await;
    }
    let mut moves = Vec::new();
    for server in servers {
        moves.push(moved(server).await);
        let count = clients(server).await;
        // The mean is 30, and a difference of five is something.
        assert!(count < 35 && count > 20, "{count} {moves:?}");
        assert!(sum(server, &["rebalances_total", r#"outcome="balanced""#]).await >= 1);
        assert_eq!(sum(server, &["rebalances_total", r#"outcome="given_up""#]).await, 0);
    }
    assert_eq!(moves[2], 0, "the one that came moves nobody");
    let account = crowd.after(0).await;
    let all: u64 = moves.iter().sum();
    assert!(all <= 90, "nobody twice: {moves:?}");
    assert_eq!(account["closes"], serde_json::json!({"1001": all}), "{account}");
    assert_eq!((&account["recovered"], &account["joined"]), (&Value::from(all), &Value::from(0)), "{account}");
    for what in ["lost", "duplicated", "disordered", "unconfirmed", "errors"] {
        assert_eq!(account[what], 0, "{what}: {account}");
    }
    for (server, before) in servers.into_iter().zip(moves) {
        assert_eq!(moved(server).await, before, "nobody moves any more");
        assert_eq!(sum(server, &["sessions_closed_total", r#"cause="abnormal""#]).await, 0);
    }
}

#[tokio::test]
async fn while_a_server_goes_nobody_else_is_moved() {
    let redis = Redis::start();
    let (old, mut goes) = (pod(&redis, &[]).await, pod(&redis, &["--detach", "1m"]).await);
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(Frames::connected(&old).await);
    }
    goes.signal("TERM");
    let new = pod(&redis, &[]).await;
    know_each_other(&[&old, &goes, &new]).await;
    eventually("one has come", async || !is_over(&old).await).await;
    // There is nothing to wait for where nothing is to happen; it would begin after one second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(moved(&old).await, 0, "it is waited for");
    goes.signal("TERM");
    within(LONG, "it has gone", async || goes.has_ended()).await;
    within(LONG, "clients are moved", async || moved(&old).await > 0).await;
    let first = futures::future::select_all(clients.iter_mut().map(|client| Box::pin(client.closed()))).await.0;
    assert_eq!(first, (1001, "another server has joined and takes its share, connect again".to_owned()));
}

#[tokio::test]
async fn clients_that_poll_are_moved_where_there_is_nobody_else() {
    let redis = Redis::start();
    let old = pod(&redis, &[]).await;
    let mut polling = Vec::new();
    for _ in 0..16 {
        let sid = old.handshake(APP).await;
        assert_eq!(old.send(Request::post(&sid, "40").origin(APP)).await.text(), "ok");
        let (address, request) = (old.public, Request::polling(&format!("&sid={sid}")).origin(APP).bytes());
        let pong = Request::post(&sid, "3").origin(APP).bytes();
        polling.push(tokio::spawn(async move {
            loop {
                let answer = crate::harness::send(address, &request).await;
                if answer.status != 200 {
                    return answer.error().0;
                }
                if answer.text().split('\u{1e}').any(|packet| packet == "2") {
                    crate::harness::send(address, &pong).await;
                }
            }
        }));
    }
    let _new = pod(&redis, &[]).await;
    within(LONG, "some are moved", async || sum(&old, &["moves_total", "rebalance", "quiet"]).await >= 3).await;
    let told = futures::future::select_all(polling).await;
    assert_eq!(told.0.unwrap(), 1, "an unknown session is what makes each client come back");
}

#[tokio::test]
async fn nobody_is_moved_where_that_is_switched_off_or_clients_would_come_back_as_strangers() {
    let redis = Redis::start();
    for option in [["--rebalance-after", "off"], ["--recovery-window", "0s"]] {
        let url = redis.url();
        let old = pod_with(&[&["--redis-url", url.as_str(), "--redis-stream", option[1]], &option[..]].concat()).await;
        let new = pod_with(&["--redis-url", url.as_str(), "--redis-stream", option[1]]).await;
        know_each_other(&[&old, &new]).await;
        eventually("the new one sees to it", async || !is_over(&new).await).await;
        assert!(is_over(&old).await, "{option:?}");
    }
}
