//! Scenarios for the differential test, each chosen by a seed.
//!
//! Always true: a line that depends on connections comes after a line that waits for them; before a socket is closed, all
//! that is on its way to it has been gathered; so neither library can do one thing or another.

mod conversations;

/// The lines of the scenario `seed`. A place is `@TRANSPORT-NUMBER`.
pub(crate) fn scenario(seed: u64) -> Vec<String> {
    let mut plan = Plan {
        dice: Dice(seed),
        lines: Vec::new(),
        sent: 0,
    };
    let conversation = [
        pipeline,
        pipeline,
        topics,
        topics,
        routed,
        asking,
        pair,
        marks,
        conversations::rivals,
        conversations::routers,
        conversations::within,
        conversations::given_up,
        conversations::immediate,
    ];
    conversation[plan.dice.below(conversation.len())](&mut plan);
    plan.lines
}

/// Numbers from a seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % most as u64) as usize
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }

    fn one_of<'a>(&mut self, these: &[&'a str]) -> &'a str {
        these[self.below(these.len())]
    }
}

struct Plan {
    dice: Dice,
    lines: Vec<String>,
    sent: usize,
}

macro_rules! line {
    ($plan:expr, $($text:tt)*) => {
        $plan.lines.push(format!($($text)*))
    };
}
use line;

impl Plan {
    fn transport(&mut self) -> &'static str {
        self.dice.one_of(&["tcp", "ipc"])
    }

    /// A message whose last frame tells its sender and its number.
    fn message(&mut self, sender: usize) -> String {
        self.sent += 1;
        let mut frames = Vec::new();
        for _ in 0..self.dice.below(4) {
            frames.push(match self.dice.below(4) {
                0 => "-".to_owned(),
                1 => "00".repeat(300),
                2 => "7a".repeat(70),
                _ => "6869".to_owned(),
            });
        }
        frames.push(format!("{sender:02x}{:08x}", self.sent));
        frames.join(",")
    }

    /// `first` before `second`, or the other way round.
    fn in_either_order(&mut self, mut first: Vec<String>, mut second: Vec<String>) {
        if self.dice.yes() {
            std::mem::swap(&mut first, &mut second);
        }
        self.lines.append(&mut first);
        self.lines.append(&mut second);
    }
}

fn names(letter: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{letter}{n}")).collect()
}

