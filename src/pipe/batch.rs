//! Frames as bytes, on their way to the kernel.
//!
//! Owns: one run of encoded frames, with the large bodies kept apart so that they are written without a copy.
//! Always true: a batch begins at a message boundary; `shared` is in ascending order of position.
//! Must not know: who writes it, or whether anybody may add to it.

use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use highwater_buffers::Reused;
use highwater_patterns::Outbound;

use super::Wire;
use super::fill_buffer::FillBuffer;
use crate::policy::{LEAST_BATCH_BYTES, MOST_BATCH_BYTES};
use crate::zmtp::{FrameHeader, FrameSink, SHORT_MESSAGE, encode_message, encode_short};

/// Encoded frames: a buffer, and the large bodies that belong between its bytes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: FillBuffer,
    /// Bodies too large to copy, each with the position in `bytes` before which it goes.
    shared: Vec<(usize, Reused)>,
    shared_len: usize,
    /// As `shared_len`, but a body that is worth a write of its own counts as [`LARGE`].
    shared_weight: usize,
    messages: usize,
}

/// What a connection that broke had delivered of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rewound {
    /// Messages that went whole.
    pub(crate) delivered: usize,
    /// Of the next one, a part went.
    pub(crate) is_cut: bool,
}

/// More than a batch gathers of messages that are written together.
pub(super) const LARGE: usize = 2 * MOST_BATCH_BYTES;

/// The most pieces that one write hands to the kernel; the kernel's own limit is 1024.
const MOST_SLICES: usize = 64;

/// A drained buffer larger than this is given back to the allocator at once.
const KEPT_CAPACITY: usize = 2 * MOST_BATCH_BYTES;

/// And one larger than this once its pipe is idle, so that a burst does not stay for ever.
const IDLE_CAPACITY: usize = 2 * LEAST_BATCH_BYTES;

