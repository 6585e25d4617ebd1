//! A WebSocket client that does nothing by itself: no pong, no answer to a close.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{APP, PATH, PATIENCE, Request, Server, read};

pub struct Frames {
    pub stream: TcpStream,
    come: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Close(u16, String),
    /// The other side has closed without a word.
    End,
}

impl Frames {
    /// Opens a session.
    pub async fn open(server: &Server) -> Self {
        Self::of(server, &format!("{PATH}/?EIO=4&transport=websocket")).await
    }

    pub async fn of(server: &Server, target: &str) -> Self {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        let request = Request::new("GET", target).upgrading().origin(APP);
        stream.write_all(&request.bytes()).await.unwrap();
        let answer = timeout(PATIENCE, read(&mut stream)).await.expect("an answer in time");
        assert_eq!(answer.status, 101, "{}", answer.text());
        Self { stream, come: answer.body }
    }

    /// Opens a session and connects it to Socket.IO.
    pub async fn connected(server: &Server) -> Self {
        let mut frames = Self::open(server).await;
        frames.text("40").await;
        frames.until("the connection", |text| text.starts_with("40")).await;
        frames
    }

    pub async fn text(&mut self, text: &str) {
        self.send(0x81, text.as_bytes()).await;
    }

    /// Answers a close frame.
    pub async fn close(&mut self, code: u16) {
        self.send(0x88, &code.to_be_bytes()).await;
    }

    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&frame(first, payload)).await.unwrap();
    }

    /// The next frame; pings of Engine.IO are answered.
    pub async fn next(&mut self) -> Frame {
        loop {
            match timeout(PATIENCE, self.any()).await.expect("a frame in time") {
                Frame::Text(text) if text == "2" => self.text("3").await,
                frame => return frame,
            }
        }
    }

    /// The next text that fits; whatever else comes before is passed over, and an end is none.
    pub async fn until(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        loop {
            match self.next().await {
                Frame::Text(text) if fits(&text) => return text,
                Frame::Text(_) | Frame::Binary(_) => {}
                end @ (Frame::Close(..) | Frame::End) => panic!("{end:?} before {what}"),
            }
        }
    }

    /// The close frame that comes, after whatever else.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Frame::Close(code, reason) => return (code, reason),
                Frame::End => panic!("closed without a word"),
                Frame::Text(_) | Frame::Binary(_) => {}
            }
        }
    }

    /// The next frame, if there is one within this time; pings of Engine.IO are passed over.
    pub async fn within(&mut self, limit: Duration) -> Option<Frame> {
        let next = async {
            loop {
                match self.any().await {
                    Frame::Text(text) if text == "2" => {}
                    frame => return frame,
                }
            }
        };
        timeout(limit, next).await.ok()
    }

    async fn any(&mut self) -> Frame {
        loop {
            if let Some((opcode, payload, rest)) = split(&self.come) {
                let frame = match opcode {
                    8 if payload.len() >= 2 => {
                        let code = u16::from_be_bytes([payload[0], payload[1]]);
                        Frame::Close(code, String::from_utf8(payload[2..].to_vec()).unwrap())
                    }
                    8 => Frame::Close(1005, String::new()),
                    1 => Frame::Text(String::from_utf8(payload.to_vec()).unwrap()),
                    _ => Frame::Binary(payload.to_vec()),
                };
                self.come = rest.to_vec();
                return frame;
            }
            // A reset is an end too.
            if self.stream.read_buf(&mut self.come).await.unwrap_or(0) == 0 {
                return Frame::End;
            }
        }
    }
}

/// A masked frame; its mask is zero.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        length @ 0..=125 => vec![0x80 | length as u8],
        length @ 126..=65535 => [&[0x80 | 126][..], &(length as u16).to_be_bytes()].concat(),
        length => [&[0x80 | 127][..], &(length as u64).to_be_bytes()].concat(),
    };
    [&[first][..], &length, &[0; 4], payload].concat()
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, from) = match bytes.get(1)? {
        126 => (u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap()) as usize, 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize, 10),
        short => (usize::from(*short), 2),
    };
    let payload = bytes.get(from..from + length)?;
    Some((bytes[0] & 0x0f, payload, &bytes[from + length..]))
}
