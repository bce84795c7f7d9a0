mod properties;

use bytes::Bytes;

use super::large::FIRST_STEP;
use super::*;
use crate::zmtp::Version;
use crate::zmtp::command::{PingContext, encode_ping, encode_pong, encode_subscribe};
use crate::zmtp::frame::{COMMAND, MORE, encode_message, write_header};

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_header(flags, body.len(), &mut out);
    out.extend_from_slice(body);
    out
}

/// All items in `input`, what was left of it, and the error, if it came to one.
fn decode_all(decoder: &mut Decoder, input: &[u8]) -> (Vec<Item>, usize, Option<FrameError>) {
    let (mut items, mut at) = (Vec::new(), 0);
    loop {
        match decoder.decode(&input[at..]) {
            Ok((taken, item)) => {
                at += taken;
                match item {
                    Some(item) => items.push(item),
                    None => return (items, at, None),
                }
            }
            Err(error) => return (items, at, Some(error)),
        }
    }
}

/// Feeds `input` in pieces that end at `cuts`, keeping what is not taken, as a connection does.
fn decode_cut(max: Option<usize>, input: &[u8], cuts: &[usize]) -> (Vec<Item>, Option<FrameError>) {
    decode_cut_with(Decoder::new(max), input, cuts)
}

fn decode_cut_with(
    mut decoder: Decoder,
    input: &[u8],
    cuts: &[usize],
) -> (Vec<Item>, Option<FrameError>) {
    let (mut items, mut pending, mut from) = (Vec::new(), Vec::new(), 0);
    for to in cuts.iter().copied().chain([input.len()]) {
        pending.extend_from_slice(&input[from..to]);
        from = to;
        let (some, taken, error) = decode_all(&mut decoder, &pending);
        items.extend(some);
        if error.is_some() {
            return (items, error);
        }
        pending.drain(..taken);
        assert!(
            pending.len() <= LARGE_BODY + 9,
            "a small frame was left lying"
        );
        assert_bounded(&decoder, input.len());
    }
    (items, None)
}

/// Memory follows what has arrived.
fn assert_bounded(decoder: &Decoder, arrived: usize) {
    assert!(decoder.frames.memory() <= FREE_FRAMES * size_of::<Frame>() + 4 * arrived + 64);
    if let Some(large) = &decoder.large {
        assert!(large.reserved() <= FIRST_STEP.max(2 * large.arrived().len()));
    }
}

#[test]
fn a_frame_that_is_not_whole_consumes_nothing() {
    let input = encoded(&Message::from("hello"));
    let mut decoder = Decoder::new(None);
    for end in 0..input.len() {
        assert_eq!(decoder.decode(&input[..end]), Ok((0, None)));
    }
    let hello = Some(Item::Message(Message::from("hello")));
    assert_eq!(decoder.decode(&input), Ok((input.len(), hello)));
}

#[test]
fn frames_of_one_message_gather_across_calls() {
    let mut decoder = Decoder::new(None);
    assert_eq!(decoder.decode(&frame(MORE, b"a")), Ok((3, None)));
    assert!(!decoder.is_between_messages());
    assert_eq!(decoder.decode(&frame(MORE, b"")), Ok((2, None)));
    let whole = Some(Item::Message(Message::from(["a", "", "b"])));
    assert_eq!(decoder.decode(&frame(0, b"b")), Ok((3, whole)));
    assert!(decoder.is_between_messages());
}

#[test]
fn a_command_between_the_frames_of_a_message_comes_first() {
    let mut input = frame(MORE, b"a");
    encode_ping(7, &mut input);
    input.extend(frame(0, b"b"));
    let (items, taken, error) = decode_all(&mut Decoder::new(None), &input);
    let ping = OwnedCommand::Ping {
        ttl: 7,
        context: PingContext::new(b""),
    };
    let message = Message::from(["a", "b"]);
    assert_eq!(items, [Item::Command(ping), Item::Message(message)]);
    assert_eq!((taken, error), (input.len(), None));
}

