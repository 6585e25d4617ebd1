//! What servers of Node write is read, and what is written is read again.
#![allow(missing_docs, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::VecDeque;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use realtime_backplane::codec::{
    Body, CodecError, Filter, Message, Payload, channel,
    fields::{self, Fields},
    session::{self, Session},
};
use serde_json::Value;

/// Captured by capture.mjs.
fn node() -> Value {
    serde_json::from_str(include_str!("fixtures/node.json")).unwrap()
}

fn entries() -> Vec<Message> {
    let text = |entry: &Value, name: &str| entry[name].as_str().map(str::to_owned);
    let of = |entry: &Value| Fields {
        publication: None,
        uid: text(entry, "uid").unwrap(),
        nsp: text(entry, "nsp").unwrap(),
        kind: text(entry, "type").unwrap(),
        data: text(entry, "data"),
        number: None,
    };
    node()["entries"].as_array().unwrap().iter().map(|entry| fields::decode(&of(entry)).unwrap()).collect()
}

fn messages() -> Vec<Message> {
    let bytes = |message: &Value| BASE64_STANDARD.decode(message["payload"].as_str().unwrap()).unwrap();
    node()["messages"].as_array().unwrap().iter().map(|message| channel::decode(&bytes(message)).unwrap()).collect()
}

fn rooms(names: &[&str]) -> Filter {
    Filter { rooms: names.iter().map(|name| (*name).to_owned()).collect(), ..Filter::default() }
}