impl Batch {
    /// Whole messages in here. Commands do not count.
    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes that will go over the wire.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.shared_len
    }

    /// How many bytes have gathered, for whoever writes when they are enough.
    #[inline]
    pub(super) fn gathered(&self) -> usize {
        self.bytes.len() + self.shared_weight
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes of memory it has for what it copies.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Encodes `message` behind what is here.
    #[inline]
    pub(crate) fn push(&mut self, message: &impl Outbound) {
        let space = self.bytes.space::<SHORT_MESSAGE>();
        match space.and_then(|space| encode_short(message, space)) {
            Some(len) => self.bytes.advance(len),
            None => self.encode_any(message),
        }
        self.messages += 1;
    }

    /// Apart, so that nothing of it is in the way of a short message for which there is space.
    #[inline(never)]
    fn encode_any(&mut self, message: &impl Outbound) {
        self.bytes.make_space(SHORT_MESSAGE);
        encode_message(message, self);
    }

    /// Puts a large `body` before the byte at `position`.
    fn put(&mut self, position: usize, body: Reused) {
        self.shared_len += body.len();
        self.shared_weight += match body.len() {
            one_of_many @ ..LEAST_BATCH_BYTES => one_of_many,
            _ => LARGE,
        };
        self.shared.push((position, body));
    }

    /// Adds everything in `other`, sharing its large bodies.
    pub(crate) fn extend_from(&mut self, other: &Self) {
        let base = self.bytes.len();
        self.bytes.append(other.bytes.as_slice());
        for (at, body) in &other.shared {
            self.put(base + at, body.clone());
        }
        self.messages += other.messages;
    }

    /// Puts `commands` (encoded) before everything else.
    pub(crate) fn prepend(&mut self, commands: &mut Vec<u8>) {
        self.bytes.prepend(commands);
        for (at, _) in &mut self.shared {
            *at += commands.len();
        }
        commands.clear();
    }

    /// Forgets everything; keeps the buffer unless it has grown beyond use.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = FillBuffer::default();
        }
        self.shared_len = 0;
        self.shared_weight = 0;
        self.messages = 0;
        self.release();
    }

    /// Lets go of the large bodies, once they are with the kernel. Their owners may run code of the application, which is
    /// best done while no lock is held; a panic there is told, and is nobody else's matter.
    pub(super) fn release(&mut self) {
        // One by one: a second panic while the first unwinds would end the process.
        while let Some(body) = self.shared.pop() {
            if catch_unwind(AssertUnwindSafe(|| drop(body))).is_err() {
                tracing::error!(target: "highwater", "the owner of a body that was sent panicked when it was dropped");
            }
        }
    }

    /// Nothing is added for a while: gives back what a stream needs and an idle connection does not.
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > IDLE_CAPACITY {
            self.bytes = FillBuffer::default();
        }
    }

    /// Writes what lies behind the first `written` bytes, in one system call; says how many bytes the kernel took.
    pub(crate) fn write_from(&self, written: usize, wire: &dyn Wire) -> io::Result<usize> {
        if self.shared.is_empty() {
            return wire.write(&[IoSlice::new(&self.bytes.as_slice()[written..])]);
        }
        let mut slices = [IoSlice::new(&[]); MOST_SLICES];
        let mut count = 0;
        let mut skip = written;
        for piece in self.pieces() {
            if count == MOST_SLICES {
                break;
            }
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            slices[count] = IoSlice::new(&piece[skip..]);
            skip = 0;
            count += 1;
        }
        wire.write(&slices[..count])
    }

    /// The bytes in wire order.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes.as_slice();
        let mut from = 0;
        self.shared
            .iter()
            .flat_map(move |(at, body)| {
                let head = &bytes[from..*at];
                from = *at;
                [head, &body[..]]
            })
            .chain(std::iter::once(
                &bytes[self.shared.last().map_or(0, |(at, _)| *at)..],
            ))
            .filter(|piece| !piece.is_empty())
    }

    /// What a connection that broke after `written` bytes has not delivered: every message of which the peer did not
    /// get all bytes, whole. Commands are left out, since they spoke of the connection that is gone.
    pub(crate) fn rewind(&mut self, written: usize) -> Rewound {
        let mut rewound = Rewound::default();
        let mut kept = Self::default();
        let mut shared = std::mem::take(&mut self.shared).into_iter().peekable();
        let (mut at, mut on_wire, mut began) = (0, 0, 0);
        let mut message_start = (0, Vec::new());
        let bytes = self.bytes.as_slice();
        while let Ok(Some((header, header_len))) = FrameHeader::decode(&bytes[at..]) {
            at += header_len;
            on_wire += header_len;
            match shared.next_if(|(position, _)| *position == at) {
                Some((position, body)) => {
                    on_wire += body.len();
                    message_start.1.push((position - message_start.0, body));
                }
                None => {
                    at += header.body_len as usize;
                    on_wire += header.body_len as usize;
                }
            }
            if header.more && !header.command {
                continue;
            }
            let (start, bodies) = std::mem::replace(&mut message_start, (at, Vec::new()));
            let began = std::mem::replace(&mut began, on_wire);
            if !header.command {
                rewound.delivered += usize::from(on_wire <= written);
                rewound.is_cut |= began < written && written < on_wire;
            }
            if on_wire > written && !header.command {
                let base = kept.bytes.len();
                kept.bytes.append(&bytes[start..at]);
                for (position, body) in bodies {
                    kept.put(base + position, body);
                }
                kept.messages += 1;
            }
        }
        *self = kept;
        rewound
    }

    /// Takes out the first message, of a batch without commands; how many bytes it has on the wire.
    pub(crate) fn drop_first(&mut self) -> usize {
        let before = self.len();
        let mut shared = self.shared.iter().peekable();
        let (mut at, mut on_wire) = (0, 0);
        while let Ok(Some((header, header_len))) = FrameHeader::decode(&self.bytes.as_slice()[at..])
        {
            debug_assert!(!header.command, "commands go with their connection");
            at += header_len;
            on_wire += header_len + header.body_len as usize;
            if shared.next_if(|(position, _)| *position == at).is_none() {
                at += header.body_len as usize;
            }
            if !header.more {
                break;
            }
        }
        self.rewind(on_wire);
        before - self.len()
    }
}