#[test]
fn what_means_nothing_in_traffic_is_dropped() {
    let mut input = frame(COMMAND, b"\x08WHATEVERdata");
    input.extend(frame(COMMAND, b"\x7fshort"));
    input.extend(frame(COMMAND, b""));
    input.extend(frame(COMMAND | MORE, b"\x05READY"));
    input.extend(frame(0, b"alive"));
    let (items, ..) = decode_all(&mut Decoder::new(None), &input);
    assert_eq!(items, [Item::Message(Message::from("alive"))]);
}

#[test]
fn a_large_body_may_be_read_straight_into_its_buffer() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let input = frame(0, &body);
    let mut decoder = Decoder::new(None);
    assert_eq!(decoder.decode(&input[..100]), Ok((100, None)));
    let (mut at, mut moves) = (100, 0);
    let mut place = std::ptr::null();
    while let Some(room) = decoder.large_body() {
        let BodyRoom::New(buffer, missing) = room else {
            panic!("no buffer was used before");
        };
        assert_eq!(missing, input.len() - at);
        let spare = buffer.capacity() - buffer.len();
        assert!(spare > 0 && spare <= missing);
        moves += usize::from(place != buffer.as_ptr());
        buffer.extend_from_slice(&input[at..at + spare.min(100_000)]);
        place = buffer.as_ptr();
        at += spare.min(100_000);
        assert_bounded(&decoder, at);
    }
    assert_eq!(at, input.len());
    assert!(moves <= 5, "{moves} buffers for 3 MB");
    let Ok((0, Some(Item::Message(message)))) = decoder.decode(b"") else {
        panic!("the body is complete");
    };
    assert_eq!(message, body);
    assert_eq!(
        message.first().as_ptr(),
        place,
        "the buffer has become the frame"
    );
}

/// Always has a used buffer, longer than asked for and full of old bytes.
#[derive(Debug)]
struct Plenty;

impl Buffers for Plenty {
    fn lend(&self, len: usize) -> Option<Vec<u8>> {
        Some(vec![0xAA; len + len / 3])
    }

    fn give_back(&self, buffer: Vec<u8>) {
        assert!(!buffer.is_empty(), "no buffer came back");
    }

    fn share(self: Arc<Self>, mut buffer: Vec<u8>, len: usize, lent: bool) -> Bytes {
        assert!(lent && buffer.len() >= len);
        buffer.truncate(len);
        Bytes::from(buffer)
    }
}

#[test]
fn a_large_body_is_read_over_what_a_used_buffer_held() {
    let body: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let input = frame(0, &body);
    let mut decoder = Decoder::new(None).with_buffers(Arc::new(Plenty));
    assert_eq!(decoder.decode(&input[..100]), Ok((100, None)));
    let mut at = 100;
    while let Some(room) = decoder.large_body() {
        let BodyRoom::Used(place) = room else {
            panic!("there is always a used buffer");
        };
        assert_eq!(
            place.len(),
            input.len() - at,
            "room for the body, and no more"
        );
        let count = place.len().min(70_000);
        place[..count].copy_from_slice(&input[at..at + count]);
        decoder.large_body_received(count);
        at += count;
    }
    let whole = Some(Item::Message(Message::from(body)));
    assert_eq!(decoder.decode(b""), Ok((0, whole)));
}

#[test]
fn a_large_body_that_has_come_whole_is_given_at_once() {
    for len in [LARGE_BODY, LARGE_BODY + 1, 1 << 20] {
        let mut input = frame(0, &vec![7; len]);
        let whole = input.len();
        input.extend_from_slice(b"\x00\x01x");
        let mut decoder = Decoder::new(None);
        let message = Message::from(vec![7; len]);
        assert_eq!(
            decoder.decode(&input),
            Ok((whole, Some(Item::Message(message))))
        );
    }
}

#[test]
fn a_large_command_is_read_like_a_large_body() {
    let topic = vec![b't'; LARGE_BODY + 1];
    let mut input = Vec::new();
    encode_subscribe(&topic, Version::V3_1, &mut input);
    let mut decoder = Decoder::new(Some(0));
    assert_eq!(decoder.decode(&input[..1000]), Ok((1000, None)));
    let subscribe = Item::Command(OwnedCommand::Subscribe(Bytes::from(topic)));
    assert_eq!(
        decoder.decode(&input[1000..]),
        Ok((input.len() - 1000, Some(subscribe)))
    );
}