/// Some senders and some receivers, each connected with each, that come and go.
fn pipeline(plan: &mut Plan) {
    let (source, sink) = [("PUSH", "PULL"), ("DEALER", "DEALER")][plan.dice.below(2)];
    let transport = plan.transport();
    let (p, c) = (1 + plan.dice.below(3), 1 + plan.dice.below(3));
    let (senders, receivers) = (names("s", p), names("r", c));
    let senders_bind = plan.dice.yes();
    let (binders, connectors) = if senders_bind {
        (&senders, &receivers)
    } else {
        (&receivers, &senders)
    };
    let at = |n: usize| format!("@{transport}-{n}");
    for name in &senders {
        line!(plan, "new {name} {source}");
    }
    for name in &receivers {
        line!(plan, "new {name} {sink}");
    }
    let bind = |n: usize| format!("bind {} {}", binders[n], at(n));
    let connect = |who: &str| -> Vec<String> {
        (0..binders.len())
            .map(|n| format!("connect {who} {}", at(n)))
            .collect()
    };
    let binds = (0..binders.len()).map(bind).collect();
    let connects = connectors.iter().flat_map(|who| connect(who)).collect();
    plan.in_either_order(binds, connects);
    let everybody = |plan: &mut Plan| {
        for name in &senders {
            line!(plan, "peers {name} {c}");
        }
        for name in &receivers {
            line!(plan, "peers {name} {p}");
        }
    };
    everybody(plan);
    let all = receivers.join(",");
    let send = |plan: &mut Plan, ways: usize| -> usize {
        let mut count = 0;
        for (n, name) in senders.iter().enumerate() {
            for _ in 0..plan.dice.below(4) * ways {
                let message = plan.message(n);
                line!(plan, "send {name} {message}");
                count += 1;
            }
        }
        count
    };
    for _ in 0..2 + plan.dice.below(4) {
        match plan.dice.below(4) {
            0 => {
                let quiet = &receivers[plan.dice.below(c)];
                line!(plan, "silent {quiet} 10");
            }
            1 => {
                // One goes and comes again.
                let goes_sender = plan.dice.yes();
                let (group, others) = if goes_sender {
                    (&senders, &receivers)
                } else {
                    (&receivers, &senders)
                };
                let n = plan.dice.below(group.len());
                let binds = goes_sender == senders_bind;
                line!(plan, "close {}", group[n]);
                for other in others {
                    line!(plan, "peers {other} {}", group.len() - 1);
                }
                // Whoever connects keeps a pipe for it; whoever binds has one less.
                let ways = if binds { c } else { c - 1 };
                let waits = !goes_sender && ways > 0 && plan.dice.yes();
                let sent = if waits { send(plan, ways) } else { 0 };
                if waits && !binds {
                    let rest: Vec<&str> = receivers
                        .iter()
                        .filter(|name| **name != group[n])
                        .map(String::as_str)
                        .collect();
                    line!(plan, "gather {} {sent}", rest.join(","));
                }
                if !goes_sender && ways == 0 {
                    let message = plan.message(0);
                    line!(plan, "send {} {message}", senders[0]);
                }
                line!(
                    plan,
                    "new {} {}",
                    group[n],
                    if goes_sender { source } else { sink }
                );
                if binds {
                    line!(plan, "bind {} {}", group[n], at(n));
                } else {
                    plan.lines.extend(connect(&group[n]));
                }
                everybody(plan);
                if waits && binds {
                    line!(plan, "gather {all} {sent}");
                }
            }
            _ => {
                let sent = send(plan, c);
                line!(plan, "gather {all} {sent}");
            }
        }
    }
    if plan.dice.yes() {
        // One lets go of another, for good.
        let (one, other) = (
            plan.dice.below(connectors.len()),
            plan.dice.below(binders.len()),
        );
        line!(plan, "disconnect {} {}", connectors[one], at(other));
        line!(plan, "peers {} {}", binders[other], connectors.len() - 1);
        let sender = if senders_bind { other } else { one };
        for _ in 0..c - 1 {
            let message = plan.message(sender);
            line!(plan, "send {} {message}", senders[sender]);
        }
        line!(plan, "gather {all} {}", c - 1);
        if c == 1 {
            let message = plan.message(sender);
            line!(plan, "send {} {message}", senders[sender]);
        }
    } else if plan.dice.yes() {
        // One listens no more, and lets go of those who came.
        line!(plan, "unbind {} {}", binders[0], at(0));
        for name in connectors {
            line!(plan, "peers {name} {}", binders.len() - 1);
        }
    }
    for name in &receivers {
        line!(plan, "more {name}");
    }
}

