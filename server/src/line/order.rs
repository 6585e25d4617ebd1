//! Whatever comes to a wire, and in whichever pieces: its client sees all of it, whole, in the order in which it was sent.

use std::{collections::VecDeque, io::Read, sync::Arc, task::Context, time::Duration};

use bytes::Bytes;
use clap::Parser;
use futures::task::noop_waker;
use proptest::prelude::*;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket},
    runtime,
    task::yield_now,
};

use super::{
    Line, Message, Wire,
    frames::{Frames, Seen, TEXT},
};
use crate::{
    connections::{Claim, Connections, Opened},
    denied::SentOrigin,
    farewell::Farewell,
    lifetime::ages::Ages,
    metrics::Metrics,
    options::{Options, Settings},
    overload::{Admission, Limits},
};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Something is published, so many bytes of it, by somebody who may have been interrupted.
    Publish(usize, bool),
    /// Somebody who was interrupted goes on.
    Flush,
    /// The engine is given an event for this client alone.
    Give(usize),
    /// The same, with an attachment.
    GiveBytes,
    /// The client asks for an acknowledgement.
    Ask,
    /// It is given to the engine.
    Answer,
    /// The client connects, and is answered.
    Connect,
    Accept,
    /// A ping, which has no place in the order.
    Ping,
    /// The engine writes so many bytes at the most.
    Write(usize),
    /// The wire is looked after.
    Look,
    /// The client reads.
    Read,
}

fn step() -> impl Strategy<Value = Step> {
    let length = || prop::sample::select(vec![0, 200, 5_000, 100_000]);
    prop_oneof![
        6 => (length(), any::<bool>()).prop_map(|(length, is_slow)| Step::Publish(length, is_slow)),
        2 => Just(Step::Flush),
        2 => length().prop_map(Step::Give),
        1 => Just(Step::GiveBytes),
        1 => Just(Step::Ask),
        2 => Just(Step::Answer),
        1 => Just(Step::Connect),
        2 => Just(Step::Accept),
        1 => Just(Step::Ping),
        4 => prop::sample::select(vec![1, 2, 30, 3_000, 1_000_000]).prop_map(Step::Write),
        3 => Just(Step::Look),
        3 => Just(Step::Read),
    ]
}

struct Both {
    wire: Wire,
    line: Arc<Line>,
    client: std::net::TcpStream,
    /// What the engine has not written.
    engine: VecDeque<u8>,
    come: Vec<u8>,
    numbers: u32,
    asked: VecDeque<u32>,
    connecting: u32,
    at_once: u32,
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        length @ 0..=125 => vec![length as u8],
        length @ 126..=65535 => [&[126][..], &(length as u16).to_be_bytes()].concat(),
        length => [&[127][..], &(length as u64).to_be_bytes()].concat(),
    };
    [&[first][..], &length, payload].concat()
}

