//! Peers of the socket that receives, over inproc: sockets of the same library, in the same context and process.
//!
//! Owns: the threads from which they send.
//! Always true: they send what the bare clients of [`unequal`](super::unequal) send, at the same pace, and to a REP the
//! next request after each reply.

use std::time::Instant;

use super::unequal::{SHORTEST, pace};
use super::{complain, stay};
use crate::peers::{Outcome, Peer, Socket};
use crate::plan::{Near, Receiver};

/// Where the socket that receives is bound for them.
pub(super) const NAME: &str = "inproc://versus-near";

/// Starts those of `peers` peers that are `near`; they send until the process is killed.
pub(super) fn start<P: Peer>(peer: &P, receiver: Receiver, peers: usize, near: Near) {
    let numbers: Vec<usize> = (0..peers).filter(|&number| near.holds(number)).collect();
    // The REQs of a REP wait for their replies, so each of them has a thread; so has the busy one.
    let threads: Vec<Vec<usize>> = if receiver == Receiver::Rep {
        numbers.into_iter().map(|number| vec![number]).collect()
    } else {
        vec![numbers]
    };
    for numbers in threads {
        let peer = peer.clone();
        std::thread::spawn(move || {
            let sent = peer.block_on(send(&peer, receiver, peers, &numbers));
            sent.map_err(complain)
        });
    }
}

async fn send<P: Peer>(
    peer: &P,
    receiver: Receiver,
    peers: usize,
    numbers: &[usize],
) -> Outcome<()> {
    let mut senders = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let socket = peer.connect(receiver.peer_role(), NAME).await?;
        senders.push((number, socket, vec![b'.'; SHORTEST + number]));
    }
    match (receiver, &mut senders[..]) {
        (Receiver::Rep, [(_, req, body)]) => loop {
            req.send(body).await?;
            req.flush().await?;
            req.recv().await?;
        },
        (_, [(0, busy, body)]) => busy.send_all(body, usize::MAX).await?,
        (_, slow) => {
            let (begin, pace) = (Instant::now(), pace(peers)?);
            for turn in 0u32.. {
                for (number, socket, body) in &mut *slow {
                    let due = begin
                        + pace * turn
                        + pace * u32::try_from(*number)? / u32::try_from(peers)?;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    socket.send(body).await?;
                    socket.flush().await?;
                }
            }
        }
    }
    stay(senders).await
}