#[test]
fn the_bodies_of_a_message_are_counted_together() {
    let too_large = |size| Some(FrameError::MessageTooLarge { size, max: 10 });
    let outcome = |input: &[u8]| decode_cut(Some(10), input, &[]).1;
    let mut ten = frame(MORE, &[1; 6]);
    ten.extend(frame(0, &[1; 4]));
    let mut twice = ten.clone();
    twice.extend(&ten);
    assert_eq!(outcome(&twice), None);
    let mut eleven = frame(MORE, &[1; 6]);
    eleven.extend(frame(0, &[1; 5]));
    assert_eq!(outcome(&eleven), too_large(11));
    assert_eq!(outcome(&frame(0, &[1; 11])), too_large(11));
    assert_eq!(outcome(&frame(0, &[1; 60])), too_large(60));
}

#[test]
fn bounds_are_checked_before_a_body_has_come() {
    let header = |flags: u8, len: u64| {
        let mut input = vec![flags | 2];
        input.extend_from_slice(&len.to_be_bytes());
        let outcome = decode_cut(Some(1 << 30), &input, &[]).1;
        let survey = Decoder::new(Some(1 << 30)).survey(&input, 1, |_| ());
        match outcome {
            Some(error) => assert_eq!(survey.stop, Stop::Failed(error)),
            None => assert_eq!(survey.stop, Stop::Decode),
        }
        outcome
    };
    let max = 1 << 30;
    assert_eq!(header(0, 1 << 30), None);
    let size = (1 << 30) + 1;
    assert_eq!(
        header(0, size),
        Some(FrameError::MessageTooLarge { size, max })
    );
    assert_eq!(header(COMMAND, 1 << 16), None);
    let len = (1u64 << 16) + 1;
    let long = [&[COMMAND | 2], &len.to_be_bytes()[..], b"\x04PING"].concat();
    let error = FrameError::CommandTooLong { len };
    assert_eq!(decode_cut(None, &long, &[]).1, Some(error));
    let survey = Decoder::new(None).survey(&long, 1, |_| ());
    assert_eq!(survey.stop, Stop::Failed(error));
    assert_eq!(
        header(0, u64::MAX),
        Some(FrameError::BodyTooLong { len: u64::MAX })
    );
    let most = i64::MAX as u64;
    let unlimited = Decoder::new(None).decode(&{
        let mut input = vec![2];
        input.extend_from_slice(&most.to_be_bytes());
        input
    });
    assert_eq!(
        unlimited,
        Ok((9, None)),
        "announcing is free where nothing is limited"
    );
}

/// SUBSCRIBE and CANCEL are passed over then, up to what tells that the topic is too long.
#[test]
fn a_command_about_a_topic_that_is_too_long_ends_no_connection() {
    for (name, len) in [
        ("SUBSCRIBE", MAX_COMMAND + 1),
        ("CANCEL", 100_000),
        ("SUBSCRIBE", 1_000_000),
    ] {
        let mut body = vec![name.len() as u8];
        body.extend_from_slice(name.as_bytes());
        body.resize(len, b't');
        let mut input = vec![COMMAND | 2];
        input.extend_from_slice(&(len as u64).to_be_bytes());
        input.extend_from_slice(&body);
        let before = encoded(&Message::from("before"));
        let after = encoded(&Message::from("after"));
        let input = [&before[..], &input, &after].concat();
        let cut = Bytes::from(body[1 + name.len()..MAX_COMMAND + 1].to_vec());
        assert!(cut.len() > highwater_patterns::MAX_TOPIC);
        let command = match name {
            "CANCEL" => OwnedCommand::Cancel(cut),
            _ => OwnedCommand::Subscribe(cut),
        };
        let expected = vec![
            Item::Message(Message::from("before")),
            Item::Command(command),
            Item::Message(Message::from("after")),
        ];
        let at = before.len();
        let cuts: Vec<_> = (at..at + 25)
            .chain([at + 60_000, at + MAX_COMMAND + 10, at + MAX_COMMAND + 11])
            .filter(|cut| *cut <= input.len())
            .collect();
        assert_eq!(
            decode_cut(Some(1000), &input, &[]),
            (expected.clone(), None)
        );
        assert_eq!(decode_cut(Some(1000), &input, &cuts), (expected, None));
        let survey = Decoder::new(None).survey(&input, 9, |_| ());
        assert_eq!((survey.octets, survey.stop), (at, Stop::Decode));
        for end in at..at + 9 + 1 + name.len() {
            let survey = Decoder::new(None).survey(&input[..end], 9, |_| ());
            assert_eq!((survey.octets, survey.stop), (at, Stop::NeedMore));
        }
    }
}

