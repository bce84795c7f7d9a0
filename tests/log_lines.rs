//! Lines of a log: a loss is told to who reads warnings, is not hidden by other lines, and cannot be written by a peer.
//!
//! A subscriber is for a whole process, so each scene is played in one of its own, at one level.

mod support;

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use highwater::{
    Context, Dealer, EventKind, Linger, LinkError, Pub, Pull, Push, Router, Sub, Transport,
    Undeliverable,
};
use socket2::{Domain, SockAddr, Socket, Type};
use support::{
    Child, MOMENT, PATIENCE, Place, RawPeer, over_each_transport, over_every_transport, play_child,
    wait_for_event, wait_until,
};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber, span};

over_each_transport!(
    who_reads_warnings_is_told_of_a_failed_handshake,
    a_peer_that_goes_with_messages_is_a_warning,
    a_slow_subscriber_is_told_with_the_number_of_its_losses,
    who_is_turned_away_is_told_once_a_second_and_counted,
);

over_every_transport!(
    who_reads_warnings_is_told_what_linger_gives_up,
    other_lines_hide_no_loss,
    losses_are_told_once_a_second_and_none_is_left_out,
    what_has_no_event_is_told_too,
);

/// One line, by the names of its fields.
type Line = BTreeMap<String, String>;

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// Takes lines of this level and those that weigh more; the level is among the fields.
struct Log(Level);

struct Fields<'a>(&'a mut Line);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").expect("a string takes it");
        self.0.insert(field.name().to_owned(), text);
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "highwater" && *metadata.level() <= self.0
    }
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.0))
    }
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::new();
        event.record(&mut Fields(&mut line));
        line.insert("level".into(), event.metadata().level().to_string());
        LINES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// The lines whose message begins so.
fn lines(message: &str) -> Vec<Line> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = |line: &&Line| line["message"].starts_with(message);
    lines.iter().filter(wanted).cloned().collect()
}

fn number(line: &Line, field: &str) -> u64 {
    line.get(field)
        .map_or(0, |text| text.parse().expect("a number"))
}

/// The messages of which the lines tell that begin so.
fn told(messages: &[&str]) -> u64 {
    let lines = messages.iter().flat_map(|message| lines(message));
    lines.map(|line| number(&line, "count")).sum()
}

const UNSENT: [&str; 2] = ["unsent messages lost", "more unsent messages lost"];

/// Plays `scene` over the transport of `place` in a process that reads lines of `level`.
fn play(scene: &str, level: Level, place: &Place) {
    let transport = match place.transport() {
        Transport::Tcp => "tcp",
        Transport::Ipc => "ipc",
        _ => "inproc",
    };
    let child = Child::start(&format!("{scene} {level} {transport}"));
    assert_eq!(child.hear(), "done");
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn child_process() {
    play_child(|words, say, _| {
        let [scene, level, transport] = words else {
            panic!("unknown role {words:?}");
        };
        let log = Log(level.parse().expect("a level"));
        tracing::subscriber::set_global_default(log).expect("there is no other");
        let place = Place::new(match *transport {
            "tcp" => Transport::Tcp,
            "ipc" => Transport::Ipc,
            _ => Transport::Inproc,
        });
        match *scene {
            "handshake" => handshake(&place),
            "linger" => linger(&place),
            "flood" => flood(&place),
            "many" => many(&place),
            "peer" => peer(&place),
            "slow" => slow(&place),
            "unroutable" => unroutable(&place),
            "forged" => forged(&place),
            "turned" => turned(&place),
            other => panic!("no such scene: {other}"),
        }
        let noise = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        for line in &*noise {
            let empty = line.values().any(String::is_empty);
            assert!(
                !empty && line.get("held_back").is_none_or(|n| n != "0"),
                "{line:?}"
            );
        }
        say("done");
    });
}

fn who_reads_warnings_is_told_of_a_failed_handshake(place: &Place) {
    for level in [Level::WARN, Level::INFO] {
        play("handshake", level, place);
    }
}

fn handshake(place: &Place) {
    let pull = Pull::new(&Context::new());
    let at = pull.bind(place.any()).expect("bound");
    let mut raw = RawPeer::connect(&at);
    raw.send(b"GET / HTTP/1.1\r\nHost: somebody.example\r\nAccept: */*\r\n\r\n");
    raw.wait_for_end();
    wait_until("it is told", || !lines("handshake failed").is_empty());
    let line = lines("handshake failed").remove(0);
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["endpoint"], at.to_string());
    assert_eq!(line["cause"], "the peer does not speak ZMTP");
    let has_address = place.transport() == Transport::Tcp;
    assert_eq!(line.contains_key("peer"), has_address, "{line:?}");
    assert!(!line.contains_key("count"), "{line:?}");
}

