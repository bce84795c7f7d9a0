//! libzmq as a peer, through pyzmq in a process of its own: `tests/interop/peer.py` says what it understands.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use crossbeam_channel::{Receiver, unbounded};
use highwater::Message;

use super::PATIENCE;

/// The period of the pattern of which long frames are made.
const PERIOD: usize = 251;

/// A process with libzmq sockets, killed when dropped.
#[derive(Debug)]
pub(crate) struct Python {
    process: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Python {
    /// Starts one, if there is [pyzmq](Self::command).
    pub(crate) fn start() -> Option<Self> {
        Self::command().map(Self::start_with)
    }

    /// A python that has pyzmq; `None`, and a loud word, where that cannot be had. Under continuous integration (`CI` is
    /// set) that is a failure.
    pub(crate) fn command() -> Option<Command> {
        match pyzmq() {
            Ok(path) => Some(python(path)),
            Err(reason) => {
                assert!(std::env::var_os("CI").is_none(), "no pyzmq: {reason}");
                println!("skipped: NO INTEROP TEST WITH LIBZMQ, since there is no pyzmq: {reason}");
                None
            }
        }
    }

    fn start_with(mut python: Command) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/peer.py");
        let mut process = python
            .arg(script)
            .envs(curve_everywhere())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python has been started before");
        let stdin = process.stdin.take().expect("it is piped");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let (answered, answers) = unbounded();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = answered.send(line);
            }
        });
        let python = Self {
            process,
            stdin,
            answers,
        };
        python.answer("the greeting");
        python
    }

    /// Has `command` done, and gives what came of it.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.begin(command);
        self.answer(command)
    }

    /// Has `command` done while the test goes on; [`answer`](Self::answer) is to follow.
    pub(crate) fn begin(&mut self, command: &str) {
        writeln!(self.stdin, "{command}").expect("it listens");
    }

    /// What came of the earliest command not answered yet.
    pub(crate) fn answer(&self, command: &str) -> String {
        // A receive of its own may wait as long as we do.
        let answer = self.answers.recv_timeout(PATIENCE * 2);
        let answer = answer.unwrap_or_else(|error| panic!("{command}: {error}"));
        match answer.strip_prefix("ok") {
            Some(answer) => answer.trim_start().to_owned(),
            None => panic!("{command}: {answer}"),
        }
    }

    /// Has `message` sent.
    pub(crate) fn send(&mut self, name: &str, message: &Message) {
        self.ask(&format!("send {name} {}", write_message(message)));
    }

    /// The next message that the socket `name` receives.
    pub(crate) fn recv(&mut self, name: &str) -> Message {
        let answer = self.ask(&format!("recv {name}"));
        answer.split(' ').map(read_frame).collect()
    }

    /// The numbers of the next `count` messages.
    pub(crate) fn recv_numbers(&mut self, name: &str, count: usize) -> Vec<usize> {
        let answer = self.ask(&format!("recv_numbers {name} {count}"));
        let numbers = answer.split_whitespace();
        numbers.map(|n| n.parse().expect("a number")).collect()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of `len` bytes that both ends know how to make, so that it need not be written out.
pub(crate) fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| ((seed + i) % PERIOD) as u8).collect()
}

fn write_message(message: &Message) -> String {
    let frames: Vec<_> = message
        .frames()
        .iter()
        .map(|frame| write_frame(frame))
        .collect();
    frames.join(" ")
}

fn write_frame(body: &[u8]) -> String {
    match body {
        [] => "-".to_owned(),
        [seed, ..] if body.len() > 64 && body == pattern(body.len(), usize::from(*seed)) => {
            format!("~{}:{seed}", body.len())
        }
        _ => body.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("memory");
            text
        }),
    }
}

fn read_frame(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    if let Some((len, seed)) = text.strip_prefix('~').and_then(|rest| rest.split_once(':')) {
        return pattern(
            len.parse().expect("a length"),
            seed.parse().expect("a seed"),
        );
    }
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}

fn python(path: &Path) -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", path);
    python
}

/// Where pyzmq is, which is installed below the build directory if it has to be.
fn pyzmq() -> Result<&'static PathBuf, &'static String> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pyzmq");
        if !imports(&path) {
            install(&path)?;
        }
        if imports(&path) {
            Ok(path)
        } else {
            Err("it is installed and cannot be imported".to_owned())
        }
    })
    .as_ref()
}

fn imports(path: &Path) -> bool {
    let mut import = python(path);
    import.args(["-c", "import zmq"]).stderr(Stdio::null());
    import.status().is_ok_and(|status| status.success())
}

/// Installs beside `path`, then renames: of two test programs that do so at once, the later finds it done.
fn install(path: &Path) -> Result<(), String> {
    let aside = path.with_extension(std::process::id().to_string());
    let outcome = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
        ])
        .arg(&aside)
        .arg("pyzmq")
        .output()
        .map_err(|error| format!("python3 cannot be started: {error}"))?;
    if !outcome.status.success() {
        let _ = std::fs::remove_dir_all(&aside);
        return Err(format!(
            "pip failed: {}",
            String::from_utf8_lossy(&outcome.stderr)
        ));
    }
    if std::fs::rename(&aside, path).is_err() {
        let _ = std::fs::remove_dir_all(&aside);
    }
    Ok(())
}

/// Tells a peer whether every socket of this run speaks CURVE.
pub(crate) fn curve_everywhere() -> Option<(&'static str, &'static str)> {
    cfg!(highwater_curve_everywhere).then_some(("HIGHWATER_CURVE_EVERYWHERE", "1"))
}