#[test]
fn a_message_has_at_most_65536_frames() {
    let mut input = [MORE, 0].repeat(MAX_FRAMES - 1);
    let mut decoder = Decoder::new(None);
    assert_eq!(decoder.decode(&input), Ok((input.len(), None)));
    let Ok((2, Some(Item::Message(message)))) = decoder.decode(b"\0\0") else {
        panic!("65,536 are allowed");
    };
    assert_eq!(message.frame_count(), MAX_FRAMES);
    input.extend_from_slice(&[MORE, 0, 0, 0]);
    assert_eq!(
        decode_cut(None, &input, &[]).1,
        Some(FrameError::TooManyFrames)
    );
}

#[test]
fn a_survey_stops_before_what_is_not_whole_or_not_small() {
    let decoder = Decoder::new(None);
    let mut input = encoded(&Message::from("one"));
    input.extend(encoded(&Message::from(["two", "frames"])));
    let whole = input.len();
    let stop_of = |tail: &[u8], limit| {
        let input = [&input[..], tail].concat();
        let survey = decoder.survey(&input, limit, |_| ());
        assert_eq!((survey.octets, survey.messages), (whole, 2));
        survey.stop
    };
    assert_eq!(stop_of(b"", 9), Stop::NeedMore);
    assert_eq!(stop_of(b"\x00", 9), Stop::NeedMore);
    assert_eq!(stop_of(b"\x00\x05four", 9), Stop::NeedMore);
    assert_eq!(stop_of(b"\x01\x01a", 9), Stop::NeedMore);
    assert_eq!(stop_of(b"\x02\0\0\0\0\0\0\x20\x01", 9), Stop::Decode);
    assert_eq!(
        stop_of(b"\x01\x01a\x02\0\0\0\0\0\0\x20\x01", 9),
        Stop::Decode
    );
    assert_eq!(stop_of(b"\x00\x01x", 2), Stop::Limit);
    assert_eq!(stop_of(&[1, 0].repeat(LARGE_BODY), 9), Stop::NeedMore);
    assert_eq!(stop_of(&[1, 0].repeat(LARGE_BODY + 1), 9), Stop::Decode);
}

#[test]
fn a_survey_leaves_a_message_under_way_to_the_decoder() {
    let mut decoder = Decoder::new(None);
    assert_eq!(decoder.decode(&frame(MORE, b"a")), Ok((3, None)));
    let survey = decoder.survey(&frame(0, b"b"), 9, |_| ());
    assert_eq!((survey.octets, survey.stop), (0, Stop::Decode));
}

#[test]
fn a_survey_shows_each_command_once_and_those_within_a_message_when_it_is_whole() {
    let mut input = Vec::new();
    encode_pong(PingContext::new(b"x"), &mut input);
    input.extend(frame(MORE, b"a"));
    encode_ping(3, &mut input);
    let before_end = input.len();
    input.extend(frame(0, b"b"));
    encode_subscribe(b"topic", Version::V3_1, &mut input);
    let decoder = Decoder::new(None);
    let mut seen = Vec::new();
    let first = decoder.survey(&input[..before_end], 1, |command| {
        seen.push(OwnedCommand::from_traffic(command));
    });
    assert_eq!((first.messages, first.stop), (0, Stop::NeedMore));
    let second = decoder.survey(&input[first.octets..], 1, |command| {
        seen.push(OwnedCommand::from_traffic(command));
    });
    assert_eq!((second.messages, second.subscriptions), (1, 1));
    assert_eq!(
        first.octets + second.octets,
        input.len(),
        "the limit does not hold up commands"
    );
    assert_eq!(
        seen,
        [
            Some(OwnedCommand::Pong {
                context: PingContext::new(b"x")
            }),
            Some(OwnedCommand::Ping {
                ttl: 3,
                context: PingContext::new(b"")
            }),
            Some(OwnedCommand::Subscribe(Bytes::from_static(b"topic"))),
        ]
    );
}
