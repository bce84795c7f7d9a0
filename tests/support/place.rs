//! Where sockets of a test meet, over each transport.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use highwater::Transport;

/// Gives endpoints of one transport, each only once.
#[derive(Debug)]
pub(crate) struct Place {
    transport: Transport,
    directory: tempfile::TempDir,
    count: AtomicU32,
}

impl Place {
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport,
            directory: tempfile::tempdir().expect("a directory for temporary files"),
            count: AtomicU32::new(0),
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    /// An endpoint to bind.
    pub(crate) fn any(&self) -> String {
        match self.transport {
            Transport::Tcp => "tcp://127.0.0.1:0".to_owned(),
            _ => self.vacant(),
        }
    }

    /// An endpoint where nobody listens yet, to connect to before it is bound.
    pub(crate) fn vacant(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        match self.transport {
            Transport::Tcp => format!("tcp://{}", own_address()),
            Transport::Ipc => format!("ipc://{}/{number}", self.directory.path().display()),
            _ => format!("inproc://place-{number}"),
        }
    }
}

/// A loopback address that no other test is given, where the system has more than one; else a port that is free.
///
/// Where the address is its own, so is every port: none is tried. To listen on it and let it go again is not enough to have
/// it free, since a process that another test is just starting holds what is open here until it runs its own program.
fn own_address() -> SocketAddrV4 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if cfg!(target_os = "linux") {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mixed = std::process::id()
            .wrapping_mul(0x9E37_79B1)
            .wrapping_add(count.wrapping_mul(0x85EB_CA6B));
        let [a, b, c, d] = mixed.to_be_bytes();
        // Below those that the system gives to who asks for any, so also to who listens on all addresses.
        let port = 20_000 + u16::from(d);
        SocketAddrV4::new(Ipv4Addr::new(127, 1 + a % 254, b, 1 + c % 254), port)
    } else {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = probe.local_addr().expect("it is bound").port();
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }
}

/// Makes a test of each function for each transport; the function is given a [`Place`].
macro_rules! over_each_transport {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            #[test]
            fn over_tcp() {
                crate::support::must_end(stringify!($case), || {
                    super::$case(&crate::support::Place::new(highwater::Transport::Tcp));
                });
            }

            #[test]
            fn over_ipc() {
                crate::support::must_end(stringify!($case), || {
                    super::$case(&crate::support::Place::new(highwater::Transport::Ipc));
                });
            }
        }
    )+};
}
pub(crate) use over_each_transport;

/// As [`over_each_transport`], and within the process, too.
macro_rules! over_every_transport {
    ($($case:ident),+ $(,)?) => {
        crate::support::over_each_transport!($($case),+);

        mod inproc {$(
            #[test]
            fn $case() {
                crate::support::must_end(stringify!($case), || {
                    super::$case(&crate::support::Place::new(highwater::Transport::Inproc));
                });
            }
        )+}
    };
}
pub(crate) use over_every_transport;
