//! A chat between two people, over a PAIR of sockets.
//!
//! In one terminal `cargo run --example chat -- listen tcp://127.0.0.1:7000`, in another
//! `cargo run --example chat -- join tcp://127.0.0.1:7000`; then type. An empty line, or the end of input, says good-bye.
//!
//! One thread waits for the keyboard and the peer at once: that is what a `Poll` is for. Without arguments both sides
//! run here, read from a script, end by themselves and fail if a line got lost.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use highwater::{Context, Interest, Message, Pair, Poll};

/// Empty, since no line is.
const GOOD_BYE: &str = "";

/// How long the last words have to get out.
const DRAIN: Duration = Duration::from_secs(5);

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let context = Context::new();
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["listen", at] => {
            let peer = Pair::new(&context);
            println!("listening at {}", peer.bind(at)?);
            chat(peer, io::stdin(), &mut io::stdout())
        }
        ["join", at] => {
            let peer = Pair::new(&context);
            peer.connect(at)?;
            chat(peer, io::stdin(), &mut io::stdout())
        }
        [] => play(&context),
        _ => Err("usage: chat [listen ENDPOINT | join ENDPOINT]".into()),
    }
}

/// Sends what is typed and shows what the peer says, until either says good-bye.
fn chat(peer: Pair, keyboard: impl AsFd, screen: &mut impl Write) -> Result<(), Failure> {
    // Not by way of `io::stdin()`, which reads ahead: what lies in its buffer a poll does not see.
    let mut keyboard = File::from(keyboard.as_fd().try_clone_to_owned()?);
    let watched = keyboard.try_clone()?;
    let mut poll = Poll::new()?;
    let heard = poll.add(&peer, Interest::READABLE);
    poll.add_source(&watched, Interest::READABLE);
    let mut typed = Vec::new();
    'talking: loop {
        for ready in poll.wait(None)?.to_vec() {
            if ready.token == heard {
                let line: Message = peer.recv()?;
                if line == GOOD_BYE {
                    break 'talking;
                }
                // What a peer says is text, and moves no cursor.
                let line = line.to_str()?.replace(char::is_control, "\u{fffd}");
                writeln!(screen, "> {line}")?;
            } else {
                // Whatever is there: waiting for the rest of a line here would keep the peer waiting.
                let mut bytes = [0; 1024];
                let count = keyboard.read(&mut bytes)?;
                typed.extend_from_slice(&bytes[..count]);
                while let Some(end) = typed.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = typed.drain(..=end).collect();
                    peer.send(line.trim_ascii_end())?;
                    if line.trim_ascii_end().is_empty() {
                        break 'talking;
                    }
                }
                if count == 0 {
                    peer.send(GOOD_BYE)?;
                    break 'talking;
                }
            }
        }
    }
    let report = peer.close(DRAIN);
    if report.lost > 0 {
        writeln!(screen, "({} lines were not sent)", report.lost)?;
    }
    Ok(())
}

/// Both sides in one process, typing by script: each waits for the other's line before it answers.
fn play(context: &Context) -> Result<(), Failure> {
    let (host, guest) = (Pair::new(context), Pair::new(context));
    guest.connect(&host.bind("tcp://127.0.0.1:*")?)?;
    let (mut host_types, host_keyboard) = UnixStream::pair()?;
    let (mut guest_types, guest_keyboard) = UnixStream::pair()?;
    let (host_screen, mut host_sees) = UnixStream::pair()?;
    let (guest_screen, mut guest_sees) = UnixStream::pair()?;
    let sides = [
        (host, host_keyboard, host_screen),
        (guest, guest_keyboard, guest_screen),
    ]
    .map(|(peer, keyboard, mut screen)| thread::spawn(move || chat(peer, keyboard, &mut screen)));

    for (question, answer) in [("knock knock", "who is there?"), ("a peer", "a peer who?")] {
        writeln!(host_types, "{question}")?;
        expect_line(&mut guest_sees, question)?;
        writeln!(guest_types, "{answer}")?;
        expect_line(&mut host_sees, answer)?;
    }
    writeln!(host_types)?;
    for side in sides {
        side.join().expect("neither side panics")?;
    }
    println!("both sides understood each other");
    Ok(())
}

fn expect_line(screen: &mut UnixStream, text: &str) -> Result<(), Failure> {
    screen.set_read_timeout(Some(Duration::from_secs(10)))?;
    let expected = format!("> {text}\n");
    let mut line = vec![0; expected.len()];
    screen.read_exact(&mut line)?;
    print!("{expected}");
    assert_eq!(line, expected.as_bytes());
    Ok(())
}