impl Batch {
    /// Takes the last message out; false if some of it is among the first `written` bytes, or there is none.
    pub(super) fn take_back_last(&mut self, written: usize) -> bool {
        let mut shared = self.shared.iter().peekable();
        let (mut at, mut on_wire, mut bodies) = (0, 0, 0);
        let mut start = (0, 0, 0);
        let mut last = None;
        let bytes = self.bytes.as_slice();
        while let Ok(Some((header, header_len))) = FrameHeader::decode(&bytes[at..]) {
            at += header_len;
            on_wire += header_len;
            match shared.next_if(|(position, _)| *position == at) {
                Some((_, body)) => {
                    on_wire += body.len();
                    bodies += 1;
                }
                None => {
                    at += header.body_len as usize;
                    on_wire += header.body_len as usize;
                }
            }
            if header.more && !header.command {
                continue;
            }
            if !header.command {
                last = Some(start);
            }
            start = (at, on_wire, bodies);
        }
        let Some((at, _, bodies)) = last.filter(|(_, on_wire, _)| *on_wire >= written) else {
            return false;
        };
        self.bytes.truncate(at);
        let kept: Vec<_> = self.shared.drain(..).take(bodies).collect();
        self.shared_len = 0;
        self.shared_weight = 0;
        for (position, body) in kept {
            self.put(position, body);
        }
        self.messages -= 1;
        true
    }
}

impl FrameSink for Batch {
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.bytes.append(bytes);
    }

    fn share(&mut self, body: &Bytes) {
        self.put(self.bytes.len(), body.clone().into());
    }
}

#[cfg(test)]
mod tests {
    use highwater_patterns::{Body, Message};

    use super::*;
    use crate::pipe::testing::MemoryWire;

    fn batch(messages: &[Message]) -> Batch {
        let mut batch = Batch::default();
        messages.iter().for_each(|message| batch.push(message));
        batch
    }

    fn samples() -> Vec<Message> {
        vec![
            Message::from("short"),
            Message::from(["two", "frames"]),
            Message::from(vec![1; 20_000]),
            Message::from([&b"head"[..], &[2; 9_000], b"", &[3; 10_000], b"tail"]),
            Message::from(""),
        ]
    }

    fn on_wire(batch: &Batch) -> Vec<u8> {
        batch.pieces().flatten().copied().collect()
    }

    #[test]
    fn large_bodies_stand_where_their_header_ends() {
        let mut whole = Vec::new();
        for message in samples() {
            whole.extend(on_wire(&batch(&[message])));
        }
        let all = batch(&samples());
        assert_eq!(on_wire(&all), whole);
        assert_eq!(all.len(), whole.len());
        assert_eq!(all.messages(), samples().len());
    }

    #[test]
    fn a_body_stands_where_its_message_would() {
        let bytes = vec![5; 3000];
        let (mut bodies, mut messages) = (Batch::default(), Batch::default());
        for len in [3000, 0, 1, 64, 65, 255, 256, 7] {
            let body = Body::new(&bytes[..len]).expect("not large");
            bodies.push(&body);
            messages.push(&Message::from(body));
        }
        assert_eq!(on_wire(&bodies), on_wire(&messages));
        assert_eq!(bodies.messages(), messages.messages());
    }

    #[test]
    fn a_write_goes_on_anywhere_the_last_one_stopped() {
        let all = batch(&samples());
        let whole = on_wire(&all);
        for step in [1, 7, 4_096, 30_000] {
            let wire = MemoryWire::taking(step);
            let mut written = 0;
            while written < all.len() {
                written += all.write_from(written, &wire).expect("memory takes bytes");
            }
            assert_eq!(wire.written(), whole);
        }
    }

