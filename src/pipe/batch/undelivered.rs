//! Messages that are taken out of a batch again.
//!
//! Owns: nothing; it walks over the frames of a batch.
//! Always true: a message is taken out whole, or stays whole.
//! Must not know: why a message is taken out.

use super::Batch;
use crate::zmtp::FrameHeader;

/// The part of a batch that a broken connection has delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rewound {
    /// How many messages the connection has delivered whole.
    pub(crate) delivered: usize,
    /// A part of the next message was written as well.
    pub(crate) is_cut: bool,
}

impl Batch {
    /// Keeps what a connection that broke after `written` bytes has not delivered: each message of which the peer did
    /// not get all bytes, whole. Commands are left out, since they concerned the lost connection.
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

    /// Takes out the first message of a batch without commands, and gives its length on the wire in bytes.
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

    /// Takes the last message out; false if some of it is among the first `written` bytes, or there is none.
    pub(crate) fn take_back_last(&mut self, written: usize) -> bool {
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