fn who_is_turned_away_is_told_once_a_second_and_counted(place: &Place) {
    play("turned", Level::WARN, place);
}

fn turned(place: &Place) {
    const COUNT: u64 = 100;
    let begun = Instant::now();
    let limited = Pull::builder(&Context::new()).connection_limit(0).build();
    let nobody = match place.transport() {
        Transport::Tcp => "10.0.0.0/8",
        _ => "uid:12345",
    };
    let filtered = Pull::builder(&Context::new())
        .option("accept_filter", nobody)
        .expect("a filter")
        .build();
    for (pull, cause) in [
        (limited, LinkError::TooManyConnections),
        (filtered, LinkError::NotAccepted),
    ] {
        let events = pull.monitor();
        let at = pull.bind(place.any()).expect("bound");
        for _ in 0..COUNT {
            RawPeer::connect(&at).wait_for_end();
        }
        wait_until("all are counted", || pull.stats().accepts_failed == COUNT);
        let stats = pull.stats();
        let counts = (stats.refused_by_limit, stats.refused_by_filter);
        let is_limit = cause == LinkError::TooManyConnections;
        assert_eq!(counts, if is_limit { (COUNT, 0) } else { (0, COUNT) });
        wait_for_event(&events, "of it", |kind| {
            *kind == EventKind::AcceptFailed(cause.clone())
        });
        let own = lines("accept failed").into_iter();
        let own = own.filter(|line| line["cause"] == cause.to_string());
        assert!(own.clone().count() > 0 && own.clone().all(|line| line["level"] == "WARN"));
        let seconds = begun.elapsed().as_secs() + 2;
        let told = lines("accept failed").len() + lines("more connections turned away").len();
        assert!(told as u64 <= 2 * seconds, "{told} in {seconds} s");
        // What was held back is told at the latest when the socket goes.
        drop(pull);
        let texts = ["accept failed", "more connections turned away"];
        let told = || -> u64 {
            let lines = texts.iter().flat_map(|text| lines(text));
            let own = lines
                .map(|line| u64::from(line.contains_key("cause")) + number(&line, "held_back"));
            own.sum()
        };
        let sum = if is_limit { COUNT } else { 2 * COUNT };
        wait_until("all are told", || told() == sum);
    }
}

fn who_reads_warnings_is_told_what_linger_gives_up(place: &Place) {
    for level in [Level::WARN, Level::INFO, Level::TRACE] {
        play("linger", level, place);
    }
}

fn linger(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context)
        .linger(Linger::AtMost(MOMENT))
        .build();
    push.connect(place.vacant()).expect("connecting");
    push.send_many(["a", "b", "c", "d", "e"])
        .expect("there is room");
    drop(push);
    assert!(context.wait_for_lingering(PATIENCE));
    let [line] = &lines("unsent messages lost")[..] else {
        panic!("one line: {LINES:?}");
    };
    assert_eq!((&*line["level"], number(line, "count")), ("WARN", 5));
}

fn other_lines_hide_no_loss(place: &Place) {
    play("flood", Level::TRACE, place);
}

