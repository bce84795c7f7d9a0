//! CURVE from memory to memory: the MESSAGEs of a batch sealed and opened, and the handshake of either end.
//!
//! The mechanism is no part of the public interface, so `zmtp` is compiled here once more: see the head of `codec.rs`.
//! Beside libsodium and dryoc, boxes alone are measured in `versus/benches/sealing.rs`.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use highwater_curve::{Keypair, SecretKey, SharedKey};
use highwater_patterns::SocketType;

#[expect(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "a part of the library, of which a part is measured"
)]
#[path = "../src"]
mod parts {
    pub(crate) mod zmtp;
}
use parts::zmtp;

use zmtp::{
    ClientSeeds, CurveClient, CurveLimits, CurveServer, Handshake, HandshakeConfig, ServerSeeds,
};

/// Bytes in a body.
const SIZES: [usize; 5] = [16, 64, 256, 1024, 16384];

/// Bytes that are written at once, about.
const CHUNK: usize = 64 * 1024;

const LIMITS: CurveLimits = CurveLimits {
    max_frame: None,
    allows_gaps: false,
};

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("messages");
    for size in SIZES {
        let mut frames = Vec::new();
        let count = (CHUNK / (size + 34)).max(1);
        for _ in 0..count {
            match u8::try_from(size) {
                Ok(len) => frames.extend([0, len]),
                Err(_) => frames.extend([&[2][..], &(size as u64).to_be_bytes()].concat()),
            }
            frames.resize(frames.len() + size, 7);
        }
        group.throughput(Throughput::Elements(count as u64));
        let (client, _) = connected();
        let mut seal = client
            .finish()
            .expect("it is content")
            .1
            .expect("CURVE seals")
            .seal;
        let mut sealed = Vec::new();
        seal.seal(&frames, &mut sealed);
        let mut out = Vec::new();
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&frames));
                black_box(out.len())
            });
        });
        group.bench_function(BenchmarkId::new("seal", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                seal.seal(black_box(&frames), &mut out);
                black_box(out.len())
            });
        });
        let shared = shared();
        group.bench_function(BenchmarkId::new("open", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                // Counters are taken once.
                let mut open = zmtp::server_sealing(&shared, 1, 2, LIMITS).open;
                let taken = open.open(black_box(&sealed), &mut out).expect("our own");
                black_box(taken)
            });
        });
    }
    group.finish();
}

fn handshakes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let (mut client, mut server) = (client(), server());
    let (from_client, from_server) = talk(&mut client, &mut server);
    let play = |mut end: Handshake, said: &[Vec<u8>]| {
        for piece in said {
            end.receive(piece, Instant::now()).expect("a good peer");
            let _ = end.allow();
            black_box(end.poll_transmit());
        }
        end.finish().expect("it is content")
    };
    group.bench_function("server", |bencher| {
        bencher.iter(|| play(self::server(), black_box(&from_client)));
    });
    group.bench_function("client", |bencher| {
        bencher.iter(|| play(self::client(), black_box(&from_server)));
    });
    let (ours, theirs) = (pair(2), pair(3).public());
    group.bench_function("x25519", |bencher| {
        bencher.iter(|| SharedKey::new(black_box(ours.secret()), &theirs).map(drop));
    });
    group.bench_function("x25519-base", |bencher| {
        bencher.iter(|| black_box(ours.secret()).public());
    });
    group.finish();
}

/// Two ends whose handshake is done.
fn connected() -> (Handshake, Handshake) {
    let (mut client, mut server) = (client(), server());
    talk(&mut client, &mut server);
    (client, server)
}

/// Lets both ends talk until they have nothing more to say; what each has said.
fn talk(client: &mut Handshake, server: &mut Handshake) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    loop {
        let (one, other) = (client.poll_transmit(), server.poll_transmit());
        if one.is_none() && other.is_none() {
            return (from_client, from_server);
        }
        for (said, hears, kept) in [
            (one, &mut *server, &mut from_client),
            (other, &mut *client, &mut from_server),
        ] {
            if let Some(said) = said {
                hears.receive(&said, Instant::now()).expect("a good peer");
                kept.push(said);
            }
        }
        server.allow().expect("a good client");
    }
}

fn client() -> Handshake {
    let seeds = ClientSeeds {
        transient: [3; 32],
        vouch: [4; 16],
    };
    let client = CurveClient::new(pair(1), pair(2).public(), &seeds, LIMITS);
    Handshake::curve_client(HandshakeConfig::new(SocketType::Dealer), client)
}

fn server() -> Handshake {
    let seeds = ServerSeeds {
        transient: [5; 32],
        welcome: [6; 16],
        cookie: [7; 16],
    };
    let server = CurveServer::new(pair(2), SharedKey::from_bytes([8; 32]), seeds, LIMITS);
    Handshake::curve_server(HandshakeConfig::new(SocketType::Dealer), server)
}

/// The key of the traffic between the transient keys.
fn shared() -> SharedKey {
    SharedKey::new(pair(5).secret(), &pair(3).public()).expect("good keys")
}

/// Made once: the pairs that ends are known by are there before a handshake.
fn pair(seed: u8) -> Keypair {
    static PAIRS: LazyLock<Vec<Keypair>> = LazyLock::new(|| {
        let pair = |seed| Keypair::from_secret(SecretKey::from_bytes([seed; 32]));
        (0..6).map(pair).collect()
    });
    PAIRS[usize::from(seed)].clone()
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20);
    targets = messages, handshakes
}
criterion_main!(benches);
