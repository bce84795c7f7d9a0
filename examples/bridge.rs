//! A bridge between crossbeam channels and sockets: code that knows only channels talks to another process, and hears from it.
//!
//! Two threads do it, one for each direction. Both ends bound what may wait: while the peer cannot keep up, the outgoing
//! channel fills; while nobody takes from the incoming channel, the socket is not read. Run it with
//! `cargo run --example bridge`; it ends by itself and fails if a line is lost or changed.

use std::error::Error;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use highwater::{Context, Endpoint, Pair, RecvError};

const LINES: usize = 10_000;

/// Messages that may wait in each channel.
const ROOM: usize = 100;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let context = Context::new();
    let socket = Pair::new(&context);
    let at = socket.bind("tcp://127.0.0.1:*")?;
    let peer = thread::spawn(move || echo(&at));

    let (outgoing, to_peer) = bounded(ROOM);
    let (from_peer, incoming) = bounded(ROOM);
    thread::scope(|scope| {
        // Each thread owns its end of a channel: if it fails, the other end hears of it.
        let sending = scope.spawn(|| send_all(to_peer, &socket));
        let receiving = scope.spawn(|| receive_all(&socket, from_peer));

        // On a thread, too, so that its panic comes here as an error. Whatever came of it, the others end then: the first once
        // it has sent all, the second by the shutdown, which ends both if something went wrong.
        let talked = scope.spawn(|| talk(outgoing, incoming)).join();
        if !matches!(talked, Ok(Ok(_))) {
            context.shutdown();
        }
        let sent = sending.join().expect("it does not panic");
        context.shutdown();
        let received = receiving.join().expect("it does not panic");
        println!("{} lines came back", talked.expect("nothing is changed")?);
        sent.and(received)
    })?;
    peer.join().expect("the peer does not panic")
}

/// Channel to socket, until the channel has no sender any more.
fn send_all(channel: Receiver<String>, socket: &Pair) -> Result<(), Failure> {
    for line in channel {
        socket.send(line)?;
    }
    Ok(())
}

/// Socket to channel, until the socket ends.
fn receive_all(socket: &Pair, channel: Sender<String>) -> Result<(), Failure> {
    loop {
        match socket.recv() {
            Ok(message) => channel.send(message.to_str()?.to_owned())?,
            Err(RecvError::Ended(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The program behind the bridge: it knows no socket. Says how many lines it has heard.
fn talk(outgoing: Sender<String>, incoming: Receiver<String>) -> Result<usize, Failure> {
    let line = |number: usize| format!("line {number}");
    let (mut said, mut heard) = (0, 0);
    while said < LINES {
        select! {
            send(outgoing, line(said)) -> sent => { sent?; said += 1; }
            recv(incoming) -> back => { assert_eq!(back?, line(heard)); heard += 1; }
            default(PATIENCE) => return Err("nothing goes out or comes back".into()),
        }
    }
    while heard < LINES {
        assert_eq!(incoming.recv_timeout(PATIENCE)?, line(heard));
        heard += 1;
    }
    Ok(heard)
}

/// The other process: it sends each message back, until its peer goes.
fn echo(at: &Endpoint) -> Result<(), Failure> {
    let context = Context::new();
    let socket = Pair::new(&context);
    socket.connect(at)?;
    for _ in 0..LINES {
        socket.send(socket.recv_timeout(PATIENCE)?)?;
    }
    assert_eq!(socket.close(PATIENCE).lost, 0);
    Ok(())
}
