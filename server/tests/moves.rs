//! A connection that is moved away loses nothing: raw clients, so that every byte and its moment is known. A drain moves in the same way as
//! an age that has come, and sooner.

mod harness;

use std::time::Duration;

use harness::{
    APP, Request, Server, eventually,
    frames::{Frame, Frames, frame},
    manifest, read,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, timeout},
};

const ALLOW: &str = r#"{allow: ["https://app.domain-b.com"]}"#;
const SECOND: Duration = Duration::from_secs(1);

fn draining(window: &str) -> Server {
    Server::start_with(&manifest(ALLOW), &["--drain", window])
}

async fn ended(server: &mut Server) {
    eventually("it ends", async || server.has_ended()).await;
}

/// Number of the acknowledgement that a message is.
fn acknowledged(text: &str) -> Option<usize> {
    text.strip_prefix("43")?.split('[').next()?.parse().ok()
}

#[tokio::test]
async fn a_client_that_never_pauses_is_closed_between_an_acknowledgement_and_its_next_event() {
    let mut server = draining("4s");
    let mut client = Frames::connected(&server).await;
    for number in 1.. {
        if number == 100 {
            server.signal("TERM");
        }
        client.text(&format!(r#"42{number}["echo",{number}]"#)).await;
        match client.next().await {
            Frame::Text(text) => assert_eq!(acknowledged(&text), Some(number)),
            Frame::Close(code, reason) => {
                // The event and the close frame crossed on the wire: that one alone has no acknowledgement.
                assert_eq!((code, reason.as_str()), (1001, "server is shutting down, connect again"));
                assert!(number >= 100);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    client.close(1001).await;
    assert_eq!(client.next().await, Frame::End);
    ended(&mut server).await;
    assert!(server.log().contains("left=0"), "{}", server.log());
}

#[tokio::test]
async fn what_waits_for_the_client_goes_out_before_the_close_frame() {
    const MESSAGES: usize = 100;
    let mut server = draining("4s");
    let mut reader = Frames::connected(&server).await;
    reader.text(r#"421["join",{"room":"news"}]"#).await;
    reader.until("an acknowledgement", |text| acknowledged(text) == Some(1)).await;
    let mut writer = Frames::connected(&server).await;
    // More than the socket's own buffers hold while nobody reads.
    let padding = "x".repeat(20_000);
    for number in 0..MESSAGES {
        writer.text(&format!(r#"42{number}["publish",{{"room":"news","data":[{number},"{padding}"]}}]"#)).await;
    }
    let mut acknowledgements = 0;
    while acknowledgements < MESSAGES {
        let Frame::Text(text) = writer.next().await else { panic!("closed after {acknowledgements}") };
        acknowledgements += usize::from(acknowledged(&text).is_some());
    }
    server.signal("TERM");
    let mut got = 0;
    loop {
        match reader.next().await {
            Frame::Text(text) if text.starts_with(r#"42["message","#) => {
                assert!(text.contains(&format!(r#""data":[{got},"#)), "in order: {got} {}", &text[..200]);
                got += 1;
            }
            Frame::Text(_) => {}
            Frame::Close(code, _) => {
                assert_eq!((code, got), (1001, MESSAGES));
                break;
            }
            other => panic!("{other:?} after {got}"),
        }
    }
    reader.close(1001).await;
    drop(writer);
    ended(&mut server).await;
}

#[tokio::test]
async fn what_the_client_sent_before_it_saw_the_close_frame_is_handled() {
    let options = ["--max-connection-age", "10s"];
    let server = Server::start_with(&manifest(ALLOW), &options);
    let mut old = Frames::connected(&server).await;
    let opened = Instant::now();
    tokio::time::sleep(2 * SECOND).await;
    let mut young = Frames::connected(&server).await;
    young.text(r#"421["join",{"room":"news"}]"#).await;
    young.until("an acknowledgement", |text| acknowledged(text) == Some(1)).await;
    let (code, reason) = old.closed().await;
    assert_eq!((code, reason.as_str()), (1001, "connection has come to its age, connect again"));
    let age = opened.elapsed();
    assert!(age >= SECOND * 79 / 10 && age <= SECOND * 96 / 10, "at 80 to 95 % of its age: {age:?}");
    old.text(r#"427["publish",{"room":"news","data":"late"}]"#).await;
    old.close(1001).await;
    assert_eq!(old.next().await, Frame::End, "nothing follows a close frame, no acknowledgement either");
    young.until("the message", |text| text.contains(r#""data":"late""#)).await;
    for counted in [
        r#"moves_total{cause="rotation",outcome="quiet"} 1"#,
        r#"sessions_closed_total{cause="rotation",transport="websocket"} 1"#,
    ] {
        // Whoever moves sessions counts what became of one when it has been told.
        eventually(counted, async || server.metrics().await.contains(counted)).await;
    }
}

#[tokio::test]
async fn an_event_that_nobody_answers_holds_the_drain_up_for_its_share_only() {
    let mut server = draining("2s");
    let mut client = Frames::connected(&server).await;
    client.text(r#"421["there-is-no-such-event"]"#).await;
    client.text(r#"422["echo"]"#).await;
    client.until("an acknowledgement", |text| acknowledged(text) == Some(2)).await;
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(client.closed().await.0, 1001);
    assert!(start.elapsed() < SECOND, "a tenth of the drain: {:?}", start.elapsed());
    client.close(1001).await;
    ended(&mut server).await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_the_close_frame_holds_nothing_up() {
    let mut server = draining("1s");
    let mut client = Frames::connected(&server).await;
    server.signal("TERM");
    assert_eq!(client.closed().await.0, 1001);
    let start = Instant::now();
    assert_eq!(client.next().await, Frame::End);
    assert!(start.elapsed() > SECOND && start.elapsed() < 4 * SECOND, "{:?}", start.elapsed());
    ended(&mut server).await;
}

#[tokio::test]
async fn a_message_in_pieces_is_not_cut_in_two() {
    let mut server = draining("5s");
    let mut client = Frames::connected(&server).await;
    client.send(0x01, br#"421["ec"#).await;
    assert_eq!(client.within(SECOND / 2).await, None, "the server reads, and waits for the rest");
    server.signal("TERM");
    assert_eq!(client.within(SECOND / 5).await, None, "half a message is waited for");
    client.send(0x80, br#"ho",1]"#).await;
    assert_eq!(client.next().await, Frame::Text("431[1]".to_owned()));
    assert!(matches!(client.next().await, Frame::Close(1001, _)));
    client.close(1001).await;
    ended(&mut server).await;
}

/// However TCP cuts the bytes: one read may bring the end of one message and the beginning of the next.
#[tokio::test]
async fn messages_whole_and_in_pieces_may_come_together() {
    let server = draining("5s");
    let mut client = Frames::connected(&server).await;
    let pieces = [frame(0x81, br#"421["echo",1]"#), frame(0x01, br#"422["ec"#)].concat();
    client.stream.write_all(&pieces).await.expect("the server reads");
    assert_eq!(client.next().await, Frame::Text("431[1]".to_owned()));
    let pieces = [frame(0x89, b"?"), frame(0x80, br#"ho",2]"#), frame(0x01, br#"423["ec"#)].concat();
    client.stream.write_all(&pieces).await.expect("the server reads");
    let mut seen = vec![client.next().await, client.next().await];
    seen.sort_by_key(|frame| matches!(frame, Frame::Text(_)));
    assert_eq!(seen, [Frame::Binary(b"?".to_vec()), Frame::Text("432[2]".to_owned())], "the ping has its pong");
    client.send(0x80, br#"ho",3]"#).await;
    assert_eq!(client.next().await, Frame::Text("433[3]".to_owned()));
}

/// A poll that waits, on a connection of its own, after others that did not have to.
async fn waiting(server: &Server, sid: &str, browser: bool) -> TcpStream {
    let request = Request::polling(&format!("&sid={sid}")).origin(APP);
    let request = if browser { request.header("sec-fetch-mode", "cors") } else { request };
    let mut stream = TcpStream::connect(server.public).await.expect("connected");
    loop {
        stream.write_all(&request.bytes()).await.expect("sent");
        if timeout(SECOND / 2, stream.readable()).await.is_err() {
            return stream;
        }
        if read(&mut stream).await.text() == "2" {
            server.send(Request::post(sid, "3").origin(APP)).await;
        }
    }
}

/// A session that polls and is connected.
async fn polling(server: &Server) -> String {
    let sid = server.handshake(APP).await;
    assert_eq!(server.send(Request::post(&sid, "40").origin(APP)).await.text(), "ok");
    let poll = || Request::polling(&format!("&sid={sid}")).origin(APP);
    let mut got = String::new();
    while !got.contains("40{") {
        got += &server.send(poll()).await.text();
    }
    sid
}

#[tokio::test]
async fn a_client_that_polls_hears_at_once_in_the_words_that_it_understands() {
    let mut server = draining("1s");
    let (browser, other) = (polling(&server).await, polling(&server).await);
    let mut polls = [waiting(&server, &browser, true).await, waiting(&server, &other, false).await];
    let start = Instant::now();
    server.signal("TERM");
    let mut answers = Vec::new();
    for poll in &mut polls {
        answers.push(timeout(2 * SECOND, read(poll)).await.expect("answered in time"));
    }
    assert!(start.elapsed() < SECOND * 3 / 2, "{:?}", start.elapsed());
    assert_eq!((answers[0].status, answers[0].text().as_str()), (200, "1"), "a close packet");
    assert_eq!((answers[1].status, answers[1].error().0), (400, 1), "an unknown session");
    assert!(answers.iter().all(|answer| answer.header("access-control-allow-origin") == Some(APP)));
    ended(&mut server).await;
    assert!(server.log().contains("left=0"), "{}", server.log());
}

#[tokio::test]
async fn what_a_client_that_polls_sends_before_it_hears_is_handled_and_its_answer_goes_before_the_farewell() {
    let mut server = draining("2s");
    let sid = polling(&server).await;
    let post = |body: &str| Request::post(&sid, body).origin(APP);
    assert_eq!(server.send(post(r#"421["echo","first"]"#)).await.status, 200);
    server.signal("TERM");
    eventually("it drains", async || server.log().contains("moving connections away")).await;
    assert_eq!(server.send(post(r#"422["echo","late"]"#)).await.status, 200);
    let mut got = String::new();
    let farewell = loop {
        let answer = server.send(Request::polling(&format!("&sid={sid}")).origin(APP)).await;
        if answer.status != 200 {
            break answer;
        }
        got += &answer.text();
    };
    assert_eq!(farewell.error().0, 1);
    assert!(got.contains(r#"431["first"]"#) && got.contains(r#"432["late"]"#), "{got}");
    ended(&mut server).await;
    assert!(server.log().contains("left=0"), "{}", server.log());
}

#[tokio::test]
async fn a_second_signal_moves_all_at_once_and_still_says_goodbye() {
    let mut server = draining("60s");
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Frames::connected(&server).await);
    }
    server.signal("TERM");
    eventually("it drains", async || server.log().contains("moving connections away")).await;
    let start = Instant::now();
    server.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.closed().await.0, 1001);
        client.close(1001).await;
    }
    ended(&mut server).await;
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
}
