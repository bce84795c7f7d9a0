//! The same scenario on highwater and on libzmq: what each peer received, in which order, and what was refused.
//!
//! A scenario is a list of lines that a seed has chosen; `tests/interop/differential.py` says what they mean. Both sides wait
//! for connections, subscriptions and messages by conditions, so that each line has one right answer; where an order, or
//! who of several peers was chosen, is promised by nobody, it is not compared (see [`compared`]).
//!
//! - `HIGHWATER_DIFFERENTIAL_SECONDS`: how long in all; 30 by default.
//! - `HIGHWATER_DIFFERENTIAL_SEED`: the first scenario; those that follow have the next numbers.

#[path = "interop/scenarios.rs"]
mod scenarios;
mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use highwater::{
    Context, Dealer, Linger, Message, Pair, Pub, Pull, Push, Rep, Req, RouteError, Router,
    RoutingId, Sub, Transport, TrySendError, XPub, XSub,
};
use support::{PATIENCE, Place, Python, wait_until};

const SECONDS: &str = "HIGHWATER_DIFFERENTIAL_SECONDS";
const SEED: &str = "HIGHWATER_DIFFERENTIAL_SEED";

#[test]
fn highwater_and_libzmq_do_the_same() {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a number"))
    };
    let Some(mut theirs) = Theirs::start() else {
        // It has said why.
        return;
    };
    let time = Duration::from_secs(number(SECONDS).unwrap_or(30));
    let first = number(SEED).unwrap_or_else(|| rand::random::<u32>().into());
    println!("to have this again: {SEED}={first}");
    let begun = Instant::now();
    let mut lines = 0;
    for seed in first.. {
        if begun.elapsed() >= time {
            println!("{} scenarios, {lines} lines", seed - first);
            break;
        }
        println!("scenario {seed}");
        let scenario = scenarios::scenario(seed);
        lines += scenario.len();
        let mut ours = Ours::new();
        let here = run(&scenario, |line| ours.answer(line));
        drop(ours);
        let there = run(&scenario, |line| theirs.answer(line));
        theirs.answer("world");
        compare(seed, &scenario, &here, &there);
    }
}

/// Has each line answered, at places of its own.
fn run(scenario: &[String], mut answer: impl FnMut(&str) -> String) -> Vec<String> {
    let places = [Transport::Tcp, Transport::Ipc, Transport::Inproc].map(Place::new);
    let mut known = HashMap::new();
    scenario
        .iter()
        .map(|line| {
            let words = line.split(' ').map(|word| {
                let Some((transport, _)) = word.strip_prefix('@').and_then(|at| at.split_once('-'))
                else {
                    return word.to_owned();
                };
                let place = match transport {
                    "tcp" => &places[0],
                    "ipc" => &places[1],
                    _ => &places[2],
                };
                known
                    .entry(word.to_owned())
                    .or_insert_with(|| place.vacant())
                    .clone()
            });
            let line: Vec<String> = words.collect();
            answer(&line.join(" "))
        })
        .collect()
}

fn compare(seed: u64, scenario: &[String], here: &[String], there: &[String]) {
    let same = |(line, (here, there)): (&String, (&String, &String))| {
        compared(line, here) == compared(line, there)
    };
    let all = || scenario.iter().zip(here.iter().zip(there));
    if all().all(same) {
        return;
    }
    let mut told = format!("{SEED}={seed}: highwater and libzmq differ\n");
    for (line, (here, there)) in all() {
        let mark = if same((line, (here, there))) {
            "  "
        } else {
            "=>"
        };
        told += &format!(
            "{mark} {:40} {} <> {}\n",
            short(line),
            short(here),
            short(there)
        );
    }
    panic!("{told}");
}

/// With long frames cut.
fn short(text: &str) -> String {
    let frames = text.split_inclusive([' ', ',', ';', '|']);
    frames
        .map(|frame| match frame.len() {
            ..20 => frame.to_owned(),
            len => format!("{}..{}", &frame[..4], &frame[len - 1..]),
        })
        .collect()
}

/// What of an answer is compared.
///
/// - `gather` and `more` of several senders or receivers: all messages, and how many each receiver got, not who got which.
///   That each receiver has what one sender sent in order is looked at apart.
/// - `ask`: the reply, and not which of several services was first.
fn compared(line: &str, answer: &str) -> String {
    let command = line.split(' ').next().unwrap_or_default();
    match command {
        "gather" | "more" => {
            let receivers: Vec<Vec<&str>> = answer
                .split('|')
                .map(|all| all.split(';').filter(|one| !one.is_empty()).collect())
                .collect();
            let in_order = receivers.iter().all(|all| are_in_order(all));
            let mut counts: Vec<usize> = receivers.iter().map(Vec::len).collect();
            counts.sort_unstable();
            let mut all = receivers.concat();
            all.sort_unstable();
            format!("{in_order} {counts:?} {all:?}")
        }
        "ask" => answer
            .split_once(' ')
            .map_or(answer, |(_, reply)| reply)
            .to_owned(),
        _ => answer.to_owned(),
    }
}

