//! The house stays as ARCHITECTURE.md draws it: who may use whom, what the pure parts never mention, how a file begins.
//!
//! The sources are read as tokens, module by module, from each `lib.rs` on. The rules about arrows are those of the
//! blocks in ARCHITECTURE.md, so that the page cannot say one thing and the code do another.

#[path = "support/repository.rs"]
mod repository;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use repository::home;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file with more lines outside tests has a second idea in it.
const MOST_LINES: usize = 400;

/// A file of tests has as many lines at the most.
const MOST_LINES_OF_TESTS: usize = 600;

/// What makes the answers of a pure part depend on more than its arguments.
const IMPURE: [(&str, &str); 14] = [
    ("Instant::now", "reads a clock"),
    ("elapsed", "reads a clock"),
    ("SystemTime", "reads a clock"),
    ("std::net", "does I/O"),
    ("std::fs", "does I/O"),
    ("std::io", "does I/O"),
    ("std::os", "does I/O"),
    ("std::env", "depends on the process"),
    ("std::process", "depends on the process"),
    ("std::thread", "knows threads"),
    ("std::sync::atomic", "knows threads"),
    ("Mutex", "locks"),
    ("RwLock", "locks"),
    ("rand", "draws random numbers"),
];

/// The folder in which each constant of tuning stands.
const TUNING: &str = "src/policy/tuning";

/// The rooms in which a constant that is a number is one of tuning, unless it is in [`NO_TUNING`].
const TUNED: [&str; 9] = [
    "pipe", "socket", "engine", "sync", "policy", "proxy", "inproc", "poll", "wake",
];

/// Numbers in these rooms that were not chosen for speed: file, name, and what they are instead.
const NO_TUNING: [(&str, &str, &str); 32] = [
    (
        "src/socket/waiting/precedence.rs",
        "TURN_OWED",
        "a mark in a count of small numbers",
    ),
    (
        "src/engine/judging.rs",
        "TO_HEAR_OF_IT",
        "a time that a peer has to hear why it is refused",
    ),
    (
        "src/engine/handshake.rs",
        "IN_A_CROWD",
        "a time that a peer has for its handshake",
    ),
    (
        "src/pipe/intake/lent.rs",
        "ENOUGH_TO_DECODE",
        "what the decoder needs",
    ),
    ("src/pipe/incoming.rs", "MOST_COMMANDS", "a bound of memory"),
    (
        "src/pipe/incoming.rs",
        "COMMAND_OVERHEAD",
        "a size in memory",
    ),
    ("src/pipe/lane/controls.rs", "OVERHEAD", "a size in memory"),
    (
        "src/pipe/outgoing.rs",
        "MOST_COMMAND_BYTES",
        "a bound of memory",
    ),
    (
        "src/pipe/outgoing/unsent_changes.rs",
        "MOST_BYTES",
        "a bound of memory",
    ),
    ("src/socket/debug_line.rs", "SHOWN", "a length of text"),
    (
        "src/socket/events.rs",
        "MOST_MAIL",
        "a bound of descriptors",
    ),
    (
        "src/socket/attempt.rs",
        "ASK_EVERY",
        "a promise to a forked child",
    ),
    (
        "src/socket/table/ending.rs",
        "PIPE_OVERHEAD",
        "a size in memory",
    ),
    ("src/socket/table/drops.rs", "FEW", "a bound of events"),
    (
        "src/socket/table/drops.rs",
        "BETWEEN_LINES",
        "a promise to users",
    ),
    (
        "src/engine/sign_of_life.rs",
        "MOST_PEEKED",
        "a bound of memory",
    ),
    ("src/engine/parting.rs", "PARTING", "a promise to users"),
    (
        "src/engine/parting.rs",
        "MOST_HEARD",
        "a bound of what a peer may send",
    ),
    (
        "src/engine/parting.rs",
        "HANDING_OVER",
        "a promise to users",
    ),
    (
        "src/engine/queued_connects.rs",
        "MOST_QUEUED_CONNECTS",
        "a bound of memory",
    ),
    (
        "src/engine/queued_connects.rs",
        "LONGEST_TURN",
        "a promise to users",
    ),
    ("src/engine/pending_heartbeats.rs", "PING", "a bit"),
    ("src/engine/pending_heartbeats.rs", "PONG", "a bit"),
    ("src/wake.rs", "LONGEST", "a bound of a system call"),
    (
        "src/sync/room.rs",
        "PASSED",
        "a bound of tuning, less in a model",
    ),
    (
        "src/sync/room.rs",
        "MAIL_LOOKS",
        "a bound of tuning, less in a model",
    ),
    (
        "src/sync/room.rs",
        "MAIL_RETURNS",
        "a bound of tuning, less in a model",
    ),
    ("src/sync/room.rs", "MAIL", "a bit"),
    ("src/sync/room.rs", "WAKES", "a bit"),
    ("src/sync/machine_fact.rs", "UNKNOWN", "a state"),
    ("src/sync/machine_fact.rs", "FALSE", "a state"),
    ("src/sync/machine_fact.rs", "TRUE", "a state"),
];