/// Publishers and subscribers, and topics that begin each other.
fn topics(plan: &mut Plan) {
    let transport = plan.transport();
    let (p, s) = (1 + plan.dice.below(2), 1 + plan.dice.below(3));
    let (publishers, subscribers) = (names("p", p), names("s", s));
    let publisher = plan.dice.one_of(&["PUB", "XPUB"]);
    let kinds: Vec<&str> = (0..s).map(|_| plan.dice.one_of(&["SUB", "XSUB"])).collect();
    let publishers_bind = plan.dice.yes();
    for name in &publishers {
        line!(plan, "new {name} {publisher}");
    }
    for (name, kind) in subscribers.iter().zip(&kinds) {
        line!(plan, "new {name} {kind}");
    }
    let (binders, connectors) = if publishers_bind {
        (&publishers, &subscribers)
    } else {
        (&subscribers, &publishers)
    };
    for (n, name) in binders.iter().enumerate() {
        line!(plan, "bind {name} @{transport}-{n}");
    }
    for name in connectors {
        for n in 0..binders.len() {
            line!(plan, "connect {name} @{transport}-{n}");
        }
    }
    let everybody = |plan: &mut Plan| {
        for name in &publishers {
            line!(plan, "peers {name} {s}");
        }
    };
    everybody(plan);
    let all = subscribers.join(",");
    // Not the empty topic: whoever has it gets the messages by which `settle` learns of a subscription without having it.
    const TOPICS: [&str; 5] = ["61", "6162", "616263", "62", "6261"];
    const HEADS: [&str; 6] = ["61", "6162", "616263", "62", "626162", "63"];
    let settle = |plan: &mut Plan| {
        for name in &publishers {
            line!(plan, "settle {name} {all}");
            if publisher == "XPUB" {
                line!(plan, "more {name}");
            }
        }
    };
    settle(plan);
    let mut wanted: Vec<Vec<&str>> = vec![Vec::new(); s];
    for _ in 0..3 + plan.dice.below(6) {
        let n = plan.dice.below(s);
        match plan.dice.below(5) {
            0 | 1 => {
                let topic = plan.dice.one_of(&TOPICS);
                wanted[n].push(topic);
                line!(plan, "sub {} {topic}", subscribers[n]);
            }
            2 if !wanted[n].is_empty() => {
                let which = plan.dice.below(wanted[n].len());
                let topic = wanted[n].swap_remove(which);
                line!(plan, "unsub {} {topic}", subscribers[n]);
            }
            3 if publishers_bind && plan.dice.yes() => {
                // A subscriber goes and comes again, with nothing. Not where publishers connect: there, libzmq's keep what
                // the one before it has subscribed to.
                line!(plan, "close {}", subscribers[n]);
                for name in &publishers {
                    line!(plan, "peers {name} {}", s - 1);
                }
                line!(plan, "new {} {}", subscribers[n], kinds[n]);
                wanted[n].clear();
                for at in 0..p {
                    line!(plan, "connect {} @{transport}-{at}", subscribers[n]);
                }
                everybody(plan);
            }
            3 if publishers_bind => {
                // A publisher goes and comes again; its subscribers are still there.
                let n = plan.dice.below(p);
                line!(plan, "close {}", publishers[n]);
                for name in &subscribers {
                    line!(plan, "peers {name} {}", p - 1);
                }
                line!(plan, "new {} {publisher}", publishers[n]);
                line!(plan, "bind {} @{transport}-{n}", publishers[n]);
                everybody(plan);
            }
            _ => {}
        }
        settle(plan);
        for _ in 0..plan.dice.below(5) {
            let n = plan.dice.below(p);
            let (head, body) = (plan.dice.one_of(&HEADS), plan.message(n));
            line!(plan, "send {} {head},{body}", publishers[n]);
        }
        settle(plan);
        for name in &subscribers {
            line!(plan, "more {name}");
        }
    }
}

/// A ROUTER, and DEALERs with ids that come and go.
fn routed(plan: &mut Plan) {
    let transport = plan.transport();
    let d = 1 + plan.dice.below(3);
    let dealers = names("d", d);
    let id = |n: usize| format!("64{:02x}", 0x30 + n);
    line!(plan, "new r ROUTER");
    line!(plan, "bind r @{transport}-0");
    let come = |plan: &mut Plan, n: usize| {
        line!(plan, "new {} DEALER id={}", dealers[n], id(n));
        line!(plan, "connect {} @{transport}-0", dealers[n]);
        let hello = plan.message(n);
        line!(plan, "send {} {hello}", dealers[n]);
        line!(plan, "gather r 1");
    };
    for n in 0..d {
        come(plan, n);
    }
    for _ in 0..3 + plan.dice.below(6) {
        let n = plan.dice.below(d);
        match plan.dice.below(5) {
            0 => {
                let mut sent = 0;
                for (n, dealer) in dealers.iter().enumerate() {
                    for _ in 0..plan.dice.below(4) {
                        let message = plan.message(n);
                        line!(plan, "send {dealer} {message}");
                        sent += 1;
                    }
                }
                line!(plan, "gather r {sent}");
            }
            1 => {
                let message = plan.message(9);
                line!(plan, "send r 6e6f626f6479,{message}");
            }
            2 => {
                line!(plan, "close {}", dealers[n]);
                line!(plan, "gone r {}", id(n));
                let message = plan.message(9);
                line!(plan, "send r {},{message}", id(n));
                let hello = plan.message(n);
                line!(
                    plan,
                    "again r {} DEALER:{} @{transport}-0 {hello}",
                    dealers[n],
                    id(n)
                );
            }
            _ => {
                let count = plan.dice.below(5);
                for _ in 0..count {
                    let message = plan.message(9);
                    line!(plan, "send r {},{message}", id(n));
                }
                line!(plan, "gather {} {count}", dealers[n]);
            }
        }
    }
    line!(plan, "more r");
    for name in &dealers {
        line!(plan, "more {name}");
    }
}