/// Whether the numbers of each sender rise: the last frame is one byte for the sender and four for the number.
fn are_in_order(messages: &[&str]) -> bool {
    let mut last = HashMap::new();
    messages.iter().all(|message| {
        let frame = message.rsplit(',').next().unwrap_or_default();
        if frame.len() != 10 {
            return true;
        }
        let (sender, number) = frame.split_at(2);
        last.insert(sender, number)
            .is_none_or(|before| before < number)
    })
}

/// libzmq, in a process of its own.
struct Theirs {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Theirs {
    fn start() -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/differential.py");
        let mut process = Python::command()?
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python has been started before");
        let mut theirs = Self {
            orders: process.stdin.take().expect("it is piped"),
            answers: BufReader::new(process.stdout.take().expect("it is piped")),
            process,
        };
        theirs.hear("the greeting");
        Some(theirs)
    }

    fn answer(&mut self, line: &str) -> String {
        writeln!(self.orders, "{line}").expect("it listens");
        self.hear(line)
    }

    fn hear(&mut self, line: &str) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        match answer.trim_end_matches('\n').split_once(' ') {
            Some(("ok", answer)) => answer.to_owned(),
            _ => panic!("{line}: {answer}"),
        }
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Handles of every type, by name.
struct Ours {
    context: Context,
    all: HashMap<String, Peer>,
    fences: usize,
}

struct Peer {
    socket: Socket,
    kept: Vec<String>,
}

macro_rules! sockets {
    ($($kind:ident $word:literal)*) => {
        enum Socket {
            $($kind($kind),)*
        }

        impl Socket {
            fn new(context: &Context, word: &str, options: &[(&str, String)]) -> Self {
                match word {
                    $($word => {
                        let mut builder = $kind::builder(context)
                            .linger(Linger::Discard)
                            .send_timeout(Duration::from_millis(50))
                            .reconnect_interval(Duration::from_millis(20));
                        for (name, value) in options {
                            builder = builder.option(name, value).expect("an option");
                        }
                        Self::$kind(builder.build())
                    })*
                    other => panic!("no such type: {other}"),
                }
            }

            fn bind(&self, at: &str) -> bool {
                match self {
                    $(Self::$kind(socket) => socket.bind(at).is_ok(),)*
                }
            }

            fn connect(&self, at: &str) {
                match self {
                    $(Self::$kind(socket) => socket.connect(at).expect("connects"),)*
                }
            }

            fn unbind(&self, at: &str) {
                match self {
                    $(Self::$kind(socket) => socket.unbind(at).expect("was bound"),)*
                }
            }

            fn disconnect(&self, at: &str) {
                match self {
                    $(Self::$kind(socket) => socket.disconnect(at).expect("was connected"),)*
                }
            }

            fn peers(&self) -> usize {
                match self {
                    $(Self::$kind(socket) => socket.peers().len(),)*
                }
            }
        }
    };
}

sockets!(
    Push "PUSH" Pull "PULL" Pub "PUB" Sub "SUB" XPub "XPUB" XSub "XSUB" Dealer "DEALER" Router "ROUTER" Pair "PAIR"
    Req "REQ" Rep "REP"
);

impl Socket {
    fn send(&self, message: Message) -> &'static str {
        let sent = match self {
            Self::Push(socket) => socket.try_send(message),
            Self::Dealer(socket) => socket.try_send(message),
            Self::Pair(socket) => socket.try_send(message),
            Self::Pub(socket) => socket.try_send(message).map(drop),
            Self::XPub(socket) => socket.try_send(message).map(drop),
            Self::XSub(socket) => socket.try_send(message).map(drop),
            Self::Router(socket) => {
                let mut frames = message.frames().iter();
                let id = frames.next().expect("an id");
                let id = RoutingId::new(&id[..]).expect("an id");
                let rest: Message = frames.map(|frame| frame.to_vec()).collect();
                return match socket.send_to(&id, rest) {
                    Ok(()) => "ok",
                    Err(RouteError::NoRoute(_)) => "unroutable",
                    Err(RouteError::Full(_)) => "again",
                    Err(error) => panic!("{error}"),
                };
            }
            _ => panic!("it does not send"),
        };
        match sent {
            Ok(()) => "ok",
            Err(TrySendError::Full(_) | TrySendError::GivenUp(_)) => "again",
            Err(error) => panic!("{error}"),
        }
    }

