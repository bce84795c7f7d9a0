//! Somebody on the path of tcp who does one thing to one byte, or says something in the place of one end.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What is done at one byte of the bytes in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Harm {
    Cut,
    Flip,
    Repeat,
    LeaveOut,
}

/// Passes connections on to `target`; harms the first.
pub(crate) fn relay(target: SocketAddr, to_server: bool, at: usize, harm: Harm) -> SocketAddr {
    path_to(target, move |number, is_request, from, to| {
        let is_harmed = number == 0 && is_request == to_server;
        pass(from, to, is_harmed.then_some((at, harm)));
    })
}

/// A path to `target`: `carry` has a thread for each direction of each connection, and is given the number of the connection,
/// whether it is the direction to `target`, and the two ends.
fn path_to(
    target: SocketAddr,
    carry: impl Fn(usize, bool, TcpStream, TcpStream) + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) else {
                return;
            };
            for is_request in [true, false] {
                let [client, server] = [&client, &server].map(|it| it.try_clone().expect("free"));
                let carry = carry.clone();
                thread::spawn(move || match is_request {
                    true => carry(number, true, client, server),
                    false => carry(number, false, server, client),
                });
            }
        }
    });
    address
}

/// Passes on what comes `from` there, with this harm, until the end.
pub(crate) fn pass(mut from: TcpStream, mut to: TcpStream, harmed: Option<(usize, Harm)>) {
    let (mut passed, mut buffer) = (0, [0; 4096]);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut bytes = buffer[..read].to_vec();
        if let Some((at, harm)) = harmed
            && (passed..passed + read).contains(&at)
        {
            let here = at - passed;
            match harm {
                Harm::Cut => {
                    let _ = to.write_all(&bytes[..here]);
                    break;
                }
                Harm::Flip => bytes[here] ^= 1,
                Harm::Repeat => bytes.insert(here, bytes[here]),
                Harm::LeaveOut => drop(bytes.remove(here)),
            }
        }
        passed += read;
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// Passes connections on to `target`. Of the first, it passes the greeting and the frames of one end up to `units` in all; then it
/// says `forged` in that end's place and passes on nothing more of it.
pub(crate) fn forge(
    target: SocketAddr,
    to_server: bool,
    units: usize,
    forged: Vec<u8>,
) -> SocketAddr {
    path_to(target, move |number, is_request, mut from, mut to| {
        if number != 0 || is_request != to_server {
            pass(from, to, None);
        } else if (0..units).all(|unit| pass_unit(&mut from, &mut to, unit)) {
            // Whoever hears it ends the connection, which the other direction passes on.
            let _ = to.write_all(&forged);
        }
    })
}

/// Passes on the greeting, which is the first unit, or a frame; gives whether it came whole.
fn pass_unit(from: &mut TcpStream, to: &mut TcpStream, unit: usize) -> bool {
    let mut bytes = vec![0; if unit == 0 { 64 } else { 2 }];
    if from.read_exact(&mut bytes).is_err() {
        return false;
    }
    if unit > 0 {
        let mut len = usize::from(bytes[1]);
        if bytes[0] & 2 != 0 {
            bytes.resize(9, 0);
            if from.read_exact(&mut bytes[2..]).is_err() {
                return false;
            }
            let long = bytes[1..9].try_into().expect("eight bytes");
            len = usize::try_from(u64::from_be_bytes(long)).expect("short enough");
        }
        let head = bytes.len();
        bytes.resize(head + len, 0);
        if from.read_exact(&mut bytes[head..]).is_err() {
            return false;
        }
    }
    to.write_all(&bytes).is_ok()
}
