//! The traffic behind a good handshake.

use super::*;
use crate::zmtp::error::FrameError;

/// Frames as we write them: of a message, of a command, short and long.
const FRAMES: &[u8] = b"\x00\x05hello\x01\x00\x04\x07\x04PING\x00\x00\x00\x01x";

fn opened(end: &mut Sealing, sealed: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let mut frames = Vec::new();
    let taken = end.open.open(sealed, &mut frames)?;
    assert_eq!(taken, sealed.len(), "whole messages");
    Ok(frames)
}

fn sealed(end: &mut Sealing, frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    end.seal.seal(frames, &mut out);
    out
}

#[test]
fn traffic_travels_both_ways() {
    let (mut client, mut server) = connected();
    for _ in 0..3 {
        let sent = sealed(&mut client, FRAMES);
        assert!(!sent.windows(5).any(|window| window == b"hello"));
        assert_eq!(opened(&mut server, &sent).as_deref(), Ok(FRAMES));
        let sent = sealed(&mut server, FRAMES);
        assert_eq!(opened(&mut client, &sent).as_deref(), Ok(FRAMES));
    }
}

#[test]
fn a_long_frame_and_each_length_around_a_header_comes_back() {
    let (mut client, mut server) = connected();
    for len in [
        0, 1, 221, 222, 223, 254, 255, 256, 257, 1000, 70_000, 100_000,
    ] {
        let mut frames = Vec::new();
        crate::zmtp::frame::write_header(0, len, &mut frames);
        frames.extend((0..len).map(|index| index as u8));
        let sent = sealed(&mut client, &frames);
        assert_eq!(opened(&mut server, &sent), Ok(frames), "{len}");
    }
    let mut frames = Vec::new();
    crate::zmtp::frame::write_header(0, 100_001, &mut frames);
    frames.resize(frames.len() + 100_001, 0);
    let sent = sealed(&mut client, &frames);
    let too_large = ProtocolError::Frame(FrameError::MessageTooLarge {
        size: 100_001,
        max: 100_000,
    });
    // By its header alone.
    assert_eq!(opened(&mut server, &sent[..9]), Err(too_large));
}

#[test]
fn a_message_that_is_not_whole_is_left() {
    let (mut client, mut server) = connected();
    let sent = sealed(&mut client, b"\x00\x01a\x00\x01b");
    let first = sent.len() / 2;
    let mut frames = Vec::new();
    for len in 0..first {
        assert_eq!(server.open.open(&sent[..len], &mut frames), Ok(0));
    }
    assert_eq!(server.open.open(&sent[..first + 3], &mut frames), Ok(first));
    assert_eq!(frames, b"\x00\x01a");
}

#[test]
fn repeated_dropped_reordered_and_reflected_messages_end_the_connection() {
    let not_rising = |nonce, last| Err(ProtocolError::NonceNotRising { nonce, last });
    let (mut client, mut server) = connected();
    let first = sealed(&mut client, b"\x00\x01a");
    let second = sealed(&mut client, b"\x00\x01b");
    let third = sealed(&mut client, b"\x00\x01c");
    assert_eq!(
        opened(&mut server, &first).as_deref(),
        Ok(&b"\x00\x01a"[..])
    );
    assert_eq!(opened(&mut server, &first), not_rising(3, 3));
    let skipped = Err(ProtocolError::NonceSkipped { nonce: 5, last: 3 });
    assert_eq!(opened(&mut server, &third), skipped);
    assert_eq!(
        opened(&mut server, &second).as_deref(),
        Ok(&b"\x00\x01b"[..])
    );
    let reflected = Err(ProtocolError::NonceNotRising { nonce: 5, last: 4 });
    assert_ne!(
        opened(&mut client, &third),
        reflected,
        "its own direction has its own counter"
    );
    let mut other = connected().0;
    for _ in 0..2 {
        sealed(&mut other, b"\x00\x01x");
    }
    // Of another direction: the counter may fit, the box does not open.
    let (_, mut server) = connected();
    let from_server = sealed(&mut server, b"\x00\x01x");
    assert!(opened(&mut server, &from_server).is_err());
}

#[test]
fn nothing_in_clear_is_taken_behind_the_handshake() {
    let all = commands();
    for clear in [
        &b"\x00\x05hello"[..],
        b"\x04\x07\x04PING\x00\x00",
        b"\x04\x0a\x05ERROR\x03400",
        b"\x00\x00",
        &all.ready,
        &all.initiate,
    ] {
        let (_, mut server) = connected();
        assert_eq!(opened(&mut server, clear), Err(ProtocolError::NotSealed));
    }
    let (mut client, mut server) = connected();
    let good = body(&sealed(&mut client, b"\x00\x00"));
    assert_eq!(good.len(), 33);
    for len in 8..33 {
        let short = frame(&good[..len]);
        let malformed = Err(ProtocolError::Malformed { command: "MESSAGE" });
        assert_eq!(opened(&mut server, &short), malformed, "{len}");
    }
    for at in 16..33 {
        let mut changed = good.clone();
        changed[at] ^= 1;
        let refused = Err(ProtocolError::BoxRefused { name: "MESSAGE" });
        assert_eq!(opened(&mut server, &frame(&changed)), refused, "{at}");
    }
    // In a command frame, as the RFC says.
    assert_eq!(
        opened(&mut server, &frame(&good)).as_deref(),
        Ok(&b"\x00\x00"[..])
    );
}

/// Some frames, with their headers.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..400);
    prop::collection::vec((0..4_u8, body), 0..20).prop_map(|frames| {
        let mut out = Vec::new();
        for (kind, body) in frames {
            let flags = [0, 1, 4, 5][usize::from(kind)];
            crate::zmtp::frame::write_header(flags, body.len(), &mut out);
            out.extend(body);
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_frames_cut_anywhere_come_out_as_they_went_in(
        batches in prop::collection::vec(frames(), 0..4),
        step in 1..300_usize,
    ) {
        let (mut client, mut server) = connected();
        let sent: Vec<u8> = batches.iter().flat_map(|batch| sealed(&mut client, batch)).collect();
        let (mut pending, mut read) = (Vec::new(), Vec::new());
        for chunk in sent.chunks(step) {
            pending.extend_from_slice(chunk);
            let taken = server.open.open(&pending, &mut read).expect("our own");
            pending.drain(..taken);
        }
        prop_assert!(pending.is_empty());
        prop_assert_eq!(read, batches.concat());
    }
}