#[test]
fn entries_of_node_are_read() {
    let bodies: Vec<_> = entries().into_iter().map(|message| message.body).collect();
    let event = |text: &str, filter: Filter| Body::Broadcast { packet: Payload::text(text), filter, request: None };
    let lobby = || rooms(&["lobby"]);
    let except = vec!["quiet".to_owned(), "x".to_owned()];
    let (attic, filter) = (vec!["attic".to_owned()], lobby());
    let binary = Payload {
        text: r#"["message",{"_placeholder":true,"num":0},{"file":{"_placeholder":true,"num":1},"at":"1970-01-01T00:00:00.000Z","none":null}]"#.to_owned(),
        attachments: [vec![0, 255].into(), vec![7].into()].into(),
    };
    assert_eq!(
        bodies,
        [
            event(r#"["message","to all",1,{"nested":[true,null,1.5]}]"#, Filter::default()),
            event(r#"["message",{"text":"größe ☃"}]"#, Filter { except, ..lobby() }),
            event(r#"["message","volatile"]"#, Filter { is_volatile: true, ..lobby() }),
            event(r#"["message","numeric room"]"#, rooms(&["42"])),
            Body::Broadcast { packet: binary, filter: lobby(), request: None },
            Body::Join { filter: lobby(), rooms: attic.clone() },
            Body::Leave { filter, rooms: attic },
            event(r#"["message","other namespace"]"#, Filter::default()),
            Body::Disconnect { filter: lobby(), close: true },
        ]
    );
}

#[test]
fn messages_of_node_are_read() {
    let messages = messages();
    let Body::Broadcast { packet, filter, request: Some(request) } = &messages[0].body else { panic!("{messages:?}") };
    assert_eq!(packet.text, r#"["question",7]"#);
    assert_eq!((filter.rooms.as_slice(), filter.timeout), (["lobby".to_owned()].as_slice(), Some(1000)));
    assert_eq!(messages[1].body, Body::ClientCount { request: request.clone(), count: 1 });
    let packet = Payload::text(r#"{"heard":7}"#);
    assert_eq!(messages[2].body, Body::Acknowledged { request: request.clone(), packet });
    let Body::Acknowledged { packet, .. } = &messages[5].body else { panic!("{messages:?}") };
    assert_eq!(packet.attachments, [vec![1_u8, 2]]);
    let Body::Sockets { sockets, .. } = &messages[7].body else { panic!("{messages:?}") };
    let sockets: Value = serde_json::from_str(&sockets.text).unwrap();
    assert_eq!(sockets[0]["rooms"][1], "lobby");
    assert!(matches!(&messages[8].body, Body::ServerSide { packet, request: Some(_) } if packet.text == r#"["who"]"#));
    assert!(matches!(&messages[9].body, Body::ServerSideAnswer { packet, .. } if packet.text == r#""b""#));
    assert!(matches!(&messages[10].body, Body::ServerSide { request: None, .. }));
}

#[test]
fn what_node_wrote_is_written_as_it_was_understood() {
    for message in entries() {
        assert_eq!(fields::decode(&fields::encode(&message).unwrap()), Ok(message));
    }
    for message in messages() {
        assert_eq!(channel::decode(&channel::encode(&message).unwrap()), Ok(message));
    }
}

#[test]
fn a_session_of_node_is_read_and_ours_has_its_fields() {
    let theirs = session::decode(node()["session"].as_str().unwrap()).unwrap();
    assert_eq!((theirs.rooms[1].as_str(), theirs.rooms[0] == theirs.sid, &theirs.ours), ("lobby", true, &None));
    let ours = Session { ours: Some("{}".to_owned()), ..theirs };
    assert_eq!(session::decode(&session::encode(&ours)), Ok(ours));
}

#[test]
fn what_is_no_message_is_refused() {
    let entry = |kind: &str, data: &str| {
        let (uid, nsp, kind, data) = ("a".to_owned(), "/".to_owned(), kind.to_owned(), Some(data.to_owned()));
        fields::decode(&Fields { uid, nsp, kind, data, ..Fields::default() }).map(|message| message.body)
    };
    assert_eq!(entry("99", "{}"), Err(CodecError::Kind("99".to_owned())));
    assert_eq!(entry("x", "{}"), Err(CodecError::Kind("x".to_owned())));
    assert_eq!(entry("3", "{}"), Err(CodecError::Field("packet.data")));
    assert_eq!(entry("3", r#"{"packet":{"type":2,"data":["a"]}}"#), Err(CodecError::Field("opts")));
    assert!(matches!(entry("3", "{"), Err(CodecError::Json(_))));
    assert!(matches!(entry("3", "!"), Err(CodecError::MessagePack(_))));
    // Without its rooms it would be for everybody.
    assert_eq!(
        entry("3", r#"{"packet":{"type":2,"data":["a"]},"opts":{"except":[]}}"#),
        Err(CodecError::Field("rooms"))
    );
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Arguments of which the last ones are binary.
fn payload() -> impl Strategy<Value = Payload> {
    let attachments = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..3);
    (prop::collection::vec(json(), 1..4), attachments).prop_map(|(mut arguments, attachments)| {
        let places = (0..attachments.len()).map(|number| serde_json::json!({"_placeholder": true, "num": number}));
        arguments.extend(places);
        let attachments: VecDeque<_> = attachments.into_iter().map(Into::into).collect();
        Payload { text: Value::from(arguments).to_string(), attachments }
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let rooms = || prop::collection::vec("\\PC{0,8}", 0..3);
    (rooms(), rooms(), any::<bool>(), prop::option::of(0_u64..100_000))
        .prop_map(|(rooms, except, is_volatile, timeout)| Filter { rooms, except, is_volatile, timeout })
}

fn body() -> impl Strategy<Value = Body> {
    let request = || "[0-9a-f]{16}";
    let rooms = || prop::collection::vec("\\PC{0,8}", 0..3);
    prop_oneof![
        (payload(), filter(), prop::option::of(request())).prop_map(|(packet, filter, request)| Body::Broadcast {
            packet,
            filter,
            request
        }),
        (filter(), rooms()).prop_map(|(filter, rooms)| Body::Join { filter, rooms }),
        (filter(), rooms()).prop_map(|(filter, rooms)| Body::Leave { filter, rooms }),
        (filter(), any::<bool>()).prop_map(|(filter, close)| Body::Disconnect { filter, close }),
        (filter(), request()).prop_map(|(filter, request)| Body::FetchSockets { filter, request }),
        (request(), payload()).prop_map(|(request, sockets)| Body::Sockets { request, sockets }),
        (payload(), prop::option::of(request())).prop_map(|(packet, request)| Body::ServerSide { packet, request }),
        (request(), payload()).prop_map(|(request, packet)| Body::Acknowledged { request, packet }),
        (request(), any::<u32>()).prop_map(|(request, count)| Body::ClientCount { request, count }),
        Just(Body::Heartbeat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_read_as_it_was_written(body in body(), uid in "[0-9a-f]{16}", nsp in "/[a-z]{0,5}") {
        let message = Message { uid, nsp, body };
        prop_assert_eq!(&fields::decode(&fields::encode(&message).unwrap()).unwrap(), &message);
        prop_assert_eq!(&channel::decode(&channel::encode(&message).unwrap()).unwrap(), &message);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..15) {
        channel::decode(&bytes).ok();
        let data = Some(BASE64_STANDARD.encode(&bytes));
        let fields = Fields { uid: String::new(), nsp: "/".into(), kind: kind.to_string(), data, ..Fields::default() };
        fields::decode(&fields).ok();
    }
}