/// A REQ and some REPs.
fn asking(plan: &mut Plan) {
    let transport = plan.transport();
    let r = 1 + plan.dice.below(3);
    let services = names("r", r);
    line!(plan, "new q REQ");
    if plan.dice.yes() {
        line!(plan, "ask q r0 61");
    }
    let req_binds = plan.dice.yes();
    if req_binds {
        line!(plan, "bind q @{transport}-0");
    }
    for (n, name) in services.iter().enumerate() {
        line!(plan, "new {name} REP");
        if req_binds {
            line!(plan, "connect {name} @{transport}-0");
        } else {
            line!(plan, "bind {name} @{transport}-{n}");
            line!(plan, "connect q @{transport}-{n}");
        }
        line!(plan, "peers q {}", n + 1);
    }
    let mut there: Vec<&String> = services.iter().collect();
    for n in 0..2 + plan.dice.below(8) {
        if req_binds && plan.dice.below(4) == 0 && !there.is_empty() {
            let which = plan.dice.below(there.len());
            line!(plan, "close {}", there.swap_remove(which));
            line!(plan, "peers q {}", there.len());
        }
        let names: Vec<&str> = there.iter().map(|name| name.as_str()).collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(",")
        };
        line!(plan, "ask q {names} {:02x}", 0x61 + n);
    }
}

/// Two PAIRs, of which one comes and goes.
fn pair(plan: &mut Plan) {
    let transport = plan.transport();
    line!(plan, "new a PAIR");
    line!(plan, "bind a @{transport}-0");
    let early = plan.message(0);
    line!(plan, "send a {early}");
    let come = |plan: &mut Plan| {
        let hello = plan.message(1);
        line!(plan, "again a b PAIR @{transport}-0 {hello}");
    };
    come(plan);
    for _ in 0..2 + plan.dice.below(5) {
        match plan.dice.below(4) {
            0 => {
                line!(plan, "close b");
                line!(plan, "peers a 0");
                come(plan);
            }
            1 => line!(plan, "silent a 10"),
            which => {
                let (from, to) = if which == 2 { ("a", "b") } else { ("b", "a") };
                let count = plan.dice.below(5);
                for _ in 0..count {
                    let message = plan.message(which);
                    line!(plan, "send {from} {message}");
                }
                line!(plan, "gather {to} {count}");
            }
        }
    }
    line!(plan, "more a");
    line!(plan, "more b");
}

/// High-water marks, exactly: within the process, and where nobody is yet.
fn marks(plan: &mut Plan) {
    let (from, to) = [("PUSH", "PULL"), ("DEALER", "DEALER"), ("PAIR", "PAIR")][plan.dice.below(3)];
    let (send, receive) = (1 + plan.dice.below(20), 1 + plan.dice.below(20));
    let transport = plan.dice.one_of(&["tcp", "ipc", "inproc", "inproc"]);
    line!(plan, "new s {from} send_mark={send}");
    line!(plan, "new r {to} receive_mark={receive}");
    if plan.dice.yes() {
        line!(plan, "send s 00");
    }
    if transport == "inproc" && plan.dice.yes() {
        line!(plan, "bind r @{transport}-0");
        line!(plan, "connect s @{transport}-0");
        line!(plan, "fill s");
        line!(plan, "gather r {}", send + receive);
    } else {
        line!(plan, "connect s @{transport}-0");
        line!(plan, "fill s");
        line!(plan, "bind r @{transport}-0");
        line!(plan, "gather r {send}");
    }
    line!(plan, "silent r 10");
}
