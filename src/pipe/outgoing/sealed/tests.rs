//! With a seal that hides nothing: it counts frames, and shows whether each was sealed.

use std::sync::Arc;

use bytes::Bytes;
use highwater_patterns::{Message, Recall, Recalled};

use super::*;
use crate::pipe::outgoing::{Outgoing, Pumped};
use crate::pipe::testing::{MemoryWire, push};
use crate::pipe::{Fill, HighWater, Reader};
use crate::policy::WritePolicy;
use crate::zmtp::{FrameHeader, Item, Open, OwnedCommand, ProtocolError, encode_error};

#[derive(Debug, Default)]
struct Toy {
    counted: u64,
}

/// A mark and a counter.
const BEFORE_FRAME: usize = 1 + 8;
/// The header, always in the long form.
const HEADER: usize = 9;
const LAID: u8 = b'-';
const SEALED: u8 = b'S';

impl Seal for Toy {
    fn lay_apart(&mut self, header: FrameHeader, body: &[u8], out: &mut Vec<u8>) {
        self.counted += 1;
        out.push(LAID);
        out.extend(self.counted.to_be_bytes());
        out.push(u8::from(header.more) | 2 | u8::from(header.command) << 2);
        out.extend((body.len() as u64).to_be_bytes());
        out.extend(body);
    }

    fn seal_laid(&mut self, mut laid: &mut [u8]) {
        while let [mark, rest @ ..] = laid {
            assert_eq!(std::mem::replace(mark, SEALED), LAID, "sealed once");
            let len = HEADER + header_of(&rest[8..]).body_len as usize;
            laid = &mut rest[8 + len..];
        }
    }

    fn sealed_len(&self, body_len: usize) -> usize {
        BEFORE_FRAME + HEADER + body_len
    }
}

impl Open for Toy {
    fn open(&mut self, input: &[u8], frames: &mut Vec<u8>) -> Result<usize, ProtocolError> {
        let mut taken = 0;
        while let Some((before, rest)) = input[taken..].split_first_chunk::<BEFORE_FRAME>()
            && let Some((header, header_len)) = FrameHeader::decode(rest)?
            && let Some(frame) = rest.get(..header_len + header.body_len as usize)
        {
            let (mark, counter) = before.split_first().expect("a mark");
            if *mark != SEALED {
                return Err(ProtocolError::BoxRefused { name: "MESSAGE" });
            }
            self.counted += 1;
            assert_eq!(
                counter,
                self.counted.to_be_bytes(),
                "in order, none missing"
            );
            frames.extend(frame);
            taken += BEFORE_FRAME + frame.len();
        }
        Ok(taken)
    }
}

fn header_of(frame: &[u8]) -> FrameHeader {
    FrameHeader::decode(frame)
        .ok()
        .flatten()
        .expect("a header")
        .0
}

fn outgoing() -> Outgoing {
    let limit = HighWater {
        messages: Some(1000),
        bytes: None,
    };
    Outgoing::new(limit, false)
}

fn attach(pipe: &Outgoing, wire: &Arc<MemoryWire>) {
    pipe.attach_sealed(wire.clone(), Box::new(Toy::default()));
}

fn send_all(pipe: &Outgoing, messages: &[Message]) {
    for message in messages {
        let mut policy = WritePolicy::of_a_stream();
        policy.waited();
        assert!(push(pipe, message, &mut policy));
    }
}

/// Short and long ones, of one and of several frames, with bodies that lie apart.
fn messages() -> Vec<Message> {
    let large = |byte| Bytes::from(vec![byte; 10_000]);
    vec![
        Message::from("0"),
        [&b"1"[..], &[1; 300], b""].into_iter().collect(),
        [large(2), Bytes::from("2"), large(3)].into_iter().collect(),
        Message::from(large(4)),
        Message::from(vec![5; 4000]),
        Message::from("6"),
    ]
}

/// Reads what was written, so many bytes at a time: the items, and why there are no more.
fn read(written: &[u8], step: usize) -> (Vec<Item>, Option<ProtocolError>) {
    let wire = MemoryWire::taking(usize::MAX);
    let mut reader = Reader::new(None, Arc::default(), Arc::default());
    reader.opens(Box::new(Toy::default()));
    let mut items = Vec::new();
    for piece in written.chunks(step) {
        wire.feed(piece);
        while let Ok(Fill::Bytes(_)) = reader.fill(&wire) {
            while let Some(item) = reader.next().expect("good frames") {
                items.push(item);
            }
        }
    }
    (items, reader.breach())
}

fn messages_in(written: &[u8]) -> Vec<Message> {
    let (items, breach) = read(written, 4096);
    assert_eq!(breach, None);
    items
        .into_iter()
        .map(|item| match item {
            Item::Message(message) => message,
            other => panic!("{other:?} was not sent"),
        })
        .collect()
}

fn pump(pipe: &Outgoing) -> Pumped {
    loop {
        match pipe.pump().expect("memory does not fail") {
            Pumped::Contended | Pumped::Streaming => {}
            settled => return settled,
        }
    }
}

