//! Messages that say whose they are, and show whether they are whole.

use highwater::Message;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::support::pattern;

/// The longest body, in bytes: most are much shorter.
pub(crate) const LONGEST_BODY: usize = 20_000;

/// A length for a body.
pub(crate) fn random_len(random: &mut StdRng) -> usize {
    match random.random_range(0..50) {
        0 => random.random_range(0..LONGEST_BODY),
        _ => random.random_range(0..100),
    }
}

/// A message that tells stream and number, and whose second frame has to be what the first says.
pub(crate) fn message(stream: u64, number: u64, len: usize) -> Message {
    let head = [stream.to_be_bytes(), number.to_be_bytes()].concat();
    let body = pattern(len, stream.wrapping_add(number) as usize % 251);
    [head, body].into_iter().collect()
}

/// Stream and number of a message, which is whole.
pub(crate) fn read(message: &Message) -> (u64, u64) {
    assert_eq!(message.frame_count(), 2);
    read_frames(&message[0], &message[1])
}

/// Stream and number that a head tells, to which `body` belongs.
pub(crate) fn read_frames(head: &[u8], body: &[u8]) -> (u64, u64) {
    let number = |at: usize| {
        let bytes = head[at..at + 8].try_into().expect("eight bytes");
        u64::from_be_bytes(bytes)
    };
    let (stream, number) = (number(0), number(8));
    let whole = pattern(body.len(), stream.wrapping_add(number) as usize % 251);
    let wrong = body.iter().zip(&whole).position(|(is, was)| is != was);
    if let Some(at) = wrong {
        let near = at.saturating_sub(8)..body.len().min(at + 40);
        panic!(
            "message {number} of {stream} with {} bytes is wrong from {at} on: {:?} for {:?}",
            body.len(),
            &body[near.clone()],
            &whole[near]
        );
    }
    (stream, number)
}
