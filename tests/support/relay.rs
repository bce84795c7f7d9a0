//! Somebody on the path of tcp who does one thing to one byte.

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
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(target)) else {
                return;
            };
            for is_request in [true, false] {
                let [client, server] = [&client, &server].map(|it| it.try_clone().expect("free"));
                let harmed = (number == 0 && is_request == to_server).then_some((at, harm));
                thread::spawn(move || match is_request {
                    true => pass(client, server, harmed),
                    false => pass(server, client, harmed),
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