#[test]
fn what_is_sealed_is_cut_anywhere_and_each_message_arrives_once() {
    let all = messages();
    let length = {
        let (pipe, wire) = (outgoing(), Arc::new(MemoryWire::taking(usize::MAX)));
        attach(&pipe, &wire);
        send_all(&pipe, &all);
        assert_eq!(pump(&pipe), Pumped::Drained);
        assert_eq!(messages_in(&wire.written()), all);
        assert_eq!(pipe.counts().bytes, wire.written().len() as u64);
        wire.written().len()
    };
    let places = (0..800)
        .chain((800..length).step_by(331))
        .chain(length - 100..=length);
    for (place, step) in places.flat_map(|place| [(place, 64), (place, usize::MAX)]) {
        let pipe = outgoing();
        let first = Arc::new(MemoryWire::taking(step));
        first.set_room(place);
        // What waits before there is a connection is one batch.
        send_all(&pipe, &all[..4]);
        attach(&pipe, &first);
        send_all(&pipe, &all[4..]);
        pump(&pipe);
        assert_eq!(first.written().len(), place);
        let before = messages_in(&first.written());
        assert_eq!(pipe.detach(), 0);
        assert_eq!(pipe.queued(), all.len() - before.len(), "cut at {place}");
        let second = Arc::new(MemoryWire::taking(step));
        attach(&pipe, &second);
        assert_eq!(pump(&pipe), Pumped::Drained);
        let after = messages_in(&second.written());
        assert_eq!([before, after].concat(), all, "cut at {place}");
    }
}

#[test]
fn a_long_queue_is_sealed_piece_by_piece() {
    let (pipe, wire) = (outgoing(), Arc::new(MemoryWire::taking(100_000)));
    let all: Vec<_> = (0..900_u32)
        .map(|n| Message::from(vec![n as u8; 5000]))
        .collect();
    send_all(&pipe, &all);
    attach(&pipe, &wire);
    let mut pieces = 0;
    for room in (0..).map(|round| 10_000 * round) {
        wire.set_room(room);
        pipe.writable();
        let pumped = pump(&pipe);
        let sealed = pipe
            .lock()
            .sealer
            .as_ref()
            .map_or(0, |sealer| sealer.sealed.len());
        assert!(
            sealed <= SEALED_AT_ONCE_BYTES + 2 * 5000 + 1000,
            "{sealed} bytes are sealed"
        );
        pieces += 1;
        if pumped == Pumped::Drained {
            break;
        }
    }
    assert!(pieces > 10);
    assert_eq!(messages_in(&wire.written()), all);
}

#[test]
fn what_is_sealed_is_not_taken_back_and_what_waits_behind_it_is() {
    let (pipe, wire) = (outgoing(), Arc::new(MemoryWire::taking(usize::MAX)));
    wire.set_room(0);
    attach(&pipe, &wire);
    send_all(&pipe, &[Message::from("sealed")]);
    assert_eq!(pipe.recall(Recall::Move, false), (Recalled::Out, 0));
    send_all(&pipe, &[Message::from("waits")]);
    assert_eq!(pipe.recall(Recall::Move, false), (Recalled::Here, 0));
    wire.set_room(usize::MAX);
    pipe.writable();
    assert_eq!(pump(&pipe), Pumped::Drained);
    assert_eq!(messages_in(&wire.written()), [Message::from("sealed")]);
}

#[test]
fn an_error_is_sealed_and_never_put_into_the_middle() {
    let error = |pipe: &Outgoing| pipe.write_error(|out| encode_error("why", out));
    let (pipe, wire) = (outgoing(), Arc::new(MemoryWire::taking(usize::MAX)));
    attach(&pipe, &wire);
    send_all(&pipe, &[Message::from("whole")]);
    pump(&pipe);
    wire.set_room(0);
    send_all(&pipe, &[Message::from("sealed and waits")]);
    wire.set_room(usize::MAX);
    error(&pipe);
    pipe.writable();
    pump(&pipe);
    error(&pipe);
    let (items, breach) = read(&wire.written(), usize::MAX);
    assert_eq!(breach, None);
    assert!(
        matches!(&items[..], [Item::Message(_), Item::Message(_), Item::Command(OwnedCommand::Error(reason))]
            if reason == "why"),
        "{items:?}"
    );
}

#[test]
fn what_came_before_a_piece_that_does_not_open_is_read() {
    let (pipe, wire) = (outgoing(), Arc::new(MemoryWire::taking(usize::MAX)));
    attach(&pipe, &wire);
    send_all(&pipe, &messages());
    pump(&pipe);
    let mut written = wire.written();
    let last = BEFORE_FRAME + HEADER + 1;
    let at = written.len() - last;
    written[at] = b'X';
    for step in [1, 7, 4096, usize::MAX] {
        let (items, breach) = read(&written, step);
        assert_eq!(items.len(), messages().len() - 1);
        assert_eq!(breach, Some(ProtocolError::BoxRefused { name: "MESSAGE" }));
    }
}