/// The sources of all our crates.
const ROOTS: [&str; 4] = ["src", "patterns/src", "buffers/src", "curve/src"];

/// The only file with unsafe code.
const FENCE: &str = "src/engine/registration.rs";

/// What `engine`, `pipe` and `zmtp` may use of the crate `highwater-patterns`: words, and no strategy.
const WORDS: [&str; 18] = [
    "Body",
    "ConnectionRead",
    "Facts",
    "Fate",
    "Frame",
    "INLINE_CAPACITY",
    "IntoMessage",
    "InvalidRoutingId",
    "MAX_TOPIC",
    "MayRefuse",
    "Message",
    "Outbound",
    "PipeId",
    "Recall",
    "Recalled",
    "Received",
    "RoutingId",
    "SocketType",
];

#[test]
fn modules_use_only_what_the_arrows_allow() {
    let broken = wrong_arrows(&House::read("src"), &arrows());
    assert!(broken.is_empty(), "ARCHITECTURE.md is broken:\n{broken}");
}

#[test]
fn an_arrow_that_points_up_is_told() {
    let house = House::sketch(&[
        ("context", "use crate::socket::Core;"),
        (
            "socket",
            "use crate::context::Hub; #[cfg(test)] mod tests { use crate::facade::Push; }",
        ),
        ("facade", ""),
    ]);
    let broken = wrong_arrows(&house, &arrows());
    assert_eq!(
        broken,
        "context:1: `crate::socket::Core`: \"The arrows\" have none from `context` to `socket`\n"
    );
}

#[test]
fn nobody_takes_all_names_of_the_crate_or_code_of_another_place() {
    let broken = names_hidden(&House::read("src"));
    assert!(
        broken.is_empty(),
        "what a file uses cannot be seen:\n{broken}"
    );
}

#[test]
fn names_that_come_unseen_are_told() {
    let house = House::sketch(&[
        ("engine", "use crate::*; use super::*; use crate::pipe::*;"),
        (
            "engine::loop_",
            "use crate as root; use super::super::{self as up}; include!(\"socket.rs\");",
        ),
        (
            "socket",
            "use super::Poll; #[cfg(test)] use crate::*; mod tests { use super::*; }",
        ),
    ]);
    let names = [
        "`crate::*`",
        "`super::*`",
        "`crate`",
        "`super::super::self`",
        "`include`",
    ];
    assert_told(&names_hidden(&house), &names);
}

/// Where names come in that no rule here sees: all names of the crate at once, the crate by another name, or code out of
/// another file.
fn names_hidden(house: &House) -> String {
    let mut broken = String::new();
    for use_ in house.uses.iter().filter(|use_| !use_.test) {
        let of_root = |path: &[String]| {
            let supers = path.iter().take_while(|name| *name == "super").count();
            match path.first().map(String::as_str) {
                Some("crate") => path.len() == 1,
                Some("super") => supers == path.len() && supers >= use_.module.len(),
                _ => false,
            }
        };
        let hides = use_.imports
            && match use_.path.split_last() {
                Some((last, path)) if last == "*" || last == "self" => of_root(path),
                _ => use_.alias.is_some() && of_root(&use_.path),
            };
        if hides || use_.path == ["include"] {
            let _ = writeln!(broken, "{use_}: name what you use");
        }
    }
    broken
}

#[test]
fn the_arrows_have_no_exceptions() {
    let page = read(&home().join("ARCHITECTURE.md"));
    let blocks: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("```"))
        .collect();
    assert_eq!(blocks, ["```arrows", "```"], "rules are in one block");
}

/// The uses that `allowed` has no arrow for.
fn wrong_arrows(house: &House, allowed: &BTreeMap<String, BTreeSet<String>>) -> String {
    let mut broken = String::new();
    for use_ in &house.uses {
        let Some((from, to)) = house.arrow(use_) else {
            continue;
        };
        let Some(row) = allowed.get(from) else {
            let _ = writeln!(broken, "{use_}: `{from}` has no row in \"The arrows\"");
            continue;
        };
        if !row.contains(to) {
            let _ = writeln!(
                broken,
                "{use_}: \"The arrows\" have none from `{from}` to `{to}`"
            );
        }
    }
    broken
}