    /// The next message, waited for so long.
    fn recv(&self, time: Duration) -> Option<Message> {
        match self {
            Self::Pull(socket) => socket.recv_timeout(time).ok(),
            Self::Dealer(socket) => socket.recv_timeout(time).ok(),
            Self::Pair(socket) => socket.recv_timeout(time).ok(),
            Self::Sub(socket) => socket.recv_timeout(time).ok(),
            Self::XSub(socket) => socket.recv_timeout(time).ok(),
            Self::XPub(socket) => socket
                .recv_timeout(time)
                .ok()
                .map(highwater::Upstream::into_message),
            Self::Router(socket) => socket.recv_timeout(time).ok().map(|(id, message)| {
                let id = std::iter::once(id.as_bytes().to_vec());
                id.chain(message.frames().iter().map(|frame| frame.to_vec()))
                    .collect()
            }),
            _ => panic!("it does not receive"),
        }
    }
}

impl Peer {
    /// Receives what there is, waiting for the first; true if any fence came.
    fn take(&mut self, time: Duration) -> bool {
        let mut fenced = false;
        let mut time = time;
        while let Some(message) = self.socket.recv(time) {
            time = Duration::ZERO;
            let first = message.frames().first().map_or(&[][..], |frame| &frame[..]);
            let head = usize::from(matches!(self.socket, Socket::XPub(_)));
            if first.get(head) == Some(&b'~') {
                fenced = true;
            } else {
                self.kept.push(written(&message));
            }
        }
        fenced
    }

    fn kept(&mut self) -> String {
        std::mem::take(&mut self.kept).join(";")
    }
}

impl Ours {
    fn new() -> Self {
        Self {
            context: Context::new(),
            all: HashMap::new(),
            fences: 0,
        }
    }

    fn peer(&mut self, name: &str) -> &mut Peer {
        self.all.get_mut(name).expect("a socket of that name")
    }

    fn socket(&self, name: &str) -> &Socket {
        &self.all[name].socket
    }

    fn answer(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["new", name, kind, ref options @ ..] => {
                let options: Vec<_> = options.iter().map(|option| our_option(option)).collect();
                let socket = Socket::new(&self.context, kind, &options);
                let kept = Vec::new();
                self.all.insert(name.to_owned(), Peer { socket, kept });
            }
            ["bind", name, at] => wait_until("the place is free", || self.socket(name).bind(at)),
            ["connect", name, at] => self.socket(name).connect(at),
            ["unbind", name, at] => self.socket(name).unbind(at),
            ["disconnect", name, at] => self.socket(name).disconnect(at),
            ["peers", name, count] => {
                let count: usize = count.parse().expect("a number");
                wait_until(line, || self.socket(name).peers() == count);
            }
            ["close", name] => drop(self.all.remove(name)),
            ["send", name, frames] => return self.socket(name).send(read(frames)).to_owned(),
            ["until", name, frames] => {
                wait_until(line, || self.socket(name).send(read(frames)) == "ok");
            }
            ["reach", name, id, frames] => {
                return self.answer(&format!("until {name} {id},{frames}"));
            }
            ["pump"] => {}
            ["fill", name] => {
                let socket = self.socket(name);
                let sent =
                    (0..).take_while(|n: &usize| socket.send(Message::from(n.to_string())) == "ok");
                return sent.count().to_string();
            }
            ["gone", name, id] => {
                let frames = format!("{id},00");
                wait_until(line, || {
                    self.socket(name).send(read(&frames)) == "unroutable"
                });
            }
            ["again", other, name, kind, at, frames] => {
                let kind = kind.replace(':', " id=");
                self.answer(&format!("new {name} {kind}"));
                self.socket(name).connect(at);
                let _ = self.socket(name).send(read(frames));
                self.peer(other).take(PATIENCE);
                return some(self.peer(other).kept(), "ok");
            }
            ["gather", names, count] => {
                let count: usize = count.parse().expect("a number");
                let names: Vec<&str> = names.split(',').collect();
                let begun = Instant::now();
                loop {
                    let came: usize = names
                        .iter()
                        .map(|name| {
                            let peer = self.peer(name);
                            peer.take(Duration::ZERO);
                            peer.kept.len()
                        })
                        .sum();
                    if came >= count || begun.elapsed() > PATIENCE / 2 {
                        break;
                    }
                    std::thread::yield_now();
                }
                let all: Vec<String> = names.iter().map(|name| self.peer(name).kept()).collect();
                return some(all.join("|"), "ok");
            }
            ["more", name] => {
                self.peer(name).take(Duration::ZERO);
                return some(self.peer(name).kept(), "ok");
            }
            ["silent", name, time] => {
                let time = time.parse().expect("milliseconds");
                self.peer(name).take(Duration::from_millis(time));
                return some(self.peer(name).kept(), "again");
            }
            ["ask", name, services, body] => return self.ask(name, services, read(body)),
            ["late", name, service, first, second] => {
                return self.late(name, service, read(first), read(second));
            }
            ["sub", name, topic] => self.subscribe(name, &read(topic), true),
            ["unsub", name, topic] => self.subscribe(name, &read(topic), false),
            ["settle", publisher, subscribers] => {
                for name in subscribers.split(',') {
                    self.fences += 1;
                    let fence = Message::from(format!("~{}", self.fences));
                    self.subscribe(name, &fence, true);
                    wait_until(line, || {
                        let _ = self.socket(publisher).send(fence.clone());
                        self.peer(name).take(Duration::from_millis(5))
                    });
                    self.subscribe(name, &fence, false);
                }
            }
            _ => panic!("no such line: {line}"),
        }
        "ok".to_owned()
    }

    fn subscribe(&self, name: &str, topic: &Message, begins: bool) {
        let topic = topic.frames()[0].to_vec();
        match self.socket(name) {
            Socket::Sub(socket) if begins => socket.subscribe(topic).expect("subscribes"),
            Socket::Sub(socket) => drop(socket.unsubscribe(topic).expect("unsubscribes")),
            Socket::XSub(socket) if begins => socket.subscribe(topic).expect("subscribes"),
            Socket::XSub(socket) => drop(socket.unsubscribe(topic).expect("unsubscribes")),
            _ => panic!("it does not subscribe"),
        }
    }

    fn ask(&mut self, name: &str, services: &str, body: Message) -> String {
        let mut asking = self.all.remove(name).expect("a socket of that name");
        let Socket::Req(req) = &mut asking.socket else {
            panic!("it does not ask");
        };
        let answer = match req.send(body) {
            Err(_) => "again".to_owned(),
            Ok(pending) => {
                let mut asked = "";
                wait_until("a service is asked", || {
                    for service in services.split(',') {
                        if let Socket::Rep(rep) = self.socket(service)
                            && let Ok(mut request) = rep.try_recv()
                        {
                            let reply =
                                format!("{}!", request.take_message().to_str().expect("text"));
                            request.reply(reply).expect("it waits");
                            asked = service;
                            return true;
                        }
                    }
                    false
                });
                let reply = pending.recv_timeout(PATIENCE).expect("a reply");
                format!("{asked} {}", written(&reply))
            }
        };
        self.all.insert(name.to_owned(), asking);
        answer
    }
}

