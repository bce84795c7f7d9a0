//! A process with libzmq in it, and how to meet its sockets.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use highwater::{
    BindError, ConnectError, Context, Dealer, Endpoint, Pair, Pub, Pull, Push, Rep, Req, Router,
    Sub, Transport, XPub, XSub,
};

use crate::support::{PATIENCE, Place, curve_everywhere};

/// A Python process that does with pyzmq what it is told.
#[derive(Debug)]
pub(crate) struct Libzmq {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What one conversation needs.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) context: &'a Context,
    pub(crate) theirs: &'a mut Libzmq,
    pub(crate) place: &'a Place,
    /// Otherwise they do.
    we_bind: bool,
}

/// Runs `case` over each transport, with either end binding. Without pyzmq it says so; on CI that fails.
pub(crate) fn in_every_way(name: &str, case: fn(&mut Bench<'_>)) {
    let Some(pyzmq) = pyzmq() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "pyzmq cannot be installed, and CI is to test with it"
        );
        eprintln!("SKIPPED: {name} has not been tried, since pyzmq cannot be installed here");
        return;
    };
    let mut theirs = Libzmq::start(&pyzmq);
    for transport in [Transport::Tcp, Transport::Ipc] {
        for we_bind in [true, false] {
            eprintln!(
                "{name} over {transport:?}, bound by {}",
                if we_bind { "us" } else { "them" }
            );
            let place = Place::new(transport);
            let context = Context::new();
            case(&mut Bench {
                context: &context,
                theirs: &mut theirs,
                place: &place,
                we_bind,
            });
            context.shutdown();
        }
    }
}

impl Bench<'_> {
    /// Makes their socket, called `a`, and connects it with `ours`, whichever binds.
    pub(crate) fn meet(
        &mut self,
        ours: &impl Ends,
        their_type: &str,
        options: &[(&str, &[u8])],
    ) -> &mut Libzmq {
        self.theirs.socket("a", their_type);
        for (option, value) in options {
            match value {
                // A switch.
                [] => self.theirs.order(&format!("set a {option} 1")),
                value => {
                    self.theirs.set("a", option, value);
                    String::new()
                }
            };
        }
        let at = self.place.vacant();
        if self.we_bind {
            let at = ours.bind(&at).expect("bound");
            self.theirs.connect("a", &at);
        } else {
            let at = self.theirs.bind("a", &at);
            ours.connect(&at).expect("connects");
        }
        self.theirs
    }
}

impl Libzmq {
    fn start(pyzmq: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/sockets.py");
        let mut child = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", pyzmq)
            .envs(curve_everywhere())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        Self {
            orders: child.stdin.take().expect("piped"),
            answers: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    /// Gives an order; the answer.
    fn order(&mut self, order: &str) -> String {
        self.try_order(order)
            .unwrap_or_else(|error| panic!("{:.200}: {error}", order))
    }

    fn try_order(&mut self, order: &str) -> Result<String, String> {
        writeln!(self.orders, "{order}").expect("it listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        match answer.trim_end_matches('\n').split_once(' ') {
            Some(("ok", result)) => Ok(result.to_owned()),
            _ => Err(answer),
        }
    }

    /// A socket, in the place of an older one of that name.
    pub(crate) fn socket(&mut self, name: &str, socket_type: &str) {
        self.order(&format!("socket {name} {socket_type}"));
    }

    pub(crate) fn set(&mut self, name: &str, option: &str, value: &[u8]) {
        self.order(&format!("set {name} {option} x{}", hex(value)));
    }

    pub(crate) fn bind(&mut self, name: &str, at: &str) -> Endpoint {
        let at = self.order(&format!("bind {name} {at}"));
        at.parse().expect("an endpoint")
    }

    pub(crate) fn try_bind(&mut self, name: &str, at: &Endpoint) -> bool {
        self.try_order(&format!("bind {name} {at}")).is_ok()
    }

    pub(crate) fn connect(&mut self, name: &str, at: &Endpoint) {
        self.order(&format!("connect {name} {at}"));
    }

    pub(crate) fn send(&mut self, name: &str, frames: &[Vec<u8>]) {
        let frames: Vec<String> = frames.iter().map(|frame| hex(frame)).collect();
        self.order(&format!("send {name} {}", frames.join(",")));
    }

    /// The next message, which must come.
    pub(crate) fn recv(&mut self, name: &str) -> Vec<Vec<u8>> {
        let begun = std::time::Instant::now();
        loop {
            let frames = self.order(&format!("recv {name}"));
            if frames != "none" {
                return frames.split(',').map(unhex).collect();
            }
            assert!(begun.elapsed() < PATIENCE, "nothing came to {name}");
        }
    }

    /// The next message, which must come and be text.
    pub(crate) fn recv_text(&mut self, name: &str) -> Vec<String> {
        let frames = self.recv(name).into_iter();
        frames
            .map(|frame| String::from_utf8(frame).expect("text"))
            .collect()
    }

    /// Whether something can be received within `milliseconds`. Lets libzmq do its work meanwhile.
    pub(crate) fn poll(&mut self, name: &str, milliseconds: u32) -> bool {
        self.order(&format!("poll {name} {milliseconds}")) == "1"
    }

    pub(crate) fn proxy(&mut self, front: &str, back: &str) {
        self.order(&format!("proxy {front} {back}"));
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.order(&format!("close {name}"));
    }
}

impl Drop for Libzmq {
    fn drop(&mut self) {
        // It may be in the middle of something; nobody waits for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A frame of text.
pub(crate) trait Text {
    fn text(self) -> Vec<u8>;
}

impl Text for &str {
    fn text(self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

/// What every handle can do.
pub(crate) trait Ends {
    fn bind(&self, at: &str) -> Result<Endpoint, BindError>;
    fn connect(&self, at: &Endpoint) -> Result<(), ConnectError>;
}

macro_rules! ends {
    ($($handle:ident),+) => {$(
        impl Ends for $handle {
            fn bind(&self, at: &str) -> Result<Endpoint, BindError> {
                $handle::bind(self, at)
            }

            fn connect(&self, at: &Endpoint) -> Result<(), ConnectError> {
                $handle::connect(self, at)
            }
        }
    )+};
}

ends!(
    Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub
);

/// Where pyzmq is, installing it first if need be.
fn pyzmq() -> Option<PathBuf> {
    static FOLDER: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../pyzmq");
            if has_zmq(&folder) {
                return Some(folder);
            }
            // Others may be at it, too: whoever is first puts theirs in place.
            let own = folder.with_file_name(format!("pyzmq-{}", std::process::id()));
            let installed = Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-input", "--target"])
                .arg(&own)
                .arg("pyzmq")
                .status();
            if !installed.is_ok_and(|status| status.success()) {
                return None;
            }
            if std::fs::rename(&own, &folder).is_err() {
                let _ = std::fs::remove_dir_all(&own);
            }
            has_zmq(&folder).then_some(folder)
        })
        .clone()
}

fn has_zmq(folder: &Path) -> bool {
    let found = Command::new("python3")
        .args(["-c", "import zmq"])
        .env("PYTHONPATH", folder)
        .stderr(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hex") as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}
