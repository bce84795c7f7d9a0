//! Peers in processes of their own, so that they can be killed: this test program, run again.
//!
//! A test file that wants children has an ignored test `child_process`, which calls [`play_child`].

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, joined, wait_until};

const VARIABLE: &str = "HIGHWATER_TEST_CHILD";
const MARK: &str = "child says: ";

/// A child process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Child {
    /// Starts a child that plays `role`.
    pub(crate) fn start(role: &str) -> Self {
        Self::start_by(&[], role)
    }

    /// The same by way of another program, which is given its arguments and those of the child, and becomes it.
    pub(crate) fn start_by(way: &[&str], role: &str) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut command = match way {
            [] => Command::new(this),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(this);
                command
            }
        };
        let mut process = command
            .args([
                "child_process",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(VARIABLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process can be started");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let (said, lines) = unbounded();
        let reader = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // The test harness may have begun the line.
                if let Some((_, line)) = line.split_once(MARK) {
                    let _ = said.send(line.to_owned());
                }
            }
        });
        Self {
            process,
            lines,
            reader: Some(reader),
        }
    }

    /// The next line that the child says.
    pub(crate) fn hear(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the child speaks")
    }

    /// The next line, if there is one before the child is silent or gone.
    pub(crate) fn hear_rest(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// The next line, if there is one within `patience`.
    pub(crate) fn hear_within(&self, patience: Duration) -> Option<String> {
        self.lines.recv_timeout(patience).ok()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it is our child");
    }

    /// Waits until the child has ended by itself. What it had said before can still be heard.
    pub(crate) fn wait(&mut self) {
        let status = self.process.wait().expect("it is our child");
        assert!(status.success(), "the child has failed: {status}");
        self.hear_out();
    }

    fn hear_out(&mut self) {
        if let Some(reader) = self.reader.take() {
            joined(reader);
        }
    }

    /// Tells the child something.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.process.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{line}").expect("the child listens");
    }

    /// Who it is to the system.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGSTOP: on return it does nothing any more, until it is to [`go_on`](Self::go_on).
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
        // Each of its threads stops when it is next given the processor.
        let threads = format!("/proc/{}/task", self.id());
        wait_until("the child has stopped", || {
            let threads = std::fs::read_dir(&threads).expect("it lives");
            threads.map_while(Result::ok).all(|thread| {
                let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
                // The state stands behind the name, which is in brackets and may have some itself.
                stat.rsplit(") ")
                    .next()
                    .is_some_and(|rest| rest.starts_with('T'))
            })
        });
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL. What it had said before can still be heard.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("it is our child");
        self.hear_out();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In a child process, plays its role: `play` is given the words of the role, and how to speak and to listen.
pub(crate) fn play_child(play: impl FnOnce(&[&str], &dyn Fn(&str), &dyn Fn() -> String)) {
    let Ok(role) = std::env::var(VARIABLE) else {
        return;
    };
    let words: Vec<&str> = role.split(' ').collect();
    let say = |line: &str| {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{MARK}{line}").and_then(|()| stdout.flush());
    };
    let listen = || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        line.trim_end().to_owned()
    };
    play(&words, &say, &listen);
}