impl Ours {
    fn late(&mut self, name: &str, service: &str, first: Message, second: Message) -> String {
        let mut asking = self.all.remove(name).expect("a socket of that name");
        let (Socket::Req(req), Socket::Rep(rep)) = (&mut asking.socket, self.socket(service))
        else {
            panic!("one asks and one replies");
        };
        let with_mark = |message: Message| format!("{}!", message.to_str().expect("text"));
        let given_up = req.send(first).expect("somebody is there");
        let mut request = rep.recv_timeout(PATIENCE).expect("the first request");
        drop(given_up);
        let pending = req.send(second).expect("somebody is there");
        let reply = with_mark(request.take_message());
        // Whether its connection is still there is not the point.
        let _ = request.reply(reply);
        let mut request = rep.recv_timeout(PATIENCE).expect("the second request");
        let reply = with_mark(request.take_message());
        request.reply(reply).expect("it waits");
        let reply = written(&pending.recv_timeout(PATIENCE).expect("a reply"));
        self.all.insert(name.to_owned(), asking);
        reply
    }
}

fn our_option(option: &str) -> (&'static str, String) {
    match option.split_once('=').expect("a value") {
        ("id", id) => ("routing_id", read(id).to_str().expect("text").to_owned()),
        ("send_mark", mark) => ("send_high_water_mark", mark.to_owned()),
        (name @ ("immediate" | "correlated"), _) => {
            let name = if name == "immediate" {
                "immediate"
            } else {
                "correlated"
            };
            (name, "true".to_owned())
        }
        ("receive_mark", mark) => ("receive_high_water_mark", mark.to_owned()),
        other => panic!("no such option: {other:?}"),
    }
}

fn some(text: String, none: &str) -> String {
    if text.is_empty() {
        none.to_owned()
    } else {
        text
    }
}

fn read(frames: &str) -> Message {
    let digits = |text: &str, at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    frames
        .split(',')
        .map(|frame| match frame {
            "-" => Vec::new(),
            frame => (0..frame.len())
                .step_by(2)
                .map(|at| digits(frame, at))
                .collect(),
        })
        .collect()
}

fn written(message: &Message) -> String {
    let frames = message.frames().iter().map(|frame| {
        let text: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        some(text, "-")
    });
    frames.collect::<Vec<_>>().join(",")
}