    #[test]
    fn after_a_break_just_the_undelivered_messages_are_left_and_whole() {
        let messages = samples();
        let ends: Vec<usize> = (1..=messages.len())
            .map(|count| batch(&messages[..count]).len())
            .collect();
        for written in 0..=*ends.last().expect("there are samples") {
            let mut rest = batch(&messages);
            let rewound = rest.rewind(written);
            let delivered = ends.iter().filter(|end| **end <= written).count();
            let is_cut = written > 0 && !ends.contains(&written);
            assert_eq!(rewound, Rewound { delivered, is_cut }, "after {written}");
            assert_eq!(
                rest.messages(),
                messages.len() - delivered,
                "after {written}"
            );
            if [0, 3, 8, 30, 12_000, 20_030].contains(&written) || ends.contains(&written) {
                assert_eq!(on_wire(&rest), on_wire(&batch(&messages[delivered..])));
            }
        }
    }

    #[test]
    fn the_first_message_is_taken_out_whole() {
        let messages = samples();
        let mut all = batch(&messages);
        for count in 1..=messages.len() {
            let first = batch(&messages[count - 1..count]).len();
            assert_eq!(all.drop_first(), first);
            assert_eq!(on_wire(&all), on_wire(&batch(&messages[count..])));
            assert_eq!(all.messages(), messages.len() - count);
        }
        assert_eq!(all.drop_first(), 0);
    }

    #[test]
    fn the_last_message_is_taken_out_if_none_of_it_was_written() {
        let messages = samples();
        for count in 1..=messages.len() {
            let before = on_wire(&batch(&messages[..count - 1]));
            for written in [0, before.len(), before.len() + 1] {
                let mut all = batch(&messages[..count]);
                let mut commands = Vec::new();
                crate::zmtp::encode_ping(0, &mut commands);
                let ahead = commands.len();
                all.prepend(&mut commands);
                let taken = all.take_back_last(ahead + written);
                assert_eq!(taken, written <= before.len());
                let left = if taken { count - 1 } else { count };
                assert_eq!(all.messages(), left);
                assert_eq!(on_wire(&all)[ahead..], on_wire(&batch(&messages[..left])));
                assert_eq!(all.len(), on_wire(&all).len());
            }
        }
        assert!(!Batch::default().take_back_last(0));
    }

    #[test]
    fn commands_go_first_and_do_not_outlive_their_connection() {
        let mut all = batch(&samples());
        let mut commands = Vec::new();
        crate::zmtp::encode_ping(0, &mut commands);
        let command_len = commands.len();
        all.prepend(&mut commands);
        assert_eq!(on_wire(&all)[command_len..], on_wire(&batch(&samples())));
        assert_eq!(all.rewind(command_len - 1), Rewound::default());
        assert_eq!(on_wire(&all), on_wire(&batch(&samples())));
    }

    #[test]
    fn what_a_stream_needed_is_kept_until_the_pipe_rests_and_a_little_even_then() {
        let mut large = Batch::default();
        let mut small = Batch::default();
        while large.len() < MOST_BATCH_BYTES {
            large.push(&Message::from(&[1; 1000]));
        }
        small.push(&Message::from("short"));
        for batch in [&mut large, &mut small] {
            let whole = on_wire(batch);
            batch.rest();
            assert_eq!(on_wire(batch), whole, "nothing that is in it is lost");
            batch.clear();
            assert!(batch.bytes.capacity() > 0);
            batch.rest();
        }
        assert_eq!(large.bytes.capacity(), 0);
        assert!(small.bytes.capacity() > 0);
    }

    #[test]
    fn one_batch_added_to_another_keeps_positions() {
        let mut all = batch(&samples());
        all.extend_from(&batch(&samples()));
        let twice = [samples(), samples()].concat();
        assert_eq!(on_wire(&all), on_wire(&batch(&twice)));
    }
}