fn flood(place: &Place) {
    let context = Context::new();
    let push = Push::builder(&context).linger(Linger::Discard).build();
    for _ in 0..100 {
        let at = push.bind(place.any()).expect("bound");
        push.unbind(&at).expect("it is bound there");
    }
    push.connect(place.vacant()).expect("connecting");
    push.send("x").expect("there is room");
    drop(push);
    assert!(context.wait_for_lingering(PATIENCE));
    assert_eq!(told(&UNSENT), 1);
}

fn losses_are_told_once_a_second_and_none_is_left_out(place: &Place) {
    play("many", Level::WARN, place);
}

fn many(place: &Place) {
    const ROUNDS: usize = 40;
    let push = Push::builder(&Context::new())
        .linger(Linger::Discard)
        .build();
    let begun = std::time::Instant::now();
    for _ in 0..ROUNDS {
        let at = place.vacant();
        push.connect(&*at).expect("connecting");
        push.send_many(["a", "b", "c"]).expect("there is room");
        push.disconnect(&*at).expect("it is connected there");
    }
    wait_until("all are counted", || {
        push.stats().dropped.unsent == 3 * ROUNDS as u64
    });
    let most = begun.elapsed().as_secs() as usize + 1;
    assert!(lines("unsent messages lost").len() <= most);
    drop(push);
    wait_until("all are told", || told(&UNSENT) == 3 * ROUNDS as u64);
}

fn a_peer_that_goes_with_messages_is_a_warning(place: &Place) {
    play("peer", Level::WARN, place);
}

fn peer(place: &Place) {
    let push = Push::builder(&Context::new())
        .linger(Linger::Discard)
        .send_buffer(16 * 1024)
        .build();
    let at = push.bind(place.any()).expect("bound");
    let raw = RawPeer::connect_as("PULL", &at);
    push.wait_for_peers(1, PATIENCE).expect("connected");
    let events = push.monitor();
    while push.send_timeout(&[b'x'; 20_000], MOMENT).is_ok() {}
    drop(raw);
    let event = wait_for_event(&events, "of the end", |kind| {
        matches!(kind, EventKind::Disconnected { lost: 1.., .. })
    });
    let EventKind::Disconnected { lost, cause } = event.kind else {
        unreachable!("it was waited for");
    };
    let line = lines("disconnected, unsent messages lost").remove(0);
    assert_eq!(number(&line, "count"), lost as u64);
    assert_eq!(line["cause"], cause.to_string());
    assert_eq!(line["endpoint"], at.to_string());
}

fn a_slow_subscriber_is_told_with_the_number_of_its_losses(place: &Place) {
    play("slow", Level::WARN, place);
}

fn slow(place: &Place) {
    let context = Context::new();
    let publisher = Pub::builder(&context)
        .send_high_water_mark(1)
        .linger(Linger::Discard)
        .build();
    let sub = Sub::builder(&context).receive_high_water_mark(1).build();
    sub.subscribe("").expect("open");
    sub.connect(publisher.bind(place.any()).expect("bound"))
        .expect("connecting");
    publisher
        .wait_for_subscribers(1, PATIENCE)
        .expect("subscribed");
    let body = vec![b'x'; 1 << 20];
    let mut missed = 0;
    wait_until("it has missed a thousand", || {
        missed += publisher.send(&body[..]).expect("open").dropped;
        missed >= 1000
    });
    let line = lines("dropping started").remove(0);
    assert_eq!(line["level"], "WARN");
    assert!(line.contains_key("endpoint"), "{line:?}");
    drop(publisher);
    assert_eq!(told(&["messages dropped"]), missed as u64);
}

fn what_has_no_event_is_told_too(place: &Place) {
    play("unroutable", Level::WARN, place);
}

