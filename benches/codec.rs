//! The codec: messages to frames and back, from memory to memory, beside a copy of the same bytes.
//!
//! `zmtp` is no part of the public interface, and a feature that opened it would be one for ever. It is pure, so it is
//! compiled here once more, from the same sources; what it says `crate::` to, this file provides.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use highwater_patterns::{Frame, Message};

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

use zmtp::{BodyRoom, Decoder, FrameSink, encode_message};

/// One read of a connection.
const CHUNK: usize = 64 * 1024;

/// What a pipe's batch does: small bodies are copied, large ones stay what they are.
#[derive(Default)]
struct Sink {
    buffer: Vec<u8>,
    shared: Vec<Bytes>,
}

impl FrameSink for Sink {
    fn append(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn share(&mut self, body: &Bytes) {
        self.shared.push(body.clone());
    }
}

fn encode(criterion: &mut Criterion) {
    let part = |size: usize| Frame::from(&vec![7; size][..]);
    let multipart = Message::from_frames(vec![part(16), part(16), part(64)]).expect("has frames");
    let large = Bytes::from(vec![7; 1024 * 1024]);
    let mut group = criterion.benchmark_group("encode");
    for (name, message) in [
        ("short/16", Message::from(part(16))),
        ("short/255", Message::from(part(255))),
        ("long/1024", Message::from(part(1024))),
        ("multipart/16+16+64", multipart),
        ("shared/1048576", Message::from(large)),
    ] {
        let mut sink = Sink::default();
        encode_message(&message, &mut sink);
        let copied = sink.buffer.clone();
        let count = CHUNK / copied.len().max(64);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                sink.buffer.clear();
                sink.shared.clear();
                for _ in 0..count {
                    encode_message(black_box(&message), &mut sink);
                }
                black_box(sink.buffer.len())
            });
        });
        let run = copied.repeat(count);
        group.bench_function(BenchmarkId::new("memcpy", name), |bencher| {
            bencher.iter(|| {
                sink.buffer.clear();
                sink.buffer.extend_from_slice(black_box(&run));
                black_box(sink.buffer.len())
            });
        });
    }
    group.finish();
}

/// As many whole messages of `size` bytes as fit into one read, encoded, and how many these are.
fn chunk(size: usize) -> (Vec<u8>, usize) {
    let mut one = Vec::new();
    encode_message(&Message::from(&vec![7; size][..]), &mut one);
    let count = CHUNK / one.len();
    (one.repeat(count), count)
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("chunk");
    for size in [16, 64, 1024] {
        let (chunk, count) = chunk(size);
        group.throughput(Throughput::Elements(count as u64));
        let mut decoder = Decoder::new(None);
        group.bench_function(BenchmarkId::new("survey", size), |bencher| {
            bencher.iter(|| {
                let survey = decoder.survey(black_box(&chunk), usize::MAX, |_| {});
                assert_eq!(survey.messages, count);
            });
        });
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(&chunk[..]);
                let mut items = 0;
                while let (taken, Some(item)) = decoder.decode(rest).expect("well formed") {
                    black_box(item);
                    rest = &rest[taken..];
                    items += 1;
                }
                assert_eq!(items, count);
            });
        });
        let mut copy = Vec::with_capacity(CHUNK);
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(&chunk));
                black_box(copy.len())
            });
        });
    }
    group.finish();
}

/// A body that comes in many reads, into a new buffer of its own, as a connection puts it there.
fn large_body(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("large_body");
    for size in [16 * 1024, 1024 * 1024] {
        let mut wire = Vec::new();
        encode_message(&Message::from(&vec![7; size][..]), &mut wire);
        group.throughput(Throughput::Elements(1));
        let mut decoder = Decoder::new(None);
        group.bench_function(BenchmarkId::new("decode", size), |bencher| {
            bencher.iter(|| {
                let (first, mut rest) = black_box(&wire[..]).split_at(1024);
                let (taken, item) = decoder.decode(first).expect("well formed");
                assert!(taken == first.len() && item.is_none());
                while let Some(BodyRoom::New(body, missing)) = decoder.large_body() {
                    let room = (body.capacity() - body.len()).clamp(1, CHUNK);
                    let (read, behind) = rest.split_at(missing.min(room));
                    body.extend_from_slice(read);
                    rest = behind;
                }
                let (_, item) = decoder.decode(rest).expect("well formed");
                black_box(item.expect("whole"));
            });
        });
        group.bench_function(BenchmarkId::new("memcpy", size), |bencher| {
            bencher.iter(|| black_box(black_box(&wire[..]).to_vec()));
        });
    }
    group.finish();
}

criterion_group! {
    name = codec;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20);
    targets = encode, decode, large_body
}
criterion_main!(codec);