impl Both {
    async fn new(eio: u8) -> Self {
        let options = Options::parse_from(["realtime-server"]);
        let settings =
            Settings { path: "/io".to_owned(), transports: Vec::new(), ping_interval: MINUTE, ping_timeout: MINUTE };
        let metrics = Arc::new(Metrics::new());
        let limits = Arc::new(Limits::new(&options, &settings, &metrics));
        let place = Admission::new(&options, None, Arc::clone(&metrics)).admit().expect("a place");
        let connections = Arc::new(Connections::new(metrics, limits, Ages::new(MINUTE)));
        let Opened::Yes(ticket) = connections.open_websocket(Arc::new(SentOrigin::Missing), eio, Claim::New(place))
        else {
            panic!("a new session has no WebSocket");
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let client = socket.connect(listener.local_addr().expect("an address")).await.expect("a connection");
        let (io, _) = listener.accept().await.expect("a connection");
        socket2::SockRef::from(&io).set_send_buffer_size(4096).expect("a small buffer");
        let client = client.into_std().expect("a socket");
        let line = Arc::clone(&ticket.line);
        let wire = Wire::new(io, Bytes::new(), *ticket);
        let (engine, come, asked) = Default::default();
        Self { wire, line, client, engine, come, numbers: 0, asked, connecting: 0, at_once: 0 }
    }

    fn number(&mut self, length: usize) -> String {
        self.numbers += 1;
        format!("[{},\"{}\"]", self.numbers, "x".repeat(length))
    }

    fn text(&mut self, text: &str) {
        self.engine.extend(frame(0x81, text.as_bytes()));
    }

    fn publish(&mut self, length: usize, is_slow: bool) {
        let data = self.number(length);
        if self.line.send(&Message::event(&data)) {
            self.at_once += 1;
            if !is_slow {
                self.line.flush();
            }
        } else {
            self.line.gives();
            self.text(&format!("42{data}"));
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Publish(length, is_slow) => self.publish(length, is_slow),
            Step::Flush => self.line.flush(),
            Step::Give(length) => {
                let data = self.number(length);
                self.line.gives();
                self.text(&format!("42{data}"));
            }
            Step::GiveBytes => {
                let data = self.number(0);
                self.line.gives();
                self.text(&format!("451-{data}"));
                self.engine.extend(frame(0x82, b"bytes"));
            }
            Step::Ask => {
                let id = self.numbers + 1000 * self.asked.len() as u32;
                self.asked.push_back(id);
                self.sent(&format!("42{id}[\"echo\"]")).await;
            }
            Step::Answer => {
                if let Some(id) = self.asked.pop_front() {
                    let data = self.number(0);
                    self.text(&format!("43{id}{data}"));
                }
            }
            Step::Connect => {
                self.connecting += 1;
                self.sent("40").await;
            }
            Step::Accept => {
                if self.connecting > 0 {
                    self.connecting -= 1;
                    let data = self.number(0);
                    self.text(&format!("40{data}"));
                }
            }
            Step::Ping => self.text("2"),
            Step::Write(most) => self.write(most),
            Step::Look => {
                self.look().await;
            }
            Step::Read => self.read(),
        }
    }

    /// The client sends a text, and the engine has it.
    async fn sent(&mut self, text: &str) {
        use std::io::Write as _;
        let bytes = [&[0x81, 0x80 | text.len() as u8][..], &[0; 4], text.as_bytes()].concat();
        (&self.client).write_all(&bytes).expect("room for a few bytes");
        let mut left = bytes.len();
        while left > 0 {
            left -= self.look().await;
        }
    }

    /// What the wire reads.
    async fn look(&mut self) -> usize {
        yield_now().await;
        let waker = noop_waker();
        let mut place = [0; 1024];
        let mut buffer = ReadBuf::new(&mut place);
        let read = std::pin::Pin::new(&mut self.wire).poll_read(&mut Context::from_waker(&waker), &mut buffer);
        assert!(!matches!(read, std::task::Poll::Ready(Err(_))), "{read:?}");
        buffer.filled().len()
    }

    fn write(&mut self, most: usize) {
        let waker = noop_waker();
        let bytes: Vec<u8> = self.engine.iter().copied().take(most).collect();
        if bytes.is_empty() {
            return;
        }
        let written = std::pin::Pin::new(&mut self.wire).poll_write(&mut Context::from_waker(&waker), &bytes);
        if let std::task::Poll::Ready(written) = written {
            self.engine.drain(..written.expect("an open wire"));
        }
    }

    fn read(&mut self) {
        let mut place = [0; 16_384];
        while let Ok(read @ 1..) = self.client.read(&mut place) {
            self.come.extend_from_slice(&place[..read]);
        }
    }

    /// Everything goes out.
    async fn settle(&mut self) {
        while !self.asked.is_empty() {
            self.step(Step::Answer).await;
        }
        while self.connecting > 0 {
            self.step(Step::Accept).await;
        }
        self.line.flush();
        let deadline = std::time::Instant::now() + MINUTE;
        loop {
            self.write(usize::MAX);
            self.look().await;
            let before = self.come.len();
            self.read();
            let is_empty = self.engine.is_empty() && self.line.with(|core| core.is_empty());
            if is_empty && before == self.come.len() && self.seen().last().copied().unwrap_or(0) == self.numbers {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "it does not settle: {:?}", self.seen());
        }
    }

    /// The numbers that the client saw, in its order.
    fn seen(&self) -> Vec<u32> {
        let (mut frames, mut seen, mut attachments) = (Frames::default(), Vec::new(), 0);
        frames.saw(&self.come, |frame| {
            let Seen::Ends(header, head) = frame else { return };
            if header.opcode != TEXT {
                assert_eq!(attachments, 1, "bytes that belong to nothing");
                attachments = 0;
                return;
            }
            assert!(attachments == 0 || head == b"2", "something is between a packet and its bytes");
            let Some(open) = head.iter().position(|byte| *byte == b'[') else { return assert_eq!(head, b"2") };
            attachments += i32::from(head.starts_with(b"451-"));
            let digits: Vec<_> = head[open + 1..].iter().copied().take_while(u8::is_ascii_digit).collect();
            seen.push(std::str::from_utf8(&digits).expect("digits").parse().expect("a number"));
        });
        seen
    }
}

fn running<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_client_sees_everything_whole_and_in_the_order_in_which_it_was_sent(steps in prop::collection::vec(step(), 0..80)) {
        running(async || {
            let mut both = Both::new(4).await;
            for step in steps {
                both.step(step).await;
            }
            both.settle().await;
            assert_eq!(both.seen(), (1..=both.numbers).collect::<Vec<_>>());
            let before = both.at_once;
            both.publish(0, false);
            assert_eq!(both.at_once, before + 1, "nothing is under way");
            both.settle().await;
            assert_eq!(both.seen(), (1..=both.numbers).collect::<Vec<_>>());
        });
    }
}