fn unroutable(place: &Place) {
    const COUNT: u64 = 300;
    let context = Context::new();
    let router = Router::builder(&context)
        .undeliverable(Undeliverable::Drop)
        .build();
    let dealer = Dealer::new(&context);
    dealer
        .connect(router.bind(place.any()).expect("bound"))
        .expect("connecting");
    let nobody = highwater::RoutingId::new("nobody").expect("a good id");
    for _ in 0..COUNT {
        router.send_to(&nobody, "x").expect("it is dropped");
    }
    let line = lines("messages dropped").remove(0);
    assert_eq!(line["cause"], "nobody has the routing id");
    assert_eq!(router.stats().dropped.unroutable, COUNT);
    drop(router);
    assert_eq!(told(&["messages dropped"]), COUNT);
    let full = Router::builder(&context)
        .undeliverable(Undeliverable::Drop)
        .send_high_water_mark(1)
        .build();
    full.connect_as("inproc://nobody is here", nobody.clone())
        .expect("connecting");
    for _ in 0..=COUNT {
        full.send_to(&nobody, "x").expect("kept, or dropped");
    }
    assert_eq!(full.stats().dropped.no_room, COUNT);
    let _ = full.close(Duration::ZERO);
    let mut causes = lines("messages dropped").into_iter();
    let cause = causes.find_map(|mut line| line.remove("cause").filter(|why| why.contains("room")));
    assert_eq!(cause.expect("a line of it"), "there is no room for it");
    assert!(dealer.recv_timeout(Duration::ZERO).is_err());
}

/// What a name must not do: begin a line, move the cursor, turn the direction of what follows.
const FORGED: &str = "x\r\nWARN all is lost\u{1b}[2J\u{202e}\u{2028}\u{200b}";

fn is_forged(text: &str) -> bool {
    let bad = |c: char| c.is_control() || "\u{202e}\u{2028}\u{200b}".contains(c);
    text.chars().any(bad)
}

#[test]
fn a_peer_forges_nothing_by_its_own_address() {
    play("forged", Level::TRACE, &Place::new(Transport::Ipc));
}

fn forged(place: &Place) {
    let pull = Pull::new(&Context::new());
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    let directory = at.path().expect("a path").parent().expect("a directory");
    let mut names = vec![directory.join(FORGED).into_os_string()];
    if cfg!(target_os = "linux") {
        names.push(format!("\0{}-{FORGED}", std::process::id()).into());
    }
    let (there, count) = (SockAddr::unix(at.path().expect("a path")), names.len());
    let there = there.expect("a good path");
    let mut peers: Vec<RawPeer> = Vec::new();
    for name in names {
        // One that shakes hands, and one that does not.
        for good in [true, false] {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            let name = format!("{}{good}", name.to_str().expect("text"));
            socket
                .bind(&SockAddr::unix(&name).expect("a good path"))
                .expect("it is free");
            socket.connect(&there).expect("somebody listens");
            let mut raw = RawPeer::Unix(UnixStream::from(OwnedFd::from(socket)));
            if good {
                raw.shake_hands("PUSH");
            } else {
                let mut refusal = support::greeting();
                let reason = format!("no{FORGED}");
                let mut body = vec![reason.len() as u8];
                body.extend(reason.as_bytes());
                refusal.extend(support::command("ERROR", &body));
                raw.send(&refusal);
            }
            peers.push(raw);
        }
    }
    pull.wait_for_peers(count, PATIENCE).expect("connected");
    for peer in pull.peers() {
        assert!(peer.address.contains("WARN all is lost"), "{peer:?}");
        assert!(peer.address.contains(r"\u{d}\u{a}WARN"), "{peer:?}");
        assert!(!is_forged(&peer.address), "{peer:?}");
    }
    let mut refused = 0;
    while refused < count {
        let event = events.recv_timeout(PATIENCE).expect("more events");
        refused += usize::from(matches!(event.kind, EventKind::HandshakeFailed(_)));
        let address = event.peer.clone().unwrap_or_default();
        assert!(
            !is_forged(&address) && !is_forged(&event.to_string()),
            "{event:?}"
        );
        assert!(!is_forged(&format!("{event:?}")), "{event}");
    }
    wait_until("both are told", || lines("handshake failed").len() == count);
    for line in lines("") {
        assert!(!line.values().any(|text| is_forged(text)), "{line:?}");
    }
}
