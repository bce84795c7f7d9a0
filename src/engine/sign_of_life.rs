//! The heartbeat of a link: sending PINGs, and finding out that a silent peer is to be given up.
//!
//! Owns: nothing; it tells the heartbeat what the kernel and the socket know of the link.
//! Always true: a peer is given up only after a silence for which neither we nor our kernel are to blame.
//! Must not know: what follows when a peer is given up.

use std::time::Instant;

use super::EndpointConfig;
use super::hearing::Silence;
use super::link::Link;
use crate::pipe::Pipe;
use crate::zmtp::{self, Heartbeat, HeartbeatAction};

/// How many unread bytes are searched for a PING at most.
const MOST_PEEKED: usize = 256 * 1024;

/// Sends the PINGs that are due, and says whether the peer has been silent for too long.
pub(super) fn is_given_up(
    link: &Link,
    pipe: Option<&Pipe>,
    config: &EndpointConfig,
    heartbeat: &mut Heartbeat,
    now: Instant,
) -> bool {
    let Some(pipe) = pipe else { return false };
    let is_paused = || pipe.incoming.is_paused();
    // A peer that is not read, since the socket is at its mark or busy, is not to blame for silence.
    let is_unread = || is_paused() || link.is_lent() && !config.side.lending().is_waiting();
    heartbeat.set_unread(is_paused() && !link.is_lent(), now);
    let mut silence = link.silence(is_unread);
    loop {
        match silence {
            Silence::Broken => heartbeat.received(now),
            Silence::Ours => heartbeat.excused(now),
            Silence::Real => {}
        }
        match heartbeat.poll(now, pipe.outgoing.output()) {
            HeartbeatAction::None => return false,
            HeartbeatAction::SendPing { ttl } => {
                pipe.outgoing.heartbeat(|out| zmtp::encode_ping(ttl, out));
                silence = Silence::Real;
            }
            HeartbeatAction::Look => {
                silence = Silence::Real;
                if wants_a_sign(link, config, heartbeat)
                    && let HeartbeatAction::SendPing { ttl } =
                        heartbeat.send_ping(pipe.outgoing.output())
                {
                    pipe.outgoing.heartbeat(|out| zmtp::encode_ping(ttl, out));
                }
            }
            HeartbeatAction::Doubt => {
                silence = Silence::Real;
                let stream = link.stream();
                if stream.has_stopped_answering(heartbeat.timeout())
                    && link.long_silence(is_unread) == Silence::Real
                {
                    return true;
                }
            }
            HeartbeatAction::GiveUp => {
                silence = link.long_silence(is_unread);
                if silence == Silence::Real {
                    return true;
                }
            }
        }
    }
}

/// Whether the unread input since the last look has a PING, and the peer has not closed its side behind it. A kernel
/// answers bytes for a closed connection with a reset, which would destroy the unread input.
///
/// Where the traffic is sealed, no PING can be seen: any new input may have one.
fn wants_a_sign(link: &Link, config: &EndpointConfig, heartbeat: &mut Heartbeat) -> bool {
    let stream = link.stream();
    let unread = stream.unread();
    let new = heartbeat.new_among(unread);
    if new == 0 || stream.has_ended() {
        return false;
    }
    if config.options.security.seals() {
        return true;
    }
    if unread > MOST_PEEKED {
        return heartbeat.is_pinged();
    }
    let mut bytes = vec![0; unread];
    let len = stream.peek(&mut bytes);
    // The name of the command may begin in the bytes of the last look.
    let from = (unread - new)
        .saturating_sub(zmtp::PING_NAME.len())
        .min(len);
    bytes[from..len]
        .windows(zmtp::PING_NAME.len())
        .any(|window| window == zmtp::PING_NAME)
}

/// The peer has answered a heartbeat.
pub(super) fn answered(heartbeat: &mut Heartbeat, pipe: Option<&Pipe>, now: Instant) {
    if let (Some(took), Some(pipe)) = (heartbeat.pong_received(now), pipe) {
        pipe.set_round_trip(took);
    }
}