#[test]
fn engine_pipe_and_zmtp_take_only_words_of_the_patterns() {
    let broken = strategies_taken(&House::read("src"));
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn a_strategy_below_the_socket_is_told() {
    let house = House::sketch(&[
        ("socket", "use highwater_patterns::{Pattern, Push};"),
        (
            "pipe",
            "use highwater_patterns::{Message, Push}; fn f() { highwater_patterns::Pattern::new() }",
        ),
        (
            "zmtp",
            "use highwater_patterns as patterns; fn f() { patterns::Pull::new() }",
        ),
        (
            "engine",
            "use highwater_patterns::*; use crate::SlowSubscriber;",
        ),
        (
            "engine::tests",
            "struct T { #[cfg(test)] a: u8, b: crate::Undeliverable }",
        ),
    ]);
    let house = house.exporting(&["SlowSubscriber", "Undeliverable"], "highwater_patterns");
    let names = [
        "`highwater_patterns::Push`",
        "Pattern::new`",
        "zmtp:1: `highwater_patterns`",
        "`patterns::Pull::new`",
        "`highwater_patterns::*`",
        "`crate::SlowSubscriber`",
        "`crate::Undeliverable`",
    ];
    assert_told(&strategies_taken(&house), &names);
}

/// What `engine`, `pipe` and `zmtp` use of the patterns, and is not among the [`WORDS`].
fn strategies_taken(house: &House) -> String {
    let rule = "below the socket nothing knows a strategy";
    broken_uses(house, &["engine", "pipe", "zmtp"], rule, |use_| {
        let path = house.owned_path(use_);
        let is_word = |name: &String| WORDS.contains(&name.as_str());
        path[0] == "highwater_patterns" && !path.get(1).is_some_and(is_word)
    })
}

/// The uses in `rooms`, outside tests, that `breaks` says break the `rule`: a line each.
fn broken_uses(house: &House, rooms: &[&str], rule: &str, breaks: impl Fn(&Use) -> bool) -> String {
    let mut broken = String::new();
    for use_ in &house.uses {
        let room = use_.module.first();
        let inside = !use_.test && room.is_some_and(|room| rooms.contains(&room.as_str()));
        if inside && breaks(use_) {
            let _ = writeln!(broken, "{use_}: {rule}");
        }
    }
    broken
}

/// There is a line for each of `names`, and no other.
fn assert_told(broken: &str, names: &[&str]) {
    assert_eq!(broken.lines().count(), names.len(), "{broken}");
    for name in names {
        assert!(broken.contains(name), "{name}: {broken}");
    }
}

#[test]
fn the_socket_names_no_socket_type() {
    let broken = types_named(&House::read("src"));
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn a_socket_type_named_by_the_socket_is_told() {
    let house = House::sketch(&[
        (
            "socket",
            "fn f(kind: SocketType) { kind == SocketType::Rep } #[test] fn g() { SocketType::Pub }",
        ),
        (
            "socket::events",
            "fn f() { if let Pattern::Pair(_) = pattern {} Pattern::new() }",
        ),
        (
            "socket::full",
            "use highwater_patterns::SocketType::{Dealer, Push};",
        ),
        (
            "socket::slot",
            "use highwater_patterns::SocketType::*; use highwater_patterns::Pattern as Rules;",
        ),
        (
            "socket::table",
            "use highwater_patterns as patterns; fn f() { pattern.rules::<patterns::Router>() }",
        ),
        ("facade", "fn f() { SocketType::Rep }"),
    ]);
    let names = [
        "SocketType::*`",
        "`highwater_patterns::Pattern`",
        "`patterns::Router`",
        "`SocketType::Rep`",
        "`Pattern::Pair`",
        "::Dealer`",
        "::Push`",
    ];
    assert_told(&types_named(&house), &names);
}

/// The calls that only one socket type has, REQ or REP: the only place in `socket` that names the rules of a type.
const OWN_CALLS: &str = "src/socket/requests.rs";

/// Whether `path` names the rules of one socket type.
fn names_rules(path: &[String]) -> bool {
    let types = [
        "Dealer", "Pair", "Pub", "Pull", "Push", "Rep", "Req", "Router", "Sub", "XPub", "XSub",
    ];
    matches!(path, [krate, name, ..] if krate == "highwater_patterns"
        && types.contains(&name.as_str()))
}

/// Where `socket` decides by the type of a socket, and not by one of its facts.
fn types_named(house: &House) -> String {
    let rule = "ask for a fact (patterns/src/facts.rs)";
    broken_uses(house, &["socket"], rule, |use_| {
        let is_type = |name: &String| ["SocketType", "Pattern"].contains(&name.as_str());
        let is_renamed = use_.alias.is_some() && use_.path.last().is_some_and(is_type);
        let names_one = |pair: &[String]| {
            is_type(&pair[0]) && (pair[1] == "*" || pair[1].starts_with(char::is_uppercase))
        };
        is_renamed
            || use_.path.windows(2).any(names_one)
            || use_.file != Path::new(OWN_CALLS) && names_rules(&house.owned_path(use_))
    })
}

#[test]
fn the_files_of_a_room_make_no_circle() {
    let circles = circles_in_rooms(&House::read("src"));
    assert!(circles.is_empty(), "files use each other: {circles:#?}");
}

#[test]
fn two_files_that_use_each_other_are_told() {
    let house = House::sketch(&[
        (
            "zmtp",
            "mod decoder; mod error; mod frame; pub(crate) use decoder::Decoder;",
        ),
        (
            "zmtp::decoder",
            "use super::error::FrameError; use super::frame::Header;",
        ),
        ("zmtp::error", "use super::Decoder;"),
        (
            "zmtp::frame",
            "use crate::transport::Stream; use super::Version;",
        ),
        ("transport", "mod stream;"),
        (
            "transport::stream",
            "#[cfg(test)] mod tests { use super::super::listener; }",
        ),
        ("transport::listener", "use super::stream::Stream;"),
    ]);
    let circles = circles_in_rooms(&house);
    assert_eq!(circles.keys().collect::<Vec<_>>(), ["zmtp"]);
    assert_eq!(
        circles["zmtp"].keys().collect::<Vec<_>>(),
        ["decoder", "error"]
    );
}

/// What stands for its room, as the file does that the room is named for: all files of the room may use it, whatever it
/// uses. A port and the words that pass through it name each other, and the ends that they join.
const DOORS: [(&str, &str); 2] = [("pipe", "ports"), ("pipe", "words")];

/// The files of each room that use each other in a circle, [doors](DOORS) apart.
fn circles_in_rooms(house: &House) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut rooms = BTreeMap::<_, BTreeMap<_, BTreeSet<_>>>::new();
    for use_ in &house.uses {
        if let Some((room, from, to)) = house.arrow_within(use_)
            && !DOORS.contains(&(&*room.join("::"), to))
        {
            let room = rooms.entry(room.join("::")).or_default();
            room.entry(from.to_owned())
                .or_default()
                .insert(to.to_owned());
        }
    }
    rooms
        .into_iter()
        .map(|(room, used)| (room, circle(used)))
        .filter(|(_, circle)| !circle.is_empty())
        .collect()
}

#[test]
fn the_arrows_make_no_circle() {
    let circle = circle(arrows());
    assert!(
        circle.is_empty(),
        "\"The arrows\" of ARCHITECTURE.md run in a circle: {circle:#?}"
    );
}

#[test]
fn the_modules_of_patterns_make_no_circle() {
    let house = House::read("patterns/src");
    let mut used = BTreeMap::<_, BTreeSet<_>>::new();
    for (from, to) in house.uses.iter().filter_map(|use_| house.arrow(use_)) {
        used.entry(from.to_owned())
            .or_default()
            .insert(to.to_owned());
    }
    let circle = circle(used);
    assert!(circle.is_empty(), "patterns/src has a circle: {circle:#?}");
}

/// What is left of `arrows` after everything is taken out that leads to nothing that is left, or that nothing leads to.
fn circle(mut arrows: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    while let Some(done) = arrows
        .iter()
        .find(|(module, row)| {
            row.iter().all(|to| !arrows.contains_key(to))
                || !arrows.values().any(|row| row.contains(*module))
        })
        .map(|(module, _)| module.clone())
    {
        arrows.remove(&done);
    }
    arrows
}

#[test]
fn pure_parts_depend_on_nothing_but_their_arguments() {
    let mut broken = String::new();
    for (root, part, crates) in [
        (
            "src",
            Some("zmtp"),
            ["bytes", "highwater_patterns", "highwater_curve"].as_slice(),
        ),
        ("src", Some("policy"), &[]),
        ("patterns/src", None, &["bytes", "highwater_buffers"]),
    ] {
        let house = House::read(root);
        let inside = |use_: &&Use| {
            !use_.test && part.is_none_or(|part| use_.module.first().is_some_and(|m| m == part))
        };
        for use_ in house.uses.iter().filter(inside) {
            for (name, why) in IMPURE {
                if mentions(&use_.path, name) {
                    let _ = writeln!(broken, "{use_}: a pure part never {why}");
                }
            }
            let first = &use_.path[0];
            let known = ["std", "crate", "super", "self"].contains(&first.as_str())
                || crates.contains(&first.as_str())
                || first.starts_with(char::is_uppercase)
                || house
                    .modules
                    .contains(&[&use_.module[..], std::slice::from_ref(first)].concat());
            if use_.imports && !known {
                let _ = writeln!(broken, "{use_}: a pure part uses std and {crates:?} alone");
            }
        }
    }
    assert!(broken.is_empty(), "purity is broken:\n{broken}");
}

#[test]
fn the_facade_adds_no_call_to_the_core() {
    let mut broken = String::new();
    for file in rust_files(&home().join("src/facade")) {
        for (at, line) in read(&file).lines().enumerate() {
            let ours = line.trim_start().strip_prefix("impl");
            if ours.is_some_and(|of| of.split(['{', '<']).any(|of| of.trim().ends_with("Core"))) {
                let name = file.strip_prefix(home()).unwrap_or(&file).display();
                let _ = writeln!(broken, "{name}:{}: `{line}` belongs to socket/", at + 1);
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn no_constant_of_tuning_stands_outside_its_room() {
    let known = NO_TUNING.iter().map(|(file, name, _)| (*file, *name));
    let broken = tuning_scattered(&House::read("src"), known.collect());
    assert!(broken.is_empty(), "tuning is scattered:\n{broken}");
}

#[test]
fn a_number_chosen_elsewhere_is_told() {
    let house = House::sketch(&[
        (
            "pipe",
            "const MOST: usize = 8; const STEPS: [u8; 2] = [1, 2]; const NAME: &str = \"8\"; const fn f<const N: usize>() {}",
        ),
        (
            "engine",
            "static LIMIT: Option<Duration> = None; impl Loop { const TICK: Duration = Duration::from_millis(10); }",
        ),
        (
            "socket",
            "fn f(ms: u64) { wait(Duration::from_micros(300)); wait(Duration::from_millis(ms)); } #[test] fn g() { const ONE: u8 = 1; wait(Duration::from_secs(1)) }",
        ),
        (
            "zmtp",
            "const LARGE: usize = 8192; fn f() { Duration::from_secs(1) }",
        ),
    ]);
    let names = ["`MOST`", "`STEPS`", "`LIMIT`", "`TICK`", "from_micros"];
    assert_told(&tuning_scattered(&house, BTreeSet::new()), &names);
    let known = BTreeSet::from([("pipe", "MOST"), ("pipe", "GONE")]);
    let broken = tuning_scattered(&house, known);
    assert!(
        broken.contains("no `GONE`") && !broken.contains("`MOST`"),
        "{broken}"
    );
}

/// Numbers and times in the [`TUNED`] rooms outside tests and [`TUNING`]: constants that are not `known`, and times that are no
/// constants at all; and what is `known` and not there.
fn tuning_scattered<'a>(house: &'a House, mut known: BTreeSet<(&'a str, &'a str)>) -> String {
    let mut broken = String::new();
    let is_tuned = |module: &[String], file: &Path| {
        module.first().is_some_and(|room| TUNED.contains(&&**room)) && !file.starts_with(TUNING)
    };
    for constant in house.constants.iter().filter(|constant| !constant.test) {
        let Constant { file, name, .. } = constant;
        let place = file.to_str().expect("a name of ours");
        if is_tuned(&constant.module, file) && !known.remove(&(place, &**name)) {
            let _ = writeln!(
                broken,
                "{place}: `{name}` belongs into {TUNING}, or into `NO_TUNING` with a reason"
            );
        }
    }
    for use_ in house
        .uses
        .iter()
        .filter(|use_| !use_.test && use_.is_written_time)
    {
        if is_tuned(&use_.module, &use_.file) {
            let _ = writeln!(broken, "{use_}: give this time a name, as a constant");
        }
    }
    for (file, name) in known {
        let _ = writeln!(broken, "{file}: there is no `{name}`");
    }
    broken
}

/// Of each: why, in a sentence; its unit; the cell or the test it serves, which is there; the commit it comes from.
#[test]
fn every_constant_of_tuning_says_where_it_comes_from() {
    let cells = read(&home().join("benches/versus/RESULTS.md"));
    let is_there = |served: &str| {
        let quoted = served.split('`').nth(1).unwrap_or_default();
        match served {
            "Test: none" => true,
            served if served.starts_with("Cell: `") => cells.contains(&format!("| {quoted} |")),
            served if served.starts_with("Test: `") => ["", "src"]
                .iter()
                .any(|folder| home().join(folder).join(quoted).is_file()),
            _ => false,
        }
    };
    let is_commit = |words: &str| {
        ["Measured by ", "Not measured apart: "].iter().any(|kind| {
            words.strip_prefix(kind).is_some_and(|hash| {
                hash.len() == 7 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        })
    };
    let (mut broken, mut docs, mut constants) = (String::new(), String::new(), 0);
    let files = rust_files(&home().join(TUNING));
    let text: String = files.iter().map(|file| read(file)).collect();
    for line in text.lines() {
        if let Some(doc) = line.strip_prefix("/// ") {
            docs += doc;
            docs.push(' ');
        } else if let Some(constant) = line.strip_prefix("pub(crate) const ") {
            constants += 1;
            let (why, data) = docs.split_once("Unit: ").unwrap_or_default();
            let data: Vec<_> = data.trim().trim_end_matches('.').split(". ").collect();
            let told = matches!(*data, [unit, served, commit]
                if !unit.is_empty() && is_there(served) && is_commit(commit));
            if why.len() < 20 || !told {
                let name = constant.split(':').next().unwrap_or_default();
                let _ = writeln!(broken, "{name}: {docs}");
            }
            docs.clear();
        }
    }
    assert!(constants > 50, "the constants are read");
    assert!(broken.is_empty(), "{TUNING} does not tell of:\n{broken}");
}

#[test]
fn unsafe_code_stays_behind_its_fence() {
    let mut broken = String::new();
    for root in ROOTS {
        for use_ in House::read(root).uses {
            if use_.path == ["unsafe"] && use_.file != Path::new(FENCE) {
                let _ = writeln!(broken, "{use_}: unsafe code belongs to {FENCE} alone");
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn nobody_reads_the_time_of_day() {
    let mut broken = String::new();
    for root in ROOTS {
        for use_ in House::read(root).uses {
            if mentions(&use_.path, "SystemTime") || mentions(&use_.path, "UNIX_EPOCH") {
                let _ = writeln!(
                    broken,
                    "{use_}: the time of day may jump, `Instant` does not"
                );
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn every_file_says_what_it_is_and_stays_readable() {
    let mut broken = String::new();
    for root in ROOTS.into_iter().chain(["fuzz/src", "tests/fuzz"]) {
        for file in rust_files(&home().join(root)) {
            let name = file.strip_prefix(home()).unwrap_or(&file).display();
            let text = read(&file);
            // A file of tests is introduced by the file it tests.
            let is_test = file
                .iter()
                .any(|part| part == "tests" || part == "tests.rs");
            if !text.starts_with("//!") && !file.ends_with("tests.rs") {
                let _ = writeln!(broken, "{name}: a file begins with `//!` and what it owns");
            }
            let all = text.lines().count();
            let outside = text
                .lines()
                .take_while(|line| *line != "mod tests {")
                .count();
            if all > MOST_LINES_OF_TESTS || outside > MOST_LINES && !is_test {
                let _ = writeln!(
                    broken,
                    "{name}: {all} lines, {outside} outside tests; {MOST_LINES} outside tests and \
                     {MOST_LINES_OF_TESTS} in all are the most"
                );
            }
        }
    }
    assert!(
        broken.is_empty(),
        "the style of CONTRIBUTING.md is broken:\n{broken}"
    );
}

#[test]
fn every_file_is_part_of_a_crate() {
    for root in ROOTS {
        let reached = House::read(root).files;
        for file in rust_files(&home().join(root)) {
            let name = file.strip_prefix(home()).unwrap_or(&file);
            assert!(
                reached.contains(name),
                "{}: no `mod` leads here",
                name.display()
            );
        }
    }
}

/// The modules of one crate.
#[derive(Debug, Default)]
struct House {
    /// What the code names: every path in it, with groups spelled out.
    uses: Vec<Use>,
    modules: BTreeSet<Vec<String>>,
    constants: Vec<Constant>,
    /// All files, those of tests included.
    files: BTreeSet<PathBuf>,
    /// Where the names come from that `lib.rs` exports: `Context` from `context`.
    exports: BTreeMap<String, String>,
    /// What stands behind a new name that a file gives.
    aliases: BTreeMap<(PathBuf, String), Vec<String>>,
}

/// A path somewhere in the code.
#[derive(Debug)]
struct Use {
    file: PathBuf,
    line: usize,
    /// Where it stands.
    module: Vec<String>,
    /// With `*` at its end if it takes all names.
    path: Vec<String>,
    /// The name that a `use` item gives it, if that is another.
    alias: Option<String>,
    /// It is in a `use` item.
    imports: bool,
    /// It is in a test.
    test: bool,
    /// It makes a time of a number that stands there, outside a constant: `Duration::from_secs(1)`.
    is_written_time: bool,
}

impl std::fmt::Display for Use {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.join("::");
        write!(f, "{}:{}: `{path}`", self.file.display(), self.line)
    }
}

/// A constant that is a number or a time.
#[derive(Debug)]
struct Constant {
    file: PathBuf,
    module: Vec<String>,
    name: String,
    /// It is in a test.
    test: bool,
}

/// Where the walk stands.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    file: &'a Path,
    module: &'a [String],
    imports: bool,
    test: bool,
    /// In a constant.
    constant: bool,
}

impl House {
    fn read(root: &str) -> Self {
        let mut house = Self::default();
        house.file(&Path::new(root).join("lib.rs"), &[], false);
        let exports: Vec<_> = house
            .uses
            .iter()
            .filter(|use_| use_.module.is_empty() && use_.imports)
            .collect();
        house.exports = exports
            .into_iter()
            .filter_map(|use_| Some((use_.path.last()?.clone(), use_.path.first()?.clone())))
            .collect();
        house
    }

    /// The house, whose `lib.rs` exports these `names` of `owner`.
    fn exporting(mut self, names: &[&str], owner: &str) -> Self {
        let exports = names
            .iter()
            .map(|name| ((*name).to_owned(), owner.to_owned()));
        self.exports.extend(exports);
        self
    }

    /// A house of these modules, each with its code.
    fn sketch(modules: &[(&str, &str)]) -> Self {
        let mut house = Self::default();
        for (name, code) in modules {
            let module: Vec<String> = name.split("::").map(str::to_owned).collect();
            let place = Place {
                file: Path::new(name),
                module: &module,
                imports: false,
                test: false,
                constant: false,
            };
            // The files behind `mod name;` are given here.
            let code = without_mods(code);
            house.walk(code.parse().expect("code"), place, &[]);
            house.modules.insert(module);
        }
        house
    }

    /// The room, at any depth, and the two files in it between which `use_` draws an arrow, if it does.
    fn arrow_within<'a>(&'a self, use_: &'a Use) -> Option<(Vec<String>, &'a str, &'a str)> {
        if use_.test {
            return None;
        }
        let to = self.absolute(use_)?;
        let shared = use_
            .module
            .iter()
            .zip(&to)
            .take_while(|(here, there)| here == *there)
            .count();
        let (room, from) = (&use_.module[..shared], use_.module.get(shared)?);
        let name = *to.get(shared)?;
        let file = |name: &str| [room, &[name.to_owned()]].concat();
        let to = if self.modules.contains(&file(name)) {
            name
        } else {
            let exported =
                |use_: &&Use| use_.module == room && use_.imports && use_.path.last() == Some(name);
            let export = self.uses.iter().find(exported)?;
            let own = |name: &&String| self.modules.contains(&file(name));
            export
                .path
                .iter()
                .find(|name| *name != "self")
                .filter(own)?
        };
        (!room.is_empty() && from != to).then(|| (room.to_vec(), from.as_str(), to.as_str()))
    }

    /// All segments, from the crate on, of what `use_` names; `None` if it names nothing by way of the crate.
    fn absolute<'a>(&self, use_: &'a Use) -> Option<Vec<&'a String>> {
        let supers = use_.path.iter().take_while(|name| *name == "super").count();
        let (module, rest) = match use_.path.first()?.as_str() {
            "crate" => (&[][..], &use_.path[1..]),
            "super" => {
                let depth = use_.module.len().checked_sub(supers)?;
                (&use_.module[..depth], &use_.path[supers..])
            }
            _ => return None,
        };
        Some(module.iter().chain(rest).collect())
    }

    /// The top-level modules between which `use_` draws an arrow, if it does. Tests may use what they like.
    fn arrow<'a>(&'a self, use_: &'a Use) -> Option<(&'a str, &'a str)> {
        if use_.test {
            return None;
        }
        let from = use_.module.first()?;
        let name = *self.absolute(use_)?.first()?;
        let to = if self.modules.contains(std::slice::from_ref(name)) {
            name
        } else {
            // What another crate owns makes no arrow.
            self.exports
                .get(name)
                .filter(|to| self.modules.contains(std::slice::from_ref(*to)))?
        };
        (from != to).then_some((from, to))
    }

    /// The path of `use_` from the crate on that owns what it names: with a new name that its file has given to the beginning,
    /// and with a name that `lib.rs` exports, as what they stand for.
    fn owned_path(&self, use_: &Use) -> Vec<String> {
        let renamed = self.aliases.get(&(use_.file.clone(), use_.path[0].clone()));
        if let Some(known) = renamed {
            return [known, &use_.path[1..]].concat();
        }
        match self.absolute(use_).as_deref() {
            Some([name, rest @ ..]) if self.exports.contains_key(*name) => {
                let owner = [&self.exports[*name], *name];
                let path = owner.into_iter().chain(rest.iter().copied());
                path.cloned().collect()
            }
            _ => use_.path.clone(),
        }
    }

    fn file(&mut self, file: &Path, module: &[String], test: bool) {
        self.files.insert(file.to_owned());
        let tokens: TokenStream = read(&home().join(file))
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let place = Place {
            file,
            module,
            imports: false,
            test,
            constant: false,
        };
        self.walk(tokens, place, &[]);
    }

    /// Collects the paths in `tokens`, each behind `prefix`, and follows `mod`.
    fn walk(&mut self, tokens: TokenStream, place: Place<'_>, prefix: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        let is_inside = place.constant;
        let mut place = place;
        // An attribute says that the next item is a test.
        let mut test_next = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) => match punct.as_char() {
                    '#' => {
                        if let Some(TokenTree::Group(attribute)) = tokens.peek() {
                            let text = attribute.stream().to_string().replace(' ', "");
                            test_next |= matches!(&*text, "cfg(test)" | "test")
                                || text.starts_with("cfg(all(test,");
                        }
                    }
                    ';' => {
                        test_next = false;
                        place.imports = false;
                        place.constant = is_inside;
                    }
                    // A field, a variant or an arm has ended.
                    ',' => test_next = false,
                    _ => {}
                },
                TokenTree::Literal(_) => {}
                TokenTree::Group(group) => {
                    let test = place.test || test_next;
                    self.walk(group.stream(), Place { test, ..place }, prefix);
                    if group.delimiter() == Delimiter::Brace {
                        test_next = false;
                    }
                }
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "use" if prefix.is_empty() => place.imports = true,
                    "const" | "static" => {
                        if let Some(name) = number(tokens.clone()) {
                            place.constant = true;
                            self.constants.push(Constant {
                                file: place.file.to_owned(),
                                module: place.module.to_vec(),
                                name,
                                test: place.test || test_next,
                            });
                        }
                    }
                    // A new name for the path before it.
                    "as" if place.imports => {
                        if let (Some(TokenTree::Ident(alias)), Some(use_)) =
                            (tokens.next(), self.uses.last_mut())
                        {
                            let alias = alias.to_string();
                            let key = (use_.file.clone(), alias.clone());
                            self.aliases.insert(key, use_.path.clone());
                            use_.alias = Some(alias);
                        }
                    }
                    "mod" => {
                        let Some(TokenTree::Ident(name)) = tokens.next() else {
                            continue;
                        };
                        let module = [place.module, &[name.to_string()]].concat();
                        let test = place.test || std::mem::take(&mut test_next);
                        self.modules.insert(module.clone());
                        match tokens.next() {
                            Some(TokenTree::Group(body)) => {
                                let module = &module;
                                self.walk(
                                    body.stream(),
                                    Place {
                                        module,
                                        test,
                                        ..place
                                    },
                                    &[],
                                );
                            }
                            _ => self.file(&file_of(place.file, &name.to_string()), &module, test),
                        }
                    }
                    first => {
                        let line = ident.span().start().line;
                        let mut path = [prefix, &[first.to_owned()]].concat();
                        let mut group = None;
                        while is_path_separator(&mut tokens) {
                            match tokens.next() {
                                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                                Some(TokenTree::Group(names)) => group = Some(names),
                                Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                                    path.push("*".to_owned());
                                }
                                _ => break,
                            }
                        }
                        if let Some(names) = group {
                            let test = place.test || test_next;
                            self.walk(names.stream(), Place { test, ..place }, &path);
                        } else {
                            self.uses.push(Use {
                                file: place.file.to_owned(),
                                line,
                                module: place.module.to_vec(),
                                is_written_time: !place.constant && {
                                    let is_time = path.iter().any(|name| name == "Duration")
                                        && path
                                            .last()
                                            .is_some_and(|name| name.starts_with("from_"));
                                    is_time && is_one_literal(tokens.peek())
                                },
                                path,
                                alias: None,
                                imports: place.imports,
                                test: place.test || test_next,
                            });
                        }
                    }
                },
            }
        }
    }
}

/// `code` without its `mod name;`.
fn without_mods(code: &str) -> String {
    let statements = code.split_inclusive(';');
    let is_mod = |statement: &&str| {
        let words: Vec<_> = statement.split_whitespace().collect();
        !matches!(words[..], ["mod", name] if name.ends_with(';'))
    };
    statements.filter(is_mod).collect()
}

/// The name of a constant of numbers or times (one, several, or perhaps none), where `tokens` go on behind `const` or `static`.
fn number(mut tokens: impl Iterator<Item = TokenTree>) -> Option<String> {
    let name = tokens.next()?.to_string();
    let is_colon = |token: &TokenTree| token.to_string() == ":";
    tokens.next().filter(is_colon)?;
    let types = [
        "u8", "u16", "u32", "u64", "u128", "usize", "i32", "i64", "isize", "f32", "f64", "Duration",
    ];
    let mut is_number = false;
    let mut brackets = 0;
    for token in tokens {
        match &*token.to_string() {
            "=" => return is_number.then_some(name),
            "<" => brackets += 1,
            ">" if brackets > 0 => brackets -= 1,
            // A parameter of a function or a type.
            ";" | ">" => return None,
            "," if brackets == 0 => return None,
            part => {
                let mut words = part.split(|letter: char| !letter.is_alphanumeric());
                is_number |= words.any(|word| types.contains(&word));
            }
        }
    }
    None
}

/// Whether `token` is a bracket around one literal.
fn is_one_literal(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else {
        return false;
    };
    let inside: Vec<_> = group.stream().into_iter().collect();
    matches!(inside[..], [TokenTree::Literal(_)])
}

/// Steps over `::`, if it is next.
fn is_path_separator(
    tokens: &mut std::iter::Peekable<proc_macro2::token_stream::IntoIter>,
) -> bool {
    let is_colon = |token: Option<&TokenTree>| {
        matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':'
            && punct.spacing() == proc_macro2::Spacing::Joint)
    };
    is_colon(tokens.peek()) && {
        tokens.next();
        tokens.next();
        true
    }
}

/// The file of module `name`, declared in `parent`.
fn file_of(parent: &Path, name: &str) -> PathBuf {
    let stem = parent.file_stem().unwrap_or_default();
    let mut folder = parent.with_file_name("");
    if !["lib", "mod"].iter().any(|own| stem == *own) {
        folder.push(stem);
    }
    let file = folder.join(format!("{name}.rs"));
    if home().join(&file).exists() {
        file
    } else {
        folder.join(name).join("mod.rs")
    }
}

/// Whether the path contains the segments of `name`, in a row.
fn mentions(path: &[String], name: &str) -> bool {
    let name: Vec<&str> = name.split("::").collect();
    path.windows(name.len()).any(|window| window == name)
}

/// The arrows that ARCHITECTURE.md allows between top-level modules.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let rows: BTreeMap<_, _> = block("arrows")
        .iter()
        .map(|line| {
            let (from, to) = line.split_once("->").expect("a row is `module -> modules`");
            let to = to.split_whitespace().map(str::to_owned).collect();
            (from.trim().to_owned(), to)
        })
        .collect();
    assert!(rows.len() > 5, "the rows are read");
    rows
}

/// The lines of the block in ARCHITECTURE.md that begins with three backticks and `name`, without their comments.
fn block(name: &str) -> Vec<String> {
    let page = read(&home().join("ARCHITECTURE.md"));
    page.lines()
        .skip_while(|line| line.strip_prefix("```") != Some(name))
        .skip(1)
        .take_while(|line| !line.starts_with("```"))
        .map(|line| line.split('#').next().unwrap_or_default().trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