/// How many of three publications went past the engine.
async fn at_once(prepare: impl AsyncFnOnce(&mut Both)) -> u32 {
    let mut both = Both::new(4).await;
    prepare(&mut both).await;
    (0..3).for_each(|_| both.publish(10, false));
    both.at_once
}

#[test]
fn nothing_overtakes_what_is_under_way() {
    running(async || {
        assert_eq!(at_once(async |_: &mut Both| {}).await, 3);
        for step in [Step::Give(10), Step::GiveBytes, Step::Ask, Step::Connect] {
            assert_eq!(at_once(async |both: &mut Both| both.step(step).await).await, 0, "{step:?}");
        }
    });
}

#[test]
fn half_a_frame_is_finished_first_even_a_ping() {
    running(async || {
        let half_a_ping = async |both: &mut Both| {
            both.text("2");
            both.write(2);
        };
        assert_eq!(at_once(half_a_ping).await, 0);
    });
}

#[test]
fn what_the_kernel_does_not_take_waits_in_front_of_all_else() {
    running(async || {
        let mut both = Both::new(4).await;
        both.publish(3_000_000, false);
        assert_eq!(both.at_once, 1);
        both.publish(10, false);
        assert_eq!(both.at_once, 1, "the client has to read first");
        both.settle().await;
        assert_eq!(both.seen(), [1, 2]);
    });
}

#[test]
fn who_leaves_or_is_cut_or_closes_is_the_engine_s() {
    running(async || {
        let farewell = Farewell::SLOW;
        assert_eq!(at_once(async |both: &mut Both| drop(both.line.depart(farewell))).await, 0);
        assert_eq!(at_once(async |both: &mut Both| both.line.cut(farewell)).await, 0);
        let closing = async |both: &mut Both| {
            both.engine.extend(frame(0x88, &1000_u16.to_be_bytes()));
            both.write(usize::MAX);
        };
        assert_eq!(at_once(closing).await, 0);
    });
}

#[test]
fn fragments_and_older_clients_are_the_engine_s() {
    running(async || {
        let fragment = async |both: &mut Both| {
            use std::io::Write as _;
            (&both.client).write_all(&[0x01, 0x82, 0, 0, 0, 0, b'4', b'2']).expect("room");
            while both.look().await == 0 {}
        };
        assert_eq!(at_once(fragment).await, 0, "it may ask for an acknowledgement");
        let mut both = Both::new(3).await;
        both.publish(10, false);
        assert_eq!(both.at_once, 0);
    });
}

#[test]
fn an_event_that_the_engine_did_not_take_is_not_waited_for() {
    running(async || {
        let refused = async |both: &mut Both| {
            both.line.gives();
            both.line.gave_nothing();
        };
        assert_eq!(at_once(refused).await, 3);
    });
}

#[test]
fn a_wire_that_is_gone_sends_nothing() {
    running(async || {
        let both = Both::new(4).await;
        let line = Arc::clone(&both.line);
        drop(both);
        assert!(!line.send(&Message::event("[]")));
    });
}
