//! The targets of the fuzzer, driven without one: some seconds on any toolchain.
//!
//! ```sh
//! cargo test --test fuzz                                             # all of them, five seconds
//! HIGHWATER_FUZZ_SECONDS=3600 cargo test --release --test fuzz       # for an hour
//! HIGHWATER_FUZZ_EXECUTIONS=100000000 cargo test --release --test fuzz -- decoder
//! ```
//!
//! A run prints its seed, with which `HIGHWATER_TEST_SEED` has it made again, byte for byte; what makes a target panic is
//! printed and is a file for `cargo fuzz run TARGET FILE` as well. What is changed at random are recorded conversations
//! (`tests/vectors`): `fuzz/seeds` has them as `cargo fuzz` wants them, and this test holds the two against each other;
//! `cargo test --test fuzz -- write-seeds` writes them.
//!
//! Not of the usual harness: with it, the tests within the sources that are compiled here once more would be run, too.

#[path = "fuzz/parts.rs"]
mod parts;
#[expect(unreachable_pub, reason = "public for the programs of the fuzzer")]
#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parts::{endpoint, socks5, zmtp};
use targets::{ENDS, TARGETS, Target};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if wanted.iter().any(|word| word == "write-seeds") {
        write_seeds();
        return ExitCode::SUCCESS;
    }
    let is_wanted =
        |(name, _): &&Target| wanted.is_empty() || wanted.iter().any(|word| name.contains(&**word));
    let chosen: Vec<&Target> = TARGETS.iter().filter(is_wanted).collect();
    let seed = number("HIGHWATER_TEST_SEED").unwrap_or_else(rand::random);
    println!("fuzz: HIGHWATER_TEST_SEED={seed}");
    // A package has no folder of the fuzzer; Cargo leaves this file in packages alone.
    let is_package = home().join("Cargo.toml.orig").exists();
    for (name, _) in TARGETS.iter().filter(|_| !is_package) {
        assert_eq!(
            written_seeds(name),
            seeds(name),
            "fuzz/seeds/{name} is not what the vectors give: cargo test --test fuzz -- write-seeds"
        );
    }
    let most = match number("HIGHWATER_FUZZ_EXECUTIONS") {
        Some(executions) => Most::Executions(executions),
        None => {
            let seconds = number("HIGHWATER_FUZZ_SECONDS").unwrap_or(5);
            let shared = Duration::from_secs(seconds) / chosen.len().max(1) as u32;
            Most::Time(shared)
        }
    };
    for target in chosen {
        if let Err(found) = run(target, seed, most) {
            println!("fuzz: {found}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// How long a target is run.
#[derive(Debug, Clone, Copy)]
enum Most {
    Executions(u64),
    Time(Duration),
}

/// Gives a target one input after the other; what it was that made it panic.
fn run(&(name, target): &Target, seed: u64, most: Most) -> Result<(), String> {
    let seeds: Vec<Vec<u8>> = seeds(name).into_iter().collect();
    for input in &seeds {
        execute(name, target, input)?;
    }
    let begun = Instant::now();
    let mut random = Random(seed | 1);
    let mut input = Vec::new();
    let mut executions: u64 = 0;
    loop {
        let is_over = match most {
            Most::Executions(most) => executions >= most,
            // The clock costs as much as some of the targets.
            Most::Time(most) => executions.is_multiple_of(256) && begun.elapsed() >= most,
        };
        if is_over {
            break;
        }
        random.input(&seeds, &mut input);
        execute(name, target, &input)
            .map_err(|found| format!("{found}, execution {executions} of seed {seed}"))?;
        executions += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("fuzz: {name}: {executions} executions in {seconds:.1} s, none of them a fault");
    let [good, refused, unfinished] =
        [&ENDS.good, &ENDS.refused, &ENDS.unfinished].map(|end| end.swap(0, Ordering::Relaxed));
    if good + refused + unfinished > 0 {
        println!("fuzz: {name}: {good} good, {refused} refused, {unfinished} unfinished");
    }
    Ok(())
}

fn execute(name: &str, target: fn(&[u8]), input: &[u8]) -> Result<(), String> {
    if catch_unwind(|| target(input)).is_ok() {
        return Ok(());
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    let kept = fs::write(&file, input).map(|()| format!(" ({})", file.display()));
    Err(format!(
        "{name} fails on b\"{}\"{}",
        input.escape_ascii(),
        kept.unwrap_or_default()
    ))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")),
    )
}

/// xorshift64*: the same inputs for the same seed, whatever else changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Less than `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn any<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A seed with some changes, or once in a while nothing but noise.
    fn input(&mut self, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
        input.clear();
        if seeds.is_empty() || self.below(32) == 0 {
            let len = self.below(200);
            input.extend((0..len).map(|_| self.next() as u8));
            return;
        }
        let mut seed = self.any(seeds);
        // Of two, mostly the shorter: there is more to be found in many short ones than in a few long ones.
        let other = self.any(seeds);
        if other.len() < seed.len() && self.below(16) > 0 {
            seed = other;
        }
        input.extend_from_slice(seed);
        for _ in 0..=self.below(5) {
            self.change(seeds, input);
        }
        input.truncate(LONGEST);
    }

    fn change(&mut self, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let to = at + self.below(input.len() - at + 1);
        match self.below(9) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 | 2 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = *self.any(&BYTES);
                }
            }
            3 => input.insert(at, self.next() as u8),
            4 => input.truncate(at),
            5 => {
                let end = to.min(at + 16);
                input.drain(at..end);
            }
            6 => {
                let piece = *self.any(&WORDS);
                input.splice(at..at, piece.iter().copied());
            }
            7 => {
                let piece = input[at..to.min(at + 64)].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let other = self.any(seeds);
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
}

/// The longest input, in bytes: beyond 8 KiB a body is large.
const LONGEST: usize = 20 * 1024;

/// Flags, lengths, and the ends of ranges.
const BYTES: [u8; 20] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 26, 63, 64, 65, 127, 128, 200, 254, 255, b'*',
];

/// What the parts look for.
const WORDS: [&[u8]; 32] = [
    b"\x04PING\x00\x00",
    b"\x04PONG",
    b"\x05READY",
    b"\x05ERROR\x03why",
    b"\x09SUBSCRIBE",
    b"\x06CANCEL",
    b"\x0bSocket-Type\x00\x00\x00\x04PUSH",
    b"\x08Identity\x00\x00\x00\x02id",
    b"\x00\x00",
    b"\x01\x00",
    b"\x04\x00",
    b"\x02\x00\x00\x00\x00\x00\x00\x20\x01",
    b"\x03\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\x06\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\x02\x80\x00\x00\x00\x00\x00\x00\x00",
    b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x01NULL",
    b"127.0.0.1:5555",
    b"[fe80::1%eth0]:*",
    b"*:0;",
    b"@",
    b"%",
    b"\xc3\xa4",
    b"\x05\x00\x00\x01\x7f\x00\x00\x01\x15\xb3",
    b"\x05\x02\x01\x00",
    b"\x05\x00\x00\x03\x04name\x00\x50",
    b"\x04\x0e\x05HELLO\x01u\x05passw",
    b"\x04\x08\x07WELCOME",
    b"\x04\x09\x08INITIATE",
    b"\x00\x21\x07MESSAGE",
    b"    ",
    b"\n    public-key = \"",
];

/// The inputs with which a target begins: each side of each recorded conversation, and what stands in it.
fn seeds(target: &str) -> BTreeSet<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    let mut add = |begin: &[u8], rest: &[u8]| {
        if begin.len() + rest.len() <= LONGEST {
            seeds.insert([begin, rest].concat());
        }
    };
    match target {
        "endpoint" => ENDPOINTS
            .iter()
            .for_each(|(kind, text)| add(&[*kind], text.as_bytes())),
        "socks" => PROXIES
            .iter()
            .for_each(|(login, said)| add(&[*login, 3], said)),
        #[cfg(feature = "curve")]
        "curve" => {
            let (from_client, from_server) = targets::sealed::conversation();
            for choice in [0, 2, 4] {
                add(&[choice, 7], &from_client);
                add(&[choice | 1, 7], &from_server);
            }
        }
        #[cfg(feature = "curve")]
        "messages" => {
            let (mut rest, _) = targets::sealed::conversation();
            // HELLO and INITIATE come before.
            (0..2).for_each(|_| drop(rest.drain(..first_frame(&rest))));
            add(&[0, 7], &rest);
            add(&[4, 1], &rest);
        }
        #[cfg(feature = "curve")]
        "insider" => {
            for (choice, said) in INSIDERS {
                add(&[choice, 0], said);
                add(&[choice, 9], said);
            }
        }
        #[cfg(feature = "curve")]
        "boxes" => {
            (0..40).for_each(|len| add(&[len, len * 5], &[len; 700][..usize::from(len) * 17]))
        }
        #[cfg(feature = "curve")]
        "keys" => KEYS.iter().for_each(|text| add(&[], text.as_bytes())),
        #[cfg(feature = "curve")]
        "certificate" => CERTIFICATES
            .iter()
            .for_each(|text| add(&[], text.as_bytes())),
        _ => {
            for payload in [&b"json"[..], b"cbor"] {
                let says = [b"\x09X-Payload\0\0\0\x04", payload].concat();
                let ready = [b"\x04\x18\x05READY", &says[..]].concat();
                match target {
                    "handshake" => add(&[0xF5, 7], &ready),
                    "plain" => {
                        let initiate = [b"\x04\x1b\x08INITIATE", &says[..]].concat();
                        add(
                            &[12, 7],
                            &[b"\x04\x0a\x05HELLO\x01u\x01p", &initiate[..]].concat(),
                        );
                        add(&[13, 7], &[b"\x04\x08\x07WELCOME", &ready[..]].concat());
                    }
                    _ => {}
                }
            }
            for stream in recorded() {
                let greeted = stream.get(64..);
                let is_plain = stream.get(12..18) == Some(b"PLAIN\0");
                match (target, greeted) {
                    ("plain", Some(rest)) if is_plain => {
                        add(&[0, 7], rest);
                        add(&[3, 1], rest);
                    }
                    ("greeting", _) => add(&[], &stream[..stream.len().min(200)]),
                    ("handshake", Some(rest)) => add(&[5, 7], &rest[..rest.len().min(400)]),
                    ("decoder", Some(rest)) => {
                        add(&[0, 3], rest);
                        add(
                            &[0xF7, 9],
                            rest.get(first_frame(rest)..).unwrap_or_default(),
                        );
                    }
                    ("commands", Some(rest)) => commands_in(rest, |body| add(&[], body)),
                    _ => {}
                }
            }
        }
    }
    seeds
}

/// The bytes that each side wrote, of each connection, in the order of their names.
fn recorded() -> Vec<Vec<u8>> {
    let folder = home().join("tests/vectors");
    let mut streams: BTreeMap<(String, String, String), Vec<u8>> = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the recorded conversations are there") {
        let path = entry.expect("they can be read").path();
        let Ok(wire) = fs::read_to_string(path.join("wire.txt")) else {
            continue;
        };
        for line in wire.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let &[connection, side, _, digits] = &*words else {
                continue;
            };
            let session = path.display().to_string();
            let key = (session, connection.to_owned(), side.to_owned());
            let pairs = digits.as_bytes().chunks(2);
            let bytes = pairs.filter_map(|pair| {
                let text = std::str::from_utf8(pair).ok()?;
                u8::from_str_radix(text, 16).ok()
            });
            streams.entry(key).or_default().extend(bytes);
        }
    }
    assert!(streams.len() > 50, "the recorded conversations are gone");
    streams.into_values().collect()
}

