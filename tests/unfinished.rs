//! Messages that are begun and not ended: they take about as much memory as what has come of them, in however many frames.

mod support;

use highwater::{Context, Pull};
use support::{PATIENCE, RawPeer, frame, must_end, resident_memory, wait_until};

const PEERS: usize = 100;

#[test]
fn tiny_frames_of_unfinished_messages_take_what_their_bytes_take() {
    must_end("unfinished messages", || {
        let pull = Pull::new(&Context::new());
        let at = pull.bind("tcp://127.0.0.1:0").expect("bound");
        let mut peers: Vec<_> = (0..PEERS)
            .map(|_| RawPeer::connect_as("PUSH", &at))
            .collect();
        pull.wait_for_peers(PEERS, PATIENCE).expect("connected");
        let before = resident_memory();
        let unfinished = frame(b"", true).repeat(65_535);
        for peer in &mut peers {
            assert!(peer.send(&unfinished));
        }
        wait_until("all that was sent is read", || {
            let stats = pull.stats();
            let read = |peer: &highwater::PeerStats| peer.bytes_received;
            stats.peers.iter().map(read).sum::<u64>() >= (PEERS * unfinished.len()) as u64
        });
        if let (Some(before), Some(after)) = (before, resident_memory()) {
            let grown = after.saturating_sub(before);
            // 13 MB have come; as frames they would be 470 MB.
            assert!(grown < 100 << 20, "{} MiB", grown >> 20);
        }
        for (n, peer) in peers.iter_mut().enumerate().take(3) {
            assert!(peer.send(&frame(n.to_string().as_bytes(), false)));
            let message = pull.recv_timeout(PATIENCE).expect("received");
            assert_eq!(message.frame_count(), 65_536);
            assert!(
                message.frames()[..65_535]
                    .iter()
                    .all(|frame| frame.is_empty())
            );
            assert_eq!(message[65_535], *n.to_string().as_bytes());
        }
    });
}