/// How long the frame at the front of `bytes` is; longer than `bytes` if it is not whole.
fn first_frame(bytes: &[u8]) -> usize {
    match zmtp::FrameHeader::decode(bytes) {
        Ok(Some((header, header_len))) => usize::try_from(header.body_len)
            .map_or(usize::MAX, |len| len.saturating_add(header_len)),
        _ => usize::MAX,
    }
}

/// The bodies of all commands among some frames.
fn commands_in(mut frames: &[u8], mut each: impl FnMut(&[u8])) {
    while let Ok(Some((header, header_len))) = zmtp::FrameHeader::decode(frames) {
        let len = first_frame(frames);
        let Some(frame) = frames.get(..len) else {
            return;
        };
        if header.command {
            each(&frame[header_len..]);
        }
        frames = &frames[len..];
    }
}

fn folder(target: &str) -> PathBuf {
    home().join("fuzz/seeds").join(target)
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn written_seeds(target: &str) -> BTreeSet<Vec<u8>> {
    let entries = fs::read_dir(folder(target)).into_iter().flatten();
    entries
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a seed can be read"))
        .collect()
}

fn write_seeds() {
    for (name, _) in TARGETS {
        let folder = folder(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        for (count, seed) in seeds(name).into_iter().enumerate() {
            fs::write(folder.join(format!("{count:03}")), seed).expect("a seed can be written");
        }
    }
}

const ENDPOINTS: [(u8, &str); 14] = [
    (0, "tcp://127.0.0.1:5555"),
    (0, "tcp://*:*"),
    (0, "ipc://relative path"),
    (0, "udp://239.0.0.1:5555"),
    (1, "example.org:5555"),
    (1, "eth0:0"),
    (1, "192.0.2.7:*;192.0.2.1:5555"),
    (2, "::1]:5555"),
    (2, "fe80::1%eth0]:5555"),
    (2, "2001:db8::1]:1;[::1]:2"),
    (3, "/run/app.sock"),
    (3, "@abstract"),
    (4, "with://anything;in it"),
    (5, "7"),
];

/// Who we are and what is sealed by choice; then the texts: of HELLO or WELCOME, of the vouch, metadata, and MESSAGEs.
#[cfg(feature = "curve")]
const INSIDERS: [(u8, &[u8]); 6] = [
    (
        0,
        b"\x16\x0bSocket-Type\x00\x00\x00\x06DEALER\x06\x00hello\x02\x01a\x01\x02\x06\x02\x04PING",
    ),
    (
        1,
        b"\x16\x0bSocket-Type\x00\x00\x00\x06DEALER\x06\x00hello\x02\x01a\x00\x01\xff",
    ),
    (
        2,
        b"\x16\x0bSocket-Type\x00\x00\x00\x06ROUTER\x09\xffanything",
    ),
    (
        8,
        b"\x40........................................................................",
    ),
    (
        9,
        b"\x40........................................................................",
    ),
    (
        16,
        b"\x40........................................................................",
    ),
];

/// Good ones, and those that look like another form.
#[cfg(feature = "curve")]
const KEYS: [&str; 5] = [
    "HelloWorld",
    "@Wgf2ngz%>YU${ckR>y[-Hvek9F3cEdj!(i+mM3p",
    "fe2746404829d206bcc51e16403338f6c59b08ff1d8136fd292c60b1cb112517",
    "/idGQEgp0ga8xR4WQDM49sWbCP8dgTb9KSxgscsRJRc=",
    " 0^bL2P?@4V>:]SW<NI}zjAu4V:F$ud!D#Y5x!HdZ\n",
];

/// As czmq and pyzmq write them.
#[cfg(feature = "curve")]
const CERTIFICATES: [&str; 2] = [
    "# a comment\n\nmetadata\n    name = \"Joe 'J' Doe\"\n    email = 'joe@example.org' # why\ncurve\n    public-key = \"@Wgf2ngz%>YU${ckR>y[-Hvek9F3cEdj!(i+mM3p\"\n    secret-key = \"@JHaID6lrfM$KTNDY]^7j8#fM{5sJ!:jJw+!8(BY\"\n",
    "metadata\n    name = Joe Doe\ncurve\n    public-key = \"Tg&]WNQl>%knSxFZC+PQ]GJO<a<DNJZOH.AZla{w\"\n",
];

/// Whether there is a login, and what the proxy says.
const PROXIES: [(u8, &[u8]); 7] = [
    (0, b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x15\xb3and more"),
    (0, b"\x05\x00\x05\x00\x00\x03\x04name\x00\x50and more"),
    (0, b"\x05\x00\x05\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"),
    (1, b"\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x15\xb3"),
    (1, b"\x05\x02\x01\x01"),
    (0, b"\x05\xff"),
    (0, b"\x05\x00\x05\x05"),
];
